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
 * Pairing: POST /api/pair, where a code buys a token; and on a node's link the
 * stream by which it offers the hash of one.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "door_rpc.h"
#include "doors.h"
#include "http_message.h"
#include "log.h"
#include "pairing.h"
#include "paircode.h"

#define BODY_MAX	16384
#define ANSWER_MS	10000
#define TOKEN_BYTES	32
#define OFFERS_MAX	8	/* on one link, not answered by router */

/* Somebody who pairs; the connection owns it. */
struct rpc_pairing {
	int	 is_json;
	char	 token[BASE64URL_LEN(TOKEN_BYTES) + 1];
	char	 software[CTL_TEXT_LEN];
};

/* An offer by a link; its stream owns it. */
struct offering {
	TAILQ_ENTRY(offering)	 entry;
	struct mux_stream	*stream;
	uint32_t		 conn;
	uint64_t		 session;
	uint8_t			 in[PAIRING_ASK_LEN + 1];
	size_t			 inlen;
	int			 asked;
	uint8_t			 hash[RPC_HASH_LEN];
	uint8_t			 out[PAIRING_ANSWER_MAX];
	size_t			 outlen, outoff;
};

static void	pair_body(struct conn *, int, const char *, size_t);
static size_t	offering_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	offering_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static void	offering_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	offering_done(struct mux_stream *, void *);
static void	offering_free(struct offering *);

static const struct mux_stream_ops offering_ops = {
	.input = offering_input, .pull = offering_pull,
	.reset = offering_reset, .done = offering_done
};

static TAILQ_HEAD(, offering) offerings = TAILQ_HEAD_INITIALIZER(offerings);

/* ---- POST /api/pair ---- */

/* application/json, or something that is said to be that as well. */
static int
is_json(const struct http_head *head)
{
	const struct http_str	*type = http_field(head, "content-type");
	struct http_str		 t;
	const char		*p;

	if (type == NULL || type->len == 0)
		return (1);
	t = *type;
	if ((p = memchr(t.s, ';', t.len)) != NULL)
		t.len = p - t.s;
	http_str_trim(&t);
	if (http_str_caseeq(&t, "application/json"))
		return (1);
	return (t.len > 17 && strncasecmp(t.s, "application/", 12) == 0 &&
	    strncasecmp(t.s + t.len - 5, "+json", 5) == 0);
}

void
rpc_pair_request(struct conn *c, const struct http_head *head,
    const struct http_framing *framing)
{
	const struct http_str	*agent = http_field(head, "user-agent");
	struct rpc_pairing	*p;
	int			 expect = http_expect(head);

	if (expect == -1) {
		rpc_detail(c, 417, "Expectation Failed", NULL);
		return;
	}
	rpc_pair_forget(c);
	if ((p = calloc(1, sizeof(*p))) == NULL) {
		rpc_detail(c, 503, "try again", "Retry-After: 1\r\n");
		return;
	}
	c->pairing = p;
	p->is_json = is_json(head);
	if (agent != NULL)
		snprintf(p->software, sizeof(p->software), "%.*s",
		    (int)(agent->len < sizeof(p->software) ? agent->len :
		    sizeof(p->software) - 1), agent->s);
	if (conn_read_body(c, framing, expect, BODY_MAX, pair_body) == -1) {
		rpc_pair_forget(c);
		rpc_detail(c, 503, "try again", "Retry-After: 1\r\n");
	}
}

void
rpc_pair_forget(struct conn *c)
{
	if (c->pairing == NULL)
		return;
	freezero(c->pairing, sizeof(*c->pairing));
	c->pairing = NULL;
}

/* 422, as the framework of the other make says it. */
static void
invalid(struct conn *c, const char *type, const char *where, const char *text,
    const json_t *input)
{
	json_t	*o;
	char	*body = NULL;

	o = json_pack("{s:[{s:s, s:o, s:s, s:O}]}", "detail", "type", type,
	    "loc", where == NULL ? json_pack("[s]", "body") :
	    json_pack("[s,s]", "body", where), "msg", text, "input",
	    input == NULL ? json_null() : input);
	if (o != NULL)
		body = rpc_json(o, JSON_COMPACT);
	json_decref(o);
	rpc_pair_forget(c);
	conn_respond(c, 422, "application/json", NULL, body == NULL ?
	    "{\"detail\":[]}" : body);
	free(body);
}

/* The code in it; 0, or -1: it is answered. */
static int
pair_code(struct conn *c, const char *body, size_t len, json_t **object,
    const char **code, size_t *codelen)
{
	json_t	*v;

	if (len == 0) {
		invalid(c, "missing", NULL, "Field required", NULL);
		return (-1);
	}
	*object = NULL;
	if (c->pairing->is_json &&
	    rpc_load(body, len, JSON_DECODE_ANY, object) == -1) {
		rpc_pair_forget(c);
		rpc_detail(c, 503, "try again", "Retry-After: 1\r\n");
		return (-1);
	}
	if (*object == NULL && c->pairing->is_json) {
		invalid(c, "json_invalid", NULL, "JSON decode error", NULL);
		return (-1);
	}
	if (!json_is_object(*object)) {
		json_decref(*object);
		invalid(c, "model_attributes_type", NULL, "Input should be a "
		    "valid dictionary or object to extract fields from",
		    NULL);
		return (-1);
	}
	if ((v = json_object_get(*object, "code")) == NULL)
		invalid(c, "missing", "code", "Field required", *object);
	else if (!json_is_string(v))
		invalid(c, "string_type", "code",
		    "Input should be a valid string", v);
	else {
		*code = json_string_value(v);
		*codelen = json_string_length(v);
		return (0);
	}
	json_decref(*object);
	return (-1);
}

static void
pair_body(struct conn *c, int status, const char *body, size_t len)
{
	struct rpc_pairing	*p = c->pairing;
	struct pair_ask		 ask;
	uint8_t			 secret[TOKEN_BYTES];
	char			 fold[PAIRCODE_LEN + 1];
	const char		*code;
	json_t			*object;
	size_t			 codelen;
	int			 r;

	if (status != 0) {
		rpc_pair_forget(c);
		rpc_detail(c, status, status == 413 ? "too large" :
		    status == 503 ? "try again" : "bad request", NULL);
		return;
	}
	if (pair_code(c, body, len, &object, &code, &codelen) == -1)
		return;
	memset(&ask, 0, sizeof(ask));
	r = paircode_hash(code, codelen, ask.hash);
	ask.empty = r == 1;
	if (paircode_fold(code, codelen, fold) == 0 && r == 0)
		r = paircode_hash(fold, strlen(fold), ask.fold);
	explicit_bzero(fold, sizeof(fold));
	json_decref(object);
	arc4random_buf(secret, sizeof(secret));
	base64url_encode(p->token, sizeof(p->token), secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	addr_key((const struct sockaddr *)&c->peer, &ask.from);
	strlcpy(ask.addr, conn_addr(c), sizeof(ask.addr));
	strlcpy(ask.software, p->software, sizeof(ask.software));
	if (r == -1 || paircode_hash(p->token, strlen(p->token), ask.token) !=
	    0 || proc_send(proc_peer(PROC_ROUTER, 0), IMSG_PAIR_ASK, c->id,
	    -1, &ask, sizeof(ask)) == -1) {
		rpc_pair_forget(c);
		rpc_detail(c, 503, "try again", "Retry-After: 1\r\n");
		return;
	}
	c->state = CONN_ANSWER;
	evtls_deadline(c->tls, ANSWER_MS);
}

static void
pair_paired(struct conn *c, const struct pair_answer *a)
{
	json_t	*o;
	char	*body = NULL;

	o = json_pack("{s:b, s:s, s:s, s:I}", "ok", 1, "node_id", a->node,
	    "token", c->pairing->token, "expires_at",
	    (json_int_t)a->expires_at);
	if (o != NULL)
		body = rpc_json(o, JSON_COMPACT);
	json_decref(o);
	if (body == NULL)
		rpc_detail(c, 503, "try again", NULL);
	else {
		conn_respond(c, 200, "application/json", NULL, body);
		freezero(body, strlen(body));
	}
}

int
rpc_pair_recv(struct proc_peer *peer, struct imsg *imsg)
{
	struct pair_answer	 a;
	struct conn		*c;
	char			 extra[64];

	if (imsg_get_data(imsg, &a, sizeof(a)) == -1 ||
	    memchr(a.node, '\0', sizeof(a.node)) == NULL)
		return (-1);
	c = conn_find(imsg_get_id(imsg));
	if (c == NULL || c->pairing == NULL || c->state != CONN_ANSWER) {
		log_debug("who wanted to pair has gone");
		return (0);
	}
	switch (a.code) {
	case PAIR_OK:
		pair_paired(c, &a);
		break;
	case PAIR_EMPTY:
		rpc_detail(c, 400, "code required", NULL);
		break;
	case PAIR_RATE:
		snprintf(extra, sizeof(extra), "Retry-After: %u\r\n",
		    a.retry_after);
		rpc_detail(c, 429, "too many attempts", extra);
		break;
	case PAIR_INVALID:
		rpc_detail(c, 403, "invalid or expired code", NULL);
		break;
	case PAIR_OFFLINE:
		rpc_detail(c, 503, "node not connected", NULL);
		break;
	default:
		rpc_detail(c, 503, "try again", "Retry-After: 1\r\n");
		break;
	}
	rpc_pair_forget(c);
	return (0);
}

/* ---- codes that a node makes ---- */

void
rpc_pair_open(struct conn *c, struct mux_stream *s)
{
	struct offering	*o;
	uint32_t	 n = 0;

	TAILQ_FOREACH(o, &offerings, entry)
		n += o->conn == c->id && !o->asked;
	/* A node that asks and does not wait has asked all the same. */
	if (n + c->noffers >= OFFERS_MAX ||
	    (o = calloc(1, sizeof(*o))) == NULL) {
		mux_reset(s, MUX_CODE_LIMIT, "too many codes at once");
		return;
	}
	o->stream = s;
	o->conn = c->id;
	o->session = c->session->session;
	TAILQ_INSERT_TAIL(&offerings, o, entry);
	mux_stream_own(s, &offering_ops, o);
	mux_accept(s);
}

static void
offering_free(struct offering *o)
{
	TAILQ_REMOVE(&offerings, o, entry);
	free(o);
}

static size_t
offering_input(struct mux_stream *s, void *arg, const uint8_t *buf,
    size_t len)
{
	struct offering		*o = arg;
	struct pair_offer	 msg;
	struct conn		*c;

	if (len > 0) {
		if (o->asked || o->inlen + len > PAIRING_ASK_LEN) {
			mux_reset(s, MUX_CODE_PROTOCOL, "not a code");
			offering_free(o);
			return (len);
		}
		memcpy(o->in + o->inlen, buf, len);
		o->inlen += len;
		return (len);
	}
	memset(&msg, 0, sizeof(msg));
	msg.session = o->session;
	if (pairing_ask_get(o->in, o->inlen, msg.hash, &msg.ttl) == -1) {
		mux_reset(s, MUX_CODE_PROTOCOL, "not a code");
		offering_free(o);
		return (0);
	}
	memcpy(o->hash, msg.hash, sizeof(o->hash));
	if ((c = conn_find(o->conn)) == NULL ||
	    proc_send(proc_peer(PROC_ROUTER, 0), IMSG_PAIR_OFFER, o->conn, -1,
	    &msg, sizeof(msg)) == -1) {
		mux_reset(s, MUX_CODE_INTERNAL,
		    "the relay is starting: try again");
		offering_free(o);
		return (0);
	}
	o->asked = 1;
	c->noffers++;
	return (0);
}

static size_t
offering_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct offering	*o = arg;
	size_t		 n = o->outlen - o->outoff;

	if (o->outlen == 0) {
		*more = MUX_IDLE;
		return (0);
	}
	if (n > cap)
		n = cap;
	memcpy(buf, o->out + o->outoff, n);
	o->outoff += n;
	*more = o->outoff == o->outlen ? MUX_LAST : MUX_MORE;
	return (n);
}

static void
offering_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	offering_free(arg);
}

static void
offering_done(struct mux_stream *s, void *arg)
{
	offering_free(arg);
}

/* What it was asked it will not answer. */
void
rpc_pair_router_gone(void)
{
	struct offering	*o, *tmp;
	struct conn	*c;

	RB_FOREACH(c, conn_table, &conns)
		c->noffers = 0;
	TAILQ_FOREACH_SAFE(o, &offerings, entry, tmp) {
		if (!o->asked || o->outlen > 0)
			continue;
		mux_reset(o->stream, MUX_CODE_INTERNAL,
		    "the relay is starting: try again");
		offering_free(o);
	}
}

int
rpc_pair_recv_offered(struct proc_peer *peer, struct imsg *imsg)
{
	struct pair_offered	 msg;
	struct pair_offer	 keep;
	struct offering		*o;
	struct conn		*c;
	uint32_t		 conn = imsg_get_id(imsg);

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    memchr(msg.url, '\0', sizeof(msg.url)) == NULL)
		return (-1);
	c = conn_find(conn);
	if (c != NULL && c->rpc != NULL && c->rpc->node != NULL) {
		rpc_node_offered(c->rpc->node, &msg);
		return (0);
	}
	if (c != NULL && c->noffers > 0)
		c->noffers--;
	TAILQ_FOREACH(o, &offerings, entry) {
		if (o->conn == conn && o->asked && o->outlen == 0 &&
		    memcmp(o->hash, msg.hash, sizeof(o->hash)) == 0)
			break;
	}
	if (msg.code == PAIR_OK && c != NULL && c->session != NULL) {
		memset(&keep, 0, sizeof(keep));
		keep.session = c->session->session;
		memcpy(keep.hash, msg.hash, sizeof(keep.hash));
		keep.expires_at = msg.expires_at;
		keep_offer(conn, &keep);
	}
	if (o == NULL)
		return (0);
	o->outlen = pairing_answer_put(o->out, msg.code, msg.expires_at,
	    msg.url);
	mux_ready(o->stream);
	return (0);
}
