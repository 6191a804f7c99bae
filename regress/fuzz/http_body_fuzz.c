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
 * link: lib/http_body.c lib/http_chunk.c
 * link: lib/http.c lib/http_field.c lib/http_host.c
 */

/*
 * Bodies, whole and cut at every byte: the same events, and the same end.
 * What was decoded is encoded and decoded again.
 */

/* max_len: 300 */
/* max_len_cuts: 128 */

#include "compat.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http_body.h"

#define INPUT_MAX	4096

/* All that came out of a body. */
struct result {
	char			 data[INPUT_MAX];
	size_t			 len;
	char			 names[INPUT_MAX]; /* and values */
	size_t			 nameslen;
	struct http_field	 fields[HTTP_TRAILERS_MAX];
	size_t			 nfields;
	enum http_body_what	 end;
	int			 status;
	const char		*reason;
	size_t			 taken;		/* unless it is in error */
};

static void	keep(struct result *, struct http_str *);
static size_t	step(struct result *, struct http_body *, const uint8_t *,
		    size_t, struct http_body_event *);
static void	decode(struct result *, const struct http_framing *,
		    enum http_body_of, uint64_t, const uint8_t *, size_t,
		    size_t, int);
static void	again(const struct result *);

static void
keep(struct result *r, struct http_str *str)
{
	must(str->len <= sizeof(r->names) - r->nameslen);
	if (str->len > 0)
		memcpy(r->names + r->nameslen, str->s, str->len);
	str->s = r->names + r->nameslen;
	r->nameslen += str->len;
}

static size_t
step(struct result *r, struct http_body *b, const uint8_t *s, size_t len,
    struct http_body_event *ev)
{
	struct http_field	 f;
	char			*copy;
	size_t			 n;

	copy = fuzz_copy(s, len);
	n = http_body_read(b, copy, len, ev);
	must(n <= len);
	if (ev->what == HTTP_BODY_DATA) {
		must(ev->data.len > 0 && ev->data.s >= copy &&
		    ev->data.s + ev->data.len <= copy + len);
		must(ev->data.len <= sizeof(r->data) - r->len);
		memcpy(r->data + r->len, ev->data.s, ev->data.len);
		r->len += ev->data.len;
	} else if (ev->what == HTTP_BODY_TRAILER) {
		must(r->nfields < HTTP_TRAILERS_MAX);
		must(http_str_is_token(&ev->field.name));
		must(http_str_is_text(&ev->field.value));
		must(http_trailer_allowed(&ev->field.name));
		f = ev->field;
		keep(r, &f.name);
		keep(r, &f.value);
		r->fields[r->nfields++] = f;
	}
	free(copy);
	return (n);
}

/* Offer so many bytes more whenever more are wanted. */
static void
decode(struct result *r, const struct http_framing *framing,
    enum http_body_of of, uint64_t limit, const uint8_t *s, size_t len,
    size_t first, int bytes)
{
	struct http_body_event	 ev;
	struct http_body	 b;
	size_t			 off = 0, have = first;

	memset(r, 0, sizeof(*r));
	http_body_init(&b, framing, of, limit);
	for (;;) {
		off += step(r, &b, s + off, have - off, &ev);
		if (ev.what == HTTP_BODY_MORE) {
			if (have == len)
				break;
			have = bytes ? have + 1 : len;
		} else if (ev.what >= HTTP_BODY_END)
			break;
	}
	r->end = ev.what;
	if (ev.what == HTTP_BODY_MORE)
		http_body_eof(&b, &ev);
	must(r->len <= limit);
	r->status = ev.status;
	r->reason = ev.reason;
	r->taken = r->end == HTTP_BODY_ERROR ? 0 : off;
	if (ev.what == HTTP_BODY_ERROR)
		must(ev.reason != NULL && (of == HTTP_RESPONSE ?
		    ev.status == 502 : ev.status == 400 ||
		    ev.status == 413 || ev.status == 431));
	/* It stays so. */
	must(http_body_read(&b, "0\r\n\r\n", 5, &ev) == 0);
	must(ev.what == HTTP_BODY_END || ev.what == HTTP_BODY_ERROR);
}

static void
again(const struct result *r)
{
	static const struct http_framing	 chunked = {
		HTTP_BODY_CHUNKED, 0, 0
	};
	static struct result	 second;
	static char		 s[2 * INPUT_MAX + 64];
	size_t			 n = 0, i, end;

	if (r->len > 0) {
		memcpy(s + HTTP_CHUNK_FRONT, r->data, r->len);
		n = http_chunk(s, r->len, 0);
	}
	end = n;
	n += snprintf(s + n, sizeof(s) - n, "0\r\n");
	for (i = 0; i < r->nfields; i++)
		n += snprintf(s + n, sizeof(s) - n, "%.*s: %.*s\r\n",
		    (int)r->fields[i].name.len, r->fields[i].name.s,
		    (int)r->fields[i].value.len, r->fields[i].value.s);
	n += snprintf(s + n, sizeof(s) - n, "\r\n");
	must(n < sizeof(s));
	/* The white space that we add may be too much. */
	if (n - end - 3 > HTTP_TRAILER_MAX)
		return;
	decode(&second, &chunked, HTTP_REQUEST, UINT64_MAX,
	    (const uint8_t *)s, n, n, 0);
	must(second.end == HTTP_BODY_END && second.taken == n);
	must(second.len == r->len && second.nfields == r->nfields);
	must(memcmp(second.data, r->data, r->len) == 0);
	for (i = 0; i < r->nfields; i++)
		must(r->fields[i].name.len == second.fields[i].name.len &&
		    r->fields[i].value.len == second.fields[i].value.len);
	must(second.nameslen == r->nameslen);
	must(memcmp(second.names, r->names, r->nameslen) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t	 limits[] = { UINT64_MAX, INT64_MAX, 100, 3 };
	static struct result	 whole, cut;
	struct http_framing	 framing = { HTTP_BODY_CHUNKED, 0, 0 };
	enum http_body_of	 of;
	uint64_t		 limit;
	size_t			 len, i;

	/* The first bytes say what is read, the rest is. */
	if (size < 2 || size > 1024)
		return (0);
	of = data[0] & 1 ? HTTP_RESPONSE : HTTP_REQUEST;
	limit = limits[data[0] >> 1 & 3];
	if (data[0] & 8) {
		framing.kind = (enum http_body_kind)(data[0] >> 4 & 3);
		framing.told = 1;
		framing.length = data[1];
	}
	data += 2;
	len = size - 2;

	decode(&whole, &framing, of, limit, data, len, len, 0);
	if (whole.end == HTTP_BODY_END)
		again(&whole);
	/* Byte by byte, then in two pieces, each way. */
	for (i = 0; fuzz_cuts() && i <= len; i++) {
		decode(&cut, &framing, of, limit, data, len, i, i == 0);
		must(cut.end == whole.end && cut.status == whole.status);
		must(cut.reason == whole.reason && cut.taken == whole.taken);
		must(cut.len == whole.len && cut.nfields == whole.nfields);
		must(memcmp(cut.data, whole.data, whole.len) == 0);
		must(cut.nameslen == whole.nameslen);
		must(memcmp(cut.names, whole.names, whole.nameslen) == 0);
	}
	return (0);
}
