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
 * The http door while an exchange is under way: the visitor's bytes to it,
 * and its events to the visitor.
 */

#include "compat.h"

#include <event2/event.h>

#include <string.h>

#include "clock.h"
#include "door_http_internal.h"
#include "http_backend.h"
#include "http_gate.h"

/* For a head with our fields, or a chunk. */
#define ROOM_MIN	(HTTP_HEAD_MAX + 8192)
#define PIECE_MAX	65536

static size_t	visit_input(struct http_visit *, const char *, size_t);
static void	visit_bad(struct http_visit *, int, const char *);
static ssize_t	head_interim(struct http_visit *,
		    const struct exchange_event *, char *, size_t);
static ssize_t	visit_head(struct http_visit *, struct exchange_event *,
		    char *, size_t);
static size_t	visit_data(struct http_visit *, const struct http_str *,
		    char *);
static size_t	visit_trailer(struct http_visit *, const struct http_field *,
		    char *);
static int	upload_in_vain(const struct http_visit *,
		    const struct exchange_event *);
static int	request_goes_on(const struct http_visit *);
static size_t	visit_end(struct http_visit *, char *);
static void	visit_finish(struct http_visit *);

/* No backend speaks for us. */
static const struct http_set	 ours[] = {
	{ "Culvert-*", NULL, HTTP_SET_REPLACE }
};

/* ---- to the backend ---- */

size_t
door_http_input(struct conn *c, uint8_t *buf, size_t len)
{
	struct http_visit	*v = c->http;
	size_t			 n;

	if (v == NULL || v->state != VISIT_EXCHANGE)
		return (0);
	if (!v->other)
		return (visit_input(v, (const char *)buf, len));
	n = exchange_write(v->ex, (const char *)buf, len);
	v->in += n;
	v->moved_ms = listener_ms();
	return (n);
}

static size_t
visit_input(struct http_visit *v, const char *buf, size_t len)
{
	struct http_body_event	 ev;
	size_t			 off = 0, n, slice;

	while (!v->came) {
		if ((slice = exchange_room(v->ex)) == 0)
			break;
		if (slice > len - off)
			slice = len - off;
		n = http_body_read(&v->body, buf + off, slice, &ev);
		if (ev.what == HTTP_BODY_MORE && n == 0 && slice < len - off)
			/* A line is wanted whole. */
			n = http_body_read(&v->body, buf + off, len - off,
			    &ev);
		off += n;
		switch (ev.what) {
		case HTTP_BODY_DATA:
			v->in += ev.data.len;
			(void)exchange_write(v->ex, ev.data.s, ev.data.len);
			break;
		case HTTP_BODY_TRAILER:
			exchange_trailer(v->ex, &ev.field);
			break;
		case HTTP_BODY_END:
			v->came = 1;
			exchange_end(v->ex);
			break;
		case HTTP_BODY_ERROR:
			visit_bad(v, ev.status, ev.reason);
			return (len);
		case HTTP_BODY_MORE:
			if (n == 0) {
				v->moved_ms = listener_ms();
				return (off);
			}
			break;
		}
	}
	if (off > 0)
		v->moved_ms = listener_ms();
	return (off);
}

/* Its body can't be understood: nobody can tell where the next begins. */
static void
visit_bad(struct http_visit *v, int status, const char *reason)
{
	v->keep = 0;
	if (v->done)
		visit_leave(v);
	else if (v->answered)
		visit_abort(v);
	else
		visit_page(v, status, "bad-request", reason);
}

/* ---- to the visitor ---- */

/* 1xx, but for 101. */
static ssize_t
head_interim(struct http_visit *v, const struct exchange_event *ev, char *buf,
    size_t room)
{
	struct http_rewrite	 rw;

	if (ev->head->status == 100)
		v->hurry_ms = 0;
	/* HTTP/1.0 knows none. */
	if (v->minor == 0)
		return (0);
	if (ev->head->status == 100)
		v->expects = 0;
	memset(&rw, 0, sizeof(rw));
	rw.framing = &ev->framing;
	return (http_response_write(ev->head, &rw, buf, room));
}

/*
 * An upload that nobody wants must end somehow, and one that need not come
 * can't be told from the next request: RFC 9112, 9.3, and RFC 9110, 10.1.1.
 */
static int
upload_in_vain(const struct http_visit *v, const struct exchange_event *ev)
{
	return (!v->came && (ev->head->status >= 300 || ev->last ||
	    v->expects));
}

static ssize_t
visit_head(struct http_visit *v, struct exchange_event *ev, char *buf,
    size_t room)
{
	struct http_framing		 framing = ev->framing;
	struct http_rewrite		 rw;
	ssize_t				 n;

	gate_response(site_used(&v->site), ev->head);
	if (ev->head->status < 200 && ev->head->status != 101)
		return (head_interim(v, ev, buf, room));
	memset(&rw, 0, sizeof(rw));
	rw.framing = &framing;
	rw.set = ours;
	rw.nset = nitems(ours);
	if (ev->head->status == 101)
		rw.upgrade = 1;
	else {
		if (framing.kind >= HTTP_BODY_CHUNKED)
			framing.kind = v->minor == 1 ? HTTP_BODY_CHUNKED :
			    HTTP_BODY_CLOSE;
		if (framing.kind == HTTP_BODY_CLOSE || listener_drains() ||
		    upload_in_vain(v, ev))
			v->keep = 0;
		rw.close = !v->keep;
		rw.keepalive = v->keep && v->minor == 0;
	}
	if ((n = http_response_write(ev->head, &rw, buf, room)) == -1)
		return (-1);
	v->answered = 1;
	v->status = ev->head->status;
	v->head_us = clock_us();
	v->hurry_ms = 0;
	v->kind = framing.kind;
	if (ev->head->status == 101) {
		v->other = 1;
		v->kind = HTTP_BODY_CLOSE;
		/* It may have spoken already. */
		conn_again(v->conn);
	}
	return (n);
}

static size_t
visit_data(struct http_visit *v, const struct http_str *data, char *buf)
{
	v->out += data->len;
	if (v->kind != HTTP_BODY_CHUNKED || v->other) {
		memcpy(buf, data->s, data->len);
		return (data->len);
	}
	memcpy(buf + HTTP_CHUNK_FRONT, data->s, data->len);
	return (http_chunk(buf, data->len, 0));
}

static size_t
visit_trailer(struct http_visit *v, const struct http_field *f, char *buf)
{
	size_t	 n = 0;

	if (v->kind != HTTP_BODY_CHUNKED ||
	    http_rewrite_drops(&(struct http_rewrite){ .set = ours,
	    .nset = nitems(ours) }, &f->name))
		return (0);
	if (!v->trailer) {
		memcpy(buf, "0\r\n", 3);
		n = 3;
		v->trailer = 1;
	}
	memcpy(buf + n, f->name.s, f->name.len);
	n += f->name.len;
	memcpy(buf + n, ": ", 2);
	n += 2;
	if (f->value.len > 0)
		memcpy(buf + n, f->value.s, f->value.len);
	n += f->value.len;
	memcpy(buf + n, "\r\n", 2);
	return (n + 2);
}

/* Whether what is left of it still gets somewhere, and still comes. */
static int
request_goes_on(const struct http_visit *v)
{
	if (!exchange_sending(v->ex))
		return (0);
	/* The end of the connection is the end of the response. */
	return (v->other || (v->kind != HTTP_BODY_CLOSE &&
	    !(v->expects && v->in == 0)));
}

static size_t
visit_end(struct http_visit *v, char *buf)
{
	size_t	 n = 0;

	if (v->kind == HTTP_BODY_CHUNKED && !v->other) {
		if (v->trailer) {
			memcpy(buf, "\r\n", 2);
			n = 2;
		} else
			n = http_chunk(buf, 0, 1);
	}
	if (!request_goes_on(v)) {
		visit_finish(v);
		return (n);
	}
	v->done = 1;
	v->shut = v->other;
	v->moved_ms = listener_ms();
	if (v->shut)
		evtls_shutdown(v->conn->tls);
	visit_deadline(v);
	return (n);
}

/*
 * The response is complete; the request may not be.  When all of it has come
 * the next one can, though a device that answered early had no use for it.
 */
static void
visit_finish(struct http_visit *v)
{
	struct conn	*c = v->conn;

	if (v->other || !v->came) {
		v->keep = 0;
		exchange_free(v->ex);
	} else
		v->idle = exchange_keep(v->ex);
	v->ex = NULL;
	if (!v->keep) {
		http_backend_free(v->idle);
		v->idle = NULL;
	}
	c->keepalive = v->keep;
	v->state = VISIT_IDLE;
	c->state = CONN_REQUEST;
	visit_log(v, 0);
	visit_reset(v);
}

void
visit_leave(struct http_visit *v)
{
	struct conn	*c = v->conn;

	v->keep = 0;
	visit_finish(v);
	c->state = CONN_CLOSING;
	evtls_resume(c->tls);
	evtls_close(c->tls);
}

ssize_t
door_http_output(struct conn *c, uint8_t *out, size_t cap)
{
	struct exchange_event	 ev;
	struct http_visit	*v = c->http;
	char			*buf = (char *)out;
	size_t			 off = 0;
	ssize_t			 n;

	if (v == NULL || v->state != VISIT_EXCHANGE)
		return (0);
	if (v->broken) {
		visit_abort(v);
		return (-1);
	}
	if (v->done) {
		if (!v->shut && !exchange_sending(v->ex))
			visit_finish(v);
		return (0);
	}
	while (cap - off >= ROOM_MIN) {
		exchange_read(v->ex, PIECE_MAX, &ev);
		switch (ev.what) {
		case EXCHANGE_NONE:
			if (off > 0)
				v->moved_ms = listener_ms();
			return ((ssize_t)off);
		case EXCHANGE_HEAD:
			n = visit_head(v, &ev, buf + off, cap - off);
			if (n == -1) {
				visit_page(v, 502, "bad-response", "the "
				    "answer's head can't be passed on");
				return ((ssize_t)off);
			}
			off += n;
			break;
		case EXCHANGE_DATA:
			off += visit_data(v, &ev.data, buf + off);
			break;
		case EXCHANGE_TRAILER:
			off += visit_trailer(v, &ev.field, buf + off);
			break;
		case EXCHANGE_END:
			off += visit_end(v, buf + off);
			return ((ssize_t)off);
		case EXCHANGE_ERROR:
			if (!v->answered) {
				visit_page(v, ev.status, ev.word, ev.text);
				return ((ssize_t)off);
			}
			/* The status is the device's, and so is the word for
			   what became of it: the log has "cut" for that. */
			v->broken = 1;
			if (off > 0)
				return ((ssize_t)off);
			visit_abort(v);
			return (-1);
		}
	}
	v->moved_ms = listener_ms();
	return ((ssize_t)off);
}
