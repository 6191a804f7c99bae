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
 * Small bodies of requests to the relay itself: read whole, then looked at.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "http_body.h"
#include "listener.h"

static const char	go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

static void	body_end(struct conn *, int);

int
conn_read_body(struct conn *c, const struct http_framing *framing,
    int expected, size_t max, void (*done)(struct conn *, int, const char *,
    size_t))
{
	struct conn_body	*b;

	conn_body_free(c);
	if ((b = calloc(1, sizeof(*b))) == NULL)
		return (-1);
	http_body_init(&b->body, framing, HTTP_REQUEST, max);
	b->max = max;
	b->done = done;
	b->keepalive = c->minor == 1 && c->wants_more;
	c->body = b;
	c->state = CONN_BODY;
	evtls_resume(c->tls);
	/* All of it within this, not each byte. */
	evtls_deadline(c->tls, limits.handshake_ms);
	if (framing->kind == HTTP_BODY_NONE ||
	    (framing->kind == HTTP_BODY_LENGTH && framing->length == 0)) {
		body_end(c, 0);
		return (0);
	}
	if (expected && (c->out = strdup(go_on)) != NULL) {
		c->outlen = sizeof(go_on) - 1;
		c->outoff = 0;
		evtls_want_output(c->tls);
	}
	return (0);
}

void
conn_body_free(struct conn *c)
{
	struct conn_body	*b = c->body;

	if (b == NULL)
		return;
	c->body = NULL;
	if (b->buf != NULL)
		freezero(b->buf, b->size);
	free(b);
}

/* The handler answers, now or later, or frees the connection. */
static void
body_end(struct conn *c, int status)
{
	struct conn_body	*b = c->body;

	c->body = NULL;
	c->state = CONN_REQUEST;
	c->keepalive = status == 0 && b->keepalive;
	evtls_pause(c->tls);
	b->done(c, status, b->buf == NULL ? "" : b->buf, b->len);
	if (b->buf != NULL)
		freezero(b->buf, b->size);
	free(b);
}

static int
body_add(struct conn_body *b, const struct http_str *s)
{
	char	*buf;
	size_t	 size;

	if (b->len + s->len + 1 > b->size) {
		size = (b->len + s->len + 1) * 2;
		if (size > b->max + 1)
			size = b->max + 1;
		if ((buf = malloc(size)) == NULL)
			return (-1);
		if (b->buf != NULL) {
			memcpy(buf, b->buf, b->len);
			freezero(b->buf, b->size);
		}
		b->buf = buf;
		b->size = size;
	}
	memcpy(b->buf + b->len, s->s, s->len);
	b->len += s->len;
	b->buf[b->len] = '\0';
	return (0);
}

size_t
conn_body_input(struct conn *c, const char *buf, size_t len)
{
	struct http_body_event	 ev;
	size_t			 off = 0;

	for (;;) {
		off += http_body_read(&c->body->body, buf + off, len - off,
		    &ev);
		switch (ev.what) {
		case HTTP_BODY_MORE:
			return (off);
		case HTTP_BODY_DATA:
			if (body_add(c->body, &ev.data) == -1) {
				body_end(c, 503);
				return (off);
			}
			break;
		case HTTP_BODY_TRAILER:
			break;
		case HTTP_BODY_END:
			body_end(c, 0);
			return (off);
		case HTTP_BODY_ERROR:
			body_end(c, ev.status);
			return (len);
		}
	}
}
