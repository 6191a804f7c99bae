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
 * The response of an exchange.  It is parsed where it lies in its stream's
 * queue, so that what nobody reads holds the node back; only what must be in
 * one piece, a head or a line of a trailer, is gathered if it is in several.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/uio.h>

#include <stdlib.h>
#include <string.h>

#include "http_exchange_internal.h"

/* A head, and what came with its end. */
#define GATHER_MAX	(HTTP_HEAD_MAX + 2 * MUX_DATA_MAX)

static void	response_take(struct exchange *);
static size_t	response_view(struct exchange *, const char **);
static int	response_gather(struct exchange *);
static int	response_eof(struct exchange *);
static void	response_bad(struct exchange *, const char *);
static void	response_gone(struct exchange *);
static void	event_error(const struct exchange *, struct exchange_event *);
static int	read_head(struct exchange *, struct exchange_event *);
static int	head_names_body(const struct http_head *);
static int	head_begin(struct exchange *, struct http_head *,
		    struct exchange_event *);
static int	read_body(struct exchange *, size_t,
		    struct exchange_event *);
static int	read_other(struct exchange *, size_t,
		    struct exchange_event *);
static void	response_end(struct exchange *);

void
response_clear(struct exchange *ex)
{
	free(ex->buf);
	ex->buf = NULL;
	ex->bufoff = ex->buflen = ex->bufsize = 0;
}

/* Done with what the last event showed. */
static void
response_take(struct exchange *ex)
{
	struct mux_stream	*s;
	size_t			 n = ex->took;

	ex->took = 0;
	if (n == 0)
		return;
	if (ex->buf != NULL) {
		ex->bufoff += n;
		if (ex->bufoff == ex->buflen)
			response_clear(ex);
	} else if ((s = http_backend_stream(ex->backend)) != NULL)
		mux_drain(s, n);
}

/* What there is in one piece, and has not been taken. */
static size_t
response_view(struct exchange *ex, const char **p)
{
	struct mux_stream	*s;
	struct iovec		 iov;

	response_take(ex);
	if (ex->buf != NULL) {
		*p = ex->buf + ex->bufoff;
		return (ex->buflen - ex->bufoff);
	}
	*p = "";
	if ((s = http_backend_stream(ex->backend)) == NULL ||
	    mux_peek(s, &iov, 1) < 1)
		return (0);
	*p = iov.iov_base;
	return (iov.iov_len);
}

/*
 * More in one piece, out of the stream.  What is not yet complete may not
 * stay there: nobody would say that the rest has come.  1: there is more;
 * 0: not now; -1: no memory.
 */
static int
response_gather(struct exchange *ex)
{
	struct mux_stream	*s;
	struct iovec		 iov;
	size_t			 before, size;
	char			*p;
	int			 n, more = ex->buf != NULL;

	if ((s = http_backend_stream(ex->backend)) == NULL)
		return (0);
	for (n = more ? 1 : 0; n < 2; n++) {
		if (mux_peek(s, &iov, 1) < 1)
			return (0);
		before = ex->buflen - ex->bufoff;
		if (before + iov.iov_len > GATHER_MAX)
			return (-1);
		if (ex->bufoff > 0) {
			memmove(ex->buf, ex->buf + ex->bufoff, before);
			ex->buflen = before;
			ex->bufoff = 0;
		}
		if (before + iov.iov_len > ex->bufsize) {
			size = before + iov.iov_len;
			/* Byte by byte, it would be copied as often. */
			if (size < 2 * ex->bufsize)
				size = 2 * ex->bufsize;
			if ((p = realloc(ex->buf, size)) == NULL)
				return (-1);
			ex->buf = p;
			ex->bufsize = size;
		}
		memcpy(ex->buf + before, iov.iov_base, iov.iov_len);
		ex->buflen = before + iov.iov_len;
		mux_drain(s, iov.iov_len);
	}
	return (1);
}

/* Nothing more will come, and it ended in order. */
static int
response_eof(struct exchange *ex)
{
	struct mux_stream	*s;

	if (ex->eof)
		return (1);
	s = http_backend_stream(ex->backend);
	return (s != NULL && mux_eof(s));
}

static void
response_bad(struct exchange *ex, const char *text)
{
	exchange_fail(ex, 502, MUX_CODE_PROTOCOL, "bad-response", text);
}

/* It ended without a response. */
static void
response_gone(struct exchange *ex)
{
	ex->again = 0;
	if (exchange_retry(ex) == 0)
		return;
	exchange_fail(ex, 502, MUX_CODE_TARGET_RESET, ex->heard ?
	    "incomplete" : "reset", ex->heard ?
	    "the device's web server did not finish its answer" :
	    "the device's web server closed without an answer");
}

static void
event_error(const struct exchange *ex, struct exchange_event *ev)
{
	ev->what = EXCHANGE_ERROR;
	ev->status = ex->status;
	ev->code = ex->code;
	ev->word = ex->word;
	ev->text = ex->text;
}

void
exchange_read(struct exchange *ex, size_t max, struct exchange_event *ev)
{
	int	 again;

	memset(ev, 0, sizeof(*ev));
	do {
		again = 0;
		switch (ex->state) {
		case EXCHANGE_IN_HEAD:
			again = read_head(ex, ev);
			break;
		case EXCHANGE_IN_BODY:
			again = read_body(ex, max, ev);
			break;
		case EXCHANGE_IN_OTHER:
			again = read_other(ex, max, ev);
			break;
		case EXCHANGE_IN_END:
			ev->what = EXCHANGE_END;
			break;
		case EXCHANGE_FAILED:
			event_error(ex, ev);
			break;
		}
	} while (again);
}

/* ---- heads ---- */

/* These return 1: look again, or 0: that is the event, or there is none. */
static int
read_head(struct exchange *ex, struct exchange_event *ev)
{
	static struct http_head	 head;
	const char		*p;
	size_t			 len, from;
	ssize_t			 n = 0;
	int			 status;

	if (ex->again) {
		response_gone(ex);
		return (ex->state == EXCHANGE_FAILED);
	}
	if ((len = response_view(ex, &p)) > 0) {
		ex->heard = 1;
		/* A byte at a time must not cost a look at all the others. */
		from = ex->seen > 2 && ex->seen <= len ? ex->seen - 2 : 0;
		ex->seen = len;
		if (len >= HTTP_HEAD_MAX || from == 0 || p[len - 1] == '\n' ||
		    memmem(p + from, len - from, "\n\r\n", 3) != NULL)
			n = http_parse_response_in(p, len,
			    &http_response_limits, &head, &status);
		if (n > 0) {
			ex->took = n;
			ex->seen = 0;
			return (head_begin(ex, &head, ev));
		}
		if (n == -1) {
			response_bad(ex, "the device's web server says what "
			    "is not HTTP");
			return (1);
		}
		switch (response_gather(ex)) {
		case 1:
			return (1);
		case -1:
			exchange_fail(ex, 502, MUX_CODE_LIMIT, "bad-response",
			    "the answer's head is too long");
			return (1);
		}
	}
	if (!response_eof(ex))
		return (0);
	response_gone(ex);
	return (ex->state == EXCHANGE_FAILED);
}

/*
 * Where a body is spoken of and none follows, a broken server sends one, if
 * only later: it must not pass for the next answer.
 */
static int
head_names_body(const struct http_head *head)
{
	const struct http_str	*len = http_field(head, "content-length");

	return ((len != NULL && !http_str_eq(len, "0")) ||
	    http_field(head, "transfer-encoding") != NULL);
}

static int
head_begin(struct exchange *ex, struct http_head *head,
    struct exchange_event *ev)
{
	int	 status;

	if (http_response_framing(head, &ex->asked, &ev->framing, &status) ==
	    -1) {
		response_bad(ex, head->status == 101 ?
		    "the device's web server changes the protocol unasked" :
		    "the end of the answer is in doubt");
		return (1);
	}
	if (ev->framing.kind == HTTP_BODY_CHUNKED && head->status >= 200 &&
	    trailer_list(head, NULL, &ex->said) == -1) {
		exchange_fail(ex, 503, MUX_CODE_LIMIT, "limit", "no memory");
		return (1);
	}
	ev->what = EXCHANGE_HEAD;
	ev->head = head;
	if (head->status == 101) {
		ex->state = EXCHANGE_IN_OTHER;
		ex->ended = ex->sent = 0;
		exchange_unhold(ex);
		return (0);
	}
	if (head->status < 200) {
		if (head->status == 100)
			exchange_unhold(ex);
		return (0);
	}
	ev->last = head->minor == 0 ||
	    ev->framing.kind == HTTP_BODY_CLOSE ||
	    http_field_has_token(head, "connection", "close");
	ex->keep = !ev->last && !ex->asked.head &&
	    !(ev->framing.kind == HTTP_BODY_NONE && head_names_body(head));
	ex->good = head->status < 300;
	http_body_init(&ex->in, &ev->framing, HTTP_RESPONSE, UINT64_MAX);
	ex->state = EXCHANGE_IN_BODY;
	return (0);
}

/* ---- bodies ---- */

static void
response_end(struct exchange *ex)
{
	const char	*p;

	/* What it says besides nobody has asked for. */
	if (response_view(ex, &p) > 0)
		ex->keep = 0;
	else
		ex->late = ex->good && !ex->sent && !ex->held;
	response_clear(ex);
	ex->state = EXCHANGE_IN_END;
}

static int
read_body(struct exchange *ex, size_t max, struct exchange_event *ev)
{
	struct http_body_event	 bev;
	const char		*p;
	size_t			 len = response_view(ex, &p), n;

	n = http_body_read(&ex->in, p, len < max ? len : max, &bev);
	if (bev.what == HTTP_BODY_MORE && n == 0 && len > max)
		/* A line is wanted whole. */
		n = http_body_read(&ex->in, p, len, &bev);
	ex->took = n;
	switch (bev.what) {
	case HTTP_BODY_DATA:
		ev->what = EXCHANGE_DATA;
		ev->data = bev.data;
		return (0);
	case HTTP_BODY_TRAILER:
		if (!trailer_announced(ex->said, &bev.field.name))
			return (1);
		ev->what = EXCHANGE_TRAILER;
		ev->field = bev.field;
		return (0);
	case HTTP_BODY_END:
		response_end(ex);
		return (1);
	case HTTP_BODY_ERROR:
		response_bad(ex, "the device's web server broke off its "
		    "answer");
		return (1);
	case HTTP_BODY_MORE:
		break;
	}
	if (n > 0)
		return (1);
	switch (len > 0 ? response_gather(ex) : 0) {
	case 1:
		return (1);
	case -1:
		response_bad(ex, "no memory");
		return (1);
	}
	if (!response_eof(ex))
		return (0);
	http_body_eof(&ex->in, &bev);
	if (bev.what == HTTP_BODY_END)
		response_end(ex);
	else
		exchange_fail(ex, 502, MUX_CODE_TARGET_RESET, "incomplete",
		    "the device's web server did not finish its answer");
	return (1);
}

static int
read_other(struct exchange *ex, size_t max, struct exchange_event *ev)
{
	const char	*p;
	size_t		 len = response_view(ex, &p);

	if (len > 0) {
		ev->what = EXCHANGE_DATA;
		ev->data.s = p;
		ev->data.len = ex->took = len < max ? len : max;
		return (0);
	}
	if (!response_eof(ex))
		return (0);
	ex->shut = ex->late = 1;
	ev->what = EXCHANGE_END;
	return (0);
}

int
exchange_sending(const struct exchange *ex)
{
	struct mux_stream	*s;

	if (!ex->late || ex->sent || ex->over)
		return (0);
	/* More of an answer, or the end of it: of the rest it takes none. */
	return (ex->shut || ((s = http_backend_stream(ex->backend)) != NULL &&
	    mux_queued(s) == 0 && !mux_eof(s)));
}
