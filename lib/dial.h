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

#ifndef DIAL_H
#define DIAL_H

#include <stdint.h>

/*
 * Connect to a host by name: resolve off the event loop (a few threads, so
 * that a dead name server blocks nobody), then race the addresses, both
 * families in turn (RFC 8305): 250 ms between attempts, the first that
 * connects wins.
 */

struct addrinfo;
struct sockaddr;
struct sockaddr_storage;
struct event_base;
struct dial;

#define DIAL_ADDRS_MAX	16
#define DIAL_STAGGER_MS	250	/* RFC 8305, 5: Connection Attempt Delay */

enum dial_error {
	DIAL_OK, DIAL_NO_HOST, DIAL_REFUSED, DIAL_UNREACHABLE, DIAL_TIMEOUT,
	DIAL_DENIED,		/* the filter let no address through */
	DIAL_LOCAL		/* our own trouble: descriptors, memory */
};

struct dial_config {
	struct event_base	*base;
	const char		*host;		/* name or numeric */
	uint16_t		 port;
	unsigned int		 timeout_ms;	/* resolving and connecting */
	int			 dgram;		/* UDP: connected is only which
						   address it is */
	/*
	 * Called for each address before it is tried; 0: leave it out.  May
	 * be NULL.
	 */
	int			(*filter)(void *, const struct sockaddr *);
	/*
	 * The end: a connected non-blocking close-on-exec socket, of TCP
	 * with TCP_NODELAY, or -1 with the error and a text for a person that
	 * names what was tried.  The dial is freed after.
	 */
	void			(*done)(struct dial *, void *, int,
				    enum dial_error, const char *);
	void			*arg;
};

/*
 * dial_init: start the resolver threads and load what name resolution
 * loads (before the sandbox closes).  Returns 0 or -1.
 */
int		 dial_init(struct event_base *);
/*
 * dial_order: the order to try addresses in (RFC 8305, 4: families take
 * turns, beginning with the first's): at most so many that the filter, which
 * may be NULL, lets pass.  Returns how many.
 */
int		 dial_order(const struct addrinfo *,
		    int (*)(void *, const struct sockaddr *), void *,
		    struct sockaddr_storage *, int);
/* dial_new: NULL without memory. */
struct dial	*dial_new(const struct dial_config *);
/* Give up; no callback. */
void		 dial_free(struct dial *);

#endif /* DIAL_H */
