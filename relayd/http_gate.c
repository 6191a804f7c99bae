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
 * The gate of a site.  To a public one anybody comes; at others a visitor
 * shows a token, a password, or the cookie that the login page got it, and
 * what auth says of that holds until it says otherwise.
 */

#include "compat.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "door_http.h"
#include "http_gate_internal.h"
#include "http_page.h"
#include "log.h"
#include "msg_site.h"

#define LATER_MS	5000	/* that a request waits for an auth that is
				   away... */
#define AGAIN_MS	500	/* ...trying each */

static int	gate_credential(const struct http_head *, const struct site *,
		    int, struct credential *);
static enum gate gate_wait_for(struct conn *, struct visitor *);
static enum gate gate_park(struct conn *, struct visitor *);
static void	parked_go_on(evutil_socket_t, short, void *);
static enum gate gate_refuse(struct conn *, const struct http_head *,
		    const struct site *, const struct credential *,
		    const struct login_denied *);
static enum gate gate_stranger(struct conn *, const struct http_head *,
		    const struct site *, int);

static struct gate_waits	 parked = TAILQ_HEAD_INITIALIZER(parked);
static struct event		*timer;

/* ---- those who wait ---- */

struct gate_wait *
gate_wait(struct conn *c)
{
	if (c->gate == NULL &&
	    (c->gate = calloc(1, sizeof(*c->gate))) != NULL)
		c->gate->conn = c;
	return (c->gate);
}

static void
gate_unwait(struct gate_wait *w)
{
	if (w->on != NULL)
		TAILQ_REMOVE(&w->on->waits, w, entry);
	if (w->parked)
		TAILQ_REMOVE(&parked, w, entry);
	w->on = NULL;
	w->parked = 0;
}

void
gate_forget(struct conn *c)
{
	if (c->gate == NULL)
		return;
	gate_unwait(c->gate);
	gate_enter_free(c->gate->enter);
	free(c->gate);
	c->gate = NULL;
}

static enum gate
gate_wait_for(struct conn *c, struct visitor *v)
{
	struct gate_wait	*w;

	if ((w = gate_wait(c)) == NULL)
		return (GATE_ANSWERED);
	gate_unwait(w);
	w->on = v;
	TAILQ_INSERT_TAIL(&v->waits, w, entry);
	return (GATE_WAIT);
}

/* Auth can't be asked: it is about to come back, most likely. */
static enum gate
gate_park(struct conn *c, struct visitor *v)
{
	const struct timeval	 tv = { 0, AGAIN_MS * 1000 };
	struct gate_wait	*w;

	if ((w = gate_wait(c)) == NULL)
		return (GATE_ANSWERED);
	if (w->since == 0)
		w->since = listener_ms();
	else if (listener_ms() - w->since >= LATER_MS)
		return (GATE_ANSWERED);
	if (timer == NULL && (timer = evtimer_new(proc_base(), parked_go_on,
	    NULL)) == NULL)
		fatal("event");
	gate_unwait(w);
	w->parked = 1;
	TAILQ_INSERT_TAIL(&parked, w, entry);
	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
	return (GATE_WAIT);
}

static void
parked_go_on(evutil_socket_t fd, short what, void *arg)
{
	struct gate_waits	 now = TAILQ_HEAD_INITIALIZER(now);
	struct gate_wait	*w;

	/* Those who have to wait again stand in the other line. */
	TAILQ_CONCAT(&now, &parked, entry);
	TAILQ_FOREACH(w, &now, entry)
		w->parked = 0;
	while ((w = TAILQ_FIRST(&now)) != NULL) {
		TAILQ_REMOVE(&now, w, entry);
		door_http_go_on(w->conn);
	}
}

/* ---- who comes ---- */

/*
 * What the visitor shows us.  A token of ours goes before a cookie; what
 * else stands in Authorization is the backend's, unless the site asks by
 * Basic.
 */
static int
gate_credential(const struct http_head *head, const struct site *site,
    int secure, struct credential *cred)
{
	const struct http_str	*auth = http_field(head, "authorization");

	if (auth != NULL && login_scheme(auth, "bearer", &cred->value) &&
	    gate_is_token(&cred->value)) {
		cred->kind = CREDENTIAL_BEARER;
		return (1);
	}
	if (site->access == SITE_BASIC) {
		cred->kind = CREDENTIAL_BASIC;
		return (auth != NULL &&
		    login_scheme(auth, "basic", &cred->value));
	}
	cred->kind = CREDENTIAL_COOKIE;
	return (web_cookie(head, secure, COOKIE_VISIT, &cred->value) &&
	    web_secret_ok(&cred->value));
}

enum gate
gate_visit(struct conn *c, const struct http_head *head,
    const struct site *site, struct visitor **vp)
{
	static const struct login_denied busy = { .status = 503,
	    .retry_after = 2, .text = "the relay is busy: try again" };
	struct credential	 cred;
	struct visitor		*v;
	enum gate		 ret;
	int			 secure;

	*vp = NULL;
	if (site->access == SITE_PUBLIC)
		return (GATE_PASS);
	if (site->access == SITE_PRIVATE &&
	    (ret = gate_own(c, head, site)) != GATE_PASS)
		return (ret);
	secure = web_secure(c, head);
	if (!gate_credential(head, site, secure, &cred))
		return (gate_stranger(c, head, site, 0));
	if (cred.kind != CREDENTIAL_BEARER && gate_foreign(head, site)) {
		http_page(c, head, site, 403, "foreign", "this came from a "
		    "page of another site", NULL);
		return (GATE_ANSWERED);
	}
	if ((v = visitor_find(c, site, &cred)) == NULL)
		return (gate_refuse(c, head, site, &cred, &busy));
	switch (v->state) {
	case VISITOR_GOOD:
		if (c->gate != NULL)
			gate_forget(c);
		*vp = visitor_ref(v);
		return (GATE_PASS);
	case VISITOR_ASKED:
		if ((ret = gate_wait_for(c, v)) == GATE_WAIT)
			return (ret);
		break;
	default:
		if (v->denied.status == 503 &&
		    (ret = gate_park(c, v)) == GATE_WAIT)
			return (ret);
		break;
	}
	gate_forget(c);
	return (gate_refuse(c, head, site, &cred,
	    v->state == VISITOR_DENIED ? &v->denied : &busy));
}

/* ---- refusals ---- */

static enum gate
gate_refuse(struct conn *c, const struct http_head *head,
    const struct site *site, const struct credential *cred,
    const struct login_denied *d)
{
	const char	*word;

	/* Sessions end; a browser logs in again. */
	if (d->status == 401)
		return (gate_stranger(c, head, site,
		    cred->kind != CREDENTIAL_COOKIE));
	word = d->status == 403 ? "denied" : d->status == 404 ? "no-site" :
	    d->status == 429 ? "throttled" : "busy";
	http_page(c, head, site, d->status, word, d->text,
	    d->retry_after > 0 ? http_page_retry(d->retry_after) : NULL);
	return (GATE_ANSWERED);
}

/* Nobody we know.  bad: it showed something that is no good. */
static enum gate
gate_stranger(struct conn *c, const struct http_head *head,
    const struct site *site, int bad)
{
	const char	*word = bad ? "denied" : "login";
	char		 extra[DOMAIN_LEN + 96];

	if (site->access == SITE_BASIC) {
		/* A host has no quotes in it. */
		snprintf(extra, sizeof(extra), "WWW-Authenticate: Basic "
		    "realm=\"%s\", charset=\"UTF-8\"\r\n", site->host);
		http_page(c, head, site, 401, word, bad ? "this email "
		    "address and password, or this token, are not accepted" :
		    "log in with your email address and password", extra);
		return (GATE_ANSWERED);
	}
	if (!bad && gate_login_at(site) != NULL && http_accepts_html(head) &&
	    (http_str_eq(&head->method, "GET") ||
	    http_str_eq(&head->method, "HEAD"))) {
		gate_to_login(c, head, site);
		return (GATE_ANSWERED);
	}
	snprintf(extra, sizeof(extra), "WWW-Authenticate: Bearer "
	    "realm=\"%s\"%s\r\n", site->host,
	    bad ? ", error=\"invalid_token\"" : "");
	http_page(c, head, site, 401, word, bad ? "token not accepted" :
	    "this site is for those who are logged in", extra);
	return (GATE_ANSWERED);
}
