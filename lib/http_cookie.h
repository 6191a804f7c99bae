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

#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include <sys/types.h>

#include <stddef.h>

#include "http.h"

/*
 * Cookies as a gateway sees them (RFC 6265): one who has cookies of its own
 * beside those of the servers behind it.  Pure, without allocation.
 */

/*
 * http_cookie: the value of the first cookie of that name in a request's
 * head.  Returns how many there are of it: browsers send the one with the
 * longest path first, and not only a server's own.
 */
size_t	http_cookie(const struct http_head *, const char *,
	    struct http_str *);

/*
 * http_cookie_strip: all cookies of a request but those that ours() says,
 * byte for byte, as the value of one field.  Returns its length, 0 if nothing
 * is left; -1 if none is ours, or -2 if it does not fit.
 */
ssize_t	http_cookie_strip(const struct http_head *,
	    int (*)(const struct http_str *), char *, size_t);

/*
 * http_cookie_set: what a browser makes of a Set-Cookie field: under which
 * name it sends it back (never with white space around it; empty: it sets
 * none), and for which domain: that of the last attribute, without a dot in
 * front; empty: only for the host it comes from.  Returns 1 if any attribute
 * Domain says something else than another.
 */
int	http_cookie_set(const struct http_str *, struct http_str *,
	    struct http_str *);

#endif /* HTTP_COOKIE_H */
