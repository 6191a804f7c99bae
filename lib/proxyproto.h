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

#ifndef PROXYPROTO_H
#define PROXYPROTO_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

/*
 * The PROXY protocol, versions 1 and 2: what a proxy says in front of a
 * connection about whom it speaks for (HAProxy, proxy-protocol.txt).  Pure:
 * bytes in, addresses out, and back.
 */

#define PROXYPROTO_V1_MAX	107	/* with its CRLF */
#define PROXYPROTO_V2_HEAD	16
#define PROXYPROTO_V2_MAX	4096	/* with the TLVs, which are skipped */
/* What proxyproto_build needs at most: the longest line of version 1. */
#define PROXYPROTO_BUILD_MAX	PROXYPROTO_V1_MAX

struct proxyproto {
	int			 version;	/* 1 or 2 */
	/*
	 * The proxy speaks for itself (LOCAL), or can't say for whom
	 * (UNKNOWN, UNSPEC): there are no addresses, and those of the
	 * connection hold.
	 */
	int			 local;
	int			 datagram;	/* UDP; version 2 only */
	struct sockaddr_storage	 src, dst;	/* of one family, IPv4 or
						   IPv6; ports may be 0 */
};

/*
 * proxyproto_parse: the header at the start of a buffer.  Returns its length,
 * 0 if more bytes are needed, or -1 if it is none, one that is malformed, of
 * another version or family, or too long; so at most PROXYPROTO_V2_MAX bytes
 * have to be kept.  Without memory: call it again with all bytes so far; the
 * answer is the same for any cut.
 */
ssize_t	proxyproto_parse(const uint8_t *, size_t, struct proxyproto *);

/*
 * proxyproto_build: a header of version 1 or 2 from the addresses of a
 * client and of the server it meant.  datagram: it came by UDP.  What can't
 * be said, an address that is neither IPv4 nor IPv6 or, in version 1, UDP,
 * is said to be unknown; an IPv4 address beside an IPv6 one becomes a mapped
 * one.  Returns its length, 0 for another version.
 */
size_t	proxyproto_build(uint8_t[PROXYPROTO_BUILD_MAX], int, int,
	    const struct sockaddr_storage *, const struct sockaddr_storage *);

#endif /* PROXYPROTO_H */
