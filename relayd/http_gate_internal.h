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

#ifndef HTTP_GATE_INTERNAL_H
#define HTTP_GATE_INTERNAL_H

#include <sys/queue.h>

#include "http_gate.h"
#include "listener.h"
#include "msg_login.h"

/*
 * Between http_gate.c (requests at the gate), http_visitor.c (who has logged
 * in), http_gate_field.c (cookies and fields), gate_web.c (what auth is asked
 * for a browser), gate_enter.c (from the login page to a site and out again),
 * and door_login.c with its pages.
 */

/* ---- http_visitor.c ---- */

enum credential_kind {
	CREDENTIAL_COOKIE = 1,	/* the secret of a session for this host */
	CREDENTIAL_BEARER,	/* a token of ours */
	CREDENTIAL_BASIC,	/* what stands behind "Basic" */
	CREDENTIAL_OUTSIDE	/* none: visitor_of_session */
};

struct credential {
	enum credential_kind	 kind;
	struct http_str		 value;
};

enum visitor_state {
	VISITOR_ASKED,
	VISITOR_GOOD,
	VISITOR_DENIED,		/* for a moment: so that not each request
				   costs auth a look */
	VISITOR_ENDED		/* in no table any more */
};

struct gate_wait;
TAILQ_HEAD(gate_waits, gate_wait);

/*
 * Who comes with one credential to one site.  The tables own it, and whoever
 * has a reference.
 */
struct visitor {
	RB_ENTRY(visitor)	 by_key;
	RB_ENTRY(visitor)	 by_id;
	TAILQ_ENTRY(visitor)	 by_use;	/* the least recent first */
	uint32_t		 id;		/* as a connection's */
	uint32_t		 refs;
	enum visitor_state	 state;
	enum credential_kind	 kind;
	int			 keyed;		/* is in the table by key */
	uint8_t			 key[32];
	uint64_t		 made_ms, used_ms;
	struct login_denied	 denied;
	struct session		 session;
	struct stream_owner	 owner;
	struct gate_waits	 waits;
};

/*
 * visitor_find: who that is at this site, of whom the state tells; auth is
 * asked if that is not known.  Not referenced.  NULL: no memory, or no room.
 */
struct visitor	*visitor_find(struct conn *, const struct site *,
		    const struct credential *);

/* ---- gate_web.c ---- */

struct web_pending;

/*
 * Ask auth; done is called later, once, unless that is cancelled: also when
 * there is no answer (503).  NULL: it can't be asked now.
 */
struct web_pending *web_ask(struct web_ask *,
		    void (*)(void *, const struct web_answer *), void *);
void		 web_cancel(struct web_pending *);	/* takes NULL */
/* Auth is gone: nobody waits for it any more (503). */
void		 web_auth_gone(void);

/* ---- secrets, cookies, fields ---- */

#define WEB_SECRET_LEN	43	/* 32 random bytes as base64url */
#define WEB_SECRET_STR	(WEB_SECRET_LEN + 1)
#define COOKIE_LINE_MAX	192

/* Cookies of ours. */
enum web_cookie {
	COOKIE_LOGIN,		/* on the relay's own host: logged in */
	COOKIE_FORM,		/* there: who got the form */
	COOKIE_VISIT,		/* on a site's: logged in there */
	COOKIE_WAY,		/* there: who was sent to log in */
	COOKIES
};

/* A new secret; the SHA-256 of one (of its text). */
void		 web_secret(char[WEB_SECRET_STR]);
void		 web_hash(const struct http_str *, uint8_t[WEB_HASH_LEN]);
/* Has it the form of one?  1 or 0. */
int		 web_secret_ok(const struct http_str *);
/*
 * A mark that only who has this secret gets from us, for a purpose; good for
 * an hour.  It goes into forms: another's page can't know it.
 */
#define WEB_MARK_LEN	32
void		 web_mark(const char *, const struct http_str *,
		    char[WEB_MARK_LEN + 1]);
int		 web_mark_ok(const char *, const struct http_str *,
		    const char *);
/* Whether it came by TLS, to us or to the trusted proxy in front. */
int		 web_secure(const struct conn *, const struct http_head *);
/*
 * The one cookie of that kind in a request: 1; or 0: none, or several.  Where
 * it is secure the name has the prefix __Host- (RFC 6265bis, 4.1.3.2).
 */
int		 web_cookie(const struct http_head *, int secure,
		    enum web_cookie, struct http_str *);
/* A line Set-Cookie with CRLF: the cookie's value, for so many seconds; NULL:
   it goes. */
void		 web_cookie_line(int, enum web_cookie, const char *, int64_t,
		    char[COOKIE_LINE_MAX]);
/*
 * Whether a request that changes something comes from a page of this origin
 * ("https://host:port"), as far as the browser says.
 */
int		 web_same_origin(const struct http_head *, const char *);
/* "https://host:port" of a request, the port only if it was said. */
#define ORIGIN_MAX	(sizeof("https://[]:65535") + DOMAIN_LEN)
void		 web_origin(int, const char *, uint16_t, char[ORIGIN_MAX]);

/*
 * Whether a request that a browser may have made by itself, with a cookie or a
 * password it keeps, changes something and is of another's page.
 */
int		 gate_foreign(const struct http_head *, const struct site *);
/* Whether a bearer token is one of ours, good or not. */
int		 gate_is_token(const struct http_str *);

/* ---- gate_enter.c ---- */

#define GATE_PATH	"/.culvert/"	/* of the gate's own, at a site */

/* A browser that has to log in first: answer with the way to that. */
void		 gate_to_login(struct conn *, const struct http_head *,
		    const struct site *);
/* What is below /.culvert/ of a private site; GATE_PASS: it is not. */
enum gate	 gate_own(struct conn *, const struct http_head *,
		    const struct site *);
/* What a connection waits for there. */
struct gate_enter;
void		 gate_enter_free(struct gate_enter *);	/* takes NULL */

/* Somebody waits at the gate: the connection owns it. */
struct gate_wait {
	TAILQ_ENTRY(gate_wait)	 entry;
	struct conn		*conn;
	struct visitor		*on;		/* NULL: for none */
	uint64_t		 since;		/* ms, that auth is away */
	int			 parked;
	struct gate_enter	*enter;		/* or NULL */
};
/* That of this connection, made if there is none; NULL without memory. */
struct gate_wait *gate_wait(struct conn *);

/* The relay's own host, where its login page is; NULL: there is none. */
const char	*gate_login_at(const struct site *);

/* ---- gate_page.c ---- */

/*
 * A page of ours: title, HTML below it; an origin that its form may lead to
 * besides ours, or NULL; more fields, or NULL.
 */
void		 web_page(struct conn *, int, const char *, const char *,
		    const char *, const char *);
/* What a client calls itself, for people. */
void		 web_software(const struct http_str *, char[CTL_TEXT_LEN]);

#endif /* HTTP_GATE_INTERNAL_H */
