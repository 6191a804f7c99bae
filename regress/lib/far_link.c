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

#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "far_link.h"

#define CREDIT		(1 << 20)

void			(*far_run)(void);
static const uint8_t	 key[4] = { 1, 2, 3, 4 };

void
far_frame(struct far_link *l, uint8_t type, uint8_t flags, uint32_t id,
    const void *data, size_t len)
{
	uint8_t	 buf[WS_HEAD_MAX + MUX_FRAME_MAX];
	size_t	 n;

	if (l->fd == -1)
		return;
	n = ws_head(buf, WS_BINARY, MUX_HEAD_LEN + len, l->masked ? key :
	    NULL);
	mux_head_put(buf + n, type, flags, id);
	if (len > 0)
		memcpy(buf + n + MUX_HEAD_LEN, data, len);
	if (l->masked)
		ws_mask(buf + n, buf + n, MUX_HEAD_LEN + len, key, 0);
	n += MUX_HEAD_LEN + len;
	if (write(l->fd, buf, n) != (ssize_t)n)
		far_close(l);
}

static void
far_hello(struct far_link *l)
{
	struct mux_hello	 hello = { .version = MUX_VERSION,
				    .credit = 65536, .epoch = 1 };
	uint8_t			 buf[MUX_CONTROL_MAX];

	strlcpy(hello.software, "test 1", sizeof(hello.software));
	far_frame(l, MUX_CONTROL, 0, 0, buf, mux_hello_put(buf, sizeof(buf),
	    &hello));
}

/* A page, to whoever asks for one. */
static void
far_answer(struct far_link *l, uint32_t id)
{
	static const char	 page[] = "HTTP/1.1 200 OK\r\n"
				    "Content-Length: 5\r\n\r\nhello";

	far_frame(l, MUX_DATA, 0, id, page, sizeof(page) - 1);
}

/* Ours are echoes already; those of others are made ones. */
static void
far_data(struct far_link *l, const struct mux_head *h, const uint8_t *p,
    size_t n)
{
	uint8_t	*kind = &l->kind[h->id % FAR_IDS];

	if (*kind == MUX_KIND_HTTP) {
		/* Once, when all of the request is there. */
		if (n >= 4 && (memcmp(p + n - 4, "\r\n\r\n", 4) == 0)) {
			far_answer(l, h->id);
			*kind = 0;
		}
	} else if (*kind != 0 && !l->lazy)
		far_frame(l, MUX_DATA, h->flags, h->id, p, n);
}

static void
far_taken(struct far_link *l, const uint8_t *p, size_t n)
{
	struct mux_head	 h;
	struct mux_open	 open;
	uint8_t		 buf[8];

	if (mux_head_get(p, n, &h) == -1)
		errx(2, "a bad frame");
	p += MUX_HEAD_LEN;
	n -= MUX_HEAD_LEN;
	if (h.type == MUX_OPEN) {
		if (mux_open_get(p, n, &open) == -1)
			errx(2, "a bad OPEN");
		l->opened++;
		l->kind[h.id % FAR_IDS] = open.kind;
		far_frame(l, MUX_ACCEPT, 0, h.id, buf, mux_credit_put(buf,
		    sizeof(buf), CREDIT));
		if (open.kind == MUX_KIND_HTTP)
			far_frame(l, MUX_DATA, 0, h.id, "\1", 2);
	} else if (h.type == MUX_ACCEPT)
		l->accepted++;
	else if (h.type == MUX_RESET)
		l->reset++;
	else if (h.type == MUX_DATA) {
		l->bytes += n;
		l->fins += h.flags & MUX_FIN;
		far_data(l, &h, p, n);
	}
}

int
far_turn(struct far_link *l)
{
	struct ws_event	 ev;
	enum ws_result	 r;
	size_t		 off = 0;
	ssize_t		 n;

	if (l->fd == -1)
		return (0);
	n = read(l->fd, l->buf + l->len, sizeof(l->buf) - l->len);
	if (n <= 0 && l->len == 0) {
		if (n == -1 && errno == EAGAIN)
			return (0);
		far_close(l);
		return (1);
	}
	if (n > 0)
		l->len += n;
	while (l->fd != -1 && (r = ws_parse(&l->ws, l->buf + off,
	    l->len - off, &ev, NULL)) != WS_MORE) {
		if (r == WS_ERROR)
			errx(2, "a bad WebSocket: %s", l->ws.error);
		if (r == WS_MESSAGE)
			far_taken(l, ev.data, ev.len);
		off += ev.consumed;
	}
	memmove(l->buf, l->buf + off, l->len - off);
	l->len -= off;
	return (off > 0 || n > 0);
}

void
far_close(struct far_link *l)
{
	if (l->fd == -1)
		return;
	ws_done(&l->ws);
	close(l->fd);
	l->fd = -1;
	l->len = 0;
}

void
far_on(struct far_link *l, int fd, enum ws_role role)
{
	far_close(l);
	memset(l, 0, sizeof(*l));
	l->fd = fd;
	l->masked = role == WS_CLIENT;
	l->dialer = role != WS_SERVER;
	ws_init(&l->ws, role, MUX_FRAME_MAX);
	far_hello(l);
}

uint32_t
far_stream(struct far_link *l, uint8_t kind, const char *node,
    const char *host, uint16_t port, uint64_t ticket, const char *data,
    size_t len)
{
	static uint32_t	 next = 2;
	struct mux_open	 open = { .kind = kind, .port = port,
			    .credit = CREDIT, .ticket = ticket };
	uint8_t		 buf[MUX_OPEN_MAX];
	uint32_t	 id = next + l->dialer;

	next += 2;
	strlcpy(open.node, node, sizeof(open.node));
	strlcpy(open.host, host, sizeof(open.host));
	l->kind[id % FAR_IDS] = 0;
	far_frame(l, MUX_OPEN, 0, id, buf, mux_open_put(buf, sizeof(buf),
	    &open));
	far_frame(l, MUX_DATA, mux_kind_dgram(kind) ? 0 : MUX_FIN, id, data,
	    len);
	far_run();
	if (mux_kind_dgram(kind)) {
		far_frame(l, MUX_DATA, MUX_FIN, id, NULL, 0);
		far_run();
	}
	return (id);
}
