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
 * Logging in.  What a stranger may learn: that a token is not accepted, or
 * that there were too many attempts.  More is told only to who has shown the
 * token's secret.
 */

#include "compat.h"

#include <openssl/crypto.h>

#include <imsg.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "auth.h"
#include "fnv.h"
#include "log.h"
#include "log_limit.h"

#define STATUS_OK	0
#define LOGINS_SEEN	256	/* of doors that are no links */
#define LOGIN_SEEN_MS	3600000

struct attempt {
	struct login		 req;
	int			 listener;
	uint32_t		 conn;
	char			 addr[ADDR_STRLEN];
	int			 proven;	/* the token is the caller's */
	struct session		 s;		/* what comes of it */
	struct store_token	 token;
	struct store_node	 node;
	struct login_denied	 denied;
};

static int	login_valid(const struct login *);
static uint32_t	deny(struct attempt *, uint32_t, uint32_t, const char *, ...)
		    __attribute__((__format__ (printf, 4, 5)));
static uint32_t	login_decide(struct attempt *);
static uint32_t	login_token(struct attempt *);
static uint32_t	login_once(struct attempt *);
static int	login_proof(const struct attempt *, const uint8_t *);
static uint32_t	login_rights(struct attempt *);
static uint32_t	login_node(struct attempt *);
static uint32_t	login_node_new(struct attempt *);
static uint32_t	login_node_token(struct attempt *);
static uint32_t	login_secret(struct attempt *);
static uint32_t	login_visit(struct attempt *, const char *);
static uint32_t	login_session(struct attempt *);
static void	login_refuse(struct proc_peer *, struct attempt *);
static void	login_audit(const struct attempt *, uint32_t, const char *);
static void	login_log_denied(const struct attempt *);

/* Of a token nobody has: it is checked when there is no such token. */
static uint8_t	 nobody[TOKEN_PUBLIC_LEN];
static uint32_t	 nodes_max;	/* that a user may register; 0: any */

void
auth_login_conf(const struct relayd_limits *limits)
{
	nodes_max = limits->nodes_per_user;
}

int
auth_login_init(void)
{
	struct token	 t;
	int		 ret;

	token_make(&t);
	ret = token_public(&t, nobody);
	explicit_bzero(&t, sizeof(t));
	return (ret);
}

static int
login_valid(const struct login *req)
{
	int	 family = req->peer.ss_family, how;

	if (req->method == LOGIN_SIGNATURE)
		how = DOOR_IS_LINK(req->door);
	else if (req->method == LOGIN_BEARER)
		how = DOOR_IS_LINK(req->door) || req->door == DOOR_API ||
		    req->door == DOOR_HTTP;
	else
		how = req->method == LOGIN_SECRET &&
		    (req->door == DOOR_HTTP || req->door == DOOR_RPC);
	return (how && (family == AF_INET || family == AF_INET6) &&
	    memchr(req->token_id, '\0', sizeof(req->token_id)) != NULL &&
	    memchr(req->host, '\0', sizeof(req->host)) != NULL &&
	    memchr(req->nonce, '\0', sizeof(req->nonce)) != NULL &&
	    memchr(req->path, '\0', sizeof(req->path)) != NULL &&
	    memchr(req->node, '\0', sizeof(req->node)) != NULL);
}

static uint32_t
deny(struct attempt *a, uint32_t status, uint32_t retry, const char *fmt, ...)
{
	va_list	 ap;

	a->denied.status = status;
	a->denied.retry_after = retry;
	va_start(ap, fmt);
	(void)vsnprintf(a->denied.text, sizeof(a->denied.text), fmt, ap);
	va_end(ap);
	return (status);
}

int
auth_recv_login(struct proc_peer *peer, struct imsg *imsg)
{
	struct attempt	 a;
	int		 ret = 0;

	memset(&a, 0, sizeof(a));
	if (imsg_get_data(imsg, &a.req, sizeof(a.req)) == -1)
		return (-1);
	explicit_bzero(ibuf_data(&imsg->body), ibuf_size(&imsg->body));
	/* Router has no session without a connection. */
	if (!login_valid(&a.req) || imsg_get_id(imsg) == 0) {
		ret = -1;
		goto done;
	}
	a.listener = proc_peer_instance(peer);
	a.conn = imsg_get_id(imsg);
	(void)addr_format((struct sockaddr *)&a.req.peer, a.addr);
	a.s.listener = a.listener;
	a.s.conn = a.conn;
	a.s.door = a.req.door;
	strlcpy(a.s.addr, a.addr, sizeof(a.s.addr));
	if (login_decide(&a) != STATUS_OK)
		login_refuse(peer, &a);
done:
	explicit_bzero(&a, sizeof(a));
	return (ret);
}

static uint32_t
login_decide(struct attempt *a)
{
	uint32_t	 status, wait;

	if (proc_peer(PROC_ROUTER, 0) == NULL)
		return (deny(a, 503, 1, "the relay is starting: try again"));
	if (a->req.method == LOGIN_SECRET)
		return (login_secret(a));
	wait = throttle_wait(auth_throttle, (struct sockaddr *)&a->req.peer,
	    a->req.token_id, auth_mono());
	if (wait > 0)
		return (deny(a, 429, wait, "too many failed log-ins: wait "
		    "%u s", wait));
	/* Nothing is signed for a name where the token itself is sent. */
	if (DOOR_IS_LINK(a->req.door) &&
	    !names_match(&auth_names, a->req.host))
		return (deny(a, 421, 0, "this relay is not called %.100s: set "
		    "`domain` in relayd.conf", a->req.host));
	if (a->req.method == LOGIN_SIGNATURE &&
	    !auth_nonce_fresh(a->req.nonce))
		return (deny(a, 503, 1, "this log-in is too old: try again"));
	if ((status = login_token(a)) != STATUS_OK ||
	    (status = login_once(a)) != STATUS_OK ||
	    (status = login_rights(a)) != STATUS_OK)
		return (status);
	if (a->req.door == DOOR_NODE && (status = login_node(a)) != STATUS_OK)
		return (status);
	if (a->req.door == DOOR_HTTP &&
	    (status = login_visit(a, a->token.nodes)) != STATUS_OK)
		return (status);
	return (login_session(a));
}

/*
 * Whether the caller has the token.  "No such token" takes as long and says
 * the same as "not the secret of it".
 */
static uint32_t
login_token(struct attempt *a)
{
	const struct sockaddr	*sa = (struct sockaddr *)&a->req.peer;
	enum store_result	 r = STORE_NONE;
	int			 known, right;

	if (token_id_valid(a->req.token_id))
		r = store_token_find(auth_store, a->req.token_id, &a->token);
	if (r != STORE_OK && r != STORE_NONE) {
		auth_trouble("log-ins are refused");
		return (deny(a, 503, 10, "the relay can't read its store "
		    "now: try again"));
	}
	known = r == STORE_OK && a->token.has_public;
	right = login_proof(a, known ? a->token.public : nobody);
	if (!known || !right) {
		throttle_failed(auth_throttle, sa, a->req.token_id,
		    auth_mono());
		return (deny(a, 401, 0, "token not accepted"));
	}
	throttle_passed(auth_throttle, sa, a->req.token_id, auth_mono());
	a->proven = 1;
	return (STATUS_OK);
}

static int
login_proof(const struct attempt *a, const uint8_t *public)
{
	struct token_challenge	 c;
	struct token		 t;
	uint8_t			 derived[TOKEN_PUBLIC_LEN];
	int			 right;

	if (a->req.method == LOGIN_SIGNATURE) {
		c.host = a->req.host;
		c.nonce = a->req.nonce;
		c.path = a->req.path;
		c.node = a->req.node;
		return (token_verify(public, &c, a->req.sig) == 1);
	}
	memset(&t, 0, sizeof(t));
	memcpy(t.seed, a->req.seed, sizeof(t.seed));
	right = token_public(&t, derived) == 0 &&
	    CRYPTO_memcmp(derived, public, sizeof(derived)) == 0;
	explicit_bzero(&t, sizeof(t));
	return (right);
}

/*
 * A listener that was broken into can't come again with what it has seen.
 * Honest ones may: a proxy before them asks again where it had no answer.
 */
static uint32_t
login_once(struct attempt *a)
{
	if (a->req.method != LOGIN_SIGNATURE)
		return (STATUS_OK);
	switch (auth_nonce_use(a->req.nonce, a->token.user_id, a->listener)) {
	case 0:
		return (STATUS_OK);
	case 1:
		return (deny(a, 503, 1, "this log-in was used before: "
		    "try again"));
	default:
		return (deny(a, 503, 10, "the relay is busy: try again"));
	}
}

static uint32_t
login_rights(struct attempt *a)
{
	const struct store_token	*t = &a->token;

	if (auth_expired(t->expires_at))
		return (deny(a, 401, 0, "token has expired"));
	if (!t->user_enabled)
		return (deny(a, 401, 0, "this user is disabled"));
	if (a->req.door == DOOR_NODE && (t->scopes & SCOPE_NODE) == 0)
		return (deny(a, 403, 0, "this token has no scope node"));
	if (a->req.door == DOOR_ACCESS &&
	    (t->scopes & (SCOPE_CONNECT | SCOPE_ADMIN)) == 0)
		return (deny(a, 403, 0, "this token has no scope connect"));
	if (a->req.door == DOOR_HTTP && (t->scopes & SCOPE_HTTP) == 0)
		return (deny(a, 403, 0, "this token has no scope http"));
	if (a->req.door == DOOR_API && (t->scopes & (SCOPE_CONNECT |
	    SCOPE_HTTP | SCOPE_SSH | SCOPE_ADMIN)) == 0)
		return (deny(a, 403, 0, "this token has no scope for that"));
	return (STATUS_OK);
}

static uint32_t
login_node(struct attempt *a)
{
	const char		*name = a->req.node;
	enum store_result	 r;

	r = store_node_find(auth_store, name, &a->node);
	/* What is there already had its name before there was a rule. */
	if (r == STORE_NONE && !name_label_ok(name))
		return (deny(a, 403, 0, NAME_LABEL_RULE));
	if (!store_nodes_allow(a->token.nodes, name))
		return (deny(a, 403, 0, "this token is not for node %s",
		    name));
	if (r == STORE_NONE)
		return (login_node_new(a));
	if (r != STORE_OK) {
		auth_trouble("log-ins are refused");
		return (deny(a, 503, 10, "the relay can't read its store "
		    "now: try again"));
	}
	if (strcmp(a->node.user_id, a->token.user_id) != 0)
		return (deny(a, 409, 0, "node name %s belongs to somebody "
		    "else: choose another", name));
	if (!name_label_ok(name))
		log_warnx("node %s: it has no host name, and shows nothing by "
		    "HTTP: %s; accessctl node rename gives it another",
		    name, NAME_LABEL_RULE);
	if (strcmp(a->node.token, a->token.id) != 0)
		return (login_node_token(a));
	return (STATUS_OK);
}

static uint32_t
login_node_new(struct attempt *a)
{
	struct store_node	*n = &a->node;
	enum store_result	 r;
	uint32_t		 count = 0;

	if (nodes_max > 0 && store_node_count(auth_store, a->token.user_id,
	    nodes_max, &count) == STORE_OK && count >= nodes_max)
		return (deny(a, 403, 0, "this user has %u nodes already: "
		    "accessctl node remove makes room for node %s", count,
		    a->req.node));
	memset(n, 0, sizeof(*n));
	store_uuid(n->id);
	strlcpy(n->name, a->req.node, sizeof(n->name));
	strlcpy(n->user_id, a->token.user_id, sizeof(n->user_id));
	strlcpy(n->token, a->token.id, sizeof(n->token));
	n->created_at = auth_wall();
	if ((r = store_node_add(auth_store, n)) == STORE_OK) {
		log_info("node %s: registered for %s", n->name,
		    a->token.email);
		auth_site_changed(n->id);
		return (STATUS_OK);
	}
	/* Another program may have been faster. */
	if (r == STORE_NONE)
		return (deny(a, 401, 0, "token not accepted"));
	if (r == STORE_EXISTS)
		return (deny(a, 409, 1, "node name %s has just been taken",
		    n->name));
	auth_trouble("new nodes are refused");
	return (deny(a, 503, 60, "the relay can't store the new node now"));
}

/*
 * The owner has given the device another token.  Two devices that take
 * turns under one name are a mistake that one of them has to be told.
 */
static uint32_t
login_node_token(struct attempt *a)
{
	struct store_token	 old;
	struct store_node	*n = &a->node;

	if (store_token_find(auth_store, n->token_id, &old) == STORE_OK &&
	    old.user_enabled && !auth_expired(old.expires_at) &&
	    auth_session_of(n->id, n->token_id))
		return (deny(a, 409, 0, "node %s is connected with another "
		    "token", n->name));
	/* Who may log in may do so with a full disk as well. */
	if (store_node_token(auth_store, n->id, a->token.id) != STORE_OK)
		auth_trouble("a node's new token is not on record");
	return (STATUS_OK);
}

/*
 * Programs ask some doors every few seconds, and each time they log in: of
 * those that come with the same credentials from the same address one in an
 * hour is on record.  1 if this is one to be noted.
 */
int
auth_login_remember(const char *who, const struct sockaddr *from)
{
	static struct {
		uint64_t	 who, at;
		struct addr_key	 key;
	}			 seen[LOGINS_SEEN];
	struct addr_key		 key;
	uint64_t		 now = auth_mono(), hash;
	size_t			 i, old = 0;

	addr_key(from, &key);
	hash = fnv(FNV_INIT, who, strlen(who));
	for (i = 0; i < nitems(seen); i++) {
		if (seen[i].at != 0 && now - seen[i].at < LOGIN_SEEN_MS &&
		    seen[i].who == hash &&
		    memcmp(&seen[i].key, &key, sizeof(key)) == 0)
			return (0);
		if (seen[i].at < seen[old].at)
			old = i;
	}
	seen[old].who = hash;
	seen[old].key = key;
	seen[old].at = now;
	return (1);
}

/* Whether this user may go there, and to which node that is. */
static uint32_t
login_visit(struct attempt *a, const char *nodes)
{
	char	 text[CTL_TEXT_LEN];
	uint32_t status;

	status = auth_visit(a->req.host, a->s.user_id[0] != '\0' ?
	    a->s.user_id : a->token.user_id, nodes, &a->s, text,
	    sizeof(text));
	if (status != 0)
		return (deny(a, status, status == 503 ? 10 : 0, "%s", text));
	return (STATUS_OK);
}

/*
 * By the secret of a session in the store.  It is too long to be guessed, so
 * one that is not known is no attempt on anything: most are of sessions that
 * have ended.
 */
static uint32_t
login_secret(struct attempt *a)
{
	struct store_session	 e;
	enum store_result	 r;
	uint32_t		 status;

	r = store_session_find(auth_store, a->req.seed, &e);
	if (r != STORE_OK && r != STORE_NONE) {
		auth_trouble("log-ins are refused");
		return (deny(a, 503, 10, "the relay can't read its store "
		    "now: try again"));
	}
	a->proven = 1;
	if (r == STORE_NONE || !auth_session_stands(&e) ||
	    (e.kind == SESSION_WEB) != (a->req.door == DOOR_HTTP) ||
	    (a->req.door == DOOR_HTTP &&
	    (e.host[0] == '\0' || strcmp(e.host, a->req.host) != 0)))
		return (deny(a, 401, 0, "this session has ended: log in "
		    "again"));
	strlcpy(a->s.user_id, e.user_id, sizeof(a->s.user_id));
	strlcpy(a->s.email, e.email, sizeof(a->s.email));
	strlcpy(a->s.username, e.username, sizeof(a->s.username));
	strlcpy(a->s.held, e.id, sizeof(a->s.held));
	strlcpy(a->s.parent, e.parent, sizeof(a->s.parent));
	a->s.scopes = SCOPE_HTTP;
	a->s.restricted = 1;
	a->s.expires_at = e.expires_at;
	if (a->req.door == DOOR_HTTP &&
	    (status = login_visit(a, "")) != STATUS_OK)
		return (status);
	if (a->req.door == DOOR_RPC) {
		strlcpy(a->s.node_id, e.node_id, sizeof(a->s.node_id));
		strlcpy(a->s.node, e.node, sizeof(a->s.node));
	}
	if (auth_login_done(&a->s, &a->denied) == -1)
		return (a->denied.status);
	auth_session_used(e.id);
	return (STATUS_OK);
}

/* It holds: router is told, and tells the listener. */
int
auth_login_done(struct session *s, struct login_denied *d)
{
	memset(d, 0, sizeof(*d));
	if (auth_session_new(s) == -1) {
		log_warnx("too many sessions at listener %d", s->listener);
		d->status = 503;
		d->retry_after = 10;
		strlcpy(d->text, "the relay is full: try again",
		    sizeof(d->text));
		return (-1);
	}
	if (proc_send(proc_peer(PROC_ROUTER, 0), IMSG_SESSION, s->conn, -1, s,
	    sizeof(*s)) == -1) {
		auth_session_forget(s->session);
		d->status = 503;
		d->retry_after = 1;
		strlcpy(d->text, "the relay is busy: try again",
		    sizeof(d->text));
		return (-1);
	}
	return (0);
}

static uint32_t
login_session(struct attempt *a)
{
	struct session	*s = &a->s;

	/* The scope alone makes nobody an administrator. */
	s->scopes = a->token.scopes;
	if (!a->token.user_admin)
		s->scopes &= ~SCOPE_ADMIN;
	s->restricted = a->token.nodes[0] != '\0';
	strlcpy(s->user_id, a->token.user_id, sizeof(s->user_id));
	strlcpy(s->email, a->token.email, sizeof(s->email));
	strlcpy(s->username, a->token.username, sizeof(s->username));
	strlcpy(s->token_id, a->token.token_id, sizeof(s->token_id));
	if (a->req.door == DOOR_NODE) {
		strlcpy(s->node_id, a->node.id, sizeof(s->node_id));
		strlcpy(s->node, a->node.name, sizeof(s->node));
	}
	s->expires_at = a->token.expires_at;
	if (auth_login_done(s, &a->denied) == -1)
		return (a->denied.status);
	auth_used(s->token_id);
	if (!DOOR_IS_LINK(a->req.door) && !auth_login_remember(s->token_id,
	    (struct sockaddr *)&a->req.peer))
		return (STATUS_OK);
	login_audit(a, AUDIT_LOGIN, a->req.method == LOGIN_BEARER ?
	    "by bearer" : "by signature");
	log_info("client %s: log-in of %s with token %s%s%s", s->addr,
	    s->email, s->token_id, s->node[0] == '\0' ? "" :
	    a->req.door == DOOR_NODE ? " as node " : " to node ", s->node);
	return (STATUS_OK);
}

static void
login_refuse(struct proc_peer *peer, struct attempt *a)
{
	/* A session that has ended is nothing to be wary of. */
	if (a->req.method != LOGIN_SECRET)
		login_audit(a, AUDIT_DENIED, a->denied.text);
	(void)proc_send(peer, IMSG_LOGIN_DENIED, a->conn, -1, &a->denied,
	    sizeof(a->denied));
}

static void
login_audit(const struct attempt *a, uint32_t what, const char *text)
{
	struct audit_event	 e;

	memset(&e, 0, sizeof(e));
	e.what = what;
	e.at = auth_wall();
	if (a->proven)
		strlcpy(e.email, a->token.email, sizeof(e.email));
	if (token_id_valid(a->req.token_id))
		strlcpy(e.token_id, a->req.token_id, sizeof(e.token_id));
	strlcpy(e.node, a->s.node[0] != '\0' ? a->s.node : a->req.node,
	    sizeof(e.node));
	strlcpy(e.addr, a->addr, sizeof(e.addr));
	strlcpy(e.text, text, sizeof(e.text));
	if (what != AUDIT_DENIED) {
		auth_audit(&e);
		return;
	}
	(void)auth_audit_denied(&e);
	login_log_denied(a);
}

/*
 * etc/fail2ban rests on the words up to "denied:": the caller has not the
 * token that it names.  Whoever has, and may not come in, is refused, and
 * others behind the same address should not suffer for it.  The address
 * stands before anything that the client chose.
 */
static void
login_log_denied(const struct attempt *a)
{
	/*
	 * The throttle holds each network to a few failures a minute; what a
	 * flood from one adds is of the other kind.
	 */
	static struct log_limit	 denied = { .burst = 1000, .ms = 1000 };
	static struct log_limit	 refused = { .burst = 100, .ms = 6000 };
	int			 guess = a->denied.status == 401 && !a->proven;
	uint64_t		 lost;

	if (!log_limit_may(guess ? &denied : &refused, auth_mono(), &lost))
		return;
	if (lost > 0)
		log_info("%llu log-ins %s were too many and are not listed",
		    (unsigned long long)lost, guess ? "denied" : "refused");
	log_info("client %s: log-in %s: %s (token %s%s%s)", a->addr,
	    guess ? "denied" : "refused", a->denied.text,
	    token_id_valid(a->req.token_id) ? a->req.token_id : "?",
	    a->req.node[0] == '\0' ? "" : ", node ", a->req.node);
}
