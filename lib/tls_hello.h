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

#ifndef TLS_HELLO_H
#define TLS_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "http.h"

/*
 * Which host a TLS client asks for, before TLS has begun: its ClientHello
 * (RFC 8446, 4.1.2; RFC 6066, 3) is read as it comes, however it is cut into
 * records, fragments and reads.  Pure: bytes in, a verdict out, and nothing
 * of the hello is kept but the name.
 */

#define TLS_HELLO_MAX		(16 * 1024)	/* bytes of the message */
/*
 * And with the heads of its records: those of usual size may be cut into
 * records of one byte, as tests do, but a stranger gets no more memory by it.
 */
#define TLS_HELLO_WIRE_MAX	(20 * 1024)

enum tls_hello_verdict {
	TLS_HELLO_MORE,		/* so far it may be anything */
	TLS_HELLO_FOUND,	/* complete, with the name of a host */
	TLS_HELLO_NONE,		/* complete, with none that can be one */
	TLS_HELLO_NOT_TLS,	/* it does not begin like TLS */
	TLS_HELLO_BAD		/* malformed, or too long */
};

/* How far it is; begin with tls_hello_begin. */
struct tls_hello {
	enum tls_hello_verdict	 verdict;
	char			 host[HTTP_HOST_MAX];	/* FOUND: in the form
							   of http_hostport */
	int			 alpn;		/* FOUND, NONE: it names
						   protocols */
	/* of the parser alone: */
	uint8_t			 head[5];	/* of the record */
	uint32_t		 headlen;
	uint32_t		 wire;		/* bytes that have come */
	uint32_t		 record;	/* bytes of it that will come */
	uint32_t		 message;	/* of the message */
	uint32_t		 extensions;	/* of all extensions */
	uint32_t		 extension;	/* of this one */
	uint32_t		 list;		/* of the list in it */
	uint32_t		 part;		/* enum part */
	uint32_t		 want;		/* bytes of that part */
	uint32_t		 number;	/* what it says, if one */
	uint32_t		 namelen;
	int			 named;		/* server_name was there */
};

void	tls_hello_begin(struct tls_hello *);
/*
 * tls_hello_feed: more bytes, from the first one of the connection on.
 * Returns the verdict, which stands once it is not MORE: it does not depend
 * on the cuts, and the bytes behind the hello don't matter.
 */
enum tls_hello_verdict	tls_hello_feed(struct tls_hello *, const uint8_t *,
			    size_t);

#endif /* TLS_HELLO_H */
