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


/* link: lib/relay_url.c lib/http_host.c lib/http_field.c */

#include "compat.h"

#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay_url.h"

static void
accepted(void **state)
{
	static const struct {
		const char	*text, *host;
		uint16_t	 port;
		int		 tls, loopback;
		const char	*format, *header;
	} good[] = {
		{ "relay.example.org", "relay.example.org", 443, 1, 0,
		    "wss://relay.example.org", "relay.example.org" },
		{ "Relay.Example.ORG.:8443", "relay.example.org", 8443, 1, 0,
		    "wss://relay.example.org:8443", "relay.example.org:8443" },
		{ "wss://a", "a", 443, 1, 0, "wss://a", "a" },
		{ "WSS://a/", "a", 443, 1, 0, "wss://a", "a" },
		{ "https://a:443", "a", 443, 1, 0, "wss://a", "a" },
		{ "https://a:80", "a", 80, 1, 0, "wss://a:80", "a:80" },
		{ "ws://a", "a", 80, 0, 0, "ws://a", "a" },
		{ "http://a:80/", "a", 80, 0, 0, "ws://a", "a" },
		{ "Http://a:443", "a", 443, 0, 0, "ws://a:443", "a:443" },
		{ "wss://[2001:DB8::0:1]:8443/", "2001:db8::1", 8443, 1, 0,
		    "wss://[2001:db8::1]:8443", "[2001:db8::1]:8443" },
		{ "[::1]", "::1", 443, 1, 1, "wss://[::1]", "[::1]" },
		{ "ws://127.0.0.1:8000/ws_for_edge_agents", "127.0.0.1", 8000,
		    0, 1, "ws://127.0.0.1:8000", "127.0.0.1:8000" },
		{ "ws://127.255.0.9:8000/ws_for_access_clients/",
		    "127.255.0.9", 8000, 0, 1, "ws://127.255.0.9:8000",
		    "127.255.0.9:8000" },
		{ "wss://a/ws/connect", "a", 443, 1, 0, "wss://a", "a" },
		{ "wss://a/ws/connect/", "a", 443, 1, 0, "wss://a", "a" },
		{ "wss://a/api/nodes/ws", "a", 443, 1, 0, "wss://a", "a" },
		{ "a:1/api/access/ws/", "a", 1, 1, 0, "wss://a:1", "a:1" },
		{ "ws://LOCALHOST", "localhost", 80, 0, 1, "ws://localhost",
		    "localhost" },
		{ "ws://relay.localhost.", "relay.localhost", 80, 0, 1,
		    "ws://relay.localhost", "relay.localhost" },
		/* Not loopback by their names, whatever a resolver says. */
		{ "notlocalhost", "notlocalhost", 443, 1, 0,
		    "wss://notlocalhost", "notlocalhost" },
		{ "localhost.example.org", "localhost.example.org", 443, 1, 0,
		    "wss://localhost.example.org", "localhost.example.org" },
		{ "128.0.0.1", "128.0.0.1", 443, 1, 0, "wss://128.0.0.1",
		    "128.0.0.1" },
		{ "127.1", "127.1", 443, 1, 0, "wss://127.1", "127.1" },
		{ "127.example.org", "127.example.org", 443, 1, 0,
		    "wss://127.example.org", "127.example.org" },
		{ "[::2]", "::2", 443, 1, 0, "wss://[::2]", "[::2]" },
	};
	struct relay_url	 url, again;
	const char		*errstr;
	char			 s[RELAY_URL_MAX];
	size_t			 i, n;

	for (i = 0; i < nitems(good); i++) {
		if (relay_url_parse(good[i].text, &url, &errstr) == -1)
			fail_msg("%s: %s", good[i].text, errstr);
		assert_string_equal(url.host, good[i].host);
		assert_int_equal(url.port, good[i].port);
		assert_int_equal(url.tls, good[i].tls);
		assert_int_equal(url.loopback, good[i].loopback);

		assert_int_equal(relay_url_host_header(&url, s, sizeof(s)), 0);
		assert_string_equal(s, good[i].header);
		n = strlen(s);
		assert_int_equal(relay_url_host_header(&url, s, n + 1), 0);
		assert_int_equal(relay_url_host_header(&url, s, n), -1);

		assert_int_equal(relay_url_format(&url, s, sizeof(s)), 0);
		assert_string_equal(s, good[i].format);
		assert_int_equal(relay_url_parse(s, &again, &errstr), 0);
		assert_memory_equal(&url, &again, sizeof(url));
		n = strlen(s);
		assert_int_equal(relay_url_format(&url, s, n + 1), 0);
		assert_int_equal(relay_url_format(&url, s, n), -1);
		assert_int_equal(relay_url_format(&url, s, 3), -1);
		assert_int_equal(relay_url_format(&url, s, 0), -1);
	}
}

static void
refused(void **state)
{
	static const char query[] = "query or fragment";
	static const char scheme[] = "scheme";
	static const char host[] = "host or port";
	static const char path[] = "path";
	static const struct {
		const char	*text, *why;
	} bad[] = {
		{ "", "no host" },
		{ "wss://", "no host" },
		{ "wss:///", "no host" },
		{ "/ws/connect", "no host" },
		{ "wss://a/ws/connect?token=secret", query },
		{ "a?", query },
		{ "wss://a#x", query },
		{ "ftp://a", scheme },
		{ "wsss://a", scheme },
		{ "://a", scheme },
		{ "wss://wss://a", host },
		{ "wss://user@a", "user or password" },
		{ "user:secret@a", "user or password" },
		{ "wss://@a", "user or password" },
		{ "wss:a", host },
		{ "wss:/a", host },
		{ "a:", host },
		{ "a:0", host },
		{ "a:65536", host },
		{ "a:+1", host },
		{ "a:1 ", host },
		{ " a", host },
		{ "a b", host },
		{ "a\tb", host },
		{ "a\n", host },
		{ "a..b", host },
		{ "a\\b", host },
		{ "b\xc3\xbc" "cher.example", host },
		{ "a%2eb", host },
		{ "::1", host },
		{ "[::1", host },
		{ "[::1]x", host },
		{ "[fe80::1%25eth0]", host },
		{ "[127.0.0.1]", host },
		{ "wss://a//", path },
		{ "wss://a/other", path },
		{ "wss://a/ws/connect//", path },
		{ "wss://a/ws/connectx", path },
		{ "wss://a/WS/connect", path },
		{ "wss://a/ws/../ws/connect", path },
		{ "wss://a/api", path },
	};
	struct relay_url	 url;
	const char		*errstr;
	size_t			 i;

	for (i = 0; i < nitems(bad); i++) {
		errstr = NULL;
		if (relay_url_parse(bad[i].text, &url, &errstr) != -1)
			fail_msg("\"%s\" passed", bad[i].text);
		if (errstr == NULL || strstr(errstr, bad[i].why) == NULL)
			fail_msg("\"%s\": %s", bad[i].text, errstr);
	}
}

static void
long_hosts(void **state)
{
	struct relay_url	 url;
	const char		*errstr;
	char			 s[400], out[RELAY_URL_MAX];
	size_t			 i;

	memset(s, 'a', sizeof(s));
	for (i = 50; i < sizeof(s); i += 50)
		s[i] = '.';
	s[253] = '\0';
	strlcat(s, ":65535", sizeof(s));
	assert_int_equal(relay_url_parse(s, &url, &errstr), 0);
	assert_int_equal(relay_url_format(&url, out, sizeof(out)), 0);
	s[253] = 'a';
	assert_int_equal(relay_url_parse(s, &url, &errstr), -1);
	memset(s, '[', sizeof(s) - 1);
	s[sizeof(s) - 1] = '\0';
	assert_int_equal(relay_url_parse(s, &url, &errstr), -1);
}

static void
plain_text_only_where_it_is_asked_for(void **state)
{
	static const struct {
		const char	*text;
		int		 ok, ok_if_asked;
	} cases[] = {
		{ "wss://a", 1, 1 },
		{ "ws://a", 0, 1 },
		{ "http://10.0.0.1", 0, 1 },
		{ "http://127.0.0.1", 1, 1 },
		{ "ws://[::1]:8000", 1, 1 },
		{ "ws://localhost", 1, 1 },
	};
	struct relay_url	 url;
	const char		*errstr;
	size_t			 i;

	for (i = 0; i < nitems(cases); i++) {
		assert_int_equal(relay_url_parse(cases[i].text, &url, &errstr),
		    0);
		assert_int_equal(relay_url_plain_ok(&url, 0), cases[i].ok);
		assert_int_equal(relay_url_plain_ok(&url, 1),
		    cases[i].ok_if_asked);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted),
		cmocka_unit_test(refused),
		cmocka_unit_test(long_hosts),
		cmocka_unit_test(plain_text_only_where_it_is_asked_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
