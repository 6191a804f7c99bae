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

#include "http.h"

#define TOKEN	0x01	/* RFC 9110, 5.6.2 */
#define TARGET	0x02	/* no CTL, no space; a '#' is never sent */
#define TEXT	0x04	/* what a line may hold */

/* What http_line says besides a length. */
#define LINE_BAD	(-1)
#define LINE_LONG	(-2)

static ssize_t	http_line(const char *, size_t, size_t, struct http_str *);
static size_t	span(const char *, size_t, int);
static int	http_version(const struct http_str *, int *);
static int	http_target(struct http_head *);
static int	http_request_line(struct http_head *, const struct http_str *);
static int	http_status_line(struct http_head *, const struct http_str *);
static int	http_field_line(struct http_field *, const struct http_str *);
static ssize_t	http_parse(const char *, size_t, const struct http_limits *,
		    struct http_head *, int *, int (*)(struct http_head *,
		    const struct http_str *));
static int	http_request_fields(const struct http_head *);

#define ANY	(TEXT | TARGET | TOKEN)
#define OTHER	(TEXT | TARGET)

static const uint8_t classes[256] = {
	['\t'] = TEXT, [' '] = TEXT, ['#'] = TEXT | TOKEN,
	['!'] = ANY, ['$'] = ANY, ['%'] = ANY, ['&'] = ANY, ['\''] = ANY,
	['*'] = ANY, ['+'] = ANY, ['-'] = ANY, ['.'] = ANY, ['^'] = ANY,
	['_'] = ANY, ['`'] = ANY, ['|'] = ANY, ['~'] = ANY,
	['0' ... '9'] = ANY, ['A' ... 'Z'] = ANY, ['a' ... 'z'] = ANY,
	['"'] = OTHER, ['('] = OTHER, [')'] = OTHER, [','] = OTHER,
	['/'] = OTHER, [':' ... '@'] = OTHER, ['[' ... ']'] = OTHER,
	['{'] = OTHER, ['}'] = OTHER, [0x80 ... 0xff] = OTHER
};

const struct http_limits http_request_limits = {
	HTTP_HEAD_MAX, HTTP_LINE_MAX, HTTP_FIELD_MAX, HTTP_FIELDS_MAX
};

const struct http_limits http_response_limits = {
	HTTP_HEAD_MAX, HTTP_LINE_MAX, HTTP_RESPONSE_FIELD_MAX,
	HTTP_RESPONSE_FIELDS_MAX
};

/* Fields of a request that say nothing when they come twice. */
static const char *const singletons[] = {
	"host", "authorization", "content-type", "origin",
	"sec-websocket-key", "sec-websocket-version"
};

/*
 * The line at the start of buf, at most max bytes.  Returns its length with
 * CRLF, 0 if more bytes are needed, LINE_BAD or LINE_LONG.  What is wrong
 * first, byte by byte, decides, so that a cut of the input changes nothing.
 */
static ssize_t
http_line(const char *buf, size_t len, size_t max, struct http_str *line)
{
	size_t	 i;

	for (i = 0; i < len; i++) {
		if (classes[(uint8_t)buf[i]] & TEXT) {
			if (i == max)
				return (LINE_LONG);
			continue;
		}
		if (buf[i] != '\r')
			return (LINE_BAD);
		if (i + 1 == len)
			return (0);
		if (buf[i + 1] != '\n')
			return (LINE_BAD);
		line->s = buf;
		line->len = i;
		return ((ssize_t)i + 2);
	}
	return (0);
}

/* How many bytes from s on are of that class. */
static size_t
span(const char *s, size_t len, int class)
{
	size_t	 i;

	for (i = 0; i < len && (classes[(uint8_t)s[i]] & class); i++)
		;
	return (i);
}

/* Returns 0, or the status for a version that is malformed or not ours. */
static int
http_version(const struct http_str *v, int *minor)
{
	if (v->len != 8 || memcmp(v->s, "HTTP/", 5) != 0 || v->s[6] != '.' ||
	    v->s[5] < '0' || v->s[5] > '9' || v->s[7] < '0' || v->s[7] > '9')
		return (400);
	if (v->s[5] != '1')
		return (505);
	*minor = v->s[7] != '0';
	return (0);
}

/* The target is of the form that goes with the method (RFC 9112, 3.2). */
static int
http_target(struct http_head *h)
{
	struct http_str	*t = &h->target;
	struct http_str	 path, query;
	char		 host[HTTP_HOST_MAX];
	const char	*q;
	uint16_t	 port;

	if (http_str_eq(&h->method, "CONNECT"))
		return (http_hostport(t, host, &port) == -1 || port == 0 ?
		    400 : 0);
	if (http_str_eq(t, "*"))
		return (http_str_eq(&h->method, "OPTIONS") ? 0 : 400);
	if (t->s[0] != '/')
		return (http_origin(h, &path, &query) == -1 ? 400 : 0);
	h->path = *t;
	if ((q = memchr(t->s, '?', t->len)) != NULL) {
		h->path.len = (size_t)(q - t->s);
		h->query.s = q + 1;
		h->query.len = t->len - h->path.len - 1;
	}
	return (0);
}

/* method SP target SP version: one space, and nothing else, between. */
static int
http_request_line(struct http_head *h, const struct http_str *line)
{
	const char	*s = line->s;
	struct http_str	 version;
	size_t		 len = line->len, n;
	int		 status;

	if ((n = span(s, len, TOKEN)) == 0 || n == len || s[n] != ' ')
		return (400);
	h->method.s = s;
	h->method.len = n++;
	s += n;
	len -= n;
	if ((n = span(s, len, TARGET)) == 0 || n == len || s[n] != ' ')
		return (400);
	h->target.s = s;
	h->target.len = n++;
	version.s = s + n;
	version.len = len - n;
	if ((status = http_version(&version, &h->minor)) != 0)
		return (status);
	return (http_target(h));
}

/*
 * version SP status SP reason.  Servers that have no reason to give often
 * leave out the space before it, too.
 */
static int
http_status_line(struct http_head *h, const struct http_str *line)
{
	const char	*s = line->s;
	struct http_str	 version;
	int		 i;

	if (line->len < 12 || s[8] != ' ' || (line->len > 12 && s[12] != ' '))
		return (400);
	version.s = s;
	version.len = 8;
	if (http_version(&version, &h->minor) != 0)
		return (400);
	for (i = 9; i < 12; i++) {
		if (s[i] < '0' || s[i] > '9')
			return (400);
		h->status = h->status * 10 + s[i] - '0';
	}
	if (h->status < 100 || h->status > 599)
		return (400);
	if (line->len > 13) {
		h->reason.s = s + 13;
		h->reason.len = line->len - 13;
	}
	return (0);
}

static int
http_field_line(struct http_field *f, const struct http_str *line)
{
	struct http_str	*v = &f->value;
	size_t		 n;

	/* Refuses obs-fold and space before the colon, as well. */
	n = span(line->s, line->len, TOKEN);
	if (n == 0 || n == line->len || line->s[n] != ':')
		return (400);

	f->name.s = line->s;
	f->name.len = n++;
	v->s = line->s + n;
	v->len = line->len - n;
	http_str_trim(v);
	return (0);
}

/* Any head: start reads its first line and returns 0 or a status. */
static ssize_t
http_parse(const char *buf, size_t len, const struct http_limits *limits,
    struct http_head *h, int *status,
    int (*start)(struct http_head *, const struct http_str *))
{
	struct http_str	 line;
	size_t		 off = 0, end, max = limits->line;
	size_t		 limit = limits->head, fields = limits->fields;
	ssize_t		 n;
	int		 error, first = 1;

	memset(h, 0, offsetof(struct http_head, fields));
	if (limit > HTTP_HEAD_ROOM)
		limit = HTTP_HEAD_ROOM;
	if (fields > HTTP_FIELDS_ROOM)
		fields = HTTP_FIELDS_ROOM;
	end = len < limit ? len : limit;
	for (;;) {
		n = http_line(buf + off, end - off, max, &line);
		if (n == 0 && end < limit)
			return (0);
		off += n > 0 ? (size_t)n : 0;
		if (n > 0 && line.len == 0 && !first)
			return ((ssize_t)off);

		if (n == LINE_BAD)
			error = 400;
		else if (n <= 0)
			error = first ? 414 : 431;
		else if (first)
			error = start(h, &line);
		else if (h->nfields == fields)
			error = 431;
		else
			error = http_field_line(&h->fields[h->nfields++],
			    &line);
		if (error != 0) {
			*status = error;
			return (-1);
		}
		first = 0;
		max = limits->field;
	}
}

/* What RFC 9112, 3.2 asks of Host, and of our singletons. */
static int
http_request_fields(const struct http_head *h)
{
	char		 host[HTTP_HOST_MAX];
	size_t		 i;
	uint16_t	 port;

	for (i = 0; i < nitems(singletons); i++)
		if (http_field_count(h, singletons[i]) > 1)
			return (400);
	if (h->minor > 0 && http_field(h, "host") == NULL)
		return (400);
	if (http_authority(h, host, &port) == -1)
		return (400);
	return (0);
}

ssize_t
http_parse_request_in(const char *buf, size_t len,
    const struct http_limits *limits, struct http_head *h, int *status)
{
	struct http_limits	 rest = *limits;
	ssize_t			 n;
	size_t			 skip = 0;
	int			 error;

	if (rest.head > HTTP_HEAD_ROOM)
		rest.head = HTTP_HEAD_ROOM;
	/* Old clients end a body with a CRLF too many. */
	if (len >= 1 && rest.head >= 2 && buf[0] == '\r') {
		if (len == 1)
			return (0);
		if (buf[1] == '\n')
			skip = 2;
	}
	rest.head -= skip;
	n = http_parse(buf + skip, len - skip, &rest, h, status,
	    http_request_line);
	if (n <= 0)
		return (n);
	if ((error = http_request_fields(h)) != 0) {
		*status = error;
		return (-1);
	}
	return (n + (ssize_t)skip);
}

ssize_t
http_parse_response_in(const char *buf, size_t len,
    const struct http_limits *limits, struct http_head *h, int *status)
{
	ssize_t	 n;

	n = http_parse(buf, len, limits, h, status, http_status_line);
	/* What the far side got wrong is all one to who asked. */
	if (n == -1)
		*status = 502;
	return (n);
}

ssize_t
http_parse_request(const char *buf, size_t len, size_t limit,
    struct http_head *h, int *status)
{
	struct http_limits	 limits = http_request_limits;

	if (limit < limits.head)
		limits.head = limit;
	return (http_parse_request_in(buf, len, &limits, h, status));
}

ssize_t
http_parse_response(const char *buf, size_t len, size_t limit,
    struct http_head *h, int *status)
{
	struct http_limits	 limits = http_request_limits;

	if (limit < limits.head)
		limits.head = limit;
	return (http_parse_response_in(buf, len, &limits, h, status));
}

ssize_t
http_parse_field(const char *buf, size_t len, size_t max,
    struct http_field *f, int *status)
{
	struct http_str	 line;
	ssize_t		 n;

	if ((n = http_line(buf, len, max, &line)) == 0)
		return (0);
	if (n < 0) {
		*status = n == LINE_BAD ? 400 : 431;
		return (-1);
	}
	memset(f, 0, sizeof(*f));
	if (line.len > 0 && (*status = http_field_line(f, &line)) != 0)
		return (-1);
	return (n);
}

int
http_str_is_token(const struct http_str *str)
{
	return (str->len > 0 && span(str->s, str->len, TOKEN) == str->len);
}

int
http_str_is_target(const struct http_str *str)
{
	return (str->len > 0 && span(str->s, str->len, TARGET) == str->len);
}

int
http_str_is_text(const struct http_str *str)
{
	return (span(str->s, str->len, TEXT) == str->len);
}
