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
 * The http door: requests for sites.  The host says which site, the gate
 * whether the visitor may come in, and an exchange carries the request to the
 * backend and its response back.  What is for the relay itself goes on to the
 * other doors.
 */

#include "compat.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <event2/event.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access_log.h"
#include "clock.h"
#include "door_http_internal.h"
#include "http_backend.h"
#include "http_forward.h"
#include "http_gate.h"
#include "http_page.h"
#include "link_client.h"
#include "log.h"

#define SITE_WAIT_MS	5000	/* for auth's word on the host */
#define GATE_WAIT_MS	15000	/* and on the visitor */
#define PERHAPS_WAIT_MS	2000	/* then it is the relay's own */
#define HURRY_MS	1000	/* for 100 (Continue) */
#define PAGE_MS		30000	/* to take a page of ours */
#define RETRY_S		10	/* what we say of it */

static struct http_visit *visit_get(struct conn *);
static void	visit_forget(struct http_visit *);
static void	visit_begin(struct http_visit *, const struct http_head *,
		    size_t, const struct http_framing *, const char *);
static void	visit_say(struct http_visit *, const struct http_head *, int,
		    const char *, const char *, const char *);
static void	visit_go(struct site_wait *);
static enum door_http visit_wait(struct http_visit *, unsigned int);
static int	visit_refuse(struct http_visit *, const struct http_head *,
		    const char *);
static enum door_http visit_enter(struct http_visit *,
		    const struct http_head *, const struct http_framing *,
		    uint16_t);
static void	visit_exchange(struct http_visit *, const struct http_head *,
		    const struct http_framing *, struct visitor *, uint16_t);
static int	is_link(const struct http_head *);
static int	named_otherwise(const struct conn *, const char *,
		    char[HTTP_HOST_MAX]);
static enum door_http relays_own(struct conn *, const struct http_head *,
		    const char *);
static void	on_site_end(struct site_use *, const char *);
static void	on_readable(void *);
static void	on_writable(void *);

static const struct exchange_ops exchange_ops = { on_readable, on_writable };

/* ---- ids ---- */

void
request_id(char id[REQUEST_ID_LEN])
{
	static const char	 digits[] = "0123456789abcdef";
	static uint64_t		 key, n;
	uint64_t		 x;
	int			 i;

	if (key == 0)
		arc4random_buf(&key, sizeof(key));
	/* splitmix64: as good as random, and never the same twice. */
	x = key + ++n * 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	x ^= x >> 31;
	for (i = 0; i < REQUEST_ID_LEN - 1; i++) {
		id[i] = digits[x & 0xf];
		x >>= 4;
	}
	id[i] = '\0';
}

const char *
door_http_id(const struct conn *c)
{
	return (c->http != NULL && c->http->begun ? c->http->id : "");
}

int
door_http_html(const struct conn *c)
{
	return (c->http != NULL && c->http->begun && c->http->html);
}

void
door_http_word(struct conn *c, const char *word)
{
	if (c->http != NULL && c->http->begun)
		c->http->word = word;
}

void
door_http_answered(struct conn *c, int status, size_t len)
{
	struct http_visit	*v = c->http;

	if (v == NULL || !v->begun)
		return;
	v->status = status;
	v->out = c->bodiless ? 0 : len;
	v->head_us = clock_us();
	visit_log(v, 0);
	visit_reset(v);
}

/* ---- a visit ---- */

static struct http_visit *
visit_get(struct conn *c)
{
	if (c->http == NULL && (c->http = calloc(1, sizeof(*c->http))) !=
	    NULL) {
		c->http->conn = c;
		c->http->wait.go = visit_go;
	}
	return (c->http);
}

/* Nothing came of it. */
static void
visit_forget(struct http_visit *v)
{
	v->state = VISIT_IDLE;
	if (v->idle == NULL && v->addr == NULL)
		door_http_free(v->conn);
}

static void
visit_begin(struct http_visit *v, const struct http_head *head,
    size_t headlen, const struct http_framing *framing, const char *host)
{
	struct conn	*c = v->conn;
	int		 keep = c->keepalive;

	/* An answer of ours does not wait for the body. */
	if (framing->kind == HTTP_BODY_CHUNKED || framing->length > 0)
		c->keepalive = 0;
	if (v->begun)
		return;
	v->begun = 1;
	counts.requests[DOOR_HTTP]++;
	c->door = DOOR_HTTP;
	request_id(v->id);
	strlcpy(v->host, host, sizeof(v->host));
	v->html = http_accepts_html(head);
	v->minor = head->minor;
	v->keep = head->minor == 1 ? keep :
	    http_field_has_token(head, "connection", "keep-alive");
	v->half = head->minor == 0 ||
	    http_field_has_token(head, "connection", "close");
	v->begun_us = clock_us();
	v->word = "";
	if (access_log_on()) {
		/* It lies in one piece, and the log wants parts of it. */
		v->headlen = headlen;
		if ((v->head = malloc(v->headlen)) != NULL)
			memcpy(v->head, head->method.s, v->headlen);
	}
}

void
visit_reset(struct http_visit *v)
{
	site_release(&v->site);
	free(v->head);
	v->head = NULL;
	v->begun = v->answered = v->other = v->trailer = v->broken = 0;
	v->came = v->expects = v->done = v->shut = v->status = 0;
	v->in = v->out = v->head_us = 0;
	v->hurry_ms = v->eof_ms = 0;
	v->email[0] = v->node[0] = v->service[0] = '\0';
}

void
visit_log(struct http_visit *v, int cut)
{
	static struct http_head	 head;
	const struct http_str	*s;
	struct access_line	 l;
	uint64_t		 now = clock_us();
	int			 status;

	counts.responses[v->status / 100 % RESPONSES]++;
	if (v->head == NULL || http_parse_request_in(v->head, v->headlen,
	    &http_request_limits, &head, &status) <= 0)
		return;
	memset(&l, 0, sizeof(l));
	l.client = &v->conn->peer;
	l.email = v->email;
	l.host = v->host;
	l.node = v->node;
	l.service = v->service;
	l.request_id = v->id;
	l.error = v->word;
	l.method = head.method;
	gate_target(&head, &l.target);
	if ((s = http_field(&head, "referer")) != NULL)
		l.referer = *s;
	if ((s = http_field(&head, "user-agent")) != NULL)
		l.agent = *s;
	l.minor = head.minor;
	l.tls = v->conn->tls != NULL && evtls_is_tls(v->conn->tls);
	l.status = v->status;
	l.cut = cut;
	l.in = v->in;
	l.out = v->out;
	l.head_us = v->head_us == 0 ? 0 : v->head_us - v->begun_us;
	l.us = now - v->begun_us;
	access_log_request(&l);
}

void
visit_abort(struct http_visit *v)
{
	struct conn	*c = v->conn;

	/* Where only the end of the connection ends a body, a plain one would
	   be taken for that. */
	if (v->answered && v->kind == HTTP_BODY_CLOSE && !v->other) {
		evtls_abort(c->tls);
		c->tls = NULL;
	}
	conn_free(c);
}

/* A page of ours, to a request that is known. */
static void
visit_say(struct http_visit *v, const struct http_head *head, int status,
    const char *word, const char *text, const char *extra)
{
	struct conn	*c = v->conn;

	v->state = VISIT_IDLE;
	c->state = CONN_REQUEST;
	evtls_deadline(c->tls, PAGE_MS);
	http_page(c, head, site_used(&v->site), status, word, text, extra);
}

void
visit_page(struct http_visit *v, int status, const char *word,
    const char *text)
{
	struct conn	*c = v->conn;

	exchange_free(v->ex);
	v->ex = NULL;
	/* What is left of the request nobody reads. */
	c->keepalive = v->keep && v->came && v->minor == 1;
	visit_say(v, NULL, status, word, text, status == 503 ?
	    http_page_retry(RETRY_S) : NULL);
}

void
door_http_free(struct conn *c)
{
	struct http_visit	*v = c->http;

	if (v == NULL)
		return;
	c->http = NULL;
	gate_forget(c);
	site_unwait(&v->wait);
	exchange_free(v->ex);
	http_backend_free(v->idle);
	if (v->begun)
		visit_log(v, 1);
	visit_reset(v);
	visit_uncount(v);
	free(v);
}

size_t
door_http_memory(const struct conn *c)
{
	return (c->http == NULL ? 0 : sizeof(*c->http) + c->http->headlen);
}

/* ---- from a request to its exchange ---- */

static enum door_http
visit_wait(struct http_visit *v, unsigned int ms)
{
	v->state = VISIT_WAIT;
	v->conn->state = CONN_SITE;
	evtls_deadline(v->conn->tls, ms);
	return (DOOR_HTTP_LATER);
}

static void
visit_go(struct site_wait *w)
{
	struct http_visit	*v;

	v = (struct http_visit *)(void *)((char *)w -
	    offsetof(struct http_visit, wait));
	door_http_go_on(v->conn);
}

void
door_http_go_on(struct conn *c)
{
	if (c->http == NULL || c->http->state != VISIT_WAIT)
		return;
	c->http->state = VISIT_IDLE;
	c->state = CONN_REQUEST;
	evtls_deadline(c->tls, limits.handshake_ms);
	conn_again(c);
}

/* One of our own programs, by whatever name it knows us. */
static int
is_link(const struct http_head *head)
{
	return ((http_str_eq(&head->path, LINK_PATH_NODE) ||
	    http_str_eq(&head->path, LINK_PATH_ACCESS)) &&
	    http_field_has_token(head, "sec-websocket-protocol",
	    MUX_PROTOCOL));
}

/*
 * Whether the connection is for a host of another name, by SNI; that name, in
 * its one form, if it can have one.
 */
static int
named_otherwise(const struct conn *c, const char *host,
    char name[HTTP_HOST_MAX])
{
	const char	*sni = evtls_servername(c->tls);
	struct http_str	 text = { sni, sni == NULL ? 0 : strlen(sni) };
	uint16_t	 port;

	name[0] = '\0';
	if (sni == NULL || c->proxied)
		return (0);
	if (http_hostport(&text, name, &port) == -1)
		name[0] = '\0';
	return (strcmp(name, host) != 0);
}

/*
 * For the relay itself; but a connection for a site is not one for the relay,
 * as they have no policy in common.  Addresses have no name to differ from.
 */
static enum door_http
relays_own(struct conn *c, const struct http_head *head, const char *host)
{
	char		 name[HTTP_HOST_MAX];
	struct in_addr	 in;

	if (host[0] == '\0' || !named_otherwise(c, host, name) ||
	    strchr(host, ':') != NULL || inet_pton(AF_INET, host, &in) == 1 ||
	    site_host(name) != SITE_HOST_SITE)
		return (DOOR_HTTP_NOT);
	c->keepalive = 0;
	conn_error(c, head, 421, "this connection is for another host", NULL);
	return (DOOR_HTTP_TAKEN);
}

enum door_http
door_http_request(struct conn *c, const struct http_head *head,
    size_t headlen, const struct http_framing *framing)
{
	static char		 host[HTTP_HOST_MAX];
	const struct site	*site;
	struct http_visit	*v;
	enum site_host		 kind;
	enum site_find		 found;
	uint16_t		 port;
	int			 perhaps, waited;

	if (http_authority(head, host, &port) == -1)
		return (DOOR_HTTP_NOT);
	if ((kind = site_host(host)) == SITE_HOST_OWN)
		return (relays_own(c, head, host));
	if (kind != SITE_HOST_SITE && is_link(head))
		return (DOOR_HTTP_NOT);
	perhaps = kind == SITE_HOST_PERHAPS;
	if ((v = visit_get(c)) == NULL) {
		conn_error(c, head, 503, "no memory", NULL);
		return (DOOR_HTTP_TAKEN);
	}
	waited = v->waited;
	v->waited = 0;
	found = waited ? SITE_BUSY : site_find(host, 0, &v->wait, &site);
	if (found == SITE_WAIT)
		return (visit_wait(v, perhaps ? PERHAPS_WAIT_MS :
		    SITE_WAIT_MS));
	if (found != SITE_FOUND && perhaps) {
		/* Nobody knows of one; our own doors need nobody's word. */
		visit_forget(v);
		return (relays_own(c, head, host));
	}
	visit_begin(v, head, headlen, framing, host);
	if (found == SITE_NONE) {
		visit_say(v, head, 404, "no-site",
		    "there is no site of this name", NULL);
		return (DOOR_HTTP_TAKEN);
	}
	if (found == SITE_BUSY) {
		visit_say(v, head, 503, waited ? "starting" : "busy", waited ?
		    "the relay is starting" : "the relay is busy",
		    http_page_retry(RETRY_S));
		return (DOOR_HTTP_TAKEN);
	}
	site_release(&v->site);
	site_use(site, &v->site, on_site_end);
	strlcpy(v->node, site->node, sizeof(v->node));
	strlcpy(v->service, site->service, sizeof(v->service));
	return (visit_enter(v, head, framing, port));
}

/* The exchange notices by itself. */
static void
on_site_end(struct site_use *u, const char *why)
{
}

/* What no backend is asked.  1: it is answered. */
static int
visit_refuse(struct http_visit *v, const struct http_head *head,
    const char *host)
{
	struct conn	*c = v->conn;
	char		 name[HTTP_HOST_MAX];

	/* A connection for one name is not a way in to another. */
	if (named_otherwise(c, host, name))
		visit_say(v, head, 421, "misdirected",
		    "this connection is for another host", NULL);
	else if (http_expect(head) == -1)
		visit_say(v, head, 417, "expectation",
		    "nobody knows what the request expects", NULL);
	else if (visit_count(v) == -1)
		visit_say(v, head, 429, "connections",
		    "too many connections from your address",
		    http_page_retry(RETRY_S));
	else
		return (0);
	return (1);
}

static enum door_http
visit_enter(struct http_visit *v, const struct http_head *head,
    const struct http_framing *framing, uint16_t port)
{
	struct conn	*c = v->conn;
	struct visitor	*visitor = NULL;

	if (visit_refuse(v, head, v->host))
		return (DOOR_HTTP_TAKEN);
	switch (gate_visit(c, head, site_used(&v->site), &visitor)) {
	case GATE_WAIT:
		return (visit_wait(v, GATE_WAIT_MS));
	case GATE_ANSWERED:
		return (DOOR_HTTP_TAKEN);
	case GATE_PASS:
		break;
	}
	if (visitor == NULL && conn_guest(c) == -1) {
		visit_say(v, head, 503, "limit",
		    "the relay can't take more now",
		    http_page_retry(RETRY_S));
		return (DOOR_HTTP_TAKEN);
	}
	visit_exchange(v, head, framing, visitor, port);
	visitor_unref(visitor);
	return (DOOR_HTTP_TAKEN);
}

static void
visit_exchange(struct http_visit *v, const struct http_head *head,
    const struct http_framing *framing, struct visitor *visitor,
    uint16_t port)
{
	static struct http_set	 set[GATE_FIELDS_MAX + 1];
	static struct http_set	 forwarded[HTTP_FORWARD_MAX];
	struct exchange_config	 cfg;
	struct http_from	 from;
	struct conn		*c = v->conn;
	int			 status;

	memset(&from, 0, sizeof(from));
	from.client = &c->peer;
	from.proxy = c->proxied ? &c->via : NULL;
	from.rfc7239 = proxy_rfc7239(c);
	from.hop = c->hop;
	from.tls = evtls_is_tls(c->tls);
	from.host = v->host;
	from.port = port;
	memset(&cfg, 0, sizeof(cfg));
	cfg.site = site_used(&v->site);
	cfg.visitor = visitor;
	cfg.client = &c->peer;
	cfg.request_id = v->id;
	cfg.backend = v->idle;
	cfg.head = head;
	cfg.framing = framing;
	cfg.nset = gate_fields(head, cfg.site, visitor, set);
	set[cfg.nset++] = (struct http_set){ "X-Request-Id", v->id,
	    HTTP_SET_DEFAULT };
	cfg.set = set;
	cfg.forwarded = forwarded;
	cfg.nforwarded = http_forward(head, &from, forwarded);
	cfg.ops = &exchange_ops;
	cfg.arg = v;
	if (visitor != NULL)
		strlcpy(v->email, visitor_email(visitor), sizeof(v->email));
	v->idle = NULL;
	v->state = VISIT_EXCHANGE;
	c->state = CONN_SITE;
	if ((v->ex = exchange_new(&cfg, &status)) == NULL) {
		visit_page(v, status, status == 400 ? "bad-request" : "limit",
		    status == 400 ? "the request can't be passed on" :
		    "the relay can't take more now");
		return;
	}
	conn_settled(c);
	http_body_init(&v->body, framing, HTTP_REQUEST, UINT64_MAX);
	v->came = framing->kind == HTTP_BODY_NONE ||
	    (framing->kind == HTTP_BODY_LENGTH && framing->length == 0);
	v->moved_ms = v->pace_ms = listener_ms();
	v->pace_in = 0;
	if ((v->expects = !v->came && http_expect(head) == 1))
		v->hurry_ms = v->moved_ms + HURRY_MS;
	if (v->settled == 0) {
		v->settled = 1;
		evtls_patient(c->tls);
	}
	visit_deadline(v);
}

/* ---- the exchange ---- */

static void
on_readable(void *arg)
{
	struct http_visit	*v = arg;

	/* Who has had our end is not asked for output any more. */
	if (v->shut)
		visit_deadline(v);
	else
		evtls_want_output(v->conn->tls);
}

static void
on_writable(void *arg)
{
	struct http_visit	*v = arg;

	conn_again(v->conn);
}
