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
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "http_body.h"
#include "http_message.h"

/* The options of a head's Connection fields. */
struct options {
	struct http_str	 names[HTTP_OPTIONS_MAX];
	size_t		 n;
};

/* What is written; what does not fit, or may not be sent, is remembered. */
struct out {
	char	*buf;
	size_t	 size;
	size_t	 len;
	int	 failed;
};

static int	 matches_any(const struct http_str *, const char *const *,
		    size_t);
static int	 connection_options(const struct http_head *,
		    struct options *);
static int	 content_length(const struct http_head *, uint64_t *);
static int	 framing_fields(const struct http_head *,
		    struct http_framing *);
static void	 out_bytes(struct out *, const char *, size_t);
static void	 out_text(struct out *, const char *);
static void	 out_field(struct out *, const struct http_str *,
		    const struct http_str *);
static void	 out_line(struct out *, const char *, const char *);
static int	 field_stays(const struct http_head *,
		    const struct http_rewrite *, const struct options *,
		    const struct http_field *);
static int	 named_stays(const struct http_head *,
		    const struct http_rewrite *, const struct options *,
		    const char *);
static void	 write_target(struct out *, const struct http_head *);
static void	 write_host(struct out *, const struct http_head *,
		    const struct http_rewrite *);
static void	 write_framing(struct out *, const struct http_framing *);
static void	 write_connection(struct out *, const struct http_rewrite *,
		    int);
static ssize_t	 write_fields(struct out *, const struct http_head *,
		    const struct http_rewrite *);

/* The connection's own, RFC 9110, 7.6.1, and what we say in our own words. */
static const char *const hop_by_hop[] = {
	"connection", "close", "keep-alive", "proxy", "proxy-*", "te",
	"transfer-encoding", "content-length", "http2-settings"
};

/*
 * Whoever names one of these as the connection's own would have a gateway
 * take it away between the check and the backend.
 */
static const char *const end_to_end[] = {
	"host", "content-*", "authorization", "cookie*", "set-cookie*",
	"www-authenticate", "cache-control", "date", "expect", "forwarded",
	"x-forwarded-*", "via", "origin", "referer", "location", "range",
	"if-*", "sec-websocket-*"
};

static int
matches_any(const struct http_str *name, const char *const *patterns,
    size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (http_name_matches(name, patterns[i]))
			return (1);
	return (0);
}

/* ---- where a message ends ---- */

/* Returns 0, or -1 for too many, or for one that is not the connection's. */
static int
connection_options(const struct http_head *h, struct options *o)
{
	struct http_str	 rest, name;
	size_t		 i;

	o->n = 0;
	for (i = 0; i < h->nfields; i++) {
		if (!http_str_caseeq(&h->fields[i].name, "connection"))
			continue;
		rest = h->fields[i].value;
		while (http_list_next(&rest, &name)) {
			if (name.len == 0)
				continue;
			if (o->n == HTTP_OPTIONS_MAX ||
			    !http_str_is_token(&name) ||
			    matches_any(&name, end_to_end,
			    nitems(end_to_end)))
				return (-1);
			o->names[o->n++] = name;
		}
	}
	return (0);
}

/* One plain decimal: returns 1 and the length, 0 if there is none, or -1. */
static int
content_length(const struct http_head *h, uint64_t *length)
{
	const struct http_str	*cl = http_field(h, "content-length");
	uint64_t		 v = 0;
	size_t			 i;

	if (cl == NULL)
		return (0);
	/* 19 digits don't overflow 64 bits; RFC 9110, 8.6, allows no list. */
	if (http_field_count(h, "content-length") > 1 || cl->len == 0 ||
	    cl->len > 19)
		return (-1);
	for (i = 0; i < cl->len; i++) {
		if (cl->s[i] < '0' || cl->s[i] > '9')
			return (-1);
		v = v * 10 + (uint64_t)(cl->s[i] - '0');
	}
	if (v > INT64_MAX)
		return (-1);
	*length = v;
	return (1);
}

/* What the fields say, whatever else does.  Returns 0 or a status. */
static int
framing_fields(const struct http_head *h, struct http_framing *f)
{
	const struct http_str	*te = http_field(h, "transfer-encoding");
	struct options		 options;

	memset(f, 0, sizeof(*f));
	if (connection_options(h, &options) == -1)
		return (400);
	if ((f->told = content_length(h, &f->length)) == -1)
		return (400);
	if (f->told)
		f->kind = HTTP_BODY_LENGTH;
	if (te == NULL)
		return (0);
	if (f->told || h->minor == 0 ||
	    http_field_count(h, "transfer-encoding") > 1)
		return (400);
	if (http_str_caseeq(te, "chunked")) {
		f->kind = HTTP_BODY_CHUNKED;
		return (0);
	}
	/* Of a list, the next one may read another end than we do. */
	if (te->len == 0 || memchr(te->s, ',', te->len) != NULL)
		return (400);
	return (501);
}

int
http_request_framing(const struct http_head *h, struct http_framing *f,
    int *status)
{
	struct http_str	 protocol;

	*status = framing_fields(h, f);
	/* Bytes behind it would be the body's, or of the new protocol. */
	if (*status == 0 && (f->kind == HTTP_BODY_CHUNKED || f->length > 0) &&
	    http_upgrade(h, &protocol))
		*status = 400;
	return (*status == 0 ? 0 : -1);
}

int
http_response_framing(const struct http_head *h,
    const struct http_asked *asked, struct http_framing *f, int *status)
{
	struct http_str	 protocol;

	*status = 502;
	if (framing_fields(h, f) != 0)
		return (-1);
	if (h->status == 101 && (!asked->upgrade ||
	    !http_upgrade(h, &protocol)))
		return (-1);
	*status = 0;
	if (h->status < 200 || h->status == 204 ||
	    (asked->connect && h->status < 300))
		memset(f, 0, sizeof(*f));
	else if (h->status == 304 || asked->head)
		f->kind = HTTP_BODY_NONE;
	else if (f->kind == HTTP_BODY_NONE)
		f->kind = HTTP_BODY_CLOSE;
	return (0);
}

int
http_upgrade(const struct http_head *h, struct http_str *protocol)
{
	const struct http_str	*up = http_field(h, "upgrade");
	static const char *const ours[] = { "h2*", "http*" };

	if (up == NULL || h->minor == 0 || up->len == 0 ||
	    http_field_count(h, "upgrade") > 1 ||
	    memchr(up->s, ',', up->len) != NULL ||
	    matches_any(up, ours, nitems(ours)) ||
	    !http_field_has_token(h, "connection", "upgrade"))
		return (0);
	*protocol = *up;
	return (1);
}

int
http_expect(const struct http_head *h)
{
	const struct http_str	*expect = http_field(h, "expect");

	if (expect == NULL || h->minor == 0)
		return (0);
	return (http_field_count(h, "expect") == 1 &&
	    http_str_caseeq(expect, "100-continue") ? 1 : -1);
}

/* ---- the head for the other side ---- */

static void
out_bytes(struct out *o, const char *s, size_t len)
{
	if (len > o->size - o->len)
		o->failed = 1;
	else if (len > 0) {
		memcpy(o->buf + o->len, s, len);
		o->len += len;
	}
}

static void
out_text(struct out *o, const char *s)
{
	out_bytes(o, s, strlen(s));
}

static void
out_field(struct out *o, const struct http_str *name,
    const struct http_str *value)
{
	if (!http_str_is_token(name) || !http_str_is_text(value))
		o->failed = 1;
	out_bytes(o, name->s, name->len);
	out_text(o, ": ");
	out_bytes(o, value->s, value->len);
	out_text(o, "\r\n");
}

static void
out_line(struct out *o, const char *name, const char *value)
{
	const struct http_str	 n = { name, strlen(name) };
	const struct http_str	 v = { value, strlen(value) };

	out_field(o, &n, &v);
}

static int
field_stays(const struct http_head *h, const struct http_rewrite *rw,
    const struct options *options, const struct http_field *f)
{
	size_t	 i;

	if (matches_any(&f->name, hop_by_hop, nitems(hop_by_hop)) ||
	    http_rewrite_drops(rw, &f->name))
		return (0);
	if (http_str_caseeq(&f->name, "upgrade"))
		return (rw->upgrade);
	if (http_str_caseeq(&f->name, "trailer"))
		return (rw->framing->kind == HTTP_BODY_CHUNKED);
	if (h->status == 0 && (http_str_caseeq(&f->name, "host") ||
	    (h->minor == 0 && http_str_caseeq(&f->name, "expect"))))
		return (0);
	for (i = 0; i < options->n; i++)
		if (http_name_same(&f->name, &options->names[i]))
			return (0);
	return (1);
}

/* Whether one of that name is sent on. */
static int
named_stays(const struct http_head *h, const struct http_rewrite *rw,
    const struct options *options, const char *name)
{
	size_t	 i;

	for (i = 0; i < h->nfields; i++)
		if (http_str_caseeq(&h->fields[i].name, name) &&
		    field_stays(h, rw, options, &h->fields[i]))
			return (1);
	return (0);
}

static void
write_target(struct out *o, const struct http_head *h)
{
	struct http_str	 path, query;
	int		 options = http_str_eq(&h->method, "OPTIONS");

	if (http_str_eq(&h->method, "CONNECT"))
		o->failed = 1;
	else if (http_origin(h, &path, &query) == -1) {
		if (!options || !http_str_eq(&h->target, "*"))
			o->failed = 1;
		out_text(o, "*");
	} else if (!http_str_is_target(&path) || path.s[0] != '/' ||
	    (query.len > 0 && !http_str_is_target(&query))) {
		o->failed = 1;
	} else if (options && query.s == NULL &&
	    h->target.s[h->target.len - 1] != '/' && h->target.s[0] != '/' &&
	    http_str_eq(&path, "/"))
		/* No path at all, RFC 9112, 3.2.4. */
		out_text(o, "*");
	else {
		out_bytes(o, path.s, path.len);
		if (query.s != NULL)
			out_text(o, "?");
		out_bytes(o, query.s, query.len);
	}
}

static void
write_host(struct out *o, const struct http_head *h,
    const struct http_rewrite *rw)
{
	const struct http_str	 given = { rw->host,
				    rw->host != NULL ? strlen(rw->host) : 0 };
	char			 host[HTTP_HOST_MAX];
	char			 text[HTTP_HOST_MAX + sizeof("[]:65535")];
	int			 v6, error;
	uint16_t		 port;

	if (rw->host != NULL)
		error = http_hostport(&given, host, &port);
	else
		error = http_authority(h, host, &port);
	if (error == -1 || host[0] == '\0') {
		o->failed = 1;
		return;
	}
	v6 = strchr(host, ':') != NULL;
	snprintf(text, sizeof(text), port != 0 ? "%s%s%s:%u" : "%s%s%s",
	    v6 ? "[" : "", host, v6 ? "]" : "", port);
	out_line(o, "Host", text);
}

static void
write_framing(struct out *o, const struct http_framing *f)
{
	char	 number[24];

	if (f->kind == HTTP_BODY_CHUNKED)
		out_line(o, "Transfer-Encoding", "chunked");
	else if (f->kind != HTTP_BODY_CLOSE && f->told) {
		snprintf(number, sizeof(number), "%llu",
		    (unsigned long long)f->length);
		out_line(o, "Content-Length", number);
	}
}

static void
write_connection(struct out *o, const struct http_rewrite *rw, int trailers)
{
	const char	*list[4];
	char		 text[64] = "";
	size_t		 i, n = 0;

	if (rw->close || rw->framing->kind == HTTP_BODY_CLOSE)
		list[n++] = "close";
	else if (rw->keepalive)
		list[n++] = "keep-alive";
	if (rw->upgrade)
		list[n++] = "Upgrade";
	if (trailers) {
		out_line(o, "TE", "trailers");
		list[n++] = "TE";
	}
	for (i = 0; i < n; i++) {
		if (i > 0)
			strlcat(text, ", ", sizeof(text));
		strlcat(text, list[i], sizeof(text));
	}
	if (n > 0)
		out_line(o, "Connection", text);
}

/* All behind the first line, and Host. */
static ssize_t
write_fields(struct out *o, const struct http_head *h,
    const struct http_rewrite *rw)
{
	const struct http_field	*f;
	const struct http_set	*set;
	struct options		 options;
	struct http_str		 protocol;
	size_t			 i;

	if (connection_options(h, &options) == -1 ||
	    (rw->upgrade && !http_upgrade(h, &protocol)))
		return (-1);
	for (i = 0; i < h->nfields; i++) {
		f = &h->fields[i];
		if (field_stays(h, rw, &options, f))
			out_field(o, &f->name, &f->value);
	}
	for (i = 0; i < rw->nset; i++) {
		set = &rw->set[i];
		if (set->value != NULL && (set->how != HTTP_SET_DEFAULT ||
		    !named_stays(h, rw, &options, set->name)))
			out_line(o, set->name, set->value);
	}
	write_framing(o, rw->framing);
	write_connection(o, rw, h->status == 0 && h->minor > 0 &&
	    http_field_has_token(h, "te", "trailers"));
	out_text(o, "\r\n");
	return (o->failed ? -1 : (ssize_t)o->len);
}

int
http_rewrite_drops(const struct http_rewrite *rw, const struct http_str *name)
{
	const struct http_set	*set;
	size_t			 i;

	for (i = 0; i < rw->nset; i++) {
		set = &rw->set[i];
		if (http_name_matches(name, set->name) &&
		    (set->how == HTTP_SET_REPLACE ||
		    !http_str_caseeq(name, set->name)))
			return (1);
	}
	return (0);
}

ssize_t
http_request_write(const struct http_head *h, const struct http_rewrite *rw,
    char *buf, size_t size)
{
	struct out	 o = { buf, size, 0, 0 };

	if (!http_str_is_token(&h->method) ||
	    rw->framing->kind == HTTP_BODY_CLOSE)
		return (-1);
	out_bytes(&o, h->method.s, h->method.len);
	out_text(&o, " ");
	write_target(&o, h);
	out_text(&o, " HTTP/1.1\r\n");
	write_host(&o, h, rw);
	return (write_fields(&o, h, rw));
}

ssize_t
http_response_write(const struct http_head *h, const struct http_rewrite *rw,
    char *buf, size_t size)
{
	struct out	 o = { buf, size, 0, 0 };
	char		 line[sizeof("HTTP/1.1 599 ")];

	if (h->status < 100 || h->status > 599 ||
	    !http_str_is_text(&h->reason) ||
	    (h->status == 101) != (rw->upgrade != 0))
		return (-1);
	snprintf(line, sizeof(line), "HTTP/1.1 %03u ", (unsigned)h->status);
	out_text(&o, line);
	out_bytes(&o, h->reason.s, h->reason.len);
	out_text(&o, "\r\n");
	return (write_fields(&o, h, rw));
}
