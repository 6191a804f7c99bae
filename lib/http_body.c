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

#include "compat.h"

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hex.h"
#include "http.h"
#include "http_body.h"

/* Where a body is: at its data, or in the text around chunks. */
enum {
	DATA,
	SIZE_FIRST,		/* wants a digit */
	SIZE,
	SEMICOLON,		/* white space was seen: only that or ';' */
	NAME_FIRST,		/* behind ';' */
	NAME,
	EQUALS,			/* white space behind a name */
	VALUE_FIRST,		/* behind '=' */
	VALUE,
	QUOTED,			/* inside of quotes */
	QUOTED_PAIR,		/* behind a backslash there */
	QUOTED_END,		/* behind the quotes */
	SIZE_LF,
	DATA_CR,
	DATA_LF,
	TRAILER,
	END,
	BAD
};

static void	body_fail(struct http_body *, int, const char *);
static int	is_space(char);
static int	is_class(char, int (*)(const struct http_str *));
static int	item_end(char);
static int	quoted_step(int, char);
static int	extension_step(int, char);
static void	size_step(struct http_body *, char);
static void	size_end(struct http_body *);
static void	chunk_step(struct http_body *, char);
static size_t	data_read(struct http_body *, const char *, size_t,
		    struct http_body_event *);
static size_t	trailer_read(struct http_body *, const char *, size_t,
		    struct http_body_event *);

/* Ends with '*': all names that begin so. */
static const char *const not_in_trailers[] = {
	/* framing */
	"content-length", "transfer-encoding", "content-encoding",
	"content-type", "content-range", "trailer",
	/* routing, and who asks */
	"host", "forwarded", "x-forwarded*", "x-real-ip", "via", "origin",
	"referer", "x-http-method*", "x-original-*", "x-rewrite-url",
	/* what we say ourselves */
	"culvert-*", "x-culvert-*",
	/* authentication, state */
	"authorization", "authentication-info", "www-authenticate",
	"cookie*", "set-cookie*", "sec-*", "access-control-*", "x-csrf*",
	/* hop by hop */
	"connection", "keep-alive", "proxy*", "te", "upgrade",
	"http2-settings", "alt-svc", "close",
	/* how to handle the message */
	"accept*", "age", "allow", "cache-control", "clear-site-data",
	"content-disposition", "content-language", "content-location",
	"content-security-policy*", "date", "early-data", "expect",
	"expires", "if-*", "location", "max-forwards", "pragma", "range",
	"refresh", "retry-after", "strict-transport-security", "vary",
	"warning", "x-frame-options", "x-content-type-options"
};

static void
body_fail(struct http_body *b, int status, const char *reason)
{
	b->state = BAD;
	b->status = b->of == HTTP_RESPONSE ? 502 : status;
	b->reason = reason;
}

void
http_body_init(struct http_body *b, const struct http_framing *framing,
    enum http_body_of of, uint64_t limit)
{
	memset(b, 0, sizeof(*b));
	b->kind = framing->kind;
	b->of = of;
	b->limit = limit;
	switch (framing->kind) {
	case HTTP_BODY_NONE:
		b->state = END;
		break;
	case HTTP_BODY_LENGTH:
		b->left = framing->length;
		b->state = b->left > 0 ? DATA : END;
		if (b->left > limit)
			body_fail(b, 413, "the body is too long");
		break;
	case HTTP_BODY_CHUNKED:
		b->state = SIZE_FIRST;
		break;
	case HTTP_BODY_CLOSE:
		b->state = DATA;
		if (of == HTTP_REQUEST)
			body_fail(b, 400, "the body has no length");
		break;
	}
}

static int
is_space(char c)
{
	return (c == ' ' || c == '\t');
}

static int
is_class(char c, int (*class)(const struct http_str *))
{
	struct http_str	 one = { &c, 1 };

	return (class(&one));
}

/* Behind a size, or a value: the next extension, or the end of the line. */
static int
item_end(char c)
{
	if (c == ';')
		return (NAME_FIRST);
	if (c == '\r')
		return (SIZE_LF);
	return (is_space(c) ? SEMICOLON : BAD);
}

static int
quoted_step(int state, char c)
{
	if (!is_class(c, http_str_is_text))
		return (BAD);
	if (state == QUOTED_PAIR)
		return (QUOTED);
	if (c == '"')
		return (QUOTED_END);
	return (c == '\\' ? QUOTED_PAIR : QUOTED);
}

/*
 * The state after a byte of chunk-ext (RFC 9112, 7.1.1):
 * *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
 */
static int
extension_step(int state, char c)
{
	int	 token = is_class(c, http_str_is_token);

	switch (state) {
	case SEMICOLON:
		/* White space is fine before ';', but not before CRLF. */
		return (c == '\r' ? BAD : item_end(c));
	case NAME_FIRST:
		return (is_space(c) ? NAME_FIRST : token ? NAME : BAD);
	case NAME:
		if (token)
			return (NAME);
		if (is_space(c))
			return (EQUALS);
		return (c == '=' ? VALUE_FIRST : item_end(c));
	case EQUALS:
		if (is_space(c))
			return (EQUALS);
		return (c == '=' ? VALUE_FIRST : c == ';' ? NAME_FIRST : BAD);
	case VALUE_FIRST:
		if (is_space(c))
			return (VALUE_FIRST);
		return (c == '"' ? QUOTED : token ? VALUE : BAD);
	case VALUE:
		return (token ? VALUE : item_end(c));
	case QUOTED_END:
		return (item_end(c));
	default:
		return (quoted_step(state, c));
	}
}

/* A byte of the line that begins a chunk, up to CR. */
static void
size_step(struct http_body *b, char c)
{
	int	 digit = hex_value(c);

	if (b->state <= SIZE && digit != -1) {
		if (b->state == SIZE_FIRST)
			b->left = b->digits = b->line_ext = 0;
		if (b->digits++ == HTTP_CHUNK_DIGITS_MAX) {
			body_fail(b, 400, "the size of a chunk is too long");
			return;
		}
		b->left = b->left << 4 | (uint64_t)digit;
		b->state = SIZE;
		return;
	}
	if (b->state == SIZE_FIRST)
		b->state = BAD;
	else if (b->state == SIZE)
		b->state = item_end(c);
	else
		b->state = extension_step(b->state, c);
	if (b->state == BAD)
		body_fail(b, 400, "the size of a chunk is malformed");
	else if (b->state != SIZE_LF && (++b->line_ext > HTTP_CHUNK_EXT_MAX ||
	    ++b->ext > b->total + HTTP_CHUNK_EXT_SURPLUS))
		body_fail(b, 400, "chunk extensions are too long");
}

static void
size_end(struct http_body *b)
{
	if (b->left > INT64_MAX)
		body_fail(b, 400, "a chunk is too long");
	else if (b->left > b->limit - b->total)
		body_fail(b, 413, "the body is too long");
	else
		b->state = b->left > 0 ? DATA : TRAILER;
}

/* A byte of what stands around the data of chunks. */
static void
chunk_step(struct http_body *b, char c)
{
	switch (b->state) {
	case SIZE_LF:
		if (c == '\n')
			size_end(b);
		else
			body_fail(b, 400, "a CR in the size of a chunk");
		break;
	case DATA_CR:
		if (c == '\r')
			b->state = DATA_LF;
		else
			body_fail(b, 400, "no end of line behind a chunk");
		break;
	case DATA_LF:
		if (c == '\n')
			b->state = SIZE_FIRST;
		else
			body_fail(b, 400, "no end of line behind a chunk");
		break;
	default:
		size_step(b, c);
		break;
	}
}

static size_t
data_read(struct http_body *b, const char *buf, size_t len,
    struct http_body_event *ev)
{
	size_t	 n = len;

	if (b->kind != HTTP_BODY_CLOSE) {
		if (n > b->left)
			n = b->left;
		b->left -= n;
		if (b->left == 0)
			b->state = b->kind == HTTP_BODY_LENGTH ? END : DATA_CR;
	} else if (n > b->limit - b->total)
		n = b->limit - b->total;
	if (n == 0) {
		body_fail(b, 413, "the body is too long");
		return (0);
	}
	b->total += n;
	ev->what = HTTP_BODY_DATA;
	ev->data.s = buf;
	ev->data.len = n;
	return (n);
}

static size_t
trailer_read(struct http_body *b, const char *buf, size_t len,
    struct http_body_event *ev)
{
	size_t	 max = 0;
	ssize_t	 n;
	int	 status;

	/* Leave room for this line's CRLF, and for the last one. */
	if (b->trailer + 4 < HTTP_TRAILER_MAX)
		max = HTTP_TRAILER_MAX - b->trailer - 4;
	/* A byte at a time must not cost a look at all the others. */
	if (len <= max && memchr(buf, '\n', len) == NULL)
		return (0);
	n = http_parse_field(buf, len, max, &ev->field, &status);
	if (n == 0)
		return (0);
	if (n == -1) {
		body_fail(b, status, status == 431 ?
		    "the trailer section is too long" :
		    "the trailer section is malformed");
		return (0);
	}
	b->trailer += n;
	if (ev->field.name.len == 0)
		b->state = END;
	else if (b->trailers++ == HTTP_TRAILERS_MAX)
		body_fail(b, 431, "too many trailer fields");
	else if (http_trailer_allowed(&ev->field.name))
		ev->what = HTTP_BODY_TRAILER;
	return (n);
}

size_t
http_body_read(struct http_body *b, const char *buf, size_t len,
    struct http_body_event *ev)
{
	size_t	 n, off = 0;

	memset(ev, 0, sizeof(*ev));
	ev->what = HTTP_BODY_MORE;
	while (ev->what == HTTP_BODY_MORE && b->state < END && off < len) {
		if (b->state == DATA)
			off += data_read(b, buf + off, len - off, ev);
		else if (b->state == TRAILER) {
			n = trailer_read(b, buf + off, len - off, ev);
			if (n == 0)
				break;
			off += n;
		} else
			chunk_step(b, buf[off++]);
	}
	if (ev->what != HTTP_BODY_MORE)
		return (off);
	if (b->state == END)
		ev->what = HTTP_BODY_END;
	else if (b->state == BAD) {
		ev->what = HTTP_BODY_ERROR;
		ev->status = b->status;
		ev->reason = b->reason;
	}
	return (off);
}

void
http_body_eof(struct http_body *b, struct http_body_event *ev)
{
	if (b->state == DATA && b->kind == HTTP_BODY_CLOSE)
		b->state = END;
	else if (b->state != END && b->state != BAD)
		body_fail(b, 400, "the body is incomplete");
	http_body_read(b, NULL, 0, ev);
}

int
http_trailer_allowed(const struct http_str *name)
{
	size_t	 i;

	for (i = 0; i < nitems(not_in_trailers); i++)
		if (http_name_matches(name, not_in_trailers[i]))
			return (0);
	return (1);
}
