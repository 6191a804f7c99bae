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

#ifndef FORWARD_SPEC_H
#define FORWARD_SPEC_H

#include <stdint.h>

#include "mux_frame.h"

#define FORWARD_BIND_MAX	256

/*
 * What -L says: [bind:]port:node:target or /path:node:target, where the
 * target is [host:]hostport, with /udp for UDP, or a /path on the node.
 */
struct forward_spec {
	char		 bind[FORWARD_BIND_MAX]; /* "": loopback, "*": all */
	int		 listen_unix;		/* bind is a path */
	uint16_t	 listen_port;		/* 0: any that is free */
	char		 node[MUX_NODE_MAX + 1];	/* in lower case */
	uint8_t		 kind;			/* enum mux_kind, both ends */
	char		 host[MUX_HOST_MAX + 1]; /* 127.0.0.1 if not said */
	uint16_t	 port;
};

/*
 * forward_spec_parse: IPv6 addresses in brackets; bind may be a name, and *
 * or nothing (":8080:..") for all addresses.  0, or -1 with a static reason.
 * Pure.
 */
int	forward_spec_parse(const char *, struct forward_spec *,
	    const char **);

/* Whether both would listen at the same place, as they are written. */
int	forward_spec_same(const struct forward_spec *,
	    const struct forward_spec *);

#endif /* FORWARD_SPEC_H */
