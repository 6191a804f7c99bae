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

#ifndef FORWARDED_H
#define FORWARDED_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stddef.h>

#include "http.h"

/*
 * Whom an HTTP proxy speaks for: the fields X-Forwarded-For and Forwarded
 * (RFC 7239), to which each proxy on the way adds where it was asked from.
 * Only what a proxy that is trusted has added means anything; what stands
 * before that anybody may have written.
 */

#define FORWARDED_HOPS_MAX	32	/* of more the farthest are left out */

enum forwarded_field {
	FORWARDED_X,		/* X-Forwarded-For: 192.0.2.1, 2001:db8::1 */
	FORWARDED_RFC7239	/* Forwarded: for="[2001:db8::1]:80" */
};

/*
 * forwarded_hops: the addresses in all fields of that name, the latest
 * first.  One that is hidden or not an address has family 0; ports are 0
 * where none is given.  Returns how many there are, or -1 if a Forwarded
 * field is malformed: nobody can tell then where the proxy's part begins.
 */
ssize_t	forwarded_hops(const struct http_head *, enum forwarded_field,
	    struct sockaddr_storage[FORWARDED_HOPS_MAX]);

/*
 * forwarded_proto: by which protocol that hop has asked (0: the latest), by
 * the parameter proto of Forwarded; or the last word of X-Forwarded-Proto,
 * which has none for each hop.  Empty if that is not said.
 */
void	forwarded_proto(const struct http_head *, enum forwarded_field,
	    size_t, struct http_str *);

#endif /* FORWARDED_H */
