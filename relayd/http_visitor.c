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
 * Visitors: who comes to a site with which credential, as far as auth has
 * been asked.  Each has a session of its own that router has on record, and
 * that ends when what it rests on does.  They are known by a keyed hash; the
 * credentials themselves are kept nowhere.
 */

#include "compat.h"

#include <sys/tree.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "door_http.h"
#include "http_backend.h"
#include "http_gate_internal.h"
#include "log.h"
#include "msg_site.h"

#define VISITORS_MAX	8192
#define ASKED_MAX	512	/* and not answered */
#define ASKED_MS	14000	/* passwords wait in a line */
#define IDLE_MS		300000	/* nobody comes: forgotten */
#define PASSWORD_MS	900000	/* then it is checked again */
#define DENIED_MS	3000	/* a refusal counts for others alike */
#define LATER_MS	300	/* that auth can't be asked */
#define TICK_S		5

static int	by_key_cmp(struct visitor *, struct visitor *);
static int	by_id_cmp(struct visitor *, struct visitor *);
static int	credential_key(const struct site *, const struct credential *,
		    uint8_t[32]);
static struct visitor *visitor_new(const uint8_t *, enum credential_kind);
static void	visitor_unkey(struct visitor *);
static void	visitor_free(struct visitor *);
static void	visitor_end(struct visitor *, const char *);
static int	visitor_room(void);
static int	visitor_ask(struct visitor *, const struct conn *,
		    const struct site *, const struct credential *);
static int	ask_basic(const struct http_str *, struct login_password *);
static void	visitor_deny(struct visitor *, const struct login_denied *);
static void	visitor_go_on(struct visitor *);
static struct visitor *visitor_of(uint32_t);
static int	visitor_old(const struct visitor *, uint64_t);
static void	visitors_tick(evutil_socket_t, short, void *);

RB_HEAD(key_table, visitor);
RB_HEAD(id_table, visitor);
RB_PROTOTYPE_STATIC(key_table, visitor, by_key, by_key_cmp)
RB_PROTOTYPE_STATIC(id_table, visitor, by_id, by_id_cmp)

static struct key_table		 keys = RB_INITIALIZER(&keys);
static struct id_table		 ids = RB_INITIALIZER(&ids);
static TAILQ_HEAD(, visitor)	 by_use = TAILQ_HEAD_INITIALIZER(by_use);
static uint32_t			 nvisitors, nasked;
static uint8_t			 hash_key[32];
static struct event		*timer;

static int
by_key_cmp(struct visitor *a, struct visitor *b)
{
	return (memcmp(a->key, b->key, sizeof(a->key)));
}

static int
by_id_cmp(struct visitor *a, struct visitor *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

RB_GENERATE_STATIC(key_table, visitor, by_key, by_key_cmp)
RB_GENERATE_STATIC(id_table, visitor, by_id, by_id_cmp)

/*
 * What it is known by: the credential and where it is shown.  The parts have
 * a fixed length or end with a NUL, so that no two sets of them are alike.
 */
static int
credential_key(const struct site *site, const struct credential *c,
    uint8_t out[32])
{
	static EVP_MD_CTX	*ctx;
	static uint8_t		 none[32];
	const uint8_t		 kind = c->kind;
	unsigned int		 len = 32;

	if (memcmp(hash_key, none, sizeof(none)) == 0)
		arc4random_buf(hash_key, sizeof(hash_key));
	if (ctx == NULL && (ctx = EVP_MD_CTX_new()) == NULL)
		return (-1);
	return (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, hash_key, sizeof(hash_key)) == 1 &&
	    EVP_DigestUpdate(ctx, &kind, sizeof(kind)) == 1 &&
	    EVP_DigestUpdate(ctx, site->host, strlen(site->host) + 1) == 1 &&
	    EVP_DigestUpdate(ctx, site->node_id,
	    strlen(site->node_id) + 1) == 1 &&
	    EVP_DigestUpdate(ctx, c->value.s, c->value.len) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, &len) == 1 ? 0 : -1);
}

/* ---- making and ending ---- */

static struct visitor *
visitor_new(const uint8_t *key, enum credential_kind kind)
{
	const struct timeval	 tv = { TICK_S, 0 };
	struct visitor		*v;

	if (timer == NULL && (timer = evtimer_new(proc_base(), visitors_tick,
	    NULL)) == NULL)
		fatal("event");
	if ((v = calloc(1, sizeof(*v))) == NULL)
		return (NULL);
	v->id = listener_new_id();
	v->kind = kind;
	v->keyed = 1;
	memcpy(v->key, key, sizeof(v->key));
	v->made_ms = v->used_ms = listener_ms();
	TAILQ_INIT(&v->owner.streams);
	SLIST_INIT(&v->owner.routes);
	v->owner.routed = http_backend_routed;
	TAILQ_INIT(&v->waits);
	RB_INSERT(key_table, &keys, v);
	RB_INSERT(id_table, &ids, v);
	TAILQ_INSERT_TAIL(&by_use, v, by_use);
	nvisitors++;
	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
	return (v);
}

/* Who comes next with this credential is asked about anew. */
static void
visitor_unkey(struct visitor *v)
{
	if (v->keyed)
		RB_REMOVE(key_table, &keys, v);
	v->keyed = 0;
}

static void
visitor_free(struct visitor *v)
{
	if (v->refs > 0 || !TAILQ_EMPTY(&v->waits))
		return;
	visitor_end(v, "");
	freezero(v, sizeof(*v));
}

/* Its session is over: router is told, unless that is another's. */
static void
visitor_end(struct visitor *v, const char *why)
{
	struct link_down	 down;

	if (v->state == VISITOR_ENDED)
		return;
	if (v->kind == CREDENTIAL_OUTSIDE) {
		owner_end(&v->owner);
		v->state = VISITOR_ENDED;
		return;
	}
	if (v->state == VISITOR_ASKED && nasked > 0)
		nasked--;
	if (v->session.session != 0) {
		memset(&down, 0, sizeof(down));
		down.session = v->session.session;
		strlcpy(down.text, why, sizeof(down.text));
		(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_LINK_DOWN,
		    v->id, -1, &down, sizeof(down));
	}
	visitor_unkey(v);
	RB_REMOVE(id_table, &ids, v);
	TAILQ_REMOVE(&by_use, v, by_use);
	nvisitors--;
	owner_end(&v->owner);
	v->state = VISITOR_ENDED;
}

struct visitor *
visitor_of_session(const struct session *s)
{
	struct visitor	*v;

	if ((v = calloc(1, sizeof(*v))) == NULL)
		return (NULL);
	v->id = s->conn;
	v->kind = CREDENTIAL_OUTSIDE;
	v->state = VISITOR_GOOD;
	v->session = *s;
	v->refs = 1;
	TAILQ_INIT(&v->owner.streams);
	SLIST_INIT(&v->owner.routes);
	v->owner.routed = http_backend_routed;
	TAILQ_INIT(&v->waits);
	owner_begin(&v->owner, s->session, s->conn);
	return (v);
}

struct visitor *
visitor_ref(struct visitor *v)
{
	if (v != NULL)
		v->refs++;
	return (v);
}

/* It is kept for the next request, unless it is over. */
void
visitor_unref(struct visitor *v)
{
	if (v == NULL)
		return;
	v->used_ms = listener_ms();
	if (--v->refs == 0 && (v->state == VISITOR_ENDED || !v->keyed))
		visitor_free(v);
}

struct stream_owner *
visitor_owner(struct visitor *v)
{
	return (&v->owner);
}

const char *
visitor_email(const struct visitor *v)
{
	return (v->session.email);
}

const char *
visitor_name(const struct visitor *v)
{
	return (v->session.username);
}

static struct visitor *
visitor_of(uint32_t id)
{
	struct visitor	 key;

	key.id = id;
	return (RB_FIND(id_table, &ids, &key));
}

int
gate_has_id(uint32_t id)
{
	return (visitor_of(id) != NULL);
}

/* Room for one more: whoever has not been here for longest makes it. */
static int
visitor_room(void)
{
	struct visitor	*v, *tmp;

	if (nvisitors < VISITORS_MAX)
		return (1);
	TAILQ_FOREACH_SAFE(v, &by_use, by_use, tmp) {
		if (v->refs > 0 || !TAILQ_EMPTY(&v->waits))
			continue;
		visitor_free(v);
		return (1);
	}
	return (0);
}

/* Nobody needs it any more. */
static int
visitor_old(const struct visitor *v, uint64_t now)
{
	uint64_t	 keep = IDLE_MS;

	if (v->state == VISITOR_DENIED)
		keep = v->denied.status == 503 ? LATER_MS : DENIED_MS;
	return (now - v->used_ms >= keep);
}

static void
visitors_tick(evutil_socket_t fd, short what, void *arg)
{
	static const struct login_denied late = { .status = 503,
	    .retry_after = 1, .text = "the relay is busy: try again" };
	const struct timeval	 tv = { TICK_S, 0 };
	struct visitor		*v, *tmp;
	uint64_t		 now = listener_ms();

	TAILQ_FOREACH_SAFE(v, &by_use, by_use, tmp) {
		if (v->state == VISITOR_ASKED) {
			if (now - v->made_ms >= ASKED_MS)
				visitor_deny(v, &late);
			continue;
		}
		if (v->kind == CREDENTIAL_BASIC &&
		    now - v->made_ms >= PASSWORD_MS)
			visitor_unkey(v);
		if (v->refs == 0 && (!v->keyed || visitor_old(v, now)))
			visitor_free(v);
	}
	if (!TAILQ_EMPTY(&by_use))
		evtimer_add(timer, &tv);
}

/* ---- asking ---- */

/* RFC 7617: the address has no colon, the password may. */
static int
ask_basic(const struct http_str *s, struct login_password *req)
{
	uint8_t	 text[CTL_EMAIL_LEN + PASSWORD_LEN];
	uint8_t	*colon;
	ssize_t	 n;
	size_t	 left;
	int	 ret = -1;

	n = base64_decode(text, sizeof(text) - 1, s->s, s->len);
	if (n > 0 && memchr(text, '\0', n) == NULL &&
	    (colon = memchr(text, ':', n)) != NULL) {
		left = n - (colon - text) - 1;
		if ((size_t)(colon - text) < sizeof(req->email) &&
		    left < sizeof(req->password)) {
			memcpy(req->email, text, colon - text);
			memcpy(req->password, colon + 1, left);
			ret = 0;
		}
	}
	explicit_bzero(text, sizeof(text));
	return (ret);
}

/* 0, or -1: it makes no sense, or can't be asked; v is denied or gone. */
static int
visitor_ask(struct visitor *v, const struct conn *c, const struct site *site,
    const struct credential *cred)
{
	struct login_password	 pw;
	struct login		 req;
	int			 ret;

	memset(&req, 0, sizeof(req));
	memset(&pw, 0, sizeof(pw));
	req.door = DOOR_HTTP;
	req.method = LOGIN_SECRET;
	req.peer = pw.peer = c->peer;
	strlcpy(req.host, site->host, sizeof(req.host));
	strlcpy(pw.host, site->host, sizeof(pw.host));
	if (cred->kind == CREDENTIAL_BASIC)
		ret = ask_basic(&cred->value, &pw);
	else if (cred->kind == CREDENTIAL_BEARER)
		ret = login_bearer(&cred->value, &req);
	else {
		web_hash(&cred->value, req.seed);
		ret = 0;
	}
	if (ret == -1) {
		login_garbled(c);
		v->denied.status = 401;
		strlcpy(v->denied.text, "the credentials can't be read",
		    sizeof(v->denied.text));
	} else if (nasked >= ASKED_MAX || (cred->kind == CREDENTIAL_BASIC ?
	    proc_send(proc_peer(PROC_AUTH, 0), IMSG_LOGIN_PASSWORD, v->id, -1,
	    &pw, sizeof(pw)) : proc_send(proc_peer(PROC_AUTH, 0), IMSG_LOGIN,
	    v->id, -1, &req, sizeof(req))) == -1) {
		ret = -1;
		v->denied.status = 503;
		v->denied.retry_after = 1;
		strlcpy(v->denied.text, "the relay is busy: try again",
		    sizeof(v->denied.text));
	} else
		nasked++;
	explicit_bzero(&req, sizeof(req));
	explicit_bzero(&pw, sizeof(pw));
	return (ret);
}

struct visitor *
visitor_find(struct conn *c, const struct site *site,
    const struct credential *cred)
{
	struct visitor	 want, *v;
	uint64_t	 now = listener_ms();

	if (credential_key(site, cred, want.key) == -1)
		return (NULL);
	v = RB_FIND(key_table, &keys, &want);
	if (v != NULL && v->state == VISITOR_DENIED && visitor_old(v, now)) {
		visitor_unkey(v);
		visitor_free(v);
		v = NULL;
	}
	if (v != NULL) {
		if (v->state == VISITOR_GOOD) {
			v->used_ms = now;
			TAILQ_REMOVE(&by_use, v, by_use);
			TAILQ_INSERT_TAIL(&by_use, v, by_use);
		}
		return (v);
	}
	if (!visitor_room() || (v = visitor_new(want.key, cred->kind)) == NULL)
		return (NULL);
	v->state = visitor_ask(v, c, site, cred) == 0 ? VISITOR_ASKED :
	    VISITOR_DENIED;
	return (v);
}

/* ---- answers ---- */

static void
visitor_go_on(struct visitor *v)
{
	struct gate_wait	*w;

	v->refs++;
	while ((w = TAILQ_FIRST(&v->waits)) != NULL) {
		TAILQ_REMOVE(&v->waits, w, entry);
		w->on = NULL;
		door_http_go_on(w->conn);
	}
	visitor_unref(v);
}

static void
visitor_deny(struct visitor *v, const struct login_denied *d)
{
	if (v->state != VISITOR_ASKED)
		return;
	if (nasked > 0)
		nasked--;
	v->state = VISITOR_DENIED;
	v->denied = *d;
	v->used_ms = listener_ms();
	visitor_go_on(v);
}

int
gate_denied(uint32_t id, const struct login_denied *d)
{
	struct visitor	*v;

	if ((v = visitor_of(id)) == NULL)
		return (-1);
	visitor_deny(v, d);
	return (0);
}

void
gate_session(const struct session *s)
{
	struct link_down	 down;
	struct visitor		*v;

	v = visitor_of(s->conn);
	if (v == NULL || v->state != VISITOR_ASKED) {
		/* Nobody will use it. */
		memset(&down, 0, sizeof(down));
		down.session = s->session;
		(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_LINK_DOWN,
		    s->conn, -1, &down, sizeof(down));
		return;
	}
	if (nasked > 0)
		nasked--;
	v->session = *s;
	v->state = VISITOR_GOOD;
	v->used_ms = listener_ms();
	owner_begin(&v->owner, s->session, v->id);
	visitor_go_on(v);
}

void
gate_auth_gone(void)
{
	static const struct login_denied starting = { .status = 503,
	    .retry_after = 1, .text = "the relay is starting: try again" };
	struct visitor	*v, *tmp;

	web_auth_gone();
	TAILQ_FOREACH_SAFE(v, &by_use, by_use, tmp) {
		if (v->state == VISITOR_ASKED)
			visitor_deny(v, &starting);
	}
}

/* ---- router's word ---- */

int
gate_kill(uint32_t id, uint64_t session, const char *why, uint32_t *n)
{
	struct visitor	*v;

	if ((v = visitor_of(id)) == NULL || v->session.session != session)
		return (-1);
	v->refs++;
	*n = http_backends_kill(&v->owner, MUX_CODE_KILLED, why);
	visitor_end(v, why);
	visitor_unref(v);
	return (0);
}

int
gate_announce(uint32_t *from)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct visitor		 key, *v;

	key.id = *from;
	for (v = RB_NFIND(id_table, &ids, &key); v != NULL;
	    v = RB_NEXT(id_table, &ids, v)) {
		if (proc_queued(router) > PROC_QUEUE_HIGH) {
			*from = v->id;
			return (0);
		}
		if (v->state == VISITOR_GOOD)
			(void)proc_send(router, IMSG_LINK_AGAIN, v->id, -1,
			    &v->session, sizeof(v->session));
	}
	return (1);
}

size_t
gate_memory(size_t *n)
{
	*n = nvisitors;
	return (nvisitors * sizeof(struct visitor));
}
