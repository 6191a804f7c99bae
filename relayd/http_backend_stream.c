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
 * What comes and goes on a backend's stream, and what its entry on record is
 * asked.
 */

#include "compat.h"

#include <sys/socket.h>

#include <string.h>

#include "http_backend_internal.h"

static void	stream_accepted(struct mux_stream *, void *);
static size_t	prologue_input(struct http_backend *, const uint8_t *,
		    size_t);
static size_t	stream_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	stream_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static void	stream_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	stream_done(struct mux_stream *, void *);
static void	backend_describe(const struct stream_record *,
		    struct stream_up *);
static void	backend_meter(struct stream_record *, struct meter_flow *,
		    struct meter_flow *);
static void	backend_mem(const struct stream_record *, struct mux_memory *,
		    struct mux_memory *);

const struct mux_stream_ops backend_stream_ops = {
	.accepted = stream_accepted,
	.input = stream_input,
	.pull = stream_pull,
	.reset = stream_reset,
	.done = stream_done
};
const struct stream_record_ops backend_record_ops = {
	backend_describe, http_backend_bytes, backend_kill, backend_meter,
	backend_mem
};

/* ---- the stream ---- */

static void
stream_accepted(struct mux_stream *s, void *arg)
{
	struct http_backend	*b = arg;

	if (b->state == BACKEND_OPEN)
		b->state = BACKEND_PROLOGUE;
}

/* Returns how many of these bytes belong to it. */
static size_t
prologue_input(struct http_backend *b, const uint8_t *buf, size_t len)
{
	size_t	 before = b->nearly, n = sizeof(b->early) - before;
	ssize_t	 used;

	if (n > len)
		n = len;
	memcpy(b->early + before, buf, n);
	b->nearly += n;
	used = http_prologue_get(b->early, b->nearly, &b->prologue);
	if (used == -1) {
		mux_reset(b->stream, MUX_CODE_PROTOCOL, "no prologue");
		backend_over(b, MUX_CODE_PROTOCOL,
		    "the device says what nobody understands");
		return (len);
	}
	if (used == 0)
		return (n);
	b->state = BACKEND_READY;
	backend_untick(b);
	if (b->ops != NULL)
		b->ops->ready(b->arg, &b->prologue);
	/* What is behind it is queued, and of that nobody tells. */
	if (b->ops != NULL && (size_t)used - before < len)
		b->ops->input(b->arg);
	return ((size_t)used - before);
}

static size_t
stream_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	struct http_backend	*b = arg;

	if (b->state == BACKEND_CLOSE)
		return (len);
	if (b->state == BACKEND_PROLOGUE && len > 0) {
		len = prologue_input(b, buf, len);
		return (len);
	}
	if (b->state == BACKEND_READY && b->ops != NULL) {
		b->ops->input(b->arg);
		return (0);
	}
	/* It closes while it is idle, or says what nobody asked for. */
	mux_reset(s, MUX_CODE_CANCEL, NULL);
	backend_over(b, len > 0 ? MUX_CODE_PROTOCOL : MUX_CODE_TARGET_RESET,
	    len > 0 ? "the backend speaks unasked" : "the backend closed");
	return (len);
}

static size_t
stream_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct http_backend	*b = arg;

	if (b->state == BACKEND_CLOSE) {
		*more = MUX_LAST;
		return (0);
	}
	if (b->state != BACKEND_READY || b->ops == NULL)
		return (0);
	return (b->ops->pull(b->arg, buf, cap, more));
}

static void
stream_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	struct http_backend	*b = arg;

	if (b->state == BACKEND_CLOSE)
		backend_destroy(b);
	else
		backend_over(b, code, text);
}

static void
stream_done(struct mux_stream *s, void *arg)
{
	struct http_backend	*b = arg;

	if (b->state == BACKEND_CLOSE)
		backend_destroy(b);
	else
		backend_over(b, 0, NULL);
}

/* ---- on record ---- */

static void
backend_describe(const struct stream_record *r, struct stream_up *up)
{
	const struct http_backend	*b = (const struct http_backend *)r;

	up->kind = MUX_KIND_HTTP;
	strlcpy(up->host, b->service, sizeof(up->host));
	strlcpy(up->node, b->node, sizeof(up->node));
	addr_format((const struct sockaddr *)&b->client, up->addr);
}

void
http_backend_bytes(const struct stream_record *r, uint64_t *in, uint64_t *out)
{
	const struct http_backend	*b = (const struct http_backend *)r;

	*in = b->stream == NULL ? b->in : mux_stream_in(b->stream);
	*out = b->stream == NULL ? b->out : mux_stream_out(b->stream);
}

void
backend_kill(struct stream_record *r, uint16_t code, const char *text)
{
	struct http_backend	*b = (struct http_backend *)r;
	struct mux_stream	*s = b->stream;

	if (b->state == BACKEND_OVER)
		return;
	backend_over(b, code, text);
	if (s != NULL)
		mux_reset(s, code, text);
}

static void
backend_meter(struct stream_record *r, struct meter_flow *out,
    struct meter_flow *in)
{
	struct http_backend	*b = (struct http_backend *)r;

	if (b->stream == NULL)
		return;
	mux_pace(b->stream, out);
	mux_meter(b->stream, in);
}

static void
backend_mem(const struct stream_record *r, struct mux_memory *there,
    struct mux_memory *back)
{
	const struct http_backend	*b = (const struct http_backend *)r;

	memset(there, 0, sizeof(*there));
	memset(back, 0, sizeof(*back));
	there->state = sizeof(*b);
	if (b->ops != NULL)
		there->state += b->ops->memory(b->arg);
	if (b->stream != NULL)
		mux_stream_memory(b->stream, back);
	back->state = 0;
}
