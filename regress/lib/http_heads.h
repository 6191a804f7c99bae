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

#ifndef HTTP_HEADS_H
#define HTTP_HEADS_H

/* Heads that are read in one piece and in many, and what they must be. */

#include "http.h"

#define GET	"GET / HTTP/1.1\r\nHost: a\r\n"
#define REQ(s)	(s), sizeof(s) - 1

extern char		 text[2 * HTTP_HEAD_MAX];
extern struct http_head	 head;
extern int		 answer;

/*
 * Parse a text whole, and byte by byte: the first answer is the last one.
 * Long texts are cut at every 61st byte only, and at the last hundred.
 */
ssize_t	 parse(const char *, size_t, size_t, int);
ssize_t	 request(const char *, size_t);
ssize_t	 response(const char *, size_t);

struct bad {
	const char	*name;
	const char	*s;
	size_t		 len;
	int		 status;
};

void	 refused(const struct bad *, size_t, int);

#define assert_str(str, want)	assert_text(&(str), (want), __LINE__)

void	 assert_text(const struct http_str *, const char *, int);

#endif /* HTTP_HEADS_H */
