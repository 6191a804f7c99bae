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
 * A node of the other make that is linked to another listener is asked by a
 * stream to that one, which carries a request and brings the answer.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "doors.h"
#include "rpc_node_internal.h"

#define RELAY_SLACK	65536	/* of a request, above a message */

static size_t	asked_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	asked_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static void	asked_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	asked_done(struct mux_stream *, void *);
static size_t	relay_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static void	relay_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	relay_done(struct mux_stream *, void *);

static const struct mux_stream_ops asked_ops = {
	.input = asked_input, .pull = asked_pull, .reset = asked_reset,
	.done = asked_done
};

static const struct mux_stream_ops relay_ops = {
	.input = relay_input, .pull = asked_pull, .reset = relay_reset,
	.done = relay_done
};

const char *
rpc_ask_there(struct rpc_asked *a, const struct rpc_node *at, json_t *object)
{
	struct mux_open	 open;
	struct link	*link = peer_link(at->listener);
	char		*text;
	size_t		 len, n = strlen(at->node);

	if (link == NULL)
		return ("node_not_connected");
	if ((text = rpc_json(object, RPC_DUMP)) == NULL)
		return ("relay_error");
	len = strlen(text);
	if ((a->out = malloc(1 + n + len)) == NULL) {
		free(text);
		return ("relay_error");
	}
	a->out[0] = n;
	memcpy(a->out + 1, at->node, n);
	memcpy(a->out + 1 + n, text, len);
	free(text);
	a->outlen = 1 + n + len;
	rpc_take(NULL, a->outlen);
	memset(&open, 0, sizeof(open));
	open.kind = MUX_KIND_API;
	strlcpy(open.host, "rpc", sizeof(open.host));
	a->stream = mux_open_stream(link_mux(link), &open, &asked_ops, a);
	if (a->stream == NULL)
		return ("relay_error");
	mux_ready(a->stream);
	return (NULL);
}

static int
asked_gather(struct rpc_asked *a, const uint8_t *buf, size_t len)
{
	size_t	 size = a->insize == 0 ? 4096 : a->insize * 2;
	char	*in;

	if (a->inlen + len > (size_t)rpc_conf.message_max + RELAY_SLACK)
		return (-1);
	if (a->inlen + len > a->insize) {
		if (size < a->inlen + len)
			size = a->inlen + len;
		if (rpc_hold(NULL, size - a->insize) == -1)
			return (-1);
		if ((in = realloc(a->in, size)) == NULL) {
			rpc_release(NULL, size - a->insize);
			return (-1);
		}
		a->in = in;
		a->insize = size;
	}
	memcpy(a->in + a->inlen, buf, len);
	a->inlen += len;
	return (0);
}

static size_t
asked_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	struct rpc_asked	*a = arg;

	/* Its end is asked_done. */
	if (len > 0 && asked_gather(a, buf, len) == -1)
		rpc_asked_fail(a, "relay_error");
	return (len);
}

static size_t
asked_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct rpc_asked	*a = arg;
	size_t			 n;

	if (a->out == NULL) {
		*more = MUX_IDLE;
		return (0);
	}
	n = a->outlen - a->outoff;
	if (n > cap)
		n = cap;
	memcpy(buf, a->out + a->outoff, n);
	a->outoff += n;
	*more = a->outoff == a->outlen ? MUX_LAST : MUX_MORE;
	return (n);
}

/* The text is what the client is told, if it is of those. */
static void
asked_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	static const char *const errors[] = {
		"node_not_connected", "too_many_pending", "node_disconnected",
		"response_too_large"
	};
	struct rpc_asked	*a = arg;
	const char		*error = "relay_error";
	size_t			 i;

	a->stream = NULL;
	if (code == MUX_CODE_NODE_GONE)
		error = "node_disconnected";
	for (i = 0; i < nitems(errors); i++) {
		if (text != NULL && strcmp(text, errors[i]) == 0)
			error = errors[i];
	}
	rpc_asked_fail(a, error);
}

static void
asked_done(struct mux_stream *s, void *arg)
{
	struct rpc_asked	*a = arg;
	struct rpc_request	*r = a->request;
	struct rpc_message	 m;
	size_t			 len;
	char			*text;

	a->stream = NULL;
	if (rpc_message_parse(a->in, a->inlen, &m) == -1) {
		rpc_asked_fail(a, "relay_error");
		return;
	}
	if (m.object == NULL) {
		rpc_message_free(&m);
		rpc_asked_fail(a, "relay_error");
		return;
	}
	text = rpc_with_id(m.object, r->id, &len);
	rpc_message_free(&m);
	rpc_answer(r, text, len);
}

/* ---- for another listener ---- */

void
rpc_relay(struct mux_stream *s, const struct mux_open *open)
{
	struct rpc_asked	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL) {
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return;
	}
	a->stream = s;
	mux_stream_own(s, &relay_ops, a);
	mux_accept(s);
}

static size_t
relay_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	struct rpc_asked	*a = arg;
	struct rpc_node_link	*n;
	struct rpc_message	 m;
	char			 name[RPC_NODE_LEN];
	const char		*error = "relay_error";
	size_t			 namelen;

	if (len > 0) {
		if (asked_gather(a, buf, len) == -1)
			rpc_asked_fail(a, error);
		return (len);
	}
	namelen = a->inlen == 0 ? 0 : (unsigned char)a->in[0];
	if (namelen == 0 || namelen > RPC_NAME_MAX ||
	    a->inlen < 1 + namelen ||
	    rpc_message_parse(a->in + 1 + namelen, a->inlen - 1 - namelen,
	    &m) == -1) {
		rpc_asked_fail(a, error);
		return (0);
	}
	memcpy(name, a->in + 1, namelen);
	name[namelen] = '\0';
	rpc_release(NULL, a->insize);
	free(a->in);
	a->in = NULL;
	a->inlen = a->insize = 0;
	if (m.object != NULL) {
		n = rpc_node_here(name);
		error = n == NULL ? "node_not_connected" :
		    rpc_node_send(n, a, m.object);
	}
	rpc_message_free(&m);
	if (error != NULL)
		rpc_asked_fail(a, error);
	return (0);
}

static void
relay_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	rpc_asked_destroy(arg);
}

static void
relay_done(struct mux_stream *s, void *arg)
{
	rpc_asked_destroy(arg);
}
