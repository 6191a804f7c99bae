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

#ifndef FDPAIR_H
#define FDPAIR_H

#include <event2/event.h>

/*
 * The two descriptors that a stream ends at, its source and its sink, the same
 * for a socket: what they are, and their events.  Of an fdstream or a
 * dgramstream, which holds it.
 */
struct fdpair {
	struct event	*rev;
	struct event	*wev;
	int		 rfd;
	int		 wfd;
	unsigned int	 rsock : 1,	/* which are sockets */
			 wsock : 1,
			 rdgram : 1,	/* that keep bounds */
			 wdgram : 1,
			 rtty : 1,
			 rfile : 1,	/* which never block, and can't be
					   watched by epoll(7) */
			 wfile : 1,
			 watched : 1;	/* wev is in */
};

/*
 * fdpair_init: look at two non-blocking descriptors, and call back when there
 * is something to read and, after fdpair_watch, when something can be written
 * (both with EV_PERSIST; a source that is a file calls nothing).  0, or -1
 * without memory, when there is nothing to clear.
 */
int	 fdpair_init(struct fdpair *, struct event_base *, int, int,
	    event_callback_fn, event_callback_fn, void *);
/* Call back at once, to try the sink before it is watched. */
void	 fdpair_try(struct fdpair *);
/* Call back when the sink can take more; no longer. */
void	 fdpair_watch(struct fdpair *);
void	 fdpair_unwatch(struct fdpair *);
/* Its events are gone; the descriptors stay as they are. */
void	 fdpair_clear(struct fdpair *);

#endif /* FDPAIR_H */
