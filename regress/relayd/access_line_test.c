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

/* Lines of the access log: what they say, and that nobody can forge one. */

/* link: relayd/access_line.c lib/addr.c */
/* libs: jansson */

#include "compat.h"

#include <netinet/in.h>
#include <arpa/inet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "access_log.h"
#include "addr.h"

#define NOW	1795256730	/* 2026-11-21 10:25:30 */

static struct sockaddr_storage	 peer;
static struct access_line	 line;
static char			 buf[ACCESS_LINE_MAX + 1];

static struct http_str
str(const char *s)
{
	struct http_str	 h = { .s = s, .len = strlen(s) };

	return (h);
}

static int
setup(void **state)
{
	setenv("TZ", "UTC", 1);
	assert_int_equal(addr_parse("192.0.2.7", "1234", &peer), 0);
	memset(&line, 0, sizeof(line));
	line.client = &peer;
	line.email = "you@example.org";
	line.host = "grafana--pi.example.org";
	line.node = "pi";
	line.service = "grafana";
	line.request_id = "0123456789abcdef";
	line.error = "";
	line.method = str("GET");
	line.target = str("/a?b=c");
	line.referer = str("https://example.org/");
	line.agent = str("curl/8.5");
	line.minor = 1;
	line.tls = 1;
	line.status = 200;
	line.in = 7;
	line.out = 1234567;
	line.head_us = 12999;
	line.us = 5000000;
	return (0);
}

static void
combined(const char *want)
{
	size_t	 n = access_format(buf, ACCESS_COMBINED, &line, NOW, 5);

	assert_true(n <= ACCESS_LINE_MAX);
	buf[n] = '\0';
	assert_string_equal(buf, want);
}

/* The value, or "": in one line of JSON, with no key twice. */
static const char *
json(const char *key)
{
	static json_t	*o;
	json_error_t	 err;
	size_t		 n = access_format(buf, ACCESS_JSON, &line, NOW, 5);

	assert_true(n <= ACCESS_LINE_MAX);
	assert_ptr_equal(memchr(buf, '\n', n), buf + n - 1);
	buf[n] = '\0';
	json_decref(o);
	o = json_loads(buf, JSON_REJECT_DUPLICATES, &err);
	if (o == NULL)
		fail_msg("%s: %s", err.text, buf);
	return (key == NULL || json_object_get(o, key) == NULL ? "" :
	    json_string_value(json_object_get(o, key)));
}

static void
combined_lines(void **state)
{
	combined("192.0.2.7 - you@example.org [21/Nov/2026:10:25:30 +0000] "
	    "\"GET /a?b=c HTTP/1.1\" 200 1234567 \"https://example.org/\" "
	    "\"curl/8.5\" pi/grafana 0123456789abcdef 12 5000 7 "
	    "grafana--pi.example.org http -\n");
	assert_int_equal(addr_parse("2001:db8::7", "1234", &peer), 0);
	line.email = line.service = line.host = line.request_id = "";
	line.node = "";
	line.referer = line.agent = str("");
	line.minor = 0;
	line.status = 401;
	line.error = "login";
	line.head_us = 0;
	line.door = "api";
	combined("2001:db8::7 - - [21/Nov/2026:10:25:30 +0000] "
	    "\"GET /a?b=c HTTP/1.0\" 401 1234567 \"-\" \"-\" - - - 5000 7 - "
	    "api login\n");
	line.method = line.target = str("");
	line.status = 400;
	line.error = "bad-request";
	combined("2001:db8::7 - - [21/Nov/2026:10:25:30 +0000] "
	    "\"-\" 400 1234567 \"-\" \"-\" - - - 5000 7 - api "
	    "bad-request\n");
	/* Gone before an answer. */
	line.method = str("PUT");
	line.target = str("*");
	line.status = 0;
	line.cut = 1;
	line.error = "";
	combined("2001:db8::7 - - [21/Nov/2026:10:25:30 +0000] "
	    "\"PUT * HTTP/1.0\" 499 1234567 \"-\" \"-\" - - - 5000 7 - api "
	    "cut\n");
}

static void
json_lines(void **state)
{
	(void)json(NULL);
	assert_string_equal(buf, "{\"time\":\"2026-11-21T10:25:30.005Z\","
	    "\"client\":\"192.0.2.7\",\"user\":\"you@example.org\","
	    "\"method\":\"GET\",\"target\":\"/a?b=c\","
	    "\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes_out\":1234567,"
	    "\"referer\":\"https://example.org/\","
	    "\"user_agent\":\"curl/8.5\",\"node\":\"pi\","
	    "\"service\":\"grafana\",\"request_id\":\"0123456789abcdef\","
	    "\"ms_first\":12,\"ms\":5000,\"bytes_in\":7,"
	    "\"host\":\"grafana--pi.example.org\",\"door\":\"http\","
	    "\"error\":\"\",\"cut\":false,\"tls\":true}\n");
	line.agent = str("a\"b\\c\n\x7f \xc3\xa9 \xff \xed\xa0\x80 \xc0\x80 "
	    "\xf0\x9f\x98\x80 \xe2\x82");
	assert_string_equal(json("user_agent"), "a\"b\\c\n\x7f \xc3\xa9 "
	    "\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
	    "\xef\xbf\xbd\xef\xbf\xbd \xf0\x9f\x98\x80 "
	    "\xef\xbf\xbd\xef\xbf\xbd");
	line.target = str("/x?token=secret\"");
	assert_string_equal(json("target"), "/x?token=***");
	line.method = line.target = str("");
	assert_string_equal(json("protocol"), "");
}

/* Quotes, lines and bytes that do not print are none any more. */
static void
nothing_can_be_forged(void **state)
{
	static const char	 controls[] = "\xc2\x85\xc2\x9b" "2J"
				    "\xe2\x80\xa8\xe2\x80\xa9\x7f\xc2\xa0"
				    "\xe2\x80\xaa";

	line.target = str("/\" 200 1 \"-\" \"x\"\n192.0.2.8 - - [");
	line.referer = str("\\\" \x01\x7f\xc3\xa9");
	line.agent = str("\r\nx\t");
	line.email = "a b\n\"c";
	line.node = "p i";
	combined("192.0.2.7 - a\\x20b\\x0A\\x22c "
	    "[21/Nov/2026:10:25:30 +0000] \"GET /\\x22 200 1 \\x22-\\x22 "
	    "\\x22x\\x22\\x0A192.0.2.8 - - [ HTTP/1.1\" 200 1234567 "
	    "\"\\x5C\\x22 \\x01\\x7F\\xC3\\xA9\" \"\\x0D\\x0Ax\\x09\" "
	    "p\\x20i/grafana 0123456789abcdef 12 5000 7 "
	    "grafana--pi.example.org http -\n");
	/* Nor are what UTF-8 has of both. */
	line.agent = str(controls);
	assert_string_equal(json("user_agent"), controls);
	assert_non_null(strstr(buf, "\\u0085\\u009b2J\\u2028\\u2029\\u007f"
	    "\xc2\xa0\xe2\x80\xaa"));
}

#define R	"\xef\xbf\xbd"

/* RFC 3629: nothing longer than it need be, no half of a pair. */
static void
what_is_no_character_is_replaced(void **state)
{
	static const char *const	 t[][2] = {
		{ "\xc3(", R "(" }, { "\xe2\x82(", R R "(" },
		{ "\xe0\x80\x80", R R R },
		{ "\xe0\xa0\x80", "\xe0\xa0\x80" },
		{ "\xe1\x80\x80", "\xe1\x80\x80" },
		{ "\xed\x9f\xbf", "\xed\x9f\xbf" },
		{ "\xed\xa0\x80", R R R },
		{ "\xf0\x80\x80\x80", R R R R },
		{ "\xf0\x90\x80\x80", "\xf0\x90\x80\x80" },
		{ "\xf1\x80\x80\x80", "\xf1\x80\x80\x80" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
		{ "\xf4\x90\x80\x80", R R R R },
		{ "\xf5\x80\x80\x80", R R R R },
		{ "\xf0\x9f\x98(", R R R "(" },
		{ "\xe2\x81\xa8", "\xe2\x81\xa8" },
		{ "\xe2\x80\xa7", "\xe2\x80\xa7" }
	};
	size_t				 i;

	for (i = 0; i < nitems(t); i++) {
		line.agent = str(t[i][0]);
		assert_string_equal(json("user_agent"), t[i][1]);
	}
}

/* A connection whose address nobody knows, and one without TLS, cut. */
static void
what_is_not_known_is_a_dash(void **state)
{
	memset(&peer, 0, sizeof(peer));
	line.tls = 0;
	line.cut = 1;
	line.head_us = 0;
	(void)json(NULL);
	assert_non_null(strstr(buf, "\"cut\":true,\"tls\":false}"));
	(void)access_format(buf, ACCESS_COMBINED, &line, NOW, 5);
	assert_int_equal(strncmp(buf, "- - ", 4), 0);
}

static void
secrets_are_masked(void **state)
{
	static const struct {
		const char	*target, *masked;
	} t[] = {
		{ "/ws?token=abc", "/ws?token=***" },
		{ "/ws?token=", "/ws?token=***" },
		{ "/ws?a=b&TOKEN=abc&c=d", "/ws?a=b&TOKEN=***&c=d" },
		{ "/ws?t%6fken=abc", "/ws?t%6fken=***" },
		{ "/ws?%74%6F%6b%65%6E=abc", "/ws?%74%6F%6b%65%6E=***" },
		{ "/?ticket=1&access_token=2&code=3&key=4",
		    "/?ticket=***&access_token=***&code=***&key=***" },
		{ "/?token=a;b=c=d?e&f=g", "/?token=***&f=g" },
		{ "/?a;token=b", "/?a;token=***" },
		{ "/?x?token=b", "/?x?token=***" },
		{ "http://h/?token=b", "http://h/?token=***" },
		{ "/?tokens=b&xtoken=c&toke=d&keyboard=e",
		    "/?tokens=b&xtoken=c&toke=d&keyboard=e" },
		{ "/?a=token=b", "/?a=token=b" },
		{ "/token=b", "/token=b" },
		{ "/?a_name_that_is_longer_than_all=b",
		    "/?a_name_that_is_longer_than_all=b" },
		{ "/?%", "/?%" }, { "/?%4=x", "/?%4=x" }, { "?", "?" },
		{ "/?=&=", "/?=&=" },
		{ "/?%zz=1&%4z=2&token=3", "/?%zz=1&%4z=2&token=***" },
	};
	char	 want[400];
	size_t	 i;

	line.agent = str("");
	line.node = line.service = line.request_id = line.host = "";
	for (i = 0; i < nitems(t); i++) {
		line.target = line.referer = str(t[i].target);
		snprintf(want, sizeof(want), "192.0.2.7 - you@example.org "
		    "[21/Nov/2026:10:25:30 +0000] \"GET %s HTTP/1.1\" 200 "
		    "1234567 \"%s\" \"-\" - - 12 5000 7 - http -\n",
		    t[i].masked, t[i].masked);
		combined(want);
		assert_string_equal(json("target"), t[i].masked);
		assert_string_equal(json("referer"), t[i].masked);
	}
}

/* Whatever comes, however long: a line, with room for what follows. */
static void
long_ones_are_cut(void **state)
{
	static char	 huge[100000], word[1000];
	static const char bytes[] = "a\"\n\xff%";
	size_t		 i, n;

	memset(word, '\n', sizeof(word) - 1);
	line.email = line.host = line.node = line.service = word;
	line.request_id = line.error = word;
	for (i = 0; i < sizeof(bytes) - 1; i++) {
		memset(huge, bytes[i], sizeof(huge) - 1);
		line.target = line.method = line.referer = line.agent =
		    str(huge);
		n = access_format(buf, ACCESS_COMBINED, &line, NOW, 5);
		assert_in_range(n, 2000, ACCESS_LINE_MAX - 1);
		assert_ptr_equal(memchr(buf, '\n', n), buf + n - 1);
		buf[n] = '\0';
		assert_non_null(strstr(buf, "... HTTP/1.1\" 200 "));
		n = strlen(json("target"));
		assert_in_range(n, 2000, 20000);
		assert_string_equal(json("target") + n - 3, "...");
	}
	/* Of a mask there is all, or nothing. */
	memset(huge, 'a', sizeof(huge) - 1);
	for (i = 4060; i < 4110; i++) {
		huge[0] = '/';
		huge[1] = '?';
		memcpy(huge + i, "&token=secret", 13);
		line.target = str(huge);
		assert_null(strstr(json("target"), "secr"));
		n = access_format(buf, ACCESS_COMBINED, &line, NOW, 5);
		assert_null(memmem(buf, n, "secr", 4));
		memset(huge + i, 'a', 13);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(combined_lines, setup),
		cmocka_unit_test_setup(json_lines, setup),
		cmocka_unit_test_setup(nothing_can_be_forged, setup),
		cmocka_unit_test_setup(what_is_no_character_is_replaced,
		    setup),
		cmocka_unit_test_setup(what_is_not_known_is_a_dash, setup),
		cmocka_unit_test_setup(secrets_are_masked, setup),
		cmocka_unit_test_setup(long_ones_are_cut, setup),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
