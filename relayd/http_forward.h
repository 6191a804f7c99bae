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

#ifndef HTTP_FORWARD_H
#define HTTP_FORWARD_H

#include <stddef.h>

#include "http_message.h"

/*
 * What a backend is told of where a request came from: Forwarded (RFC 7239)
 * and the X-Forwarded fields.  What anybody but a trusted proxy says of it is
 * dropped; what such a one says, in the field that it is trusted for, is
 * kept, and the proxy itself added.
 */

struct http_from {
	const struct sockaddr_storage *client;	/* who asks */
	const struct sockaddr_storage *proxy;	/* a trusted one, or NULL */
	int		 rfc7239;	/* it says so by Forwarded... */
	size_t		 hop;		/* ...so many hops before it */
	int		 tls;		/* it came to us by TLS */
	const char	*host;		/* that was asked for... */
	uint16_t	 port;		/* ...with this port, or 0 */
};

#define HTTP_FORWARD_MAX	8
/*
 * The fields to set in a request with this head (NULL: what it says is not
 * kept), and how many they are; their values live until the next call.
 */
size_t	http_forward(const struct http_head *, const struct http_from *,
	    struct http_set[HTTP_FORWARD_MAX]);

#endif /* HTTP_FORWARD_H */
