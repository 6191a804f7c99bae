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

#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include <sys/types.h>

#include <stddef.h>

#include "http.h"
#include "http_body.h"

/*
 * What a gateway does with heads of HTTP/1.1 messages: tell where the message
 * ends (RFC 9112, 6), and write them again for the other side (RFC 9110,
 * 7.6), from what was parsed.  Pure, without allocation.
 */

#define HTTP_OPTIONS_MAX	32	/* in all Connection fields of a head */

/* What a response answers. */
struct http_asked {
	int	 head;		/* HEAD */
	int	 connect;	/* CONNECT */
	int	 upgrade;	/* the request passed on had an upgrade */
};

/*
 * http_request_framing: how the body of a request is framed.  Returns 0, or
 * -1 with *status: 400 for every doubtful form (both fields, lists, signs, 20
 * digits, codings in HTTP/1.0), for Connection options that name a field
 * which is not the connection's (framing, routing, authentication) and for an
 * upgrade with a body; 501 for a coding other than chunked.
 */
int	http_request_framing(const struct http_head *, struct http_framing *,
	    int *);

/*
 * http_response_framing: the same for a response; what is wrong is 502, and so
 * is a 101 that was not asked for.  Its fields are held to the same rules where
 * no body follows (HEAD, CONNECT, 1xx, 204, 304).  What follows a 101, or a 2xx
 * to CONNECT, is not HTTP.
 */
int	http_response_framing(const struct http_head *,
	    const struct http_asked *, struct http_framing *, int *);

/*
 * http_upgrade: the one protocol that a head asks or agrees to upgrade to
 * (RFC 9110, 7.8), as it came.  Returns 1, or 0 if there is none that could
 * be passed on: lists of protocols, those that are HTTP (h2c), HTTP/1.0.
 */
int	http_upgrade(const struct http_head *, struct http_str *);

/*
 * http_expect: 1 if the request waits for 100 (Continue), 0 if it expects
 * nothing, -1 if it expects what nobody knows (417).  RFC 9110, 10.1.1.
 */
int	http_expect(const struct http_head *);

enum http_set_how {
	HTTP_SET_REPLACE,	/* for whatever came */
	HTTP_SET_APPEND,	/* one line more */
	HTTP_SET_DEFAULT	/* unless one came */
};

/*
 * A field of ours.  To replace it without a value is to drop it; a name that
 * is dropped can end with '*': all that begin so.  Names are compared as
 * http_name_matches does; only those spelt right are kept, though.
 */
struct http_set {
	const char		*name;
	const char		*value;
	enum http_set_how	 how;
};

/* How a head differs on the other side. */
struct http_rewrite {
	const struct http_framing *framing; /* of the body as it is sent on */
	const char		*host;	/* of requests; NULL: as it came */
	const struct http_set	*set;
	size_t			 nset;
	int			 upgrade; /* it is passed on: http_upgrade */
	int			 close;	/* say that the connection ends */
	int			 keepalive; /* or that it does not: to 1.0 */
};

/*
 * http_request_write, http_response_write: write a head for the other side
 * into a buffer of that size.  Never sent on: Connection and what it names,
 * Keep-Alive, Proxy-*, TE (but for trailers), Transfer-Encoding,
 * Content-Length and Host as they came, Upgrade unless it is passed on,
 * Trailer unless the body is chunked, Expect of HTTP/1.0; nor any of these
 * with '_' for '-'.  Other fields stay as they are, in their order; those of
 * ours follow.  Requests are in origin-form, or "*"; HTTP is 1.1.  Returns the
 * length, or -1: it does not fit, a string holds what it must not, wherever
 * the head comes from, the head is not what http_*_framing takes, CONNECT, no
 * host, a request up to the end of the connection, a 101 that is not passed on
 * as an upgrade.
 */
ssize_t	http_request_write(const struct http_head *,
	    const struct http_rewrite *, char *, size_t);
ssize_t	http_response_write(const struct http_head *,
	    const struct http_rewrite *, char *, size_t);

/*
 * http_rewrite_drops: whether a field of ours comes in the place of one of
 * this name.  Trailer fields are asked about here, besides
 * http_trailer_allowed: what we say must not be said again behind the body.
 */
int	http_rewrite_drops(const struct http_rewrite *,
	    const struct http_str *);

#endif /* HTTP_MESSAGE_H */
