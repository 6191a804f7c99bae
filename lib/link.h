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

#ifndef LINK_H
#define LINK_H

#include <stddef.h>
#include <stdint.h>

#include "mux.h"
#include "ws.h"

/*
 * A link: the mux over WebSocket frames over a connection, with keepalive.
 * The same on agent, client, relay, and between two listeners.
 */

#ifndef LINK_PING_MS		/* make soak has a day in minutes */
#define LINK_PING_MS	15000	/* between pings, both ways */
#endif
#define LINK_DEAD_MS	45000	/* of silence */
#define LINK_RETIRE_MS	3000	/* what was on its way here has come then */

struct event_base;
struct evtls;
struct link;

struct link_ops {
	/* The peer's hello has come: the link is up. */
	void	(*up)(struct link *, void *, const struct mux_hello *);
	/* As in struct mux_ops. */
	void	(*open)(struct link *, void *, struct mux_stream *,
		    const struct mux_open *);
	void	(*goaway)(struct link *, void *, const struct mux_goaway *);
	/*
	 * The link is over and its streams were reset; call link_free here
	 * or later.  code: the close code received or sent, 0 if none.  The
	 * connection is closed when this returns, and link_conn is NULL then.
	 */
	void	(*down)(struct link *, void *, int, const char *);
};

struct link_config {
	struct event_base	*base;
	const struct link_ops	*ops;
	void			*arg;
	enum ws_role		 role;
	int			 dialer;	/* our stream ids are odd */
	uint32_t		 streams_max;
	int			 strangers;	/* see struct mux_config... */
	const char		*owner;		/* ...this, too */
	size_t			 budget;	/* of this link, bytes */
	struct mux_budget	*process_budget;
	struct mux_holder	*holder;	/* of it, or NULL; see mux.h */
	const struct mux_hello	*hello;		/* ours; copied */
	unsigned int		 ping_ms;	/* 0: LINK_PING_MS; see below */
	unsigned int		 dead_ms;	/* 0: LINK_DEAD_MS */
};

/*
 * link_new: take over a connection whose upgrade is done, with the bytes
 * that came behind the upgrade.  Sends hello.  NULL without memory (the
 * connection is left to the caller).  role WS_INTERNAL: no pings (the
 * kernel tells when a socket pair is gone).
 */
struct link	*link_new(struct evtls *, const struct link_config *);
/*
 * Close in order: streams are reset now (MUX_CODE_KILLED with
 * WS_CLOSE_POLICY, else MUX_CODE_NODE_GONE), what the peer is still to be
 * told and the close frame are sent, and down() comes with its answer, or
 * after 2 s.
 */
void		 link_close(struct link *, int, const char *);
/*
 * It is no longer needed for anything new: when it has carried no stream for
 * LINK_RETIRE_MS it is closed in order, and down() comes as always.  -1:
 * without memory.
 */
int		 link_retire(struct link *, const char *);
/* At once, no callback of the link's; takes NULL.  Safe in any of them. */
void		 link_free(struct link *);

/* Both are the link's, and end with it. */
struct mux	*link_mux(struct link *);
struct evtls	*link_conn(struct link *);
uint32_t	 link_rtt(const struct link *);		/* us; 0: unknown */
uint32_t	 link_idle_ms(const struct link *);	/* since last input */
/* It is ending, or has: streams that are reset now are so for that. */
int		 link_ending(const struct link *);
/* What a link takes, with its connection and streams, bytes. */
struct link_memory {
	size_t			 state;
	size_t			 buffers;	/* bytes on their way */
	struct mux_memory	 mux;
};
void		 link_memory(const struct link *, struct link_memory *);

#endif /* LINK_H */
