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
 * People who log in with a browser: by a password, on the login page or for a
 * site that asks by Basic; and from the relay's own pages, with a ticket, to
 * the sites.  The page is a listener's; what it may tell is decided here.
 */

#include "compat.h"

#include <sys/queue.h>

#include <openssl/crypto.h>

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "auth.h"
#include "log.h"
#include "log_limit.h"

#define WEB_SESSION_S	(14 * 86400)
#define WEB_SESSIONS	50	/* browsers of a user; sites of one */
#define TICKET_S	60
#define TICKETS_MAX	4096
#define TICKETS_SAME	20	/* of one browser to one site, used or not */
#define TICKETS_USER	200	/* of all of a user's, to any */
#define TRIM_MS		60000
#define TRIM_ROWS	500

/* Who asked, until the password has been checked. */
struct attempt {
	int			 listener;
	uint32_t		 id;
	char			 addr[ADDR_STRLEN];
	struct sockaddr_storage	 peer;
	char			 email[CTL_EMAIL_LEN];
	char			 host[DOMAIN_LEN];	/* Basic: the site */
	uint8_t			 make[WEB_HASH_LEN];
	char			 software[CTL_TEXT_LEN];
};

struct web_ticket {
	TAILQ_ENTRY(web_ticket)	 entry;
	uint8_t			 hash[WEB_HASH_LEN];
	uint8_t			 way[WEB_HASH_LEN];
	char			 host[DOMAIN_LEN];
	char			 session[USER_ID_LEN + 4];
	char			 user_id[USER_ID_LEN + 4];
	uint64_t		 until;		/* ms */
	int			 used;
};

static struct attempt *attempt_new(struct proc_peer *, struct imsg *,
		    const struct sockaddr_storage *, const char *);
static void	attempt_audit(const struct attempt *, uint32_t, const char *,
		    const char *);
static void	attempt_denied(const struct attempt *, int, const char *);
static void	web_answer(int, uint32_t, const struct web_ask *,
		    struct web_answer *);
static uint32_t	web_refuse(struct web_answer *, uint32_t, uint32_t,
		    const char *);
static void	web_password(void *, enum auth_password,
		    const struct store_user *, uint32_t);
static void	basic_password(void *, enum auth_password,
		    const struct store_user *, uint32_t);
static uint32_t	web_make(const struct store_session *, struct web_answer *);
static uint32_t	web_session(const uint8_t *, const char *,
		    struct store_session *, struct web_answer *);
static void	web_login(struct proc_peer *, struct imsg *,
		    const struct web_ask *);
static uint32_t	web_ticket(const struct web_ask *, struct web_answer *);
static uint32_t	web_enter(const struct web_ask *, const char *,
		    struct web_answer *);
static uint32_t	web_logout(const struct web_ask *, struct web_answer *);
static void	ticket_free(struct web_ticket *);
static void	tickets_expire(void);

static TAILQ_HEAD(, web_ticket)	 tickets = TAILQ_HEAD_INITIALIZER(tickets);
static uint32_t			 ntickets;
static uint64_t			 trim_at;	/* ms */

static const char wrong[] = "email address or password not accepted";

/* ---- passwords ---- */

static struct attempt *
attempt_new(struct proc_peer *peer, struct imsg *imsg,
    const struct sockaddr_storage *from, const char *email)
{
	struct attempt	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return (NULL);
	a->listener = proc_peer_instance(peer);
	a->id = imsg_get_id(imsg);
	a->peer = *from;
	(void)addr_format((const struct sockaddr *)from, a->addr);
	strlcpy(a->email, email, sizeof(a->email));
	name_lower(a->email);
	return (a);
}

/* email: as far as it is known to be somebody's. */
static void
attempt_audit(const struct attempt *a, uint32_t what, const char *email,
    const char *text)
{
	struct audit_event	 e;

	memset(&e, 0, sizeof(e));
	e.what = what;
	e.at = auth_wall();
	strlcpy(e.email, email, sizeof(e.email));
	strlcpy(e.addr, a->addr, sizeof(e.addr));
	if (a->host[0] != '\0')
		(void)snprintf(e.text, sizeof(e.text), "%s, at %.200s", text,
		    a->host);
	else
		strlcpy(e.text, text, sizeof(e.text));
	if (what == AUDIT_DENIED)
		(void)auth_audit_denied(&e);
	else
		auth_audit(&e);
}

/* The words that etc/fail2ban rests on: see auth_login.c. */
static void
attempt_denied(const struct attempt *a, int guess, const char *why)
{
	static struct log_limit	 denied = { .burst = 1000, .ms = 1000 };
	static struct log_limit	 refused = { .burst = 100, .ms = 6000 };
	uint64_t		 lost;

	attempt_audit(a, AUDIT_DENIED, guess ? "" : a->email, why);
	if (!log_limit_may(guess ? &denied : &refused, auth_mono(), &lost))
		return;
	if (lost > 0)
		log_info("%llu log-ins %s were too many and are not listed",
		    (unsigned long long)lost, guess ? "denied" : "refused");
	log_info("client %s: log-in %s: %s (user %s)", a->addr,
	    guess ? "denied" : "refused", why,
	    name_email_ok(a->email) ? a->email : "?");
}

int
auth_recv_login_password(struct proc_peer *peer, struct imsg *imsg)
{
	struct login_denied	 d;
	struct login_password	 req;
	struct attempt		*a;
	int			 ret = 0;

	memset(&d, 0, sizeof(d));
	if (imsg_get_data(imsg, &req, sizeof(req)) == -1)
		return (-1);
	explicit_bzero(ibuf_data(&imsg->body), ibuf_size(&imsg->body));
	if (imsg_get_id(imsg) == 0 ||
	    memchr(req.host, '\0', sizeof(req.host)) == NULL ||
	    memchr(req.email, '\0', sizeof(req.email)) == NULL ||
	    memchr(req.password, '\0', sizeof(req.password)) == NULL ||
	    (req.peer.ss_family != AF_INET &&
	    req.peer.ss_family != AF_INET6))
		ret = -1;
	else if ((a = attempt_new(peer, imsg, &req.peer, req.email)) == NULL)
		d.status = 503;
	else {
		strlcpy(a->host, req.host, sizeof(a->host));
		if (auth_password_check(a->listener, &req.peer, a->email,
		    req.password, basic_password, a, &d.status,
		    &d.retry_after) == -1) {
			(void)snprintf(d.text, sizeof(d.text), "too many "
			    "log-ins: wait %u s", d.retry_after);
			attempt_denied(a, 0, d.text);
			free(a);
		}
	}
	explicit_bzero(&req, sizeof(req));
	if (d.status != 0)
		(void)proc_send(peer, IMSG_LOGIN_DENIED, imsg_get_id(imsg),
		    -1, &d, sizeof(d));
	return (ret);
}

static void
basic_password(void *arg, enum auth_password what, const struct store_user *u,
    uint32_t wait)
{
	struct attempt		*a = arg;
	struct login_denied	 d;
	struct session		 s;

	memset(&d, 0, sizeof(d));
	memset(&s, 0, sizeof(s));
	if (what == PASSWORD_LATER) {
		d.status = wait > 0 ? 429 : 503;
		d.retry_after = wait > 0 ? wait : 10;
		strlcpy(d.text, "this can't be looked at now: try again",
		    sizeof(d.text));
	} else if (what == PASSWORD_WRONG) {
		d.status = 401;
		strlcpy(d.text, wrong, sizeof(d.text));
	} else if (!u->enabled) {
		d.status = 401;
		strlcpy(d.text, "this user is disabled", sizeof(d.text));
	} else {
		s.listener = a->listener;
		s.conn = a->id;
		s.door = DOOR_HTTP;
		s.scopes = SCOPE_HTTP;
		s.restricted = 1;
		strlcpy(s.user_id, u->id, sizeof(s.user_id));
		strlcpy(s.email, u->email, sizeof(s.email));
		strlcpy(s.username, u->username, sizeof(s.username));
		strlcpy(s.addr, a->addr, sizeof(s.addr));
		d.status = auth_visit(a->host, u->id, "", &s, d.text,
		    sizeof(d.text));
		if (d.status == 0)
			(void)auth_login_done(&s, &d);
	}
	if (d.status != 0) {
		attempt_denied(a, what == PASSWORD_WRONG, d.text);
		(void)proc_send(proc_peer(PROC_LISTENER, a->listener),
		    IMSG_LOGIN_DENIED, a->id, -1, &d, sizeof(d));
	} else if (auth_login_remember(a->email,
	    (struct sockaddr *)&a->peer)) {
		attempt_audit(a, AUDIT_LOGIN, a->email, "by password");
		log_info("client %s: log-in of %s with a password to node %s",
		    a->addr, a->email, s.node);
	}
	free(a);
}

/* ---- the login page ---- */

static void
web_answer(int listener, uint32_t id, const struct web_ask *ask,
    struct web_answer *w)
{
	w->what = ask->what;
	(void)proc_send(proc_peer(PROC_LISTENER, listener), IMSG_WEB_ANSWER,
	    id, -1, w, sizeof(*w));
}

static uint32_t
web_refuse(struct web_answer *w, uint32_t status, uint32_t wait,
    const char *text)
{
	w->status = status;
	w->retry_after = wait;
	strlcpy(w->text, text, sizeof(w->text));
	return (status);
}

int
auth_recv_web_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct web_answer	 w;
	struct web_ask		 ask;
	char			 addr[ADDR_STRLEN];
	int			 ret = 0;

	memset(&w, 0, sizeof(w));
	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1)
		return (-1);
	explicit_bzero(ibuf_data(&imsg->body), ibuf_size(&imsg->body));
	if (ask.what < WEB_LOGIN || ask.what > WEB_LOGOUT ||
	    memchr(ask.host, '\0', sizeof(ask.host)) == NULL ||
	    memchr(ask.email, '\0', sizeof(ask.email)) == NULL ||
	    memchr(ask.password, '\0', sizeof(ask.password)) == NULL ||
	    memchr(ask.software, '\0', sizeof(ask.software)) == NULL ||
	    (ask.peer.ss_family != AF_INET &&
	    ask.peer.ss_family != AF_INET6)) {
		ret = -1;
		goto done;
	}
	(void)addr_format((struct sockaddr *)&ask.peer, addr);
	switch (ask.what) {
	case WEB_LOGIN:
		web_login(peer, imsg, &ask);
		goto done;
	case WEB_TICKET:
		w.status = web_ticket(&ask, &w);
		break;
	case WEB_ENTER:
		w.status = web_enter(&ask, addr, &w);
		break;
	default:
		w.status = web_logout(&ask, &w);
		break;
	}
	web_answer(proc_peer_instance(peer), imsg_get_id(imsg), &ask, &w);
 done:
	explicit_bzero(&ask, sizeof(ask));
	return (ret);
}

static void
web_login(struct proc_peer *peer, struct imsg *imsg,
    const struct web_ask *ask)
{
	struct web_answer	 w;
	struct attempt		*a;
	char			 text[CTL_TEXT_LEN];

	memset(&w, 0, sizeof(w));
	if ((a = attempt_new(peer, imsg, &ask->peer, ask->email)) == NULL)
		w.status = 503;
	else {
		memcpy(a->make, ask->make, sizeof(a->make));
		strlcpy(a->software, ask->software, sizeof(a->software));
		if (auth_password_check(a->listener, &ask->peer, a->email,
		    ask->password, web_password, a, &w.status,
		    &w.retry_after) == 0)
			return;
		(void)snprintf(text, sizeof(text), "too many log-ins: wait "
		    "%u s", w.retry_after);
		attempt_denied(a, 0, text);
		strlcpy(w.text, text, sizeof(w.text));
		free(a);
	}
	web_answer(proc_peer_instance(peer), imsg_get_id(imsg), ask, &w);
}

static void
web_password(void *arg, enum auth_password what, const struct store_user *u,
    uint32_t wait)
{
	struct attempt		*a = arg;
	struct web_ask		 ask = { .what = WEB_LOGIN };
	struct web_answer	 w;
	struct store_session	 e;

	memset(&w, 0, sizeof(w));
	if (what == PASSWORD_LATER)
		(void)web_refuse(&w, wait > 0 ? 429 : 503,
		    wait > 0 ? wait : 10,
		    "this can't be looked at now: try again");
	else if (what == PASSWORD_WRONG)
		(void)web_refuse(&w, 401, 0, wrong);
	else if (!u->enabled)
		(void)web_refuse(&w, 401, 0, "this user is disabled");
	else {
		memset(&e, 0, sizeof(e));
		e.kind = SESSION_WEB;
		memcpy(e.hash, a->make, sizeof(e.hash));
		strlcpy(e.user_id, u->id, sizeof(e.user_id));
		strlcpy(e.email, u->email, sizeof(e.email));
		strlcpy(e.addr, a->addr, sizeof(e.addr));
		strlcpy(e.software, a->software, sizeof(e.software));
		e.created_at = auth_wall();
		e.expires_at = e.created_at + WEB_SESSION_S;
		w.status = web_make(&e, &w);
	}
	if (w.status != 200)
		attempt_denied(a, what == PASSWORD_WRONG, w.text);
	else {
		attempt_audit(a, AUDIT_LOGIN, a->email, "by password");
		log_info("client %s: log-in of %s with a password", a->addr,
		    a->email);
	}
	web_answer(a->listener, a->id, &ask, &w);
	free(a);
}

/* The newest of a user's are kept, and those of the others end. */
static uint32_t
web_make(const struct store_session *e, struct web_answer *w)
{
	struct store_session	 new = *e, old;

	store_uuid(new.id);
	if (store_session_add(auth_store, &new) != STORE_OK) {
		auth_trouble("log-ins of browsers are refused");
		return (web_refuse(w, 503, 60, "the relay can't write to its "
		    "store now: try again later"));
	}
	while (store_session_surplus(auth_store, e->user_id, SESSION_WEB,
	    e->parent, WEB_SESSIONS, &old) == STORE_OK &&
	    store_session_remove(auth_store, old.id) == STORE_OK)
		auth_revoke(REVOKE_SESSION, old.id, "too many sessions");
	w->expires_at = e->expires_at;
	strlcpy(w->email, e->email, sizeof(w->email));
	return (200);
}

/* A browser's session, of this host; 200, or it is refused. */
static uint32_t
web_session(const uint8_t *hash, const char *host, struct store_session *e,
    struct web_answer *w)
{
	enum store_result	 r;

	r = store_session_find(auth_store, hash, e);
	if (r != STORE_OK && r != STORE_NONE) {
		auth_trouble("log-ins are refused");
		return (web_refuse(w, 503, 10, "the relay can't read its "
		    "store now: try again"));
	}
	if (r == STORE_NONE || e->kind != SESSION_WEB ||
	    !auth_session_stands(e) || strcmp(e->host, host) != 0)
		return (web_refuse(w, 401, 0, "log in"));
	strlcpy(w->email, e->email, sizeof(w->email));
	return (200);
}

/* ---- tickets ---- */

static void
ticket_free(struct web_ticket *t)
{
	TAILQ_REMOVE(&tickets, t, entry);
	ntickets--;
	freezero(t, sizeof(*t));
}

static void
tickets_expire(void)
{
	struct web_ticket	*t;

	while ((t = TAILQ_FIRST(&tickets)) != NULL && auth_mono() >= t->until)
		ticket_free(t);
}

static uint32_t
web_ticket(const struct web_ask *ask, struct web_answer *w)
{
	static const uint8_t	 none[WEB_HASH_LEN];
	struct store_session	 e;
	struct web_ticket	*t;
	struct session		 s;
	uint32_t		 status, same = 0, theirs = 0;

	memset(&s, 0, sizeof(s));
	if ((status = web_session(ask->secret, "", &e, w)) != 200)
		return (status);
	auth_session_used(e.id);
	if (ask->host[0] == '\0')
		return (200);
	if ((status = auth_visit(ask->host, e.user_id, "", &s, w->text,
	    sizeof(w->text))) != 0)
		return (status);
	if (memcmp(ask->way, none, sizeof(none)) == 0)
		return (200);
	tickets_expire();
	TAILQ_FOREACH(t, &tickets, entry) {
		same += strcmp(t->session, e.id) == 0 &&
		    strcmp(t->host, ask->host) == 0;
		theirs += strcmp(t->user_id, e.user_id) == 0;
	}
	/* It comes back and back: it does not keep what it gets there. */
	if (same >= TICKETS_SAME)
		return (web_refuse(w, 429, TICKET_S, "you come again and "
		    "again: does your browser take cookies from there?"));
	/* There is no end of names for the services of a node. */
	if (theirs >= TICKETS_USER)
		return (web_refuse(w, 429, TICKET_S, "too many sites at "
		    "once: wait a minute"));
	if (ntickets >= TICKETS_MAX || (t = calloc(1, sizeof(*t))) == NULL)
		return (web_refuse(w, 503, 10, "the relay is busy: try "
		    "again"));
	memcpy(t->hash, ask->make, sizeof(t->hash));
	memcpy(t->way, ask->way, sizeof(t->way));
	strlcpy(t->host, ask->host, sizeof(t->host));
	strlcpy(t->session, e.id, sizeof(t->session));
	strlcpy(t->user_id, e.user_id, sizeof(t->user_id));
	t->until = auth_mono() + TICKET_S * 1000;
	TAILQ_INSERT_TAIL(&tickets, t, entry);
	ntickets++;
	return (200);
}

/*
 * Each is good once, whatever comes of it.  Used ones stay until their time is
 * over: who gets one after the other loses what it gets.
 */
static uint32_t
web_enter(const struct web_ask *ask, const char *addr, struct web_answer *w)
{
	struct store_session	 parent, e;
	struct web_ticket	*t;
	struct session		 s;
	enum store_result	 r;
	uint32_t		 status;

	memset(&s, 0, sizeof(s));
	tickets_expire();
	TAILQ_FOREACH(t, &tickets, entry) {
		if (!t->used && CRYPTO_memcmp(t->hash, ask->secret,
		    sizeof(t->hash)) == 0)
			break;
	}
	if (t == NULL)
		return (web_refuse(w, 401, 0, "this ticket is not good any "
		    "more"));
	t->used = 1;
	if (strcmp(t->host, ask->host) != 0 ||
	    CRYPTO_memcmp(t->way, ask->way, sizeof(t->way)) != 0)
		return (web_refuse(w, 401, 0, "this ticket is another's"));
	r = store_session_find_id(auth_store, t->session, &parent);
	if (r != STORE_OK || !auth_session_stands(&parent))
		return (web_refuse(w, 401, 0, "log in again"));
	if ((status = auth_visit(ask->host, parent.user_id, "", &s, w->text,
	    sizeof(w->text))) != 0)
		return (status);
	memset(&e, 0, sizeof(e));
	e.kind = SESSION_WEB;
	memcpy(e.hash, ask->make, sizeof(e.hash));
	strlcpy(e.user_id, parent.user_id, sizeof(e.user_id));
	strlcpy(e.email, parent.email, sizeof(e.email));
	strlcpy(e.parent, parent.id, sizeof(e.parent));
	strlcpy(e.host, ask->host, sizeof(e.host));
	strlcpy(e.addr, addr, sizeof(e.addr));
	strlcpy(e.software, ask->software, sizeof(e.software));
	e.created_at = auth_wall();
	e.expires_at = parent.expires_at;
	return (web_make(&e, w));
}

static uint32_t
web_logout(const struct web_ask *ask, struct web_answer *w)
{
	struct store_session	 e;
	const char		*id;
	uint32_t		 status;

	if ((status = web_session(ask->secret, ask->host, &e, w)) != 200)
		return (status == 401 ? 200 : status);
	id = e.parent[0] != '\0' ? e.parent : e.id;
	if (store_session_remove(auth_store, id) != STORE_OK) {
		auth_trouble("log-outs are refused");
		return (web_refuse(w, 503, 60, "the relay can't write to its "
		    "store now: try again later"));
	}
	auth_revoke(REVOKE_SESSION, id, "logged out");
	log_info("%s has logged out", e.email);
	return (200);
}

void
auth_web_sweep(void)
{
	int	 n;

	tickets_expire();
	if (auth_mono() < trim_at || !store_is_open(auth_store))
		return;
	trim_at = auth_mono() + TRIM_MS;
	if (store_session_trim(auth_store, auth_wall(), TRIM_ROWS, &n) ==
	    STORE_OK && n == TRIM_ROWS)
		trim_at = 0;
}
