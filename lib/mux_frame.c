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
 * Frames of the mux as bytes, after the layout in mux_frame.h.  Nothing here
 * keeps state or trusts a length.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "mux_frame.h"

/* Typed fields. */
enum open_field {
	OPEN_CLIENT = 1, OPEN_USER = 2, OPEN_REQUEST_ID = 3, OPEN_TICKET = 5
};
enum hello_field {
	HELLO_VERSION = 1, HELLO_CREDIT = 2, HELLO_EPOCH = 3,
	HELLO_SOFTWARE = 4, HELLO_NAME = 5, HELLO_STREAMS = 6
};
enum goaway_field {
	GOAWAY_DELAY = 1, GOAWAY_TEXT = 2
};

/* What is still to be read. */
struct rd {
	const uint8_t	*p;
	size_t		 n;
};

/* What has been written; bad once something did not fit or was no text. */
struct wr {
	uint8_t		*p;
	size_t		 cap;
	size_t		 len;
	int		 bad;
};

struct field {
	uint8_t		 type;
	const uint8_t	*p;
	size_t		 n;
};

static uint64_t
be_get(const uint8_t *p, size_t n)
{
	uint64_t	 v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return (v);
}

static void
be_put(uint8_t *p, size_t n, uint64_t v)
{
	while (n-- > 0) {
		p[n] = v & 0xff;
		v >>= 8;
	}
}

/*
 * The length of the UTF-8 character at p, or 0 if there is none or it is a
 * control (C0, DEL, C1): texts end up in logs, terminals and JSON.
 */
static size_t
text_char(const uint8_t *p, size_t n)
{
	uint32_t	 c;
	size_t		 i, len;

	if (p[0] < 0x80)
		return (p[0] >= 0x20 && p[0] != 0x7f);
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2;
		c = p[0] & 0x1f;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		len = 3;
		c = p[0] & 0x0f;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4;
		c = p[0] & 0x07;
	} else
		return (0);
	if (n < len)
		return (0);
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return (0);
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < 0xa0 || (len == 3 && c < 0x800) || (len == 4 && c < 0x10000) ||
	    (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return (0);
	return (len);
}

static int
text_ok(const uint8_t *p, size_t n)
{
	size_t		 len;

	for (; n > 0; p += len, n -= len)
		if ((len = text_char(p, n)) == 0)
			return (0);
	return (1);
}

int
mux_text_valid(const char *s)
{
	return (text_ok((const uint8_t *)s, strlen(s)));
}

/* Copy text of n bytes to a string of size, '?' for each byte that is none. */
static void
text_fix(char *dst, size_t size, const uint8_t *p, size_t n)
{
	size_t		 len;

	for (; n > 0; p += len, n -= len) {
		len = text_char(p, n);
		if ((len == 0 ? 1 : len) >= size)
			break;
		if (len == 0) {
			*dst = '?';
			len = 1;
		} else
			memcpy(dst, p, len);
		dst += len;
		size -= len;
	}
	*dst = '\0';
}

static int
text_get(char *dst, size_t size, const uint8_t *p, size_t n)
{
	if (n >= size || !text_ok(p, n))
		return (-1);
	memcpy(dst, p, n);
	dst[n] = '\0';
	return (0);
}

static int
rd_int(struct rd *r, size_t n, uint64_t *v)
{
	if (r->n < n)
		return (-1);
	*v = be_get(r->p, n);
	r->p += n;
	r->n -= n;
	return (0);
}

static int
rd_string(struct rd *r, char *dst, size_t size)
{
	uint64_t	 n;

	if (rd_int(r, 1, &n) == -1 || r->n < n ||
	    text_get(dst, size, r->p, n) == -1)
		return (-1);
	r->p += n;
	r->n -= n;
	return (0);
}

/*
 * The next typed field: 1, 0 at the end, or -1 if malformed.  Types up to 31
 * may come once; all that we know are below that.
 */
static int
rd_field(struct rd *r, struct field *f, uint32_t *seen)
{
	uint64_t	 type, n;

	if (r->n == 0)
		return (0);
	if (rd_int(r, 1, &type) == -1 || rd_int(r, 2, &n) == -1 || r->n < n)
		return (-1);
	f->type = type;
	f->p = r->p;
	f->n = n;
	r->p += n;
	r->n -= n;
	if (type < 32) {
		if (*seen & 1U << type)
			return (-1);
		*seen |= 1U << type;
	}
	return (1);
}

static int
field_u32(const struct field *f, uint32_t *v)
{
	if (f->n != 4)
		return (-1);
	*v = be_get(f->p, 4);
	return (0);
}

static int
field_u64(const struct field *f, uint64_t *v)
{
	if (f->n != 8)
		return (-1);
	*v = be_get(f->p, 8);
	return (0);
}

static void
wr_bytes(struct wr *w, const void *p, size_t n)
{
	if (w->bad || n > w->cap - w->len) {
		w->bad = 1;
		return;
	}
	memcpy(w->p + w->len, p, n);
	w->len += n;
}

static void
wr_int(struct wr *w, size_t n, uint64_t v)
{
	uint8_t		 b[8];

	be_put(b, n, v);
	wr_bytes(w, b, n);
}

static void
wr_text(struct wr *w, const char *s, size_t n)
{
	if (!text_ok((const uint8_t *)s, n))
		w->bad = 1;
	wr_bytes(w, s, n);
}

static void
wr_string(struct wr *w, const char *s)
{
	size_t		 n = strlen(s);

	wr_int(w, 1, n);
	wr_text(w, s, n);
}

/* Optional fields: left out when empty or 0, which is how they are read. */
static void
wr_field_text(struct wr *w, uint8_t type, const char *s)
{
	size_t		 n = strlen(s);

	if (n == 0)
		return;
	wr_int(w, 1, type);
	wr_int(w, 2, n);
	wr_text(w, s, n);
}

static void
wr_field_int(struct wr *w, uint8_t type, size_t n, uint64_t v)
{
	if (v == 0)
		return;
	wr_int(w, 1, type);
	wr_int(w, 2, n);
	wr_int(w, n, v);
}

static ssize_t
wr_end(const struct wr *w)
{
	return (w->bad ? -1 : (ssize_t)w->len);
}

void
mux_head_put(uint8_t *p, uint8_t type, uint8_t flags, uint32_t id)
{
	p[0] = type;
	p[1] = flags;
	p[2] = p[3] = 0;
	be_put(p + 4, 4, id);
}

int
mux_head_get(const uint8_t *p, size_t n, struct mux_head *h)
{
	if (n < MUX_HEAD_LEN || p[2] != 0 || p[3] != 0)
		return (-1);
	h->type = p[0];
	h->flags = p[1];
	h->id = be_get(p + 4, 4);
	if (h->type < MUX_OPEN || h->type > MUX_CONTROL)
		return (-1);
	if (h->flags & ~(h->type == MUX_DATA ? MUX_FIN | MUX_PART : 0))
		return (-1);
	return (0);
}

int
mux_kind_dgram(uint8_t kind)
{
	return (kind == MUX_KIND_UDP);
}

ssize_t
mux_open_put(uint8_t *p, size_t n, const struct mux_open *o)
{
	struct wr	 w = { p, n, 0, 0 };

	wr_int(&w, 1, o->kind);
	wr_int(&w, 1, 0);
	wr_int(&w, 2, o->port);
	wr_int(&w, 4, o->credit);
	wr_string(&w, o->host);
	wr_string(&w, o->node);
	wr_field_text(&w, OPEN_CLIENT, o->client);
	wr_field_text(&w, OPEN_USER, o->user);
	wr_field_text(&w, OPEN_REQUEST_ID, o->request_id);
	wr_field_int(&w, OPEN_TICKET, 8, o->ticket);
	return (wr_end(&w));
}

static int
open_field_get(const struct field *f, struct mux_open *o)
{
	switch (f->type) {
	case OPEN_CLIENT:
		return (text_get(o->client, sizeof(o->client), f->p, f->n));
	case OPEN_USER:
		return (text_get(o->user, sizeof(o->user), f->p, f->n));
	case OPEN_REQUEST_ID:
		return (text_get(o->request_id, sizeof(o->request_id), f->p,
		    f->n));
	case OPEN_TICKET:
		return (field_u64(f, &o->ticket));
	default:
		return (0);
	}
}

int
mux_open_get(const uint8_t *p, size_t n, struct mux_open *o)
{
	struct rd	 r = { p, n };
	struct field	 f;
	uint64_t	 kind, zero, port, credit;
	uint32_t	 seen = 0;
	int		 more;

	memset(o, 0, sizeof(*o));
	if (rd_int(&r, 1, &kind) == -1 || rd_int(&r, 1, &zero) == -1 ||
	    rd_int(&r, 2, &port) == -1 || rd_int(&r, 4, &credit) == -1 ||
	    zero != 0)
		return (-1);
	o->kind = kind;
	o->port = port;
	o->credit = credit;
	if (rd_string(&r, o->host, sizeof(o->host)) == -1 ||
	    rd_string(&r, o->node, sizeof(o->node)) == -1)
		return (-1);
	while ((more = rd_field(&r, &f, &seen)) == 1)
		if (open_field_get(&f, o) == -1)
			return (-1);
	return (more);
}

ssize_t
mux_credit_put(uint8_t *p, size_t n, uint32_t credit)
{
	if (n < 4)
		return (-1);
	be_put(p, 4, credit);
	return (4);
}

int
mux_credit_get(const uint8_t *p, size_t n, uint32_t *credit)
{
	if (n != 4)
		return (-1);
	*credit = be_get(p, 4);
	return (0);
}

ssize_t
mux_reset_put(uint8_t *p, size_t n, uint16_t code, const char *text)
{
	struct wr	 w = { p, n, 0, 0 };
	char		 buf[MUX_TEXT_MAX + 1] = "";

	if (text != NULL)
		text_fix(buf, sizeof(buf), (const uint8_t *)text,
		    strlen(text));
	wr_int(&w, 2, code);
	wr_bytes(&w, buf, strlen(buf));
	return (wr_end(&w));
}

int
mux_reset_get(const uint8_t *p, size_t n, uint16_t *code,
    char text[MUX_TEXT_MAX + 1])
{
	if (n < 2 || n - 2 > MUX_TEXT_MAX)
		return (-1);
	*code = be_get(p, 2);
	text_fix(text, MUX_TEXT_MAX + 1, p + 2, n - 2);
	return (0);
}

ssize_t
mux_hello_put(uint8_t *p, size_t n, const struct mux_hello *h)
{
	struct wr	 w = { p, n, 0, 0 };

	wr_int(&w, 1, MUX_CONTROL_HELLO);
	wr_field_int(&w, HELLO_VERSION, 4, h->version);
	wr_field_int(&w, HELLO_CREDIT, 4, h->credit);
	wr_field_int(&w, HELLO_EPOCH, 8, h->epoch);
	wr_field_text(&w, HELLO_SOFTWARE, h->software);
	wr_field_text(&w, HELLO_NAME, h->name);
	wr_field_int(&w, HELLO_STREAMS, 4, h->streams);
	return (wr_end(&w));
}

static int
hello_field_get(const struct field *f, struct mux_hello *h)
{
	switch (f->type) {
	case HELLO_VERSION:
		return (field_u32(f, &h->version));
	case HELLO_CREDIT:
		return (field_u32(f, &h->credit));
	case HELLO_EPOCH:
		return (field_u64(f, &h->epoch));
	case HELLO_SOFTWARE:
		return (text_get(h->software, sizeof(h->software), f->p,
		    f->n));
	case HELLO_NAME:
		return (text_get(h->name, sizeof(h->name), f->p, f->n));
	case HELLO_STREAMS:
		return (field_u32(f, &h->streams));
	default:
		return (0);
	}
}

int
mux_hello_get(const uint8_t *p, size_t n, struct mux_hello *h)
{
	struct rd	 r = { p, n };
	struct field	 f;
	uint64_t	 what;
	uint32_t	 seen = 0;
	int		 more;

	memset(h, 0, sizeof(*h));
	if (rd_int(&r, 1, &what) == -1 || what != MUX_CONTROL_HELLO)
		return (-1);
	while ((more = rd_field(&r, &f, &seen)) == 1)
		if (hello_field_get(&f, h) == -1)
			return (-1);
	return (more);
}

ssize_t
mux_goaway_put(uint8_t *p, size_t n, const struct mux_goaway *g)
{
	struct wr	 w = { p, n, 0, 0 };
	char		 buf[MUX_TEXT_MAX + 1];

	text_fix(buf, sizeof(buf), (const uint8_t *)g->text, strlen(g->text));
	wr_int(&w, 1, MUX_CONTROL_GOAWAY);
	wr_field_int(&w, GOAWAY_DELAY, 4, g->delay);
	wr_field_text(&w, GOAWAY_TEXT, buf);
	return (wr_end(&w));
}

int
mux_goaway_get(const uint8_t *p, size_t n, struct mux_goaway *g)
{
	struct rd	 r = { p, n };
	struct field	 f;
	uint64_t	 what;
	uint32_t	 seen = 0;
	int		 more;

	memset(g, 0, sizeof(*g));
	if (rd_int(&r, 1, &what) == -1 || what != MUX_CONTROL_GOAWAY)
		return (-1);
	while ((more = rd_field(&r, &f, &seen)) == 1) {
		if (f.type == GOAWAY_DELAY && field_u32(&f, &g->delay) == -1)
			return (-1);
		if (f.type != GOAWAY_TEXT)
			continue;
		if (f.n > MUX_TEXT_MAX)
			return (-1);
		text_fix(g->text, sizeof(g->text), f.p, f.n);
	}
	return (more);
}

int
mux_control_what(const uint8_t *p, size_t n)
{
	if (n == 0 || p[0] < MUX_CONTROL_HELLO || p[0] > MUX_CONTROL_GOAWAY)
		return (0);
	return (p[0]);
}

const char *
mux_kind_name(uint16_t kind)
{
	static const char *const names[] = {
		"?", "tcp", "udp", "http", "ssh", "sftp", "api", "unix",
		"tls"
	};

	return (names[kind < nitems(names) ? kind : 0]);
}

const char *
mux_code_name(uint16_t code)
{
	static const char *const names[] = {
		[MUX_CODE_CANCEL] = "cancelled",
		[MUX_CODE_REFUSED] = "refused",
		[MUX_CODE_UNREACHABLE] = "unreachable",
		[MUX_CODE_TIMEOUT] = "timeout",
		[MUX_CODE_DENIED] = "denied",
		[MUX_CODE_NO_NODE] = "no such node",
		[MUX_CODE_NODE_OFFLINE] = "node offline",
		[MUX_CODE_NODE_GONE] = "node gone",
		[MUX_CODE_LIMIT] = "limit",
		[MUX_CODE_PROTOCOL] = "protocol",
		[MUX_CODE_TARGET_RESET] = "target reset",
		[MUX_CODE_KILLED] = "killed",
		[MUX_CODE_INTERNAL] = "internal error",
		[MUX_CODE_UNSUPPORTED] = "unsupported",
		[MUX_CODE_GOING_AWAY] = "going away",
		[MUX_CODE_NO_SERVICE] = "no such service",
	};

	return (code < nitems(names) ? names[code] : "unknown");
}

const char *
mux_target(uint8_t kind, const char *host, uint16_t port,
    char buf[MUX_TARGET_LEN])
{
	int	 v6 = strchr(host, ':') != NULL;

	if (kind == MUX_KIND_UNIX)
		strlcpy(buf, host, MUX_TARGET_LEN);
	else if (kind == MUX_KIND_HTTP || kind == MUX_KIND_TLS)
		snprintf(buf, MUX_TARGET_LEN, "%s%s%s", mux_kind_name(kind),
		    host[0] != '\0' ? " " : "", host);
	else
		snprintf(buf, MUX_TARGET_LEN, "%s%s%s:%u%s", v6 ? "[" : "",
		    host, v6 ? "]" : "", port, kind == MUX_KIND_UDP ?
		    "/udp" : "");
	return (buf);
}
