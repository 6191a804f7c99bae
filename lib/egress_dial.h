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

#ifndef EGRESS_DIAL_H
#define EGRESS_DIAL_H

#include <stdint.h>

#include "dial.h"
#include "egress.h"

/*
 * Connect to a relay, whichever way leads there.  Straight, it is dial.h.
 * A proxy's name is resolved and its addresses are raced in the same way;
 * where it takes addresses (socks5://), those of the relay are raced
 * through it.  What is read of a proxy ends with its answer, so the socket
 * can be handed on.
 */

struct egress_dial;
struct event_base;

struct egress_dial_config {
	struct event_base	*base;
	const struct egress	*egress;	/* copied */
	int			 helper;	/* helper_fork()'s, or -1;
						   for one dial at a time */
	const char		*host;
	uint16_t		 port;
	const char		*agent;		/* "agentd/0.1.0" */
	unsigned int		 timeout_ms;	/* for all of it */
	/*
	 * As in struct dial_config; DIAL_DENIED: the proxy wants somebody
	 * else, or us not to go there.  It is a socket of AF_UNIX from a
	 * helper.
	 */
	void			(*done)(void *, int, enum dial_error,
				    const char *);
	void			*arg;
};

/* After dial_init.  NULL without memory. */
struct egress_dial	*egress_dial_new(const struct egress_dial_config *);
/* Give up; no callback.  Takes NULL. */
void			 egress_dial_free(struct egress_dial *);

#endif /* EGRESS_DIAL_H */
