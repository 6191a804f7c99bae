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
 * The login page, on the relay's own host: an email address and a password
 * get a browser a session here, and from here it is sent back to the site it
 * came from, if that is one of ours that its user may visit.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access_log.h"
#include "base64.h"
#include "http_form.h"
#include "http_gate_internal.h"
#include "http_message.h"
#include "textbuf.h"

#define FORM_MAX	8192	/* bytes of a form */
#define TO_MAX		2048
#define HTML_MAX	(32 * 1024)
#define FORM_S		3600
#define WAIT_MS		15000	/* for auth, which is told to be faster */
#define METHODS		"Allow: GET, HEAD, POST\r\n"

/* A request that waits for its form, or for auth. */
struct login_page {
	struct conn		*conn;
	struct web_pending	*pending;
	int			 secure;
	char			 host[HTTP_HOST_MAX];	/* asked for... */
	uint16_t		 port;			/* ...there */
	char			 origin[ORIGIN_MAX];
	char			 software[CTL_TEXT_LEN];
	char			 form[WEB_SECRET_STR];	/* who got the form */
	char			 cookie[WEB_SECRET_STR];	/* or "" */
	char			 to[TO_MAX];		/* where from, or "" */
	char			 to_host[HTTP_HOST_MAX];
	char			 to_origin[ORIGIN_MAX];
	const char		*to_path;		/* in to */
	char			 way[WEB_SECRET_STR];	/* or "" */
	char			 email[CTL_EMAIL_LEN];	/* as typed in */
	char			 secret[WEB_SECRET_STR]; /* of what is made */
};

static struct login_page *page_new(struct conn *, const struct http_head *);
static int	page_to(struct login_page *, const char *, size_t);
static void	page_ask(struct login_page *, struct web_ask *,
		    void (*)(void *, const struct web_answer *));
static void	login_form(struct login_page *, int, const char *, uint32_t);
static void	login_get(struct login_page *);
static void	login_ticket(void *, const struct web_answer *);
static void	login_there(struct login_page *);
static void	login_here(struct login_page *, const struct web_answer *);
static void	login_body(struct conn *, int, const char *, size_t);
static void	login_post(struct login_page *, const char *, size_t);
static void	login_answer(void *, const struct web_answer *);
static void	logout_form(struct login_page *);
static void	logout_post(struct login_page *, const struct http_head *);
static void	logout_answer(void *, const struct web_answer *);

void
door_login_forget(struct conn *c)
{
	struct login_page	*p = c->login;

	if (p == NULL)
		return;
	c->login = NULL;
	web_cancel(p->pending);
	freezero(p, sizeof(*p));
}

static struct login_page *
page_new(struct conn *c, const struct http_head *head)
{
	const struct http_str	*agent;
	struct login_page	*p;
	struct http_str		 s;

	door_login_forget(c);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	c->login = p;
	p->conn = c;
	p->secure = web_secure(c, head);
	if (http_authority(head, p->host, &p->port) == -1)
		p->host[0] = '\0';
	web_origin(p->secure, p->host, p->port, p->origin);
	if ((agent = http_field(head, "user-agent")) != NULL)
		web_software(agent, p->software);
	if (web_cookie(head, p->secure, COOKIE_FORM, &s) && web_secret_ok(&s))
		(void)http_str_copy(&s, p->form, sizeof(p->form));
	if (web_cookie(head, p->secure, COOKIE_LOGIN, &s) && web_secret_ok(&s))
		(void)http_str_copy(&s, p->cookie, sizeof(p->cookie));
	return (p);
}

/*
 * Where it came from, of a query or a form: an URL of a site that is served
 * here, with the scheme and the port of this very request.  Whether the host
 * is a site's auth will say.  -1: it is no such thing.
 */
static int
page_to(struct login_page *p, const char *form, size_t len)
{
	const char	*scheme = p->secure ? "https://" : "http://", *s;
	struct http_str	 authority;
	uint16_t	 port;
	int		 ret;

	if (http_form_get(form, len, "way", p->way, sizeof(p->way)) == -1)
		return (-1);
	authority.s = p->way;
	authority.len = strlen(p->way);
	if (p->way[0] != '\0' && !web_secret_ok(&authority))
		return (-1);
	if ((ret = http_form_get(form, len, "to", p->to, sizeof(p->to))) != 1 ||
	    p->to[0] == '\0')
		return (ret == -1 ? -1 : 0);
	if (strncmp(p->to, scheme, strlen(scheme)) != 0)
		return (-1);
	for (s = p->to; *s != '\0'; s++) {
		if (*s <= ' ' || *s >= '\177' || strchr("\"<>\\^`{|}'", *s) !=
		    NULL)
			return (-1);
	}
	authority.s = p->to + strlen(scheme);
	authority.len = strcspn(authority.s, "/?#");
	p->to_path = authority.s + authority.len;
	if (*p->to_path != '/' ||
	    http_hostport(&authority, p->to_host, &port) == -1)
		return (-1);
	web_origin(p->secure, p->to_host, port, p->to_origin);
	/* Another port may be anybody's. */
	if ((port != 0 ? port : p->secure ? 443 : 80) !=
	    (p->port != 0 ? p->port : p->secure ? 443 : 80))
		return (-1);
	return (0);
}

/* It waits, or is answered. */
static void
page_ask(struct login_page *p, struct web_ask *ask,
    void (*done)(void *, const struct web_answer *))
{
	struct http_str	 s;

	web_secret(p->secret);
	s.s = p->secret;
	s.len = strlen(p->secret);
	web_hash(&s, ask->make);
	ask->peer = p->conn->peer;
	strlcpy(ask->software, p->software, sizeof(ask->software));
	p->pending = web_ask(ask, done, p);
	explicit_bzero(ask, sizeof(*ask));
	if (p->pending == NULL) {
		conn_error(p->conn, NULL, 503, "the relay is busy: try again",
		    "Retry-After: 2\r\n");
		return;
	}
	p->conn->state = CONN_WEB;
	evtls_pause(p->conn->tls);
	evtls_deadline(p->conn->tls, WAIT_MS);
}

/* ---- the form ---- */

static void
login_form(struct login_page *p, int status, const char *why, uint32_t wait)
{
	char		 cookie[COOKIE_LINE_MAX], mark[WEB_MARK_LEN + 1];
	char		 extra[COOKIE_LINE_MAX + 64], text[6 * CTL_TEXT_LEN];
	char		 email[6 * CTL_EMAIL_LEN];
	static char	 to[6 * TO_MAX];
	struct http_str	 s;
	struct textbuf	 t;

	if (p->form[0] == '\0')
		web_secret(p->form);
	s.s = p->form;
	s.len = strlen(p->form);
	web_mark("form", &s, mark);
	web_cookie_line(p->secure, COOKIE_FORM, p->form, FORM_S, cookie);
	snprintf(extra, sizeof(extra), "%s", cookie);
	if (wait > 0)
		snprintf(extra, sizeof(extra), "%sRetry-After: %u\r\n",
		    cookie, wait);
	if (http_html_escape(p->email, email, sizeof(email)) == -1)
		email[0] = '\0';
	if (why == NULL || http_html_escape(why, text, sizeof(text)) == -1)
		text[0] = '\0';
	textbuf_init(&t, HTML_MAX);
	if (text[0] != '\0')
		textbuf_add(&t, "<p class=\"bad\" role=\"alert\">%s.</p>\n",
		    text);
	if (p->to_host[0] != '\0')
		textbuf_add(&t, "<p>to visit %s</p>\n", p->to_host);
	textbuf_add(&t, "<form method=\"post\" action=\"/login\">\n"
	    "<input type=\"hidden\" name=\"mark\" value=\"%s\">\n", mark);
	if (p->to[0] != '\0' && http_html_escape(p->to, to, sizeof(to)) == 0)
		textbuf_add(&t, "<input type=\"hidden\" name=\"way\" "
		    "value=\"%s\">\n<input type=\"hidden\" name=\"to\" "
		    "value=\"%s\">\n", p->way, to);
	textbuf_add(&t, "<label for=\"email\">Email address</label>\n"
	    "<input id=\"email\" name=\"email\" type=\"email\" required "
	    "autocomplete=\"username\" value=\"%s\"%s>\n"
	    "<label for=\"password\">Password</label>\n"
	    "<input id=\"password\" name=\"password\" type=\"password\" "
	    "required autocomplete=\"current-password\"%s>\n"
	    "<button>Log in</button>\n</form>", email,
	    email[0] == '\0' ? " autofocus" : "",
	    email[0] == '\0' ? "" : " autofocus");
	if (t.failed)
		conn_error(p->conn, NULL, 500, "no memory for the page", NULL);
	else
		web_page(p->conn, status, "Log in", t.s, p->to_origin[0] ==
		    '\0' ? NULL : p->to_origin, extra);
	textbuf_free(&t);
	door_login_forget(p->conn);
}

static void
login_get(struct login_page *p)
{
	uint8_t		 way[WEB_HASH_LEN];
	struct web_ask	 ask;
	struct http_str	 s;

	if (p->cookie[0] == '\0') {
		login_form(p, 200, NULL, 0);
		return;
	}
	memset(&ask, 0, sizeof(ask));
	ask.what = WEB_TICKET;
	s.s = p->cookie;
	s.len = strlen(p->cookie);
	web_hash(&s, ask.secret);
	strlcpy(ask.host, p->to_host, sizeof(ask.host));
	if (base64url_decode(way, sizeof(way), p->way, strlen(p->way)) ==
	    sizeof(way))
		memcpy(ask.way, way, sizeof(ask.way));
	page_ask(p, &ask, login_ticket);
}

/* ---- logged in: on to the site ---- */

static void
login_ticket(void *arg, const struct web_answer *w)
{
	struct login_page	*p = arg;
	char			 html[7 * CTL_TEXT_LEN], text[6 * CTL_TEXT_LEN];
	char			 extra[32] = "";

	p->pending = NULL;
	p->conn->state = CONN_REQUEST;
	if (w->status == 401)
		login_form(p, 200, NULL, 0);
	else if (w->status == 200 && p->to[0] != '\0')
		login_there(p);
	else if (w->status == 200)
		login_here(p, w);
	else {
		if (http_html_escape(w->text, text, sizeof(text)) == -1)
			text[0] = '\0';
		snprintf(html, sizeof(html), "<p class=\"bad\" "
		    "role=\"alert\">%s.</p>\n<p>You are logged in as %s. "
		    "<a href=\"/logout\">Log out</a>", text,
		    w->email[0] == '\0' ? "somebody" : w->email);
		if (w->retry_after > 0)
			snprintf(extra, sizeof(extra), "Retry-After: %u\r\n",
			    w->retry_after);
		web_page(p->conn, w->status, http_reason(w->status), html,
		    NULL, extra);
		door_login_forget(p->conn);
	}
}

static void
login_there(struct login_page *p)
{
	static char	 extra[5 * TO_MAX], path[3 * TO_MAX];

	if (p->way[0] == '\0')
		snprintf(extra, sizeof(extra), "Location: %s\r\n"
		    "Referrer-Policy: no-referrer\r\n", p->to);
	else {
		if (http_form_escape(p->to_path, path, sizeof(path)) == -1)
			strlcpy(path, "%2F", sizeof(path));
		snprintf(extra, sizeof(extra), "Location: %s" GATE_PATH
		    "enter?ticket=%s&to=%s\r\n"
		    "Referrer-Policy: no-referrer\r\n", p->to_origin,
		    p->secret, path);
	}
	conn_respond(p->conn, 303, "text/plain; charset=utf-8", extra, "");
	explicit_bzero(extra, sizeof(extra));
	door_login_forget(p->conn);
}

static void
login_here(struct login_page *p, const struct web_answer *w)
{
	char	 html[6 * CTL_EMAIL_LEN + 256], email[6 * CTL_EMAIL_LEN];

	if (http_html_escape(w->email, email, sizeof(email)) == -1)
		email[0] = '\0';
	snprintf(html, sizeof(html), "<p>You are logged in as %s.\n"
	    "<p><a href=\"/logout\">Log out</a>", email);
	web_page(p->conn, 200, "Logged in", html, NULL, NULL);
	door_login_forget(p->conn);
}

/* ---- a form comes ---- */

static void
login_body(struct conn *c, int status, const char *body, size_t len)
{
	if (c->login == NULL)
		return;
	if (status != 0) {
		conn_error(c, NULL, status, "the form can't be taken", NULL);
		door_login_forget(c);
	} else
		login_post(c->login, body, len);
}

static void
login_post(struct login_page *p, const char *form, size_t len)
{
	char		 mark[WEB_MARK_LEN + 1];
	struct web_ask	 ask;
	struct http_str	 s;

	memset(&ask, 0, sizeof(ask));
	ask.what = WEB_LOGIN;
	s.s = p->form;
	s.len = strlen(p->form);
	if (page_to(p, form, len) == -1) {
		conn_error(p->conn, NULL, 400, "this is no site of this "
		    "relay", NULL);
		door_login_forget(p->conn);
	} else if (http_form_get(form, len, "mark", mark, sizeof(mark)) != 1 ||
	    !web_mark_ok("form", &s, mark)) {
		p->form[0] = '\0';
		login_form(p, 403, "this form was too old, or your browser "
		    "takes no cookies from here: try again", 0);
	} else if (http_form_get(form, len, "email", ask.email,
	    sizeof(ask.email)) != 1 || http_form_get(form, len, "password",
	    ask.password, sizeof(ask.password)) != 1)
		login_form(p, 400, "an email address and a password are "
		    "needed", 0);
	else {
		strlcpy(p->email, ask.email, sizeof(p->email));
		page_ask(p, &ask, login_answer);
	}
	explicit_bzero(&ask, sizeof(ask));
}

/*
 * By a redirect to ourselves, so that the form is out of the browser's
 * history, and with the cookie, which shows that it is kept.
 */
static void
login_answer(void *arg, const struct web_answer *w)
{
	static char		 extra[4 * TO_MAX], to[3 * TO_MAX];
	struct login_page	*p = arg;
	char			 cookie[COOKIE_LINE_MAX];

	p->pending = NULL;
	p->conn->state = CONN_REQUEST;
	if (w->status != 200) {
		/* 401 would want a challenge, and programs have other ways. */
		login_form(p, w->status == 401 ? 403 : w->status, w->text,
		    w->retry_after);
		return;
	}
	web_cookie_line(p->secure, COOKIE_LOGIN, p->secret,
	    w->expires_at - time(NULL), cookie);
	if (p->to[0] == '\0' || http_form_escape(p->to, to, sizeof(to)) == -1)
		to[0] = '\0';
	snprintf(extra, sizeof(extra), "Location: %s/login%s%s%s%s\r\n%s"
	    "Referrer-Policy: no-referrer\r\n", p->origin,
	    to[0] == '\0' ? "" : "?to=", to,
	    to[0] == '\0' || p->way[0] == '\0' ? "" : "&way=",
	    to[0] == '\0' ? "" : p->way, cookie);
	conn_respond(p->conn, 303, "text/plain; charset=utf-8", extra, "");
	explicit_bzero(extra, sizeof(extra));
	explicit_bzero(cookie, sizeof(cookie));
	door_login_forget(p->conn);
}

/* ---- out ---- */

static void
logout_form(struct login_page *p)
{
	char		 html[512], mark[WEB_MARK_LEN + 1];
	struct http_str	 s;

	if (p->cookie[0] == '\0')
		strlcpy(html, "<p>You are not logged in.", sizeof(html));
	else {
		s.s = p->cookie;
		s.len = strlen(p->cookie);
		web_mark("login", &s, mark);
		snprintf(html, sizeof(html), "<form method=\"post\" "
		    "action=\"/logout?mark=%s\"><p>This ends your session "
		    "here, and at all sites you have visited with this "
		    "browser.\n<p><button>Log out</button></form>", mark);
	}
	web_page(p->conn, 200, "Log out", html, NULL, NULL);
	door_login_forget(p->conn);
}

static void
logout_post(struct login_page *p, const struct http_head *head)
{
	char		 mark[WEB_MARK_LEN + 1];
	struct web_ask	 ask;
	struct http_str	 s;

	s.s = p->cookie;
	s.len = strlen(p->cookie);
	if (p->cookie[0] == '\0') {
		logout_form(p);
		return;
	}
	if (http_form_get(head->query.s, head->query.len, "mark", mark,
	    sizeof(mark)) != 1 || !web_mark_ok("login", &s, mark)) {
		conn_error(p->conn, head, 403, "this did not come from the "
		    "page for it, or that is too old", NULL);
		door_login_forget(p->conn);
		return;
	}
	memset(&ask, 0, sizeof(ask));
	ask.what = WEB_LOGOUT;
	web_hash(&s, ask.secret);
	page_ask(p, &ask, logout_answer);
}

static void
logout_answer(void *arg, const struct web_answer *w)
{
	struct login_page	*p = arg;
	char			 cookie[COOKIE_LINE_MAX];

	p->pending = NULL;
	p->conn->state = CONN_REQUEST;
	web_cookie_line(p->secure, COOKIE_LOGIN, NULL, 0, cookie);
	if (w->status == 200)
		web_page(p->conn, 200, "Logged out", "<p>You are logged out.",
		    NULL, cookie);
	else
		conn_error(p->conn, NULL, w->status, w->text, NULL);
	door_login_forget(p->conn);
}

/* ---- requests ---- */

int
door_login_request(struct conn *c, const struct http_head *head,
    const struct http_framing *framing)
{
	struct login_page	*p;
	int			 in, post;

	in = http_str_eq(&head->path, "/login");
	if (!in && !http_str_eq(&head->path, "/logout"))
		return (-1);
	/* It has the page that it came from, with whatever is secret there. */
	access_path(c);
	post = http_str_eq(&head->method, "POST");
	if (!post && !http_str_eq(&head->method, "GET") &&
	    !http_str_eq(&head->method, "HEAD"))
		conn_error(c, head, 405, "only GET, HEAD and POST", METHODS);
	else if ((p = page_new(c, head)) == NULL)
		conn_error(c, head, 503, "no memory", NULL);
	else if (post && !web_same_origin(head, p->origin))
		conn_error(c, head, 403, "this did not come from the page "
		    "for it", NULL);
	else if (!in && post)
		logout_post(p, head);
	else if (!in)
		logout_form(p);
	else if (post) {
		if (conn_read_body(c, framing, http_expect(head) == 1,
		    FORM_MAX, login_body) == -1)
			conn_error(c, head, 503, "no memory", NULL);
	} else if (page_to(p, head->query.s, head->query.len) == -1)
		conn_error(c, head, 400, "this is no site of this relay",
		    NULL);
	else
		login_get(p);
	return (0);
}
