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


/*
 * link: lib/http_message.c lib/http_body.c lib/http_chunk.c
 * link: lib/http.c lib/http_field.c lib/http_host.c
 */

/*
 * All that one connection of a visitor sends: head, body, trailers, and the
 * next head behind them.  Read whole, byte by byte and in two pieces cut at
 * each byte, it is the same requests with the same bodies, and the same end.
 */

/* max_len: 600 */
/* max_len_cuts: 160 */

#include "compat.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http.h"
#include "http_body.h"
#include "http_message.h"

#define INPUT_MAX	1024
#define SEEN_MAX	(8 * INPUT_MAX)

/* What was read, in the order it came, and how it ended. */
struct seen {
	char	 text[SEEN_MAX];
	size_t	 len;
	size_t	 requests;	/* whole ones */
	size_t	 taken;		/* bytes of whole ones */
	int	 status;	/* of what is wrong, or 0 */
};

/* A connection: what is not read yet stays in front of what comes. */
struct reader {
	struct seen		*seen;
	struct http_body	 body;
	int			 in_body;
	int			 over;
	char			*buf;
	size_t			 len;
	size_t			 off;	/* of buf in the input */
};

static void	put(struct seen *, char, const struct http_str *);
static void	put_head(struct seen *, const struct http_head *);
static size_t	read_head(struct reader *);
static size_t	read_body(struct reader *);
static void	feed(struct reader *, const uint8_t *, size_t);
static void	read_cut(struct seen *, const uint8_t *, size_t, size_t, int);

/* Bytes with their kind; those of a body are one, however they came. */
static void
put(struct seen *s, char kind, const struct http_str *str)
{
	must(str->len + 1 <= sizeof(s->text) - s->len);
	if (kind != '\0')
		s->text[s->len++] = kind;
	if (str->len > 0)
		memcpy(s->text + s->len, str->s, str->len);
	s->len += str->len;
}

static void
put_head(struct seen *s, const struct http_head *h)
{
	size_t	 i;

	put(s, 'M', &h->method);
	put(s, 'T', &h->target);
	for (i = 0; i < h->nfields; i++) {
		put(s, 'N', &h->fields[i].name);
		put(s, 'V', &h->fields[i].value);
	}
	must(s->len < sizeof(s->text));
	s->text[s->len++] = 'B';
}

/* Returns how many bytes were read, 0 if more are needed. */
static size_t
read_head(struct reader *r)
{
	static struct http_head	 h;
	struct http_framing	 framing;
	struct http_str		 protocol;
	ssize_t			 n;

	n = http_parse_request_in(r->buf, r->len, &http_request_limits, &h,
	    &r->seen->status);
	if (n == 0)
		return (0);
	if (n == -1 || http_request_framing(&h, &framing,
	    &r->seen->status) == -1) {
		must(r->seen->status >= 400 && r->seen->status < 600);
		r->over = 1;
		return (0);
	}
	put_head(r->seen, &h);
	/* What follows may not be HTTP. */
	if (http_upgrade(&h, &protocol) || http_str_eq(&h.method, "CONNECT"))
		r->over = 1;
	http_body_init(&r->body, &framing, HTTP_REQUEST, UINT64_MAX);
	r->in_body = 1;
	return ((size_t)n);
}

static size_t
read_body(struct reader *r)
{
	struct http_body_event	 ev;
	size_t			 n;

	n = http_body_read(&r->body, r->buf, r->len, &ev);
	must(n <= r->len);
	switch (ev.what) {
	case HTTP_BODY_MORE:
		break;
	case HTTP_BODY_DATA:
		put(r->seen, '\0', &ev.data);
		break;
	case HTTP_BODY_TRAILER:
		put(r->seen, 'n', &ev.field.name);
		put(r->seen, 'v', &ev.field.value);
		break;
	case HTTP_BODY_END:
		r->in_body = 0;
		r->seen->requests++;
		r->seen->taken = r->off + n;
		break;
	case HTTP_BODY_ERROR:
		r->seen->status = ev.status;
		r->over = 1;
		break;
	}
	return (n);
}

static void
feed(struct reader *r, const uint8_t *data, size_t len)
{
	char	*buf;
	size_t	 n;
	int	 was;

	/* A copy of just that size, so that a byte too far is seen. */
	must((buf = malloc(r->len + len + 1)) != NULL);
	if (r->len > 0)
		memcpy(buf, r->buf, r->len);
	if (len > 0)
		memcpy(buf + r->len, data, len);
	free(r->buf);
	r->buf = buf;
	r->len += len;
	while (!r->over) {
		was = r->in_body;
		n = r->in_body ? read_body(r) : read_head(r);
		must((buf = malloc(r->len - n + 1)) != NULL);
		memcpy(buf, r->buf + n, r->len - n);
		free(r->buf);
		r->buf = buf;
		r->len -= n;
		r->off += n;
		if (n == 0 && r->in_body == was)
			break;
	}
}

/* In two pieces, or byte by byte up to there. */
static void
read_cut(struct seen *s, const uint8_t *data, size_t len, size_t cut,
    int bytes)
{
	struct reader	 r;
	size_t		 i;

	s->len = s->requests = s->taken = 0;
	s->status = 0;
	memset(&r, 0, sizeof(r));
	r.seen = s;
	if (bytes)
		for (i = 0; i < cut; i++)
			feed(&r, data + i, 1);
	else
		feed(&r, data, cut);
	feed(&r, data + cut, len - cut);
	free(r.buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seen	 whole, cut;
	size_t			 i;

	if (size > INPUT_MAX)
		return (0);
	read_cut(&whole, data, size, size, 0);
	for (i = 0; fuzz_cuts() && i <= size; i++) {
		read_cut(&cut, data, size, i == 0 ? size : i, i == 0);
		must(cut.status == whole.status);
		must(cut.requests == whole.requests);
		must(cut.taken == whole.taken);
		must(cut.len == whole.len);
		must(memcmp(cut.text, whole.text, whole.len) == 0);
	}
	return (0);
}
