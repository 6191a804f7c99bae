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

#ifndef FORWARD_H
#define FORWARD_H

#include <stddef.h>

#include "accessctl.h"
#include "addr.h"
#include "forward_spec.h"

/* What forward.c and forward_*.c share. */

struct forward {
	struct forward	*next;
	struct mux_open	 open;		/* what its connections become */
	char		 name[MUX_TARGET_LEN];	/* where it listens first */
	int		 good;		/* its node was there of late, on
					   this link */
	unsigned int	 nwaiting;	/* see forward_wait.c; at their most
					   nothing more is accepted for it */
	uint64_t	 told;		/* when the last failure was, us */
	unsigned int	 untold;	/* failures since */
};

/* ---- forward.c ---- */

/* The link to the relay, or NULL while it is down. */
struct link *forward_link(void);
/* Something waits for it, for so many ms at most. */
void	forward_wanted(unsigned int);
/* A stream that failed: one line, though not for each of thousands. */
void	forward_complain(struct forward *, uint16_t, const char *);
/* A connection whose stream the far end has accepted. */
void	forward_serve(struct forward *, struct mux_stream *, int);

/* ---- forward_listen.c ---- */

/*
 * listen_add: bind what the spec says; connections are handed to the
 * callback, non-blocking, once listen_resume is called, with since when they
 * may have waited to be accepted (us, or 0); datagrams go to
 * forward_udp.c, where a session ends when it was idle for so many ms.  0 or
 * -1 (logged).
 */
int	listen_add(struct event_base *, const struct forward_spec *,
	    struct forward *, unsigned int,
	    void (*)(struct forward *, int, uint64_t));
/* Accept, from all; or pause. */
void	listen_resume(void);
void	listen_pause(void);
/* The same for one, whatever becomes of the others. */
void	listen_hold(struct forward *, int);

/* ---- forward_unix.c ---- */

/* A bound socket of mode 0600, or -1 (logged). */
int	forward_unix_bind(const char *);
/* From here on its file is removed when this process ends. */
void	forward_unix_keep(void);
/* Remove it now. */
void	forward_unix_remove(void);

/* ---- forward_udp.c ---- */

#define UDP_SESSIONS_MAX	1024	/* at each local socket */

/* The sessions of a bound socket, which is taken over; -1: no memory. */
int	forward_udp_add(struct event_base *, struct forward *, int,
	    unsigned int);
/* Read what comes from now on; the link is up (again); end it all. */
void	forward_udp_start(void);
void	forward_udp_up(void);
void	forward_udp_free(void);

/* ---- forward_wait.c ---- */

/*
 * Connections for which there is no link yet, or no node: they are held for
 * a while, unread, and then closed, with the reason in the log.
 */
void	wait_init(struct event_base *);
/* Takes the descriptor over in any case.  Since when: us, or 0 for now. */
void	wait_add(struct forward *, int, uint64_t);
/* The link is there: try them all. */
void	wait_up(void);
/* End it: all that wait are closed. */
void	wait_free(void);
/* Close; the program at its end sees a reset, not an end. */
void	wait_reset(int);

#endif /* FORWARD_H */
