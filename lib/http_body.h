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

#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "http.h"

/*
 * HTTP/1.1 bodies, RFC 9112, 6 and 7: strict, pure, without allocation and
 * without a copy.
 */

#define HTTP_CHUNK_DIGITS_MAX	16	/* of a size, zeros in front, too */
#define HTTP_CHUNK_EXT_MAX	256	/* bytes of extensions, of a chunk */
#define HTTP_CHUNK_EXT_SURPLUS	16384	/* in all, above the bytes of data */
#define HTTP_TRAILER_MAX	8192	/* the section with its empty line */
#define HTTP_TRAILERS_MAX	32	/* field lines */

enum http_body_kind {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE			/* up to the end of the connection */
};

/* What a head says of the body behind it: see http_message.h. */
struct http_framing {
	enum http_body_kind	 kind;
	int			 told;	/* there is a Content-Length, even
					   where no body follows: HEAD, 304 */
	uint64_t		 length; /* if told */
};

/* Whose body it is: what is wrong with one is answered accordingly. */
enum http_body_of {
	HTTP_REQUEST,			/* 400, 413 or 431 */
	HTTP_RESPONSE			/* 502 */
};

enum http_body_what {
	HTTP_BODY_MORE,			/* nothing without more input */
	HTTP_BODY_DATA,
	HTTP_BODY_TRAILER,
	HTTP_BODY_END,
	HTTP_BODY_ERROR
};

/* Strings point into the input. */
struct http_body_event {
	enum http_body_what	 what;
	struct http_str		 data;	/* DATA: never empty */
	struct http_field	 field;	/* TRAILER */
	int			 status; /* ERROR: what answers it */
	const char		*reason; /* ERROR: for people and logs */
};

/* A body that is read; the members are http_body.c's. */
struct http_body {
	enum http_body_kind	 kind;
	enum http_body_of	 of;
	int			 state;
	int			 status;
	const char		*reason;
	uint64_t		 left;	/* of the body, or of the chunk */
	uint64_t		 total;	/* data seen */
	uint64_t		 limit;	/* on that */
	uint64_t		 ext;	/* bytes of extensions in all */
	size_t			 line_ext; /* and of this chunk */
	size_t			 digits; /* of its size */
	size_t			 trailer; /* bytes of the trailer section */
	size_t			 trailers; /* its lines */
};

/*
 * http_body_init: a body that is framed so follows, of at most limit bytes of
 * data (UINT64_MAX: any number).  Requests can't be of HTTP_BODY_CLOSE: that
 * is an error at once.
 */
void	http_body_init(struct http_body *, const struct http_framing *,
	    enum http_body_of, uint64_t);

/*
 * http_body_read: what comes next in the input.  Returns how many bytes of it
 * are done with; what is behind them is offered again, with more if the event
 * was HTTP_BODY_MORE: a trailer line is taken whole, so up to HTTP_TRAILER_MAX
 * bytes can stay.  Nothing behind the end of a body is ever taken, and END and
 * ERROR stay what they are.  The events are the same for any cut of the
 * input, but for that of the data.  Chunk extensions are parsed and dropped.
 * Trailer fields that http_trailer_allowed refuses are parsed and dropped.
 * Rejected, besides the limits above: bare CR or LF, white space around sizes
 * where no extension follows, sizes with signs or prefixes or from 2^63 on,
 * whatever http_parse_field refuses.
 */
size_t	http_body_read(struct http_body *, const char *, size_t,
	    struct http_body_event *);

/*
 * http_body_eof: the sender has ended the connection, in good order, and all
 * input was read: END for a body that ends so and for one that has ended,
 * else ERROR: it is incomplete.  After a reset it always is, so don't ask.
 */
void	http_body_eof(struct http_body *, struct http_body_event *);

/*
 * http_trailer_allowed: whether a field may come behind a body (RFC 9110,
 * 6.5.1): none that frames, routes, authenticates, sets cookies, is about the
 * connection, or says how to handle the message.
 */
int	http_trailer_allowed(const struct http_str *);

/*
 * http_chunk: make a chunk (RFC 9112, 7.1) of the n bytes, less than 16 MiB,
 * that stand HTTP_CHUNK_FRONT bytes behind buf and have HTTP_CHUNK_BACK bytes
 * of room behind them; if it is the last one, the end of the body follows.
 * Returns how many bytes there are at buf now: none for an empty one that is
 * not the last.
 */
#define HTTP_CHUNK_FRONT	8
#define HTTP_CHUNK_BACK		7
size_t	http_chunk(char *, size_t, int);

#endif /* HTTP_BODY_H */
