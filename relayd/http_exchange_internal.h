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

#ifndef HTTP_EXCHANGE_INTERNAL_H
#define HTTP_EXCHANGE_INTERNAL_H

#include "http_backend.h"
#include "http_exchange.h"
#include "mux.h"
#include "mux_queue.h"

/*
 * Between http_exchange.c (its life, and the request's head), http_request.c
 * (the request), http_trailer.c, and http_response.c (the response).
 */

enum exchange_state {
	EXCHANGE_IN_HEAD,		/* the response's is awaited */
	EXCHANGE_IN_BODY,
	EXCHANGE_IN_OTHER,		/* behind a 101 */
	EXCHANGE_IN_END,
	EXCHANGE_FAILED
};

struct exchange {
	const struct exchange_ops *ops;
	void			*arg;
	struct http_backend	*backend;
	struct http_asked	 asked;
	enum exchange_state	 state;
	int			 used;		/* its backend, before */
	int			 safe;		/* may be sent once more */
	int			 once;		/* nothing else may follow */
	int			 ready;		/* to be sent */
	int			 over;		/* the backend is */
	int			 eof;		/* and ended in order */
	int			 again;		/* with another backend */
	int			 late;		/* the response is over, the
						   request goes on */
	int			 shut;		/* behind a 101: so it is */

	/* the request */
	struct http_framing	 framing;
	char			*head;		/* as the visitor wants it */
	size_t			 headlen;
	char			*rewritten;	/* as the backend wants it, if
						   that is not the same */
	const char		*out;		/* text that goes out next... */
	size_t			 outlen;	/* ...before what is below */
	char			 line[24];	/* around chunks */
	uint64_t		 chunk;		/* left of it */
	int			 in_chunk;
	struct mux_queue	 body;		/* not sent yet */
	uint64_t		 left;		/* of a length, to come */
	char			*tail;		/* trailer fields, or NULL */
	size_t			 taillen;
	char			*announced;	/* the Trailer field, or NULL */
	int			 held;		/* the body waits for 100 */
	int			 full;		/* somebody waits for room */
	int			 ended;		/* all of it has come */
	int			 begun;		/* something has left */
	int			 tailed;	/* the end is on its way out */
	int			 sent;		/* all of it has left */

	/* the response */
	struct http_body	 in;
	char			*buf;		/* what must be in one piece */
	size_t			 bufoff, buflen, bufsize;
	size_t			 seen;		/* of a head: no end in these */
	size_t			 took;		/* by the last event, from
						   the buffer or the stream */
	int			 heard;		/* something has come */
	int			 keep;		/* it leaves the connection */
	int			 good;		/* 2xx: all of the request is
						   wanted */
	char			*said;		/* its Trailer field, or NULL */

	/* why it failed */
	int			 status;
	uint16_t		 code;
	const char		*word;
	char			 text[128];
};

/* As http_backend_ops' pull; and that there is something for it. */
size_t		 exchange_pull(void *, uint8_t *, size_t, enum mux_more *);
void		 exchange_push(struct exchange *);
/* It has failed, unless it had before: what exchange_event says of that. */
void		 exchange_fail(struct exchange *, int, uint16_t, const char *,
		    const char *);
/* The body need not wait for a 100 any more. */
void		 exchange_unhold(struct exchange *);
/* Its backend has closed before any of the response: 0 if it is sent again. */
int		 exchange_retry(struct exchange *);
/* Nobody waits for the rest of the request. */
int		 request_over(const struct exchange *);
/* Whether a list, of trailer_list or NULL, names the field. */
int		 trailer_announced(const char *, const struct http_str *);
/*
 * Which the Trailer field (RFC 9110, 6.6.2) names, but for those that a
 * rewrite, if not NULL, drops from the head: malloced, NULL if there is none.
 * 0, or -1 without memory.
 */
int		 trailer_list(const struct http_head *,
		    const struct http_rewrite *, char **);
/* What the response has in memory; forget it. */
void		 response_clear(struct exchange *);

#endif /* HTTP_EXCHANGE_INTERNAL_H */
