/*
 * Copyright (c) 2026 The Culvert authors
 *
 * Permission to use, copy, modify, and distribute this software for any
 * purpose with or without fee is hereby granted, provided that the above
 * copyright notice and this permission notice appear in all copies.
 *
 * THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
 * WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
 * MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
 * ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
 * WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
 * ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
 * OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
 */

#ifndef LINK_INTERNAL_H
#define LINK_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "link.h"

/*
 * Between link.c (the life of a link, and its timers) and link_wire.c (its
 * WebSocket frames).
 */

struct event;

struct link {
	struct evtls		*conn;
	struct mux		*mux;
	size_t			 data_max;	/* of a DATA frame of ours */
	struct ws		 ws;
	const struct link_ops	*ops;
	void			*arg;
	struct event		*timer;
	struct event		*retire;	/* it is to go when idle */
	uint64_t		 unused;	/* since then; 0: it is used */
	const struct timeval	*ping_tv;	/* kept by the event base */
	uint64_t		 born;
	uint64_t		 heard;		/* when bytes came, us */
	uint64_t		 pinged;	/* what the last ping said; 0:
						   it was answered */
	uint64_t		 ping_at;	/* when it was sent, us */
	uint32_t		 rtt;		/* smoothed, us; 0: unknown */
	uint32_t		 rtts[8];	/* the last ones */
	size_t			 nrtts;
	unsigned int		 ping_ms, dead_ms;
	uint8_t			*pong;		/* the newest ping's */
	uint8_t			 pong_len;
	unsigned int		 pong_due : 1,
				 ping_due : 1,
				 up : 1,	/* the peer's hello has come */
				 closing : 1,	/* nothing new is begun */
				 failed : 1,	/* ... and waits for none */
				 close_sent : 1,
				 answered : 1,	/* the peer's close came */
				 lingers : 1,	/* streams may finish yet */
				 over : 1,	/* down was called */
				 dead : 1;	/* link_free was called */
	uint64_t		 linger_until;
	int			 close_code;
	char			*close_text;
	char			*retire_text;
	unsigned int		 busy;		/* callbacks on the stack */
};

/* link.c */
/* Leave a callback of the connection: what was freed in it goes now. */
void	 link_leave(struct link *);
/*
 * Streams end now, not when the peer has said goodbye; what that leaves to
 * be told, and the close frame, is sent yet.
 */
void	 link_end(struct link *, int, const char *);
/* The peer has sent a ping: ours may go with the answer. */
void	 link_ping_along(struct link *);
/* The peer broke the rules: say which and leave, it may never answer. */
void	 link_fail(struct link *, int, const char *);

/* link_wire.c: of evtls_ops. */
size_t	 link_input(struct evtls *, void *, uint8_t *, size_t);
size_t	 link_output(struct evtls *, void *, uint8_t *, size_t);

#endif /* LINK_INTERNAL_H */
