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

/* link: agentd/backend.c lib/http.c lib/http_field.c lib/http_host.c */
/* link: lib/mux_frame.c */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend.h"

static void
one_form_of_each(void **state)
{
	static const struct {
		const char	*in, *form, *authority;
	} good[] = {
		{ "http://127.0.0.1:8000", "http://127.0.0.1:8000",
		    "127.0.0.1:8000" },
		{ "http://127.0.0.1:8000/", "http://127.0.0.1:8000",
		    "127.0.0.1:8000" },
		{ "HTTP://App.LAN.", "http://app.lan", "app.lan" },
		{ "http://app:443", "http://app:443", "app:443" },
		{ "https://app:443", "https://app", "app" },
		{ "https://app:80", "https://app:80", "app:80" },
		{ "https://[2001:DB8::1]", "https://[2001:db8::1]",
		    "[2001:db8::1]" },
		{ "https://[::1]:8443", "https://[::1]:8443", "[::1]:8443" },
		{ "unix:/run/app.sock", "unix:/run/app.sock", "localhost" },
		{ "unix:///run/app.sock", "unix:/run/app.sock", "localhost" }
	};
	struct backend_url	 url;
	const char		*why;
	char			 buf[BACKEND_URL_MAX];
	size_t			 i;

	for (i = 0; i < nitems(good); i++) {
		assert_int_equal(backend_url_parse(good[i].in, &url, &why), 0);
		assert_int_equal(backend_url_check(&url), 0);
		assert_string_equal(backend_url_format(&url, buf),
		    good[i].form);
		assert_string_equal(backend_url_authority(&url, buf),
		    good[i].authority);
	}
	assert_int_equal(backend_url_parse_tcp("[::1]:8443", &url, &why), 0);
	assert_int_equal(backend_url_check(&url), 0);
	assert_string_equal(backend_url_format(&url, buf), "[::1]:8443");
}

static void
others_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "127.0.0.1:8000", "ftp://a", "wss://a", "http:/a",
		"http://", "http:///", "http://:80", "http://a:0",
		"http://a:65536", "http://a:", "http://a b", "http://u@a",
		"http://u:p@a", "http://a/app", "http://a?x", "http://a#x",
		"http://a//", "http://[::1", "http://::1", "unix:",
		"unix:run/x", "unix:/", "unix://run/x", "unix://x/run/x",
		"UNIX:/x"
	};
	static const char *const tcp[] = {
		"", "a", "a:", ":1", "a:0", "a:65536", "http://a:1", "u@a:1",
		"::1", "[::1]", "/run/x", "a:1/"
	};
	struct backend_url	 url;
	const char		*why;
	size_t			 i;
	char			 path[200];

	for (i = 0; i < nitems(bad); i++) {
		why = NULL;
		assert_int_equal(backend_url_parse(bad[i], &url, &why), -1);
		assert_non_null(why);
	}
	for (i = 0; i < nitems(tcp); i++) {
		why = NULL;
		assert_int_equal(backend_url_parse_tcp(tcp[i], &url, &why),
		    -1);
		assert_non_null(why);
	}
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	memcpy(path, "unix:/", 6);
	assert_int_equal(backend_url_parse(path, &url, &why), -1);
	path[5 + 107] = '\0';
	assert_int_equal(backend_url_parse(path, &url, &why), 0);
}

static void
what_a_message_may_hold(void **state)
{
	struct backend_url	 url, ok;
	const char		*why;

	assert_int_equal(backend_url_parse("http://a", &ok, &why), 0);
	url = ok;
	url.scheme = 0;
	assert_int_equal(backend_url_check(&url), -1);
	url.scheme = BACKEND_TCP + 1;
	assert_int_equal(backend_url_check(&url), -1);
	url = ok;
	url.port = 0;
	assert_int_equal(backend_url_check(&url), -1);
	url = ok;
	url.host[0] = '\0';
	assert_int_equal(backend_url_check(&url), -1);
	url = ok;
	memset(url.host, 'a', sizeof(url.host));
	assert_int_equal(backend_url_check(&url), -1);
	url = ok;
	url.host[0] = '/';
	assert_int_equal(backend_url_check(&url), -1);
}

static void
which_names(void **state)
{
	char	 name[MUX_NODE_MAX + 2];

	assert_true(backend_name_valid("grafana"));
	assert_true(backend_name_valid("a-1"));
	assert_false(backend_name_valid(""));
	assert_false(backend_name_valid("a--b"));
	assert_false(backend_name_valid("-a"));
	assert_false(backend_name_valid("a-"));
	assert_false(backend_name_valid("A"));
	assert_false(backend_name_valid("a.b"));
	memset(name, 'a', sizeof(name));
	name[MUX_NODE_MAX + 1] = '\0';
	assert_false(backend_name_valid(name));
	name[MUX_NODE_MAX] = '\0';
	assert_true(backend_name_valid(name));
}

static void
what_a_line_may_hold(void **state)
{
	struct backend	 b, ok;
	const char	*why;
	char		 buf[BACKEND_TITLE_MAX];

	memset(&ok, 0, sizeof(ok));
	ok.kind = MUX_KIND_HTTP;
	assert_int_equal(backend_url_parse("http://a", &ok.url, &why), 0);
	assert_int_equal(backend_check(&ok), 0);
	assert_string_equal(backend_title(&ok, buf), "http backend");
	b = ok;
	strlcpy(b.name, "x", sizeof(b.name));
	assert_int_equal(backend_check(&b), 0);
	assert_string_equal(backend_title(&b, buf), "http service x");
	b.kind = MUX_KIND_TLS;
	assert_int_equal(backend_check(&b), -1);
	b.url.scheme = BACKEND_TCP;
	assert_int_equal(backend_check(&b), 0);
	assert_string_equal(backend_title(&b, buf), "tls service x");
	b.name[0] = '\0';
	assert_int_equal(backend_check(&b), -1);
	b = ok;
	b.kind = MUX_KIND_TCP;
	assert_int_equal(backend_check(&b), -1);
	b = ok;
	b.url.port = 0;
	assert_int_equal(backend_check(&b), -1);
	b = ok;
	strlcpy(b.name, "X", sizeof(b.name));
	assert_int_equal(backend_check(&b), -1);
	b = ok;
	strlcpy(b.health, "/", sizeof(b.health));
	assert_int_equal(backend_check(&b), -1);
	b = ok;
	b.announce = 3;
	assert_int_equal(backend_check(&b), -1);
	b = ok;
	b.health_ms = 1000;
	assert_int_equal(backend_check(&b), -1);
	strlcpy(b.health, "/", sizeof(b.health));
	assert_int_equal(backend_check(&b), 0);
	memset(b.health, '/', sizeof(b.health));
	assert_int_equal(backend_check(&b), -1);
	b = ok;
	memset(b.rewrite, 'a', sizeof(b.rewrite));
	assert_int_equal(backend_check(&b), -1);
	b = ok;
	memset(b.name, 'a', sizeof(b.name));
	assert_int_equal(backend_check(&b), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_form_of_each),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(what_a_message_may_hold),
		cmocka_unit_test(which_names),
		cmocka_unit_test(what_a_line_may_hold),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
