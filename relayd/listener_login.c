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
 * Logging in: a nonce, then auth's word on the signature.  This process
 * passes both on and learns nothing that it could use again.
 */

#include "compat.h"

#include <imsg.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "access_log.h"
#include "doors.h"
#include "http_gate.h"
#include "listener.h"
#include "log.h"
#include "log_limit.h"

#define LOGIN_WAIT_MS	10000	/* for auth's answer */
#define LOGINS_MAX	1024	/* asked and not answered */

static uint32_t	 nlogins;
static struct login_beacon beacon;	/* from auth, the latest */
static int	 has_beacon;
static struct log_limit	 garbled = { .burst = 100, .ms = 6000 };

static int	login_upgrade_valid(struct conn *, const struct http_head *);
static int	login_host(const struct http_head *, char *, size_t);
static uint32_t	login_who(const struct conn *);
static int	login_signature(struct conn *, const struct http_str *,
		    struct login *);
static void	login_nonce(struct conn *, const struct http_head *);
static void	login_answer(struct conn *, int, const char *, uint32_t);

int
conn_websocket(struct conn *c, const struct http_head *head)
{
	const struct http_str	*key, *version;

	key = http_field(head, "sec-websocket-key");
	version = http_field(head, "sec-websocket-version");
	if (head->minor != 1 || !http_str_eq(&head->method, "GET") ||
	    !http_field_has_token(head, "connection", "upgrade") ||
	    !http_field_has_token(head, "upgrade", "websocket") ||
	    key == NULL || http_field_count(head, "sec-websocket-key") != 1 ||
	    !ws_key_valid(key->s, key->len) || version == NULL ||
	    !http_str_eq(version, "13"))
		return (-1);
	ws_accept(key->s, c->ws_accept);
	return (0);
}

/* It asks for a WebSocket with our protocol. */
static int
login_upgrade_valid(struct conn *c, const struct http_head *head)
{
	if (conn_websocket(c, head) == -1) {
		conn_error(c, head, 426, "this is for WebSockets",
		    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
		return (-1);
	}
	if (!http_field_has_token(head, "sec-websocket-protocol",
	    MUX_PROTOCOL)) {
		conn_error(c, head, 400,
		    "the WebSocket subprotocol must be " MUX_PROTOCOL, NULL);
		return (-1);
	}
	return (0);
}

/* The Host field's name: lower case, no port, no brackets. */
static int
login_host(const struct http_head *head, char *out, size_t size)
{
	const struct http_str	*host;
	char			*p;
	size_t			 i;

	if ((host = http_field(head, "host")) == NULL ||
	    http_str_copy(host, out, size) == -1 || out[0] == '\0')
		return (-1);
	if (out[0] == '[') {
		if ((p = strchr(out, ']')) == NULL)
			return (-1);
		*p = '\0';
		memmove(out, out + 1, strlen(out + 1) + 1);
	} else if ((p = strchr(out, ':')) != NULL)
		*p = '\0';
	for (i = 0; out[i] != '\0'; i++)
		out[i] = tolower((unsigned char)out[i]);
	if (i > 1 && out[i - 1] == '.')
		out[i - 1] = '\0';
	return (out[0] == '\0' ? -1 : 0);
}

/*
 * For whom a nonce is good: for this connection; behind a proxy, which may
 * take another one the next time, and to another listener, for its client.
 */
static uint32_t
login_who(const struct conn *c)
{
	struct addr_key	 key;
	uint32_t	 part[sizeof(key.addr) / 4], who = 0;
	size_t		 i;

	if (!c->proxied)
		return (c->id);
	addr_key((const struct sockaddr *)&c->peer, &key);
	memcpy(part, key.addr, sizeof(part));
	for (i = 0; i < nitems(part); i++)
		who = who * 31 + part[i];
	return (who);
}

/* 0; 1: with a nonce that is too old, or another's; -1: it makes no sense. */
static int
login_signature(struct conn *c, const struct http_str *params,
    struct login *req)
{
	struct http_str	 id, nonce, sig;

	if (http_param(params, "id", &id) == -1 ||
	    http_param(params, "nonce", &nonce) == -1 ||
	    http_param(params, "sig", &sig) == -1 ||
	    http_str_copy(&id, req->token_id, sizeof(req->token_id)) == -1 ||
	    !token_id_valid(req->token_id) ||
	    http_str_copy(&nonce, req->nonce, sizeof(req->nonce)) == -1 ||
	    base64url_decode(req->sig, sizeof(req->sig), sig.s, sig.len) !=
	    sizeof(req->sig))
		return (-1);
	req->method = LOGIN_SIGNATURE;
	return (nonce_check(&nonce_key, listener_ms(), login_who(c), nonce.s,
	    nonce.len) == -1);
}

int
login_bearer(const struct http_str *s, struct login *req)
{
	char		 text[TOKEN_LEN + 1];
	struct token	 token;
	const char	*why;
	int		 ret = -1;

	if (http_str_copy(s, text, sizeof(text)) == 0 &&
	    token_parse(text, &token, &why) == 0) {
		strlcpy(req->token_id, token.id, sizeof(req->token_id));
		memcpy(req->seed, token.seed, sizeof(req->seed));
		req->method = LOGIN_BEARER;
		ret = 0;
	}
	explicit_bzero(text, sizeof(text));
	explicit_bzero(&token, sizeof(token));
	return (ret);
}

static void
login_nonce(struct conn *c, const struct http_head *head)
{
	char	 nonce[NONCE_STRLEN], extra[NONCE_STRLEN + 64];

	if (!has_beacon) {
		/* Auth has yet to begin. */
		conn_error(c, head, 503, "the relay is starting: try again",
		    "Retry-After: 1\r\n");
		return;
	}
	conn_moved(c);
	nonce_make(&nonce_key, beacon.beacon, listener_ms(), login_who(c),
	    nonce);
	snprintf(extra, sizeof(extra),
	    "WWW-Authenticate: Culvert nonce=\"%s\"\r\n", nonce);
	conn_error(c, head, 401, "log in with a token", extra);
	c->challenged = 1;
}

int
login_scheme(const struct http_str *s, const char *scheme,
    struct http_str *rest)
{
	size_t	 len = strlen(scheme);

	if (s->len <= len || strncasecmp(s->s, scheme, len) != 0 ||
	    (s->s[len] != ' ' && s->s[len] != '\t'))
		return (0);
	rest->s = s->s + len + 1;
	rest->len = s->len - len - 1;
	http_str_trim(rest);
	return (1);
}

/* The words are those of auth, on which etc/fail2ban rests. */
void
login_garbled(const struct conn *c)
{
	uint64_t	 lost;

	if (!log_limit_may(&garbled, listener_ms(), &lost))
		return;
	if (lost > 0)
		log_info("%llu log-ins denied were too many and are not "
		    "listed", (unsigned long long)lost);
	log_info("client %s: log-in denied: the credentials can't be read",
	    conn_addr(c));
}

void
login_request(struct conn *c, const struct http_head *head,
    enum login_door door, const char *path, const char *node)
{
	const struct http_str	*auth;
	struct http_str		 rest;
	struct login		 req;
	int			 ret = -1;

	if (login_upgrade_valid(c, head) == -1)
		return;
	if ((auth = http_field(head, "authorization")) == NULL) {
		login_nonce(c, head);
		return;
	}
	memset(&req, 0, sizeof(req));
	if (http_field_count(head, "authorization") == 1 &&
	    login_host(head, req.host, sizeof(req.host)) == 0) {
		if (login_scheme(auth, "culvert", &rest))
			ret = login_signature(c, &rest, &req);
		else if (login_scheme(auth, "bearer", &rest))
			ret = login_bearer(&rest, &req);
	}
	if (ret != 0) {
		if (ret == -1)
			login_garbled(c);
		login_nonce(c, head);
		if (ret == -1)
			access_error(c, "denied");
		return;
	}
	strlcpy(req.path, path, sizeof(req.path));
	strlcpy(req.node, node, sizeof(req.node));
	login_ask(c, head, door, &req);
}

void
login_ask(struct conn *c, const struct http_head *head, enum login_door door,
    struct login *req)
{
	req->door = door;
	req->peer = c->peer;
	/* A storm is answered before it costs auth a signature. */
	if (nlogins >= LOGINS_MAX || proc_send(proc_peer(PROC_AUTH, 0),
	    IMSG_LOGIN, c->id, -1, req, sizeof(*req)) == -1)
		conn_error(c, head, 503, "the relay is busy: try again",
		    "Retry-After: 2\r\n");
	else {
		c->state = CONN_LOGIN;
		c->door = door;
		conn_moved(c);
		nlogins++;
		evtls_pause(c->tls);
		evtls_deadline(c->tls, LOGIN_WAIT_MS);
	}
	explicit_bzero(req, sizeof(*req));
}

int
login_bearer_request(struct conn *c, const struct http_head *head)
{
	const struct http_str	*auth = http_field(head, "authorization");
	struct http_str		 token;
	struct login		 req;

	memset(&req, 0, sizeof(req));
	if (auth == NULL || !login_scheme(auth, "bearer", &token) ||
	    login_bearer(&token, &req) == -1) {
		explicit_bzero(&req, sizeof(req));
		return (-1);
	}
	login_ask(c, head, DOOR_API, &req);
	return (0);
}

/* Auth or router has answered: this connection waits no longer. */
static struct conn *
login_take(uint32_t id)
{
	struct conn	*c;

	if (nlogins > 0)
		nlogins--;
	if ((c = conn_find(id)) == NULL || c->state != CONN_LOGIN) {
		log_debug("client %u: gone before its log-in was decided", id);
		return (NULL);
	}
	evtls_deadline(c->tls, limits.handshake_ms);
	return (c);
}

static void
login_answer(struct conn *c, int status, const char *text, uint32_t retry)
{
	char	 extra[256] = "";

	if (c->door == DOOR_RPC) {
		door_rpc_denied(c, status, retry);
		return;
	}
	if (retry > 0)
		snprintf(extra, sizeof(extra), "Retry-After: %u\r\n", retry);
	if (c->door == DOOR_API)
		strlcat(extra, door_api_challenge(status), sizeof(extra));
	c->state = CONN_REQUEST;
	c->keepalive = 0;
	conn_error(c, NULL, status, text, extra);
	if (status == 401)
		access_error(c, "denied");
}

int
login_recv_beacon(struct proc_peer *peer, struct imsg *imsg)
{
	if (imsg_get_data(imsg, &beacon, sizeof(beacon)) == -1)
		return (-1);
	has_beacon = 1;
	return (0);
}

int
login_recv_denied(struct proc_peer *peer, struct imsg *imsg)
{
	static const uint32_t	 statuses[] = LOGIN_STATUS_LIST;
	struct login_denied	 d;
	struct conn		*c;
	size_t			 i;

	if (imsg_get_data(imsg, &d, sizeof(d)) == -1 ||
	    d.status < 400 || d.status > 599 ||
	    memchr(d.text, '\0', sizeof(d.text)) == NULL)
		return (-1);
	for (i = 0; i < LOGIN_STATUSES - 1 && statuses[i] != d.status; i++)
		;
	counts.denied[i]++;
	if (gate_denied(imsg_get_id(imsg), &d) == 0)
		return (0);
	if ((c = login_take(imsg_get_id(imsg))) != NULL)
		login_answer(c, d.status, d.text, d.retry_after);
	return (0);
}

/* It is a link from now on. */
static void
login_upgrade(struct conn *c)
{
	int	 len;

	if ((len = asprintf(&c->out, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: "
	    MUX_PROTOCOL "\r\n\r\n", c->ws_accept)) == -1) {
		c->out = NULL;
		free(c->session);
		c->session = NULL;
		conn_free(c);
		return;
	}
	owner_begin(&c->owner, c->session->session, c->id);
	c->outlen = len;
	c->outoff = 0;
	c->state = CONN_UPGRADE;
	access_status(c, 101, 0);
	conn_settled(c);
	evtls_want_output(c->tls);
}

int
login_recv_session(struct proc_peer *peer, struct imsg *imsg)
{
	struct session	 s;
	struct conn	*c;

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1 || s.session == 0 ||
	    !DOOR_LOGS_IN(s.door) ||
	    memchr(s.email, '\0', sizeof(s.email)) == NULL ||
	    memchr(s.username, '\0', sizeof(s.username)) == NULL ||
	    memchr(s.node, '\0', sizeof(s.node)) == NULL)
		return (-1);
	if (s.door == DOOR_HTTP) {
		gate_session(&s);
		return (0);
	}
	if ((c = login_take(s.conn)) == NULL || c->door != s.door) {
		struct link_down	 down = { .session = s.session };

		/* Nobody will use it. */
		strlcpy(down.text, "gone before it was logged in",
		    sizeof(down.text));
		(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_LINK_DOWN,
		    s.conn, -1, &down, sizeof(down));
		return (0);
	}
	access_user(c, s.email, s.node);
	if ((c->session = malloc(sizeof(s))) == NULL) {
		conn_free(c);
		return (0);
	}
	*c->session = s;
	if (s.door == DOOR_API)
		door_api_session(c);
	else if (s.door == DOOR_RPC)
		door_rpc_session(c);
	else
		login_upgrade(c);
	return (0);
}

/* Those who wait for an answer that will not come. */
void
login_auth_gone(void)
{
	struct conn	*c, *tmp;

	nlogins = 0;
	RB_FOREACH_SAFE(c, conn_table, &conns, tmp) {
		if (c->state == CONN_LOGIN)
			login_answer(c, 503, "the relay is starting: try again",
			    1);
	}
}
