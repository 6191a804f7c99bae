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
 * The request of an exchange, as it leaves.  The body is kept as it came in,
 * without its framing, and framed anew when the stream can take it: so each
 * frame is as full as can be.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_exchange_internal.h"

static void	pull_next(struct exchange *);

/* ---- to the backend ---- */

/* What goes out next, when all of `out' has. */
static void
pull_next(struct exchange *ex)
{
	static const char	 end[] = "0\r\n\r\n";
	int			 chunked, n;

	chunked = ex->framing.kind == HTTP_BODY_CHUNKED &&
	    ex->state != EXCHANGE_IN_OTHER;
	if (ex->in_chunk) {
		ex->in_chunk = 0;
		if (chunked) {
			ex->out = "\r\n";
			ex->outlen = 2;
			return;
		}
	}
	if (ex->held)
		return;
	if (ex->body.len > 0) {
		ex->chunk = ex->body.len;
		ex->in_chunk = 1;
		if (!chunked)
			return;
		n = snprintf(ex->line, sizeof(ex->line), "%zx\r\n",
		    ex->body.len);
		ex->out = ex->line;
		ex->outlen = n;
		return;
	}
	if (!ex->ended || ex->sent)
		return;
	if (chunked && !ex->tailed) {
		ex->tailed = 1;
		ex->out = ex->tail != NULL ? ex->tail : end;
		ex->outlen = ex->tail != NULL ? ex->taillen :
		    sizeof(end) - 1;
		return;
	}
	ex->sent = 1;
}

size_t
exchange_pull(void *arg, uint8_t *buf, size_t cap, enum mux_more *more)
{
	struct exchange	*ex = arg;
	size_t		 n = 0, len;

	if (!ex->ready || (ex->state >= EXCHANGE_IN_END && !ex->late))
		return (0);
	for (;;) {
		if (ex->outlen == 0 && ex->chunk == 0)
			pull_next(ex);
		if (n == cap)
			break;
		if (ex->outlen > 0) {
			len = ex->outlen < cap - n ? ex->outlen : cap - n;
			memcpy(buf + n, ex->out, len);
			ex->begun = 1;
			ex->out += len;
			ex->outlen -= len;
		} else if (ex->chunk > 0) {
			len = ex->chunk < cap - n ? ex->chunk : cap - n;
			len = mux_queue_read(&ex->body, buf + n, len);
			ex->chunk -= len;
		} else
			break;
		n += len;
	}
	if (ex->outlen > 0 || ex->chunk > 0)
		*more = MUX_MORE;
	else if (ex->sent && ex->state == EXCHANGE_IN_OTHER)
		*more = MUX_LAST;
	if (ex->full && ex->body.len <= EXCHANGE_BUFFER / 2) {
		ex->full = 0;
		if (ex->ops->writable != NULL)
			ex->ops->writable(ex->arg);
	}
	if (ex->sent && ex->late)
		ex->ops->readable(ex->arg);
	return (n);
}

/* ---- from whoever has it ---- */

void
exchange_push(struct exchange *ex)
{
	struct mux_stream	*s;

	if (ex->ready && (s = http_backend_stream(ex->backend)) != NULL)
		mux_ready(s);
}

int
request_over(const struct exchange *ex)
{
	return (ex->ended || (ex->state >= EXCHANGE_IN_END &&
	    (!ex->late || ex->over)));
}

size_t
exchange_room(struct exchange *ex)
{
	if (ex->body.len < EXCHANGE_BUFFER)
		return (EXCHANGE_BUFFER - ex->body.len);
	ex->full = 1;
	return (0);
}

size_t
exchange_write(struct exchange *ex, const char *buf, size_t len)
{
	size_t	 n = exchange_room(ex);

	if (request_over(ex))
		return (len);
	if (len > n)
		ex->full = 1;
	else
		n = len;
	if (n == 0)
		return (0);
	if (ex->framing.kind == HTTP_BODY_LENGTH &&
	    ex->state != EXCHANGE_IN_OTHER) {
		if (n > ex->left)
			n = ex->left;
		ex->left -= n;
	}
	if (mux_queue_add(&ex->body, (const uint8_t *)buf, n) == -1) {
		exchange_fail(ex, 503, MUX_CODE_LIMIT, "limit", "no memory");
		ex->ops->readable(ex->arg);
		return (len);
	}
	if (!ex->held)
		exchange_push(ex);
	return (n);
}

void
exchange_end(struct exchange *ex)
{
	if (ex->ended)
		return;
	ex->ended = 1;
	if (!ex->held)
		exchange_push(ex);
}

void
exchange_unhold(struct exchange *ex)
{
	if (!ex->held)
		return;
	ex->held = 0;
	exchange_push(ex);
}

void
exchange_hurry(struct exchange *ex)
{
	exchange_unhold(ex);
}
