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
 * What a backend sees of cookies, credentials and fields of ours: nothing,
 * in whatever way they are written; and what it may not set.
 *
 * link: relayd/http_gate_field.c lib/http_cookie.c lib/base64.c
 * link: lib/http_path.c lib/http_message.c lib/http.c lib/http_field.c
 * link: lib/http_host.c lib/forwarded.c lib/addr.c
 * libs: libcrypto
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_gate_internal.h"
#include "http_site.h"

#define HEAD	"GET / HTTP/1.1\r\nHost: pi.example.org\r\n"

struct nonce_key	 nonce_key;

static struct site	 site;
static struct visitor	*visitor;	/* NULL: anybody */
static const char	*email, *name;

/* ---- what a listener has ---- */

uint64_t
listener_ms(void)
{
	return (0);
}

int
evtls_is_tls(const struct evtls *c)
{
	return (0);
}

int
proxy_rfc7239(const struct conn *c)
{
	return (0);
}

const char *
visitor_email(const struct visitor *v)
{
	return (email);
}

const char *
visitor_name(const struct visitor *v)
{
	return (name);
}

int
login_scheme(const struct http_str *s, const char *scheme,
    struct http_str *rest)
{
	size_t	 len = strlen(scheme);

	rest->s = s->s + len + 1;
	rest->len = s->len - len - 1;
	return (s->len > len && strncasecmp(s->s, scheme, len) == 0 &&
	    s->s[len] == ' ');
}

/* ---- what goes on ---- */

static void
configure(const char *user, const char *mail, const char *who)
{
	static struct conf_begin	 begin;

	memset(&begin, 0, sizeof(begin));
	strlcpy(begin.identity.field[IDENTITY_USER], user, IDENTITY_LEN);
	strlcpy(begin.identity.field[IDENTITY_EMAIL], mail, IDENTITY_LEN);
	strlcpy(begin.identity.field[IDENTITY_NAME], who, IDENTITY_LEN);
	assert_true(gate_conf_ok(&begin));
	gate_conf(&begin);
}

static int
setup(void **state)
{
	memset(&site, 0, sizeof(site));
	site.access = SITE_PRIVATE;
	strlcpy(site.host, "pi.example.org", sizeof(site.host));
	visitor = NULL;
	email = "ann@example.org";
	name = "Ann";
	configure("X-Culvert-User", "X-Culvert-Email", "X-Culvert-Name");
	return (0);
}

/* The fields that a backend gets of these. */
static const char *
sent(const char *fields)
{
	static struct http_head	 head;
	static char		 text[HTTP_HEAD_MAX], out[2 * HTTP_HEAD_MAX];
	struct http_set		 set[GATE_FIELDS_MAX];
	struct http_framing	 framing;
	struct http_rewrite	 rw;
	ssize_t			 n;
	int			 status;

	snprintf(text, sizeof(text), HEAD "%s\r\n", fields);
	assert_true(http_parse_request_in(text, strlen(text),
	    &http_request_limits, &head, &status) > 0);
	assert_int_equal(http_request_framing(&head, &framing, &status), 0);
	memset(&rw, 0, sizeof(rw));
	rw.framing = &framing;
	rw.set = set;
	rw.nset = gate_fields(&head, &site, visitor, set);
	assert_true(rw.nset <= GATE_FIELDS_MAX);
	n = http_request_write(&head, &rw, out, sizeof(out) - 1);
	assert_true(n > (ssize_t)strlen(HEAD));
	out[n - 2] = '\0';
	return (out + strlen(HEAD));
}

static void
cookies_of_ours_go(void **state)
{
	static const char *const	 ours[] = {
		"culvert=x", "culvert-visit=x", "culvert-form=x",
		"culvert-way=x", "__Host-culvert=x", "__Host-culvert-visit=x",
		"__host-Culvert-Visit=x", "__HOST-CULVERT=x", "CULVERT=x",
		"Culvert-Visit=", "culvert=a=b", " culvert =x",
		"\tculvert-visit\t=\tx", "culvert-visit=\"x\"",
		"culvert=; culvert-visit=; __Host-culvert-way="
	};
	char				 line[300], want[300];
	size_t				 i;

	for (i = 0; i < nitems(ours); i++) {
		snprintf(line, sizeof(line), "Cookie: %s\r\n", ours[i]);
		assert_string_equal(sent(line), "");
		/* In front, between, behind; in a field of its own. */
		snprintf(line, sizeof(line), "cookie: %s; a=b\r\n", ours[i]);
		assert_string_equal(sent(line), "Cookie: a=b\r\n");
		snprintf(line, sizeof(line), "Cookie: a=b; %s\r\n", ours[i]);
		assert_string_equal(sent(line), "Cookie: a=b\r\n");
		snprintf(line, sizeof(line), "Cookie: a=b;%s;c=d\r\n",
		    ours[i]);
		assert_string_equal(sent(line), "Cookie: a=b;c=d\r\n");
		snprintf(line, sizeof(line), "Cookie: a=b\r\nCOOKIE: %s\r\n"
		    "X-A: y\r\ncookie: c=d\r\n", ours[i]);
		strlcpy(want, "X-A: y\r\nCookie: a=b; c=d\r\n", sizeof(want));
		assert_string_equal(sent(line), want);
	}
}

/* Byte for byte, as long as none of ours is among them. */
static void
others_stay(void **state)
{
	static const char *const	 others[] = {
		"culverts=x", "xculvert=x", "culvert-=x", "culvert_visit=x",
		"culvert-visits=x", "__Host-culverts=x", "__Host-=x",
		"__Secure-culvert=x", "__Host-__Host-culvert=x",
		"Host-culvert=x",
		"a=culvert", "a=culvert=x", "a=b,culvert=x", "culvert",
		"=culvert", "", "a=b;;c=d; ", "  a  =  b  ;c", "a=\"b\"; a=c"
	};
	char				 line[300];
	size_t				 i;

	for (i = 0; i < nitems(others); i++) {
		snprintf(line, sizeof(line), "Cookie: %s\r\n", others[i]);
		if (others[i][0] == ' ' || others[i][0] == '\0' ||
		    others[i][strlen(others[i]) - 1] == ' ')
			/* White space around a value is none of it. */
			assert_null(strstr(sent(line), "culvert"));
		else
			assert_string_equal(sent(line), line);
	}
	assert_string_equal(sent("Cookie: a=b\r\nCookie: c=d\r\n"),
	    "Cookie: a=b\r\nCookie: c=d\r\n");
	assert_string_equal(sent("Cookies: culvert=x\r\n"
	    "X-Cookie: culvert=x\r\n"),
	    "Cookies: culvert=x\r\nX-Cookie: culvert=x\r\n");
}

static void
credentials_of_ours_go(void **state)
{
	static const char *const	 ours[] = {
		"Bearer culv_abc_def", "bearer culv_x", "BEARER   CULV_x",
		"Bearer\tculv_x", "Bearer \t culv_x", "Token culv_x", "culv_x"
	};
	static const char *const	 others[] = {
		"Bearer eyJhbGciOi", "Bearer culv_", "Bearer culvert",
		"Bearer xculv_y", "Basic YTpi", "Digest username=\"culv_x\"",
		"Bearer", "NTLM TlRMTVNTUAAB"
	};
	char				 line[300];
	size_t				 i;

	for (i = 0; i < nitems(ours); i++) {
		snprintf(line, sizeof(line), "authorization: %s\r\n", ours[i]);
		for (site.access = SITE_PRIVATE; site.access <= SITE_BASIC;
		    site.access++)
			assert_string_equal(sent(line), "");
	}
	site.access = SITE_PUBLIC;
	for (i = 0; i < nitems(others); i++) {
		snprintf(line, sizeof(line), "Authorization: %s\r\n",
		    others[i]);
		assert_string_equal(sent(line), line);
	}
	/* The gate's own, where it asks for it; the backend's elsewhere. */
	site.access = SITE_BASIC;
	assert_string_equal(sent("Authorization: bASIC YTpi\r\n"), "");
	assert_string_equal(sent("Authorization: Bearer x\r\n"),
	    "Authorization: Bearer x\r\n");
	assert_string_equal(sent("Proxy-Authorization: Basic YTpi\r\n"), "");
}

static void
who_visits_is_ours_to_say(void **state)
{
	static struct visitor		 v;
	static const char *const	 spoofed =
	    "X-Culvert-User: root\r\nx-culvert-user: root\r\n"
	    "X_Culvert_User: root\r\nX-Culvert_Email: root\r\n"
	    "X-CULVERT-ANYTHING: root\r\nX-Culvert-: root\r\n";

	assert_string_equal(sent(spoofed), "");
	assert_string_equal(sent("X-Culver: a\r\nX-Culverts: b\r\n"
	    "Culvert-X: c\r\n"),
	    "X-Culver: a\r\nX-Culverts: b\r\nCulvert-X: c\r\n");
	visitor = &v;
	assert_string_equal(sent(spoofed),
	    "X-Culvert-User: ann@example.org\r\n"
	    "X-Culvert-Email: ann@example.org\r\nX-Culvert-Name: Ann\r\n");
	name = "";
	assert_string_equal(sent(spoofed),
	    "X-Culvert-User: ann@example.org\r\n"
	    "X-Culvert-Email: ann@example.org\r\n");
	/* In other fields, or in none: those of a stranger go as well. */
	configure("Remote-User", "", "X-Culvert-Name");
	assert_string_equal(sent("Remote-User: root\r\nREMOTE_USER: root\r\n"
	    "X-Culvert-User: root\r\nRemote-Users: x\r\n"),
	    "Remote-Users: x\r\nRemote-User: ann@example.org\r\n");
	visitor = NULL;
	assert_string_equal(sent("remote-user: root\r\n"), "");
	configure("", "", "");
	assert_string_equal(sent("Remote-User: x\r\nX-Culvert-User: y\r\n"),
	    "Remote-User: x\r\n");
}

static void
secrets_are_not_written_down(void **state)
{
	static const char *const	 targets[][2] = {
		{ "/a?b=c", "/a?b=c" }, { "/.culvert?b=c", "/.culvert?b=c" },
		{ "/.culvert/enter?secret", "/.culvert/enter" },
		{ "/%2eculvert/enter?secret", "/%2eculvert/enter" },
		{ "//.CULVERT/enter?secret", "//.CULVERT/enter" },
		{ "http://pi.example.org/.culvert/enter?secret",
		    "/.culvert/enter" },
		{ "http://pi.example.org/a?b", "http://pi.example.org/a?b" }
	};
	struct http_head		 head;
	struct http_str			 target;
	char				 text[300];
	size_t				 i;
	int				 status;

	for (i = 0; i < nitems(targets); i++) {
		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n"
		    "Host: pi.example.org\r\n\r\n", targets[i][0]);
		assert_true(http_parse_request_in(text, strlen(text),
		    &http_request_limits, &head, &status) > 0);
		gate_target(&head, &target);
		assert_true(http_str_eq(&target, targets[i][1]));
	}
}

static int
may_set(const char *value)
{
	const struct http_str	 s = { value, strlen(value) };

	return (gate_set_cookie_ok(&site, &s));
}

static void
set_cookie(void **state)
{
	static const char *const	 good[] = {
		"a=b", "a=b; Path=/; HttpOnly", "a=b; Domain=pi.example.org",
		"a=b; domain=.PI.example.org", "a=b; Domain=; Secure", "a=",
		"a", "", "culverts=x", "xculvert=x", "__Host-a=b",
		"__Secure-culvert=x", "a=culvert", "a=b; culvert=x",
		"a=b; Domain=pi.example.org; Domain=.pi.example.org",
		"culvert-visit2=x", "a=\"b; c\""
	};
	static const char *const	 bad[] = {
		"culvert=x", "CULVERT=x", "culvert=", "culvert-visit=x; Path=/",
		"culvert-form=x", "culvert-way=x", "__Host-culvert=x",
		"__host-CULVERT-visit=x; Secure", " culvert = x",
		"\tculvert\t=x", "=culvert=x", "==culvert-visit=x",
		"= __Host-culvert=x", "a=b; Domain=example.org",
		"a=b; DOMAIN = .example.org", "a=b;domain=org",
		"a=b; Domain=x.pi.example.org", "a=b; Domain=pi.example.org.",
		"a=b; Domain=pi.example.org; Domain=example.org",
		"a=b; Domain=example.org; Domain=pi.example.org",
		"a=b; Domain=..pi.example.org", "a=b; Domain=evil.example"
	};
	size_t				 i;

	for (i = 0; i < nitems(good); i++)
		if (!may_set(good[i]))
			fail_msg("\"%s\" is dropped", good[i]);
	for (i = 0; i < nitems(bad); i++)
		if (may_set(bad[i]))
			fail_msg("\"%s\" passes", bad[i]);
}

/* The Clear-Site-Data that reaches a browser, with "|" between fields. */
static const char *
cleared(const char *fields)
{
	static char		 text[512], out[512];
	static struct http_head	 head;
	size_t			 i;
	int			 status;

	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n"
	    "%sX-Last: 1\r\n\r\n", fields);
	assert_true(http_parse_response_in(text, strlen(text),
	    &http_response_limits, &head, &status) > 0);
	gate_response(&site, &head);
	assert_non_null(http_field(&head, "set-cookie"));
	assert_non_null(http_field(&head, "x-last"));
	out[0] = '\0';
	for (i = 0; i < head.nfields; i++) {
		if (!http_str_caseeq(&head.fields[i].name, "clear-site-data"))
			continue;
		snprintf(out + strlen(out), sizeof(out) - strlen(out),
		    "%s%.*s", out[0] == '\0' ? "" : "|",
		    (int)head.fields[i].value.len, head.fields[i].value.s);
	}
	return (out);
}

#define C	"Clear-Site-Data: "
#define ALL	"\"cache\", \"clientHints\", \"executionContexts\", " \
		"\"prefetchCache\", \"prerenderCache\", \"storage\""

/* Below one domain, one device must not log people out of the others. */
static void
clear_site_data(void **state)
{
	static const char *const	 near[][2] = {
		{ "", "" },
		{ C "\"cache\"\r\n", "\"cache\"" },
		{ C "\"storage\", \"cache\"\r\n", "\"cache\", \"storage\"" },
		{ C "\"cookies\"\r\n", "" },
		{ C "\"cookies\", \"storage\"\r\n", "\"storage\"" },
		{ C "\"cookies\"\r\n" C "\"cache\"\r\nX: y\r\n"
		    C "\"storage\",\"cookies\"\r\n",
		    "\"cache\", \"storage\"" },
		{ C "\"*\"\r\n", ALL },
		{ C "\"*\",\"cookies\"\r\n", ALL },
		/* What browsers may read otherwise than we do. */
		{ C "cookies\r\n", "" }, { C "*\r\n", "" },
		{ C "\"Cookies\"\r\n", "" }, { C "\"cookies\";a\r\n", "" },
		{ C "\"cache\"\"cookies\"\r\n", "" }, { C "\r\n", "" },
		{ "CLEAR_SITE-data: \"cookies\"\r\n", "" }
	};
	static const char *const	 hosts[][2] = {
		/* of the site; "" or what comes of "cookies" there */
		{ "app.example.org", "" }, { "www.app.example.org", "" },
		{ "example.org", "" }, { "relay.example.org.evil.net",
		    "\"cookies\"" }, { "app.example.com", "\"cookies\"" },
		{ "app.org", "\"cookies\"" }, { "xexample.org",
		    "\"cookies\"" }, { "ample.org", "\"cookies\"" }
	};
	static struct conf_begin	 begin;
	struct site			 before = site;
	size_t				 i;

	memset(&begin, 0, sizeof(begin));
	strlcpy(begin.domain, "relay.example.org", sizeof(begin.domain));
	gate_conf(&begin);
	for (i = 0; i < nitems(near); i++)
		assert_string_equal(cleared(near[i][0]), near[i][1]);
	site.own_domain = 1;
	for (i = 0; i < nitems(hosts); i++) {
		strlcpy(site.host, hosts[i][0], sizeof(site.host));
		if (strcmp(cleared(C "\"cookies\"\r\n"), hosts[i][1]) != 0)
			fail_msg("%s", hosts[i][0]);
	}
	assert_string_equal(cleared(C "\"*\"\r\n" C "x\r\n"), "\"*\"|x");
	site = before;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cookies_of_ours_go, setup),
		cmocka_unit_test_setup(others_stay, setup),
		cmocka_unit_test_setup(credentials_of_ours_go, setup),
		cmocka_unit_test_setup(who_visits_is_ours_to_say, setup),
		cmocka_unit_test_setup(secrets_are_not_written_down, setup),
		cmocka_unit_test_setup(set_cookie, setup),
		cmocka_unit_test_setup(clear_site_data, setup),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
