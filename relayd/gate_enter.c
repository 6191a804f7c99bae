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
 * Between a site and the login page.  A browser is sent there with a mark in
 * a cookie, comes back with a ticket that is good for that mark alone, and
 * gets a cookie for this host only.  Nothing of it reaches the backend.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "door_http.h"
#include "http_form.h"
#include "http_gate_internal.h"
#include "http_page.h"
#include "http_path.h"
#include "msg_site.h"
#include "textbuf.h"

#define TO_MAX		2048	/* of where it wanted to go */
#define WAY_S		900	/* to log in */
#define PAGE_MAX	32768

/* Auth has been asked, and has perhaps answered. */
struct gate_enter {
	struct conn		*conn;
	struct web_pending	*pending;
	struct web_answer	 answer;
	int			 answered;
	char			 secret[WEB_SECRET_STR];
};

static int	path_safe(const char *, size_t, char *, size_t);
static void	gate_origin(const struct conn *, const struct http_head *,
		    char[ORIGIN_MAX]);
static enum gate enter_ask(struct conn *, const struct http_head *,
		    const struct site *, struct web_ask *);
static void	enter_answer(void *, const struct web_answer *);
static enum gate gate_enter(struct conn *, const struct http_head *,
		    const struct site *);
static void	enter_done(struct conn *, const struct http_head *,
		    const struct site *, const struct gate_enter *);
static enum gate gate_logout(struct conn *, const struct http_head *,
		    const struct site *);
static void	logout_page(struct conn *, const struct http_str *);

/* ---- where to ---- */

/*
 * Path and query as they can stand in a field and in HTML: what may not is
 * escaped, which says the same.
 */
static int
path_safe(const char *s, size_t len, char *buf, size_t size)
{
	size_t	 i, n = 0;

	for (i = 0; i < len; i++) {
		if (n + 4 > size)
			return (-1);
		if (s[i] > ' ' && s[i] < '\177' &&
		    strchr("\"<>\\^`{|}'", s[i]) == NULL)
			buf[n++] = s[i];
		else
			n += snprintf(buf + n, size - n, "%%%02X",
			    (unsigned char)s[i]);
	}
	if (n >= size)
		return (-1);
	buf[n] = '\0';
	return (0);
}

static void
gate_origin(const struct conn *c, const struct http_head *head,
    char origin[ORIGIN_MAX])
{
	char		 host[HTTP_HOST_MAX];
	uint16_t	 port;

	if (http_authority(head, host, &port) == -1)
		host[0] = '\0';
	web_origin(web_secure(c, head), host, port, origin);
}

void
gate_to_login(struct conn *c, const struct http_head *head,
    const struct site *site)
{
	static char	 to[TO_MAX], escaped[3 * TO_MAX], extra[4 * TO_MAX];
	char		 host[HTTP_HOST_MAX], origin[ORIGIN_MAX];
	char		 login[ORIGIN_MAX], path[TO_MAX - ORIGIN_MAX];
	char		 way[WEB_SECRET_STR], mark[WEB_SECRET_STR];
	char		 cookie[COOKIE_LINE_MAX];
	size_t		 n;
	uint8_t		 hash[WEB_HASH_LEN];
	struct http_str	 p, q, s;
	uint16_t	 port;
	int		 secure = web_secure(c, head);

	if (http_authority(head, host, &port) == -1 ||
	    http_origin(head, &p, &q) == -1) {
		http_page(c, head, site, 400, "bad-request",
		    "the request can't be understood", NULL);
		return;
	}
	web_origin(secure, host, port, origin);
	web_origin(secure, gate_login_at(site), port, login);
	/* A whole URL may have no path, and one of ours stands for that. */
	if (path_safe(p.s, p.len, path, sizeof(path)) == -1 ||
	    (n = strlen(path)) + 1 == sizeof(path))
		strlcpy(path, "/", sizeof(path));
	else if (q.s != NULL) {
		path[n++] = '?';
		if (path_safe(q.s, q.len, path + n, sizeof(path) - n) == -1)
			strlcpy(path, "/", sizeof(path));
	}
	snprintf(to, sizeof(to), "%s%s", origin, path);
	(void)http_form_escape(to, escaped, sizeof(escaped));
	/* Of several pages that are asked for at once each may come back. */
	if (web_cookie(head, secure, COOKIE_WAY, &s) && web_secret_ok(&s))
		(void)http_str_copy(&s, way, sizeof(way));
	else
		web_secret(way);
	s.s = way;
	s.len = strlen(way);
	web_hash(&s, hash);
	base64url_encode(mark, sizeof(mark), hash, sizeof(hash));
	web_cookie_line(secure, COOKIE_WAY, way, WAY_S, cookie);
	snprintf(extra, sizeof(extra), "Location: %s/login?to=%s&way=%s\r\n"
	    "%sReferrer-Policy: no-referrer\r\n", login, escaped, mark,
	    cookie);
	conn_respond(c, 303, "text/plain; charset=utf-8", extra,
	    "Log in first.\n");
}

/* ---- asking auth ---- */

void
gate_enter_free(struct gate_enter *e)
{
	if (e == NULL)
		return;
	web_cancel(e->pending);
	freezero(e, sizeof(*e));
}

static void
enter_answer(void *arg, const struct web_answer *w)
{
	struct gate_enter	*e = arg;

	e->pending = NULL;
	e->answer = *w;
	e->answered = 1;
	door_http_go_on(e->conn);
}

static enum gate
enter_ask(struct conn *c, const struct http_head *head,
    const struct site *site, struct web_ask *ask)
{
	const struct http_str	*agent;
	struct gate_wait	*w;
	struct gate_enter	*e = NULL;
	struct http_str		 s;

	if ((w = gate_wait(c)) != NULL &&
	    (e = calloc(1, sizeof(*e))) != NULL) {
		e->conn = c;
		web_secret(e->secret);
		s.s = e->secret;
		s.len = strlen(e->secret);
		web_hash(&s, ask->make);
		ask->peer = c->peer;
		strlcpy(ask->host, site->host, sizeof(ask->host));
		if ((agent = http_field(head, "user-agent")) != NULL)
			web_software(agent, ask->software);
		e->pending = web_ask(ask, enter_answer, e);
	}
	explicit_bzero(ask, sizeof(*ask));
	if (e == NULL || e->pending == NULL) {
		gate_enter_free(e);
		http_page(c, head, site, 503, "busy", "the relay is busy: "
		    "try again", http_page_retry(2));
		return (GATE_ANSWERED);
	}
	gate_enter_free(w->enter);
	w->enter = e;
	return (GATE_WAIT);
}

/* ---- with a ticket ---- */

static enum gate
gate_enter(struct conn *c, const struct http_head *head,
    const struct site *site)
{
	char		 ticket[WEB_SECRET_STR];
	struct web_ask	 ask;
	struct http_str	 s;

	memset(&ask, 0, sizeof(ask));
	ask.what = WEB_ENTER;
	if (http_form_get(head->query.s, head->query.len, "ticket", ticket,
	    sizeof(ticket)) == 1) {
		s.s = ticket;
		s.len = strlen(ticket);
		web_hash(&s, ask.secret);
		explicit_bzero(ticket, sizeof(ticket));
	}
	if (web_cookie(head, web_secure(c, head), COOKIE_WAY, &s))
		web_hash(&s, ask.way);
	return (enter_ask(c, head, site, &ask));
}

/*
 * Where the browser wanted to go.  It gets there from a page, not by a
 * redirect: of a chain that began with a form some browsers let nothing pass
 * to another origin, wherever the backend redirects to.
 */
static void
enter_done(struct conn *c, const struct http_head *head,
    const struct site *site, const struct gate_enter *e)
{
	static char		 extra[2 * TO_MAX], html[2 * TO_MAX];
	static char		 url[TO_MAX];
	const struct web_answer	*w = &e->answer;
	const struct http_str	*mode;
	char			 origin[ORIGIN_MAX], to[TO_MAX - ORIGIN_MAX];
	char			 path[TO_MAX - ORIGIN_MAX];
	char			 cookie[COOKIE_LINE_MAX] = "";

	if (w->status != 200 && w->status != 401) {
		http_page(c, head, site, w->status, w->status == 403 ?
		    "denied" : w->status == 404 ? "no-site" : "busy", w->text,
		    w->retry_after > 0 ? http_page_retry(w->retry_after) :
		    NULL);
		return;
	}
	if (http_form_get(head->query.s, head->query.len, "to", to,
	    sizeof(to)) != 1 || to[0] != '/' ||
	    path_safe(to, strlen(to), path, sizeof(path)) == -1)
		strlcpy(path, "/", sizeof(path));
	gate_origin(c, head, origin);
	snprintf(url, sizeof(url), "%s%s", origin, path);
	/* Without a good ticket it is sent for another. */
	if (w->status == 200)
		web_cookie_line(web_secure(c, head), COOKIE_VISIT, e->secret,
		    w->expires_at - time(NULL), cookie);
	mode = http_field(head, "sec-fetch-mode");
	if (mode == NULL || !http_str_eq(mode, "navigate")) {
		snprintf(extra, sizeof(extra), "Location: %s\r\n%s"
		    "Referrer-Policy: no-referrer\r\n", url, cookie);
		conn_respond(c, 303, "text/plain; charset=utf-8", extra, "");
	} else {
		snprintf(html, sizeof(html), "<p><a href=\"%s\">Go on</a>.",
		    url);
		snprintf(extra, sizeof(extra), "Refresh: 0; url=%s\r\n%s",
		    url, cookie);
		web_page(c, 200, "Logged in", html, NULL, extra);
	}
	explicit_bzero(extra, sizeof(extra));
	explicit_bzero(cookie, sizeof(cookie));
}

/* ---- out again ---- */

static void
logout_page(struct conn *c, const struct http_str *cookie)
{
	char	 html[512], mark[WEB_MARK_LEN + 1];

	web_mark("visit", cookie, mark);
	snprintf(html, sizeof(html), "<form method=\"post\" action=\""
	    GATE_PATH "logout?mark=%s\"><p>This ends your session at the "
	    "relay, and at all sites you have visited with this browser.\n"
	    "<p><button>Log out</button></form>", mark);
	web_page(c, 200, "Log out", html, NULL, NULL);
}

static enum gate
gate_logout(struct conn *c, const struct http_head *head,
    const struct site *site)
{
	char		 origin[ORIGIN_MAX], mark[WEB_MARK_LEN + 1];
	char		 cookie[COOKIE_LINE_MAX];
	struct web_ask	 ask;
	struct http_str	 s;
	int		 secure = web_secure(c, head), post;

	post = http_str_eq(&head->method, "POST");
	if (!web_cookie(head, secure, COOKIE_VISIT, &s) ||
	    !web_secret_ok(&s)) {
		web_page(c, 200, "Log out", "<p>You are not logged in here.",
		    NULL, NULL);
		return (GATE_ANSWERED);
	}
	if (c->gate != NULL && c->gate->enter != NULL &&
	    c->gate->enter->answered) {
		web_cookie_line(secure, COOKIE_VISIT, NULL, 0, cookie);
		if (c->gate->enter->answer.status == 200)
			web_page(c, 200, "Logged out",
			    "<p>You are logged out.", NULL, cookie);
		else
			http_page(c, head, site,
			    c->gate->enter->answer.status, "busy",
			    c->gate->enter->answer.text, NULL);
		gate_forget(c);
		return (GATE_ANSWERED);
	}
	gate_origin(c, head, origin);
	if (!post) {
		logout_page(c, &s);
		return (GATE_ANSWERED);
	}
	if (!web_same_origin(head, origin) || http_form_get(head->query.s,
	    head->query.len, "mark", mark, sizeof(mark)) != 1 ||
	    !web_mark_ok("visit", &s, mark)) {
		http_page(c, head, site, 403, "denied", "this did not come "
		    "from the page for it, or that is too old", NULL);
		return (GATE_ANSWERED);
	}
	memset(&ask, 0, sizeof(ask));
	ask.what = WEB_LOGOUT;
	web_hash(&s, ask.secret);
	return (enter_ask(c, head, site, &ask));
}

/* ---- all of it ---- */

enum gate
gate_own(struct conn *c, const struct http_head *head,
    const struct site *site)
{
	const size_t	 len = strlen(GATE_PATH);
	struct http_str	 path, query;
	int		 get;

	if (http_origin(head, &path, &query) == -1)
		return (GATE_PASS);
	switch (http_path_below(&path, GATE_PATH)) {
	case 0:
		return (GATE_PASS);
	case -1:
		/* The backend's for one reader, the gate's for another. */
		http_page(c, head, site, 400, "bad-path",
		    "this path can be read in two ways", NULL);
		return (GATE_ANSWERED);
	}
	path.s += len;
	path.len -= len;
	get = http_str_eq(&head->method, "GET");
	if (http_str_eq(&path, "enter") && get) {
		if (c->gate == NULL || c->gate->enter == NULL ||
		    !c->gate->enter->answered)
			return (gate_enter(c, head, site));
		enter_done(c, head, site, c->gate->enter);
		gate_forget(c);
	} else if (http_str_eq(&path, "logout") &&
	    (get || http_str_eq(&head->method, "POST")))
		return (gate_logout(c, head, site));
	else
		http_page(c, head, site, 404, "no-page",
		    "the relay has no such page", NULL);
	return (GATE_ANSWERED);
}
