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
 * Where a request comes from, as far as a browser tells; and what the gate
 * gives out to know it again: secrets, marks in forms, cookies.
 *
 * link: relayd/http_gate_field.c lib/http*.c lib/base64.c lib/forwarded.c
 * link: lib/addr.c lib/ws.c
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

#define NODE	"pi.example.org"
#define HOUR_MS	3600000

struct nonce_key	 nonce_key = { { 7 } };

static struct http_head	 head;
static char		 text[1024];
static struct site	 site;
static uint64_t		 now_ms;
static int		 is_tls, is_rfc7239;

/* ---- what a listener has ---- */

uint64_t
listener_ms(void)
{
	return (now_ms);
}

int
evtls_is_tls(const struct evtls *c)
{
	return (is_tls);
}

int
proxy_rfc7239(const struct conn *c)
{
	return (is_rfc7239);
}

const char *
visitor_email(const struct visitor *v)
{
	return (NULL);
}

const char *
visitor_name(const struct visitor *v)
{
	return (NULL);
}

int
login_scheme(const struct http_str *s, const char *scheme,
    struct http_str *rest)
{
	return (0);
}

/* ---- what goes on ---- */

static int
setup(void **state)
{
	memset(&site, 0, sizeof(site));
	strlcpy(site.host, NODE, sizeof(site.host));
	now_ms = 10 * HOUR_MS;
	is_tls = is_rfc7239 = 0;
	return (0);
}

static const struct http_head *
asked(const char *method, const char *fields)
{
	int	 status;

	snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: " NODE "\r\n"
	    "%s\r\n", method, fields);
	assert_true(http_parse_request_in(text, strlen(text),
	    &http_request_limits, &head, &status) > 0);
	return (&head);
}

static void
foreign(const char *method, const char *fields, int want)
{
	if (gate_foreign(asked(method, fields), &site) != want)
		fail_msg("%s %s is not %d", method, fields, want);
}

static void
what_changes_something_is_of_a_page_of_this_node(void **state)
{
	static const struct {
		const char	*fields;
		int		 foreign;
	} posts[] = {
		{ "", 0 },			/* a program */
		{ "Sec-Fetch-Site: same-origin\r\n", 0 },
		{ "Sec-Fetch-Site: none\r\n", 0 },
		{ "Sec-Fetch-Site: same-site\r\n", 1 },
		{ "Sec-Fetch-Site: cross-site\r\nOrigin: null\r\n", 1 },
		{ "Origin: null\r\n", 0 },
		{ "Origin: https://" NODE "\r\n", 0 },
		{ "Origin: http://" NODE ":8080\r\n", 0 },
		{ "Origin: https://PI.example.ORG\r\n", 0 },
		{ "Sec-Fetch-Site: same-site\r\n"
		    "Origin: https://grafana--" NODE "\r\n", 0 },
		{ "Origin: https://other.example.org\r\n", 1 },
		{ "Origin: https://api." NODE "\r\n", 1 },
		{ "Origin: https://x" NODE "\r\n", 1 },
		{ "Origin: https://--" NODE "\r\n", 1 },
		{ "Origin: https://x-" NODE "\r\n", 1 },
		{ "Origin: https://a.b--" NODE "\r\n", 1 },
		{ "Origin: https://i.example.org\r\n", 1 },
		{ "Origin: " NODE "\r\n", 1 },
		{ "Origin: https://\r\n", 1 },
		{ "Origin: https://a b\r\n", 1 },
	};
	static const char	 up[] = "Connection: upgrade\r\nUpgrade: "
				    "websocket\r\nOrigin: https://x.org\r\n";
	static const char	 other[] = "Origin: https://x.org\r\n";
	size_t			 i;

	for (i = 0; i < nitems(posts); i++)
		foreign("POST", posts[i].fields, posts[i].foreign);
	/* What only reads may come from anywhere, but no WebSocket. */
	foreign("GET", other, 0);
	foreign("HEAD", other, 0);
	foreign("OPTIONS", other, 0);
	foreign("DELETE", other, 1);
	foreign("GET", up, 1);
}

static void
services_of_a_node_are_neighbours(void **state)
{
	strlcpy(site.host, "grafana--" NODE, sizeof(site.host));
	strlcpy(site.service, "grafana", sizeof(site.service));
	foreign("POST", "Origin: https://grafana--" NODE "\r\n", 0);
	foreign("POST", "Origin: https://other--" NODE "\r\n", 0);
	foreign("POST", "Origin: https://" NODE "\r\n", 0);
	foreign("POST", "Origin: https://grafana--po.example.org\r\n", 1);
	/* A domain of its own stands alone. */
	site.own_domain = 1;
	site.service[0] = '\0';
	strlcpy(site.host, "shop.net", sizeof(site.host));
	foreign("POST", "Origin: https://shop.net\r\n", 0);
	foreign("POST", "Origin: https://x--shop.net\r\n", 1);
}

static int
same(const char *fields)
{
	return (web_same_origin(asked("POST", fields),
	    "https://relay.example.org"));
}

static void
forms_come_from_a_page_of_ours(void **state)
{
	assert_true(same(""));
	assert_true(same("Origin: https://Relay.example.org\r\n"));
	assert_true(same("Origin: null\r\nSec-Fetch-Site: same-origin\r\n"));
	assert_true(same("Sec-Fetch-Site: none\r\n"));
	assert_false(same("Sec-Fetch-Site: same-site\r\n"));
	assert_false(same("Sec-Fetch-Site: cross-site\r\n"
	    "Origin: https://relay.example.org\r\n"));
	assert_false(same("Origin: http://relay.example.org\r\n"));
	assert_false(same("Origin: https://relay.example.org:8443\r\n"));
}

static void
origin(int secure, uint16_t port, const char *want)
{
	char	 buf[ORIGIN_MAX];

	web_origin(secure, "a", port, buf);
	assert_string_equal(buf, want);
}

static void
an_origin_has_a_port_where_it_is_another(void **state)
{
	origin(1, 0, "https://a");
	origin(1, 443, "https://a");
	origin(1, 80, "https://a:80");
	origin(0, 80, "http://a");
	origin(0, 443, "http://a:443");
	origin(0, 65535, "http://a:65535");
}

static void
by_tls_to_us_or_to_a_proxy_that_is_trusted(void **state)
{
	static struct conn	 c;
	const char		*x = "X-Forwarded-Proto: http, HTTPS\r\n";
	const char		*rfc = "Forwarded: for=a;proto=https\r\n";

	assert_false(web_secure(&c, asked("GET", x)));
	c.tls = (struct evtls *)&c;
	assert_false(web_secure(&c, asked("GET", x)));
	c.proxied = 1;
	assert_true(web_secure(&c, asked("GET", x)));
	assert_false(web_secure(&c, asked("GET", rfc)));
	assert_false(web_secure(&c, asked("GET",
	    "X-Forwarded-Proto: https, http\r\n")));
	is_rfc7239 = 1;
	assert_false(web_secure(&c, asked("GET", x)));
	assert_true(web_secure(&c, asked("GET", rfc)));
	c.proxied = 0;
	is_tls = 1;
	assert_true(web_secure(&c, asked("GET", "")));
	c.tls = NULL;
	assert_false(web_secure(&c, asked("GET", "")));
}

static struct http_str
str(const char *s)
{
	return ((struct http_str){ s, strlen(s) });
}

static void
secrets_have_one_form(void **state)
{
	char		 a[WEB_SECRET_STR], b[WEB_SECRET_STR];
	struct http_str	 s;

	web_secret(a);
	web_secret(b);
	assert_string_not_equal(a, b);
	s = str(a);
	assert_true(web_secret_ok(&s));
	s.len--;
	assert_false(web_secret_ok(&s));
	a[0] = '+';
	s.len++;
	assert_false(web_secret_ok(&s));
	s.len = 0;
	assert_false(web_secret_ok(&s));
}

static void
a_hash_is_sha256_of_the_text(void **state)
{
	static const uint8_t	 want[] = { 0xba, 0x78, 0x16, 0xbf };
	struct http_str		 s = { "abcd", 3 };
	uint8_t			 hash[WEB_HASH_LEN];

	web_hash(&s, hash);
	assert_memory_equal(hash, want, sizeof(want));
}

static void
a_mark_is_of_a_secret_and_a_purpose_for_an_hour(void **state)
{
	char		 secret[WEB_SECRET_STR], mark[WEB_MARK_LEN + 1];
	char		 other[WEB_SECRET_STR], bad[WEB_MARK_LEN + 2];
	struct http_str	 s, o, none = { "", 0 };
	size_t		 i;

	web_secret(secret);
	web_secret(other);
	s = str(secret);
	o = str(other);
	web_mark("login", &s, mark);
	assert_true(web_mark_ok("login", &s, mark));
	assert_false(web_mark_ok("logout", &s, mark));
	assert_false(web_mark_ok("login", &o, mark));
	assert_false(web_mark_ok("login", &none, mark));
	assert_false(web_mark_ok("login", &s, ""));
	for (i = 0; i < WEB_MARK_LEN; i++) {
		strlcpy(bad, mark, sizeof(bad));
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		assert_false(web_mark_ok("login", &s, bad));
		bad[i] = '\0';
		assert_false(web_mark_ok("login", &s, bad));
	}
	snprintf(bad, sizeof(bad), "%sA", mark);
	assert_false(web_mark_ok("login", &s, bad));
	now_ms += HOUR_MS;
	assert_true(web_mark_ok("login", &s, mark));
	now_ms++;
	assert_false(web_mark_ok("login", &s, mark));
	now_ms = 0;
	assert_false(web_mark_ok("login", &s, mark));
}

static void
cookies_are_set_and_found(void **state)
{
	char		 line[COOKIE_LINE_MAX];
	struct http_str	 v;

	web_cookie_line(1, COOKIE_VISIT, "x", 60, line);
	assert_string_equal(line, "Set-Cookie: __Host-culvert-visit=x; "
	    "Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60\r\n");
	web_cookie_line(0, COOKIE_LOGIN, "x", -1, line);
	assert_string_equal(line, "Set-Cookie: culvert=x; Path=/; HttpOnly; "
	    "SameSite=Lax; Max-Age=0\r\n");
	web_cookie_line(0, COOKIE_LOGIN, NULL, 60, line);
	assert_string_equal(line, "Set-Cookie: culvert=; Path=/; HttpOnly; "
	    "SameSite=Lax; Max-Age=0\r\n");

	asked("GET", "Cookie: culvert=a; __Host-culvert=b\r\n");
	assert_true(web_cookie(&head, 0, COOKIE_LOGIN, &v));
	assert_true(http_str_eq(&v, "a"));
	assert_true(web_cookie(&head, 1, COOKIE_LOGIN, &v));
	assert_true(http_str_eq(&v, "b"));
	assert_false(web_cookie(&head, 1, COOKIE_FORM, &v));
	asked("GET", "Cookie: culvert=a\r\nCookie: culvert=b\r\n");
	assert_false(web_cookie(&head, 0, COOKIE_LOGIN, &v));
}

/* Where no site is known nothing is taken for one of its. */
static void
a_response_loses_what_its_site_may_not_set(void **state)
{
	static const char	 s[] = "HTTP/1.1 200 OK\r\n"
	    "Set-Cookie: culvert=x\r\nSet_Cookie: culvert=y\r\n"
	    "X-A: 1\r\nset-cookie: a=b\r\n\r\n";
	int			 status;

	assert_true(http_parse_response_in(s, sizeof(s) - 1,
	    &http_response_limits, &head, &status) > 0);
	gate_response(NULL, &head);
	assert_int_equal(head.nfields, 4);
	gate_response(&site, &head);
	assert_int_equal(head.nfields, 2);
	assert_true(http_str_eq(&head.fields[0].name, "X-A"));
	assert_true(http_str_eq(&head.fields[1].value, "a=b"));
}

static void
the_relays_own_host_is_configured(void **state)
{
	static struct conf_begin	 begin;

	assert_string_equal(gate_login_at(&site), "localhost");
	site.own_domain = 1;
	assert_null(gate_login_at(&site));
	strlcpy(begin.domain, "relay.example.org", sizeof(begin.domain));
	assert_true(gate_conf_ok(&begin));
	gate_conf(&begin);
	assert_string_equal(gate_login_at(&site), "relay.example.org");
	memset(begin.identity.field[IDENTITY_NAME], 'x', IDENTITY_LEN);
	assert_false(gate_conf_ok(&begin));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    what_changes_something_is_of_a_page_of_this_node, setup),
		cmocka_unit_test_setup(services_of_a_node_are_neighbours,
		    setup),
		cmocka_unit_test_setup(forms_come_from_a_page_of_ours, setup),
		cmocka_unit_test_setup(
		    an_origin_has_a_port_where_it_is_another, setup),
		cmocka_unit_test_setup(
		    by_tls_to_us_or_to_a_proxy_that_is_trusted, setup),
		cmocka_unit_test_setup(secrets_have_one_form, setup),
		cmocka_unit_test_setup(a_hash_is_sha256_of_the_text, setup),
		cmocka_unit_test_setup(
		    a_mark_is_of_a_secret_and_a_purpose_for_an_hour, setup),
		cmocka_unit_test_setup(cookies_are_set_and_found, setup),
		cmocka_unit_test_setup(
		    a_response_loses_what_its_site_may_not_set, setup),
		cmocka_unit_test_setup(the_relays_own_host_is_configured,
		    setup),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
