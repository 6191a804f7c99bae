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
 * Cookies and fields at the gate: which are ours, what a backend does not
 * see of them, and what it is told instead.
 */

#include "compat.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "forwarded.h"
#include "http_cookie.h"
#include "http_gate_internal.h"
#include "http_path.h"
#include "msg_site.h"

#define CLEAR		"clear-site-data"
#define HOST_PREFIX	"__Host-"
#define MARK_AGE_MS	3600000
#define MARK_MAC_LEN	16
#define MARK_RAW_LEN	(8 + MARK_MAC_LEN)

static int	cookie_ours(const struct http_str *);
static int	auth_ours(const struct http_str *, const struct site *);
static void	mark_fill(const char *, const struct http_str *, uint64_t,
		    uint8_t[MARK_RAW_LEN]);
static int	site_beside(const struct site *, const char *);
static int	site_is_near(const struct site *);
static unsigned int clear_parse(const struct http_str *);
static void	clear_own_only(const struct http_head *, struct http_str *);

static const char *const cookie_names[COOKIES] = {
	[COOKIE_LOGIN] = "culvert", [COOKIE_FORM] = "culvert-form",
	[COOKIE_VISIT] = "culvert-visit", [COOKIE_WAY] = "culvert-way"
};

/* What Clear-Site-Data can ask for that is of one origin. */
static const char *const clear_own[] = {
	"\"cache\"", "\"clientHints\"", "\"executionContexts\"",
	"\"prefetchCache\"", "\"prerenderCache\"", "\"storage\""
};

static char		 gate_login_host[DOMAIN_LEN];
static struct relayd_identity identity;

void
gate_conf(const struct conf_begin *begin)
{
	identity = begin->identity;
	strlcpy(gate_login_host, begin->domain, sizeof(gate_login_host));
}

int
gate_conf_ok(const struct conf_begin *begin)
{
	size_t	 i;

	for (i = 0; i < IDENTITY_WHATS; i++) {
		if (memchr(begin->identity.field[i], '\0', IDENTITY_LEN) ==
		    NULL)
			return (0);
	}
	return (1);
}

/* Where no domain is configured sites are below localhost. */
const char *
gate_login_at(const struct site *site)
{
	if (gate_login_host[0] != '\0')
		return (gate_login_host);
	return (site->own_domain ? NULL : "localhost");
}

/* ---- cookies ---- */

/*
 * With or without the prefix, and in any case: browsers differ in what they
 * take for one with the prefix.
 */
static int
cookie_ours(const struct http_str *name)
{
	struct http_str	 s = *name;
	size_t		 i;

	if (s.len > strlen(HOST_PREFIX) && strncasecmp(s.s, HOST_PREFIX,
	    strlen(HOST_PREFIX)) == 0) {
		s.s += strlen(HOST_PREFIX);
		s.len -= strlen(HOST_PREFIX);
	}
	for (i = 0; i < COOKIES; i++) {
		if (http_str_caseeq(&s, cookie_names[i]))
			return (1);
	}
	return (0);
}

int
web_cookie(const struct http_head *head, int secure, enum web_cookie which,
    struct http_str *value)
{
	char	 name[64];

	snprintf(name, sizeof(name), "%s%s", secure ? HOST_PREFIX : "",
	    cookie_names[which]);
	/* Of two one is not from us. */
	return (http_cookie(head, name, value) == 1);
}

void
web_cookie_line(int secure, enum web_cookie which, const char *value,
    int64_t seconds, char line[COOKIE_LINE_MAX])
{
	snprintf(line, COOKIE_LINE_MAX, "Set-Cookie: %s%s=%s; Path=/; "
	    "HttpOnly; SameSite=Lax%s; Max-Age=%lld\r\n",
	    secure ? HOST_PREFIX : "", cookie_names[which],
	    value == NULL ? "" : value, secure ? "; Secure" : "",
	    value == NULL || seconds < 0 ? 0 : (long long)seconds);
}

int
gate_set_cookie_ok(const struct site *site, const struct http_str *value)
{
	struct http_str	 name, domain;

	return (http_cookie_set(value, &name, &domain) == 0 &&
	    !cookie_ours(&name) && (domain.len == 0 ||
	    http_str_caseeq(&domain, site->host)));
}

/* ---- secrets ---- */

void
web_secret(char text[WEB_SECRET_STR])
{
	uint8_t	 raw[32];

	arc4random_buf(raw, sizeof(raw));
	base64url_encode(text, WEB_SECRET_STR, raw, sizeof(raw));
	explicit_bzero(raw, sizeof(raw));
}

int
web_secret_ok(const struct http_str *s)
{
	uint8_t	 raw[32];
	int	 ok;

	ok = s->len == WEB_SECRET_LEN &&
	    base64url_decode(raw, sizeof(raw), s->s, s->len) == sizeof(raw);
	explicit_bzero(raw, sizeof(raw));
	return (ok);
}

void
web_hash(const struct http_str *s, uint8_t hash[WEB_HASH_LEN])
{
	unsigned int	 len = WEB_HASH_LEN;

	memset(hash, 0, WEB_HASH_LEN);
	(void)EVP_Digest(s->s, s->len, hash, &len, EVP_sha256(), NULL);
}

static void
mark_fill(const char *what, const struct http_str *secret, uint64_t made,
    uint8_t raw[MARK_RAW_LEN])
{
	unsigned char	 mac[EVP_MAX_MD_SIZE], text[256];
	unsigned int	 maclen = sizeof(mac);
	size_t		 n = strlen(what) + 1;

	made = htobe64(made);
	memcpy(raw, &made, 8);
	memset(text, 0, sizeof(text));
	memcpy(text, what, n);
	memcpy(text + n, raw, 8);
	n += 8;
	/* It has the form of one of ours. */
	memcpy(text + n, secret->s, WEB_SECRET_LEN);
	n += WEB_SECRET_LEN;
	memset(mac, 0, sizeof(mac));
	HMAC(EVP_sha256(), nonce_key.key, sizeof(nonce_key.key), text, n, mac,
	    &maclen);
	memcpy(raw + 8, mac, MARK_MAC_LEN);
	explicit_bzero(text, sizeof(text));
}

void
web_mark(const char *what, const struct http_str *secret,
    char out[WEB_MARK_LEN + 1])
{
	uint8_t	 raw[MARK_RAW_LEN];

	mark_fill(what, secret, listener_ms(), raw);
	base64url_encode(out, WEB_MARK_LEN + 1, raw, sizeof(raw));
}

int
web_mark_ok(const char *what, const struct http_str *secret,
    const char *mark)
{
	uint8_t		 raw[MARK_RAW_LEN], good[MARK_RAW_LEN];
	uint64_t	 made, now = listener_ms();

	if (!web_secret_ok(secret) || base64url_decode(raw, sizeof(raw), mark,
	    strlen(mark)) != sizeof(raw))
		return (0);
	memcpy(&made, raw, 8);
	made = be64toh(made);
	mark_fill(what, secret, made, good);
	return (CRYPTO_memcmp(raw, good, sizeof(raw)) == 0 && made <= now &&
	    now - made <= MARK_AGE_MS);
}

/* ---- where it comes from ---- */

/* Of a trusted proxy the last word counts: it has put that there itself. */
int
web_secure(const struct conn *c, const struct http_head *head)
{
	struct http_str	 proto;

	if (c->tls != NULL && evtls_is_tls(c->tls))
		return (1);
	if (!c->proxied)
		return (0);
	forwarded_proto(head, proxy_rfc7239(c) ? FORWARDED_RFC7239 :
	    FORWARDED_X, c->hop, &proto);
	return (http_str_caseeq(&proto, "https"));
}

void
web_origin(int secure, const char *host, uint16_t port,
    char origin[ORIGIN_MAX])
{
	char	 text[8] = "";

	if (port != 0 && port != (secure ? 443 : 80))
		snprintf(text, sizeof(text), ":%u", port);
	snprintf(origin, ORIGIN_MAX, "http%s://%s%s", secure ? "s" : "",
	    host, text);
}

int
web_same_origin(const struct http_head *head, const char *origin)
{
	const struct http_str	*s;

	if ((s = http_field(head, "sec-fetch-site")) != NULL &&
	    !http_str_eq(s, "same-origin") && !http_str_eq(s, "none"))
		return (0);
	/* A page that sends no referrer has the origin null as well. */
	if ((s = http_field(head, "origin")) != NULL &&
	    !http_str_eq(s, "null") && !http_str_caseeq(s, origin))
		return (0);
	return (1);
}

/* The site itself, or another service of its node: "grafana--pi", "pi". */
static int
site_beside(const struct site *site, const char *host)
{
	const char	*node = site->host;
	size_t		 len = strlen(host), n;

	if (strcmp(host, site->host) == 0)
		return (1);
	if (site->own_domain)
		return (0);
	if (site->service[0] != '\0')
		node += strlen(site->service) + strlen(SITE_SEP);
	n = strlen(node);
	if (len < n || strcmp(host + len - n, node) != 0)
		return (0);
	len -= n;
	n = strlen(SITE_SEP);
	return (len == 0 || (len > n && strncmp(host + len - n, SITE_SEP,
	    n) == 0 && memchr(host, '.', len) == NULL));
}

/*
 * Sites of different owners are neighbours below one domain: to a browser
 * their pages are of the same site, and its cookies go along with whatever
 * one asks of another.  What changes something, or opens a WebSocket, has to
 * come from a page of this node's.
 */
int
gate_foreign(const struct http_head *head, const struct site *site)
{
	const struct http_str	*from, *origin;
	struct http_str		 protocol, rest;
	char			 host[HTTP_HOST_MAX];
	const char		*p;
	uint16_t		 port;

	if ((http_str_eq(&head->method, "GET") ||
	    http_str_eq(&head->method, "HEAD") ||
	    http_str_eq(&head->method, "OPTIONS")) &&
	    !http_upgrade(head, &protocol))
		return (0);
	from = http_field(head, "sec-fetch-site");
	if (from != NULL && (http_str_eq(from, "same-origin") ||
	    http_str_eq(from, "none")))
		return (0);
	/* Old browsers don't tell more, and programs nothing. */
	origin = http_field(head, "origin");
	if (origin == NULL || http_str_eq(origin, "null"))
		return (from != NULL);
	if ((p = memmem(origin->s, origin->len, "://", 3)) == NULL)
		return (1);
	rest.s = p + 3;
	rest.len = origin->len - (rest.s - origin->s);
	return (http_hostport(&rest, host, &port) == -1 ||
	    !site_beside(site, host));
}

/* ---- what the backend sees ---- */

int
gate_is_token(const struct http_str *s)
{
	return (s->len > 5 && strncasecmp(s->s, "culv_", 5) == 0);
}

/*
 * Credentials of the gate.  A token of ours is none of the backend's business
 * in whatever way it is written, though we take it in one way only.
 */
static int
auth_ours(const struct http_str *value, const struct site *site)
{
	struct http_str	 s = *value;

	if (site->access == SITE_BASIC && login_scheme(value, "basic", &s))
		return (1);
	s = *value;
	while (s.len > 0 && s.s[0] != ' ' && s.s[0] != '\t') {
		s.s++;
		s.len--;
	}
	while (s.len > 0 && (s.s[0] == ' ' || s.s[0] == '\t')) {
		s.s++;
		s.len--;
	}
	return (gate_is_token(s.len > 0 ? &s : value));
}

void
gate_target(const struct http_head *head, struct http_str *target)
{
	struct http_str	 path, query;

	*target = head->target;
	if (http_origin(head, &path, &query) == 0 &&
	    http_path_below(&path, GATE_PATH) != 0)
		*target = path;
}

size_t
gate_fields(const struct http_head *head, const struct site *site,
    const struct visitor *v, struct http_set set[GATE_FIELDS_MAX])
{
	static char		 cookies[HTTP_HEAD_MAX];
	const char		*values[IDENTITY_WHATS];
	const struct http_str	*auth;
	ssize_t			 len;
	size_t			 n = 0, i;

	set[n++] = (struct http_set){ "X-Culvert-*", NULL, HTTP_SET_REPLACE };
	len = http_cookie_strip(head, cookie_ours, cookies,
	    sizeof(cookies) - 1);
	if (len != -1) {
		cookies[len < 0 ? 0 : len] = '\0';
		set[n++] = (struct http_set){ "Cookie", len <= 0 ? NULL :
		    cookies, HTTP_SET_REPLACE };
	}
	auth = http_field(head, "authorization");
	if (auth != NULL && auth_ours(auth, site))
		set[n++] = (struct http_set){ "Authorization", NULL,
		    HTTP_SET_REPLACE };
	values[IDENTITY_USER] = values[IDENTITY_EMAIL] =
	    v == NULL ? NULL : visitor_email(v);
	values[IDENTITY_NAME] = v == NULL ? NULL : visitor_name(v);
	for (i = 0; i < IDENTITY_WHATS; i++) {
		if (identity.field[i][0] == '\0')
			continue;
		set[n++] = (struct http_set){ identity.field[i], values[i] !=
		    NULL && values[i][0] != '\0' ? values[i] : NULL,
		    HTTP_SET_REPLACE };
	}
	return (n);
}

/* ---- what a response has ---- */

/*
 * Whether a browser may keep the site's cookies and the relay's together: one
 * is below the other's domain, or both are below one that somebody has
 * registered.  Which those are takes a list; that of two labels is the least.
 */
static int
site_is_near(const struct site *site)
{
	const char	*ours = gate_login_host, *theirs = site->host, *p, *q;
	int		 labels = 0;

	if (!site->own_domain)
		return (1);
	p = ours + strlen(ours);
	q = theirs + strlen(theirs);
	while (p > ours && q > theirs && p[-1] == q[-1]) {
		p--;
		q--;
		if (*p == '.')
			labels++;
	}
	/* A whole label at the front of what they share? */
	if ((p == ours || p[-1] == '.') && (q == theirs || q[-1] == '.') &&
	    *p != '.')
		labels++;
	return (labels >= 2);
}

/*
 * Cookies are cleared for all of the registered domain, those of the relay and
 * of other nodes included; the rest is of this origin alone.  "*" is all.
 */
static unsigned int
clear_parse(const struct http_str *value)
{
	struct http_str	 list = *value, what;
	unsigned int	 bits = 0;
	size_t		 i;

	while (http_list_next(&list, &what)) {
		if (http_str_eq(&what, "\"*\""))
			bits |= ~0U;
		for (i = 0; i < nitems(clear_own); i++)
			if (http_str_eq(&what, clear_own[i]))
				bits |= 1U << i;
	}
	return (bits);
}

/* The rest of them, in one field; empty if there is none. */
static void
clear_own_only(const struct http_head *head, struct http_str *value)
{
	static char	 text[128];
	unsigned int	 bits = 0;
	size_t		 i;

	for (i = 0; i < head->nfields; i++)
		if (http_name_matches(&head->fields[i].name, CLEAR))
			bits |= clear_parse(&head->fields[i].value);
	text[0] = '\0';
	for (i = 0; i < nitems(clear_own); i++) {
		if ((bits & 1U << i) == 0)
			continue;
		if (text[0] != '\0')
			strlcat(text, ", ", sizeof(text));
		strlcat(text, clear_own[i], sizeof(text));
	}
	value->s = text;
	value->len = strlen(text);
}

void
gate_response(const struct site *site, struct http_head *head)
{
	struct http_field	*f;
	struct http_str		 clear = { NULL, 0 };
	size_t			 i, n = 0;

	if (site == NULL)
		return;
	for (i = 0; i < head->nfields; i++) {
		f = &head->fields[i];
		if (http_name_matches(&f->name, "set-cookie") &&
		    !gate_set_cookie_ok(site, &f->value))
			continue;
		if (http_name_matches(&f->name, CLEAR) && site_is_near(site)) {
			if (clear.s != NULL)
				continue;
			clear_own_only(head, &clear);
			if (clear.len == 0)
				continue;
			f->value = clear;
		}
		if (n < i)
			head->fields[n] = *f;
		n++;
	}
	head->nfields = n;
}
