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

#ifndef EXCHANGE_RUN_H
#define EXCHANGE_RUN_H

#include <stddef.h>

#include "http_backend.h"
#include "http_body.h"
#include "http_exchange.h"

/* A visitor of exchange_fake.h's node, and one whole exchange. */

/*
 * said: "200 length: body", "103 ", trailers as "T a=b",
 * "END" or "!502 word"; at most so many bytes of it.
 */
struct fake_run {
	struct exchange		*ex;
	struct http_body	 body;
	const char		*rest;	/* of the request */
	size_t			 left;
	int			 came;
	char			 said[8192];
	size_t			 saidlen;
	int			 over;
	int			 readable, writable;
	size_t			 max;	/* of data at a time */
};

/* Begin one with this request; *backend is what the last one left. */
int	 fake_begin(struct fake_run *, const char *, size_t,
	    struct http_backend **);
/* Give it so many bytes of its body; frames pass. */
void	 fake_body(struct fake_run *, size_t);
/* Read what there is. */
void	 fake_read(struct fake_run *);
/* All of that, body and answer; what is left of its backend. */
struct http_backend *fake_end(struct fake_run *);

#endif /* EXCHANGE_RUN_H */
