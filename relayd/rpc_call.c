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
 * A request of a paired client to its own node: made into HTTP and judged by
 * the parser as any other, then passed on as the http door does it, to the
 * node's default backend and nowhere else.
 */

#include "compat.h"

#include <event2/event.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "access_log.h"
#include "clock.h"
#include "door_http.h"
#include "door_rpc.h"
#include "http_backend.h"
#include "http_exchange.h"
#include "http_forward.h"
#include "http_gate.h"
#include "http_site.h"
#include "log.h"

#define PIECE_MAX	65536	/* of an answer, at a time */

struct rpc_call {
	struct rpc_request	*request;
	struct site_wait	 wait;
	struct site_use		 site;
	struct event		*soon;
	struct exchange		*ex;
	char			 host[HTTP_HOST_MAX];
	char			 id[REQUEST_ID_LEN];
	char			*text;		/* the request's head */
	size_t			 textlen;
	uint8_t			*body;
	size_t			 len, off;
	int			 ended;
	char			*answer;	/* the head of one */
	size_t			 answerlen;
	uint8_t			*data;		/* its body */
	size_t			 datalen, datasize;
	size_t			 max;		/* of that, whatever is
						   configured meanwhile... */
	int			 cut;		/* ...and what is over */
	int			 status;
	int			 logged;
	uint64_t		 begun_us, head_us;
};

static void	call_site(struct site_wait *);
static void	call_site_end(struct site_use *, const char *);
static void	call_start(struct rpc_call *);
static const char *call_exchange(struct rpc_call *, const struct site *);
static void	call_fail(struct rpc_call *, const char *);
static int	error_status(const char *);
static void	call_soon(evutil_socket_t, short, void *);
static void	call_write(struct rpc_call *);
static void	call_read(struct rpc_call *);
static void	call_log(struct rpc_call *, const char *, int);
static void	on_readable(void *);
static void	on_writable(void *);

static const struct exchange_ops exchange_ops = { on_readable, on_writable };

/*
 * Some of the words are those of the connectors of the other make; and the
 * status that a site's visitor would get, for the access log.
 */
static const struct {
	const char	*word, *error;
	int		 status;
} errors[] = {
	{ "offline", "node_not_connected", 503 },
	{ "gone", "node_disconnected", 503 },
	{ "ended", "node_disconnected", 503 },
	{ "refused", "http_proxy_failed:ClientConnectorError", 502 },
	{ "unreachable", "http_proxy_failed:ClientConnectorError", 502 },
	{ "reset", "http_proxy_failed:ServerDisconnectedError", 502 },
	{ "incomplete", "http_proxy_failed:ClientPayloadError", 502 },
	{ "bad-response", "http_proxy_failed:ClientResponseError", 502 },
	{ "timeout", "http_proxy_failed:TimeoutError", 504 },
	{ "no-service", "http_proxy_failed:NoBackend", 404 },
	{ "denied", "http_proxy_failed:Denied", 502 },
	{ "", RPC_BAD_REQUEST, 400 },
	{ "", "response_too_large", 502 },
};

struct rpc_call *
rpc_call_new(struct rpc_request *r, const json_t *object, uint8_t *body,
    size_t len, const char **error)
{
	struct conn	*c = rpc_client_conn(r->client);
	struct rpc_call	*call;

	*error = "relay_error";
	if ((call = calloc(1, sizeof(*call))) == NULL) {
		free(body);
		return (NULL);
	}
	call->request = r;
	call->body = body;
	call->len = len;
	call->max = rpc_conf.body_max;
	call->cut = rpc_conf.body_cut;
	call->wait.go = call_site;
	call->begun_us = clock_us();
	request_id(call->id);
	/* By its own name, whatever other names there are for it. */
	if (snprintf(call->host, sizeof(call->host), "%s.%s",
	    c->session->node, rpc_domain[0] != '\0' ? rpc_domain :
	    "localhost") >= (int)sizeof(call->host) ||
	    (call->soon = evtimer_new(proc_base(), call_soon, call)) == NULL) {
		rpc_call_free(call);
		return (NULL);
	}
	if (rpc_head(object, call->host, len, &call->text, &call->textlen) ==
	    -1) {
		*error = RPC_BAD_REQUEST;
		rpc_call_free(call);
		return (NULL);
	}
	*error = NULL;
	/* Not from here: it may have an end already. */
	event_active(call->soon, EV_TIMEOUT, 0);
	return (call);
}

void
rpc_call_free(struct rpc_call *call)
{
	if (call == NULL)
		return;
	/* Nobody waits for it any more. */
	call_log(call, "", 1);
	site_unwait(&call->wait);
	site_release(&call->site);
	exchange_free(call->ex);
	if (call->soon != NULL)
		event_free(call->soon);
	free(call->text);
	free(call->body);
	free(call->answer);
	free(call->data);
	free(call);
}

static int
error_status(const char *error)
{
	size_t	 i;

	for (i = 0; i < nitems(errors); i++) {
		if (strcmp(errors[i].error, error) == 0)
			return (errors[i].status);
	}
	return (503);
}

/*
 * The end, if not a good one: the request is gone, and so are we.  Its client
 * does not hear what the device may have answered.
 */
static void
call_fail(struct rpc_call *call, const char *error)
{
	call->status = error_status(error);
	call_log(call, error, 1);
	rpc_fail(call->request, error);
}

void
rpc_call_late(struct rpc_call *call)
{
	call->status = 504;
	call_log(call, "timeout", 1);
}

/* ---- to the backend ---- */

static void
call_site(struct site_wait *w)
{
	struct rpc_call	*call;

	call = (struct rpc_call *)(void *)((char *)w -
	    offsetof(struct rpc_call, wait));
	event_active(call->soon, EV_TIMEOUT, 0);
}

/* The backend's connection ends with it, and we by that. */
static void
call_site_end(struct site_use *u, const char *why)
{
}

static void
call_start(struct rpc_call *call)
{
	const struct site	*site;
	const char		*error = NULL;

	switch (site_find(call->host, 0, &call->wait, &site)) {
	case SITE_FOUND:
		error = call_exchange(call, site);
		break;
	case SITE_WAIT:
		return;
	case SITE_NONE:
		error = "node_not_connected";
		break;
	case SITE_BUSY:
		error = "relay_error";
		break;
	}
	if (error != NULL)
		call_fail(call, error);
	else
		call_write(call);
}

static const char *
call_exchange(struct rpc_call *call, const struct site *site)
{
	static struct http_head	 head;
	static struct http_set	 set[GATE_FIELDS_MAX + 1];
	static struct http_set	 forwarded[HTTP_FORWARD_MAX];
	struct rpc_client	*cl = call->request->client;
	struct conn		*c = rpc_client_conn(cl);
	struct exchange_config	 cfg;
	struct http_framing	 framing;
	struct http_from	 from;
	int			 status;

	/* Another has its name now. */
	if (c->session == NULL || strcmp(site->node_id, c->session->node_id) !=
	    0)
		return ("node_not_connected");
	if (http_parse_request_in(call->text, call->textlen,
	    &http_request_limits, &head, &status) != (ssize_t)call->textlen ||
	    http_request_framing(&head, &framing, &status) == -1 ||
	    framing.kind == HTTP_BODY_CHUNKED ||
	    (framing.kind == HTTP_BODY_LENGTH ? framing.length : 0) !=
	    call->len)
		return (RPC_BAD_REQUEST);
	memset(&from, 0, sizeof(from));
	from.client = &c->peer;
	from.tls = rpc_client_secure(cl);
	from.host = call->host;
	memset(&cfg, 0, sizeof(cfg));
	cfg.site = site;
	cfg.visitor = rpc_client_visitor(cl);
	cfg.client = &c->peer;
	cfg.request_id = call->id;
	cfg.backend = rpc_client_idle(cl, NULL);
	cfg.head = &head;
	cfg.framing = &framing;
	cfg.nset = gate_fields(&head, site, cfg.visitor, set);
	set[cfg.nset++] = (struct http_set){ "X-Request-Id", call->id,
	    HTTP_SET_DEFAULT };
	cfg.set = set;
	cfg.forwarded = forwarded;
	cfg.nforwarded = http_forward(NULL, &from, forwarded);
	cfg.hasty = 1;
	cfg.ops = &exchange_ops;
	cfg.arg = call;
	site_use(site, &call->site, call_site_end);
	if ((call->ex = exchange_new(&cfg, &status)) == NULL)
		return (status == 400 ? RPC_BAD_REQUEST : "relay_error");
	return (NULL);
}

static void
call_write(struct rpc_call *call)
{
	size_t	 n;

	while (!call->ended && call->off < call->len) {
		n = exchange_write(call->ex, (char *)call->body + call->off,
		    call->len - call->off);
		if (n == 0)
			return;
		call->off += n;
	}
	if (!call->ended) {
		call->ended = 1;
		exchange_end(call->ex);
		/* Only what might be sent again is needed, and it keeps it. */
		free(call->body);
		call->body = NULL;
	}
}

static void
on_readable(void *arg)
{
	struct rpc_call	*call = arg;

	event_active(call->soon, EV_TIMEOUT, 0);
}

static void
on_writable(void *arg)
{
	on_readable(arg);
}

static void
call_soon(evutil_socket_t fd, short what, void *arg)
{
	struct rpc_call	*call = arg;

	if (call->ex == NULL)
		call_start(call);
	else {
		call_write(call);
		call_read(call);
	}
}

void
rpc_call_go_on(struct rpc_call *call)
{
	on_readable(call);
}

/* ---- and back ---- */

/*
 * The head as the http door would send it on, but for what frames it: that is
 * the message.
 */
static int
call_head(struct rpc_call *call, const struct exchange_event *ev)
{
	static char		 buf[HTTP_HEAD_MAX + 1024];
	static struct http_set	 ours[] = {
		{ "Culvert-*", NULL, HTTP_SET_REPLACE }
	};
	struct http_framing	 framing = ev->framing;
	struct http_rewrite	 rw;
	ssize_t			 n;

	gate_response(site_used(&call->site), ev->head);
	memset(&rw, 0, sizeof(rw));
	rw.set = ours;
	rw.nset = nitems(ours);
	if (framing.kind >= HTTP_BODY_CHUNKED)
		framing.kind = HTTP_BODY_CHUNKED;
	rw.framing = &framing;
	n = http_response_write(ev->head, &rw, buf, sizeof(buf));
	if (n == -1 || (call->answer = malloc(n)) == NULL)
		return (-1);
	memcpy(call->answer, buf, n);
	call->answerlen = n;
	call->status = ev->head->status;
	call->head_us = clock_us();
	return (0);
}

/* More of the body; -1 if that is too much. */
static int
call_data(struct rpc_call *call, const struct http_str *s)
{
	size_t	 room = call->max - call->datalen, size, n = s->len;
	uint8_t	*data;

	if (n > room) {
		if (!call->cut)
			return (-1);
		n = room;
	}
	if (call->datalen + n > call->datasize) {
		size = (call->datalen + n) * 2;
		if (size > call->max)
			size = call->max;
		if ((data = realloc(call->data, size)) == NULL)
			return (-1);
		call->data = data;
		call->datasize = size;
	}
	if (n > 0)
		memcpy(call->data + call->datalen, s->s, n);
	call->datalen += n;
	return (0);
}

static void
call_answer(struct rpc_call *call)
{
	static struct http_head	 head;
	struct rpc_request	*r = call->request;
	struct http_backend	*idle;
	size_t			 len = 0, i, n = 0;
	char			*text = NULL;
	int			 status;

	idle = exchange_keep(call->ex);
	call->ex = NULL;
	http_backend_free(rpc_client_idle(r->client, idle));
	if (http_parse_response_in(call->answer, call->answerlen,
	    &http_response_limits, &head, &status) > 0) {
		for (i = 0; i < head.nfields; i++) {
			if (!http_str_caseeq(&head.fields[i].name,
			    "transfer-encoding"))
				head.fields[n++] = head.fields[i];
		}
		head.nfields = n;
		text = rpc_response(r->id, &head, call->data == NULL ?
		    (const uint8_t *)"" : call->data, call->datalen, &len);
	}
	if (text == NULL) {
		call_fail(call, "relay_error");
		return;
	}
	if (len > RPC_MESSAGE_HARD) {
		free(text);
		call_fail(call, "response_too_large");
		return;
	}
	call_log(call, "", 0);
	rpc_answer(r, text, len);
}

static const char *
call_error(const struct exchange_event *ev)
{
	size_t	 i;

	for (i = 0; i < nitems(errors); i++) {
		if (strcmp(errors[i].word, ev->word) == 0)
			return (errors[i].error);
	}
	return ("relay_error");
}

static void
call_read(struct rpc_call *call)
{
	struct exchange_event	 ev;

	for (;;) {
		/* Once it has begun there has to be room for all of it. */
		if (call->answer != NULL && rpc_collect(call->request) == -1)
			return;
		exchange_read(call->ex, PIECE_MAX, &ev);
		switch (ev.what) {
		case EXCHANGE_NONE:
			return;
		case EXCHANGE_HEAD:
			if (ev.head->status < 200)
				break;
			if (call_head(call, &ev) == -1) {
				call_fail(call, "relay_error");
				return;
			}
			if (ev.framing.kind == HTTP_BODY_LENGTH &&
			    ev.framing.length > call->max && !call->cut) {
				call_fail(call, "response_too_large");
				return;
			}
			break;
		case EXCHANGE_DATA:
			if (call_data(call, &ev.data) == -1) {
				call_fail(call, "response_too_large");
				return;
			}
			break;
		case EXCHANGE_TRAILER:
			break;
		case EXCHANGE_END:
			/* What it answers may be no more than the head. */
			if (!exchange_sending(call->ex))
				call_answer(call);
			return;
		case EXCHANGE_ERROR:
			call_fail(call, call_error(&ev));
			return;
		}
	}
}

/* ---- the access log ---- */

/* Once, whatever comes of it. */
static void
call_log(struct rpc_call *call, const char *error, int cut)
{
	static struct http_head	 head;
	struct conn		*c = rpc_client_conn(call->request->client);
	const struct http_str	*s;
	struct access_line	 l;
	int			 status;

	if (call->logged || call->text == NULL)
		return;
	call->logged = 1;
	if (!access_log_on() || c->session == NULL ||
	    http_parse_request_in(call->text, call->textlen,
	    &http_request_limits, &head, &status) <= 0)
		return;
	memset(&l, 0, sizeof(l));
	l.client = &c->peer;
	l.email = c->session->email;
	l.host = call->host;
	l.node = c->session->node;
	l.service = "";
	l.request_id = call->id;
	l.door = "rpc";
	l.error = error;
	l.method = head.method;
	l.target = head.target;
	if ((s = http_field(&head, "user-agent")) != NULL)
		l.agent = *s;
	if ((s = http_field(&head, "referer")) != NULL)
		l.referer = *s;
	l.minor = 1;
	l.tls = rpc_client_tls(call->request->client);
	l.status = call->status;
	l.cut = cut;
	l.in = call->len;
	l.out = cut ? 0 : call->datalen;
	l.head_us = call->head_us == 0 ? 0 : call->head_us - call->begun_us;
	l.us = clock_us() - call->begun_us;
	access_log_request(&l);
}
