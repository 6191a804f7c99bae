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

/* link: lib/forwarded.c lib/addr.c lib/http.c lib/http_field.c
 * lib/http_host.c */

#include "compat.h"

#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"
#include "forwarded.h"
#include "http.h"

static struct http_head	 head;

/* The hops of these field lines, as "a b c", "-" for a hidden one. */
static const char *
hops(enum forwarded_field field, const char *lines)
{
	static char		 buf[16384], said[4096];
	struct sockaddr_storage	 ss[FORWARDED_HOPS_MAX];
	char			 one[ADDR_STRLEN];
	ssize_t			 n, i;
	int			 status;

	snprintf(buf, sizeof(buf), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n",
	    lines);
	assert_int_equal(http_parse_request(buf, strlen(buf), HTTP_HEAD_MAX,
	    &head, &status), strlen(buf));
	if ((n = forwarded_hops(&head, field, ss)) == -1)
		return ("malformed");
	assert_in_range(n, 0, FORWARDED_HOPS_MAX);
	said[0] = '\0';
	for (i = 0; i < n; i++) {
		if (i > 0)
			strlcat(said, " ", sizeof(said));
		strlcat(said, ss[i].ss_family == 0 ? "-" :
		    addr_format((struct sockaddr *)&ss[i], one),
		    sizeof(said));
	}
	return (said);
}

static void
x(const char *lines, const char *want)
{
	assert_string_equal(hops(FORWARDED_X, lines), want);
}

static void
rfc(const char *lines, const char *want)
{
	assert_string_equal(hops(FORWARDED_RFC7239, lines), want);
}

static void
none_without_the_field(void **state)
{
	x("", "");
	rfc("", "");
	x("Forwarded: for=192.0.2.1\r\n", "");
	rfc("X-Forwarded-For: 192.0.2.1\r\n", "");
	x("X-Forwarded-For:\r\n", "");
	x("X-Forwarded-For: ,, ,\r\n", "");
	rfc("Forwarded: ,, ,\r\n", "");
}

static void
the_latest_comes_first(void **state)
{
	x("X-Forwarded-For: 192.0.2.1, 192.0.2.2,192.0.2.3\r\n",
	    "192.0.2.3:0 192.0.2.2:0 192.0.2.1:0");
	x("x-forwarded-for: 192.0.2.1\r\nX-FORWARDED-FOR: 192.0.2.2\r\n",
	    "192.0.2.2:0 192.0.2.1:0");
	rfc("Forwarded: for=192.0.2.1, for=192.0.2.2\r\n"
	    "Forwarded: For=192.0.2.3\r\n",
	    "192.0.2.3:0 192.0.2.2:0 192.0.2.1:0");
}

static void
forms_of_addresses(void **state)
{
	x("X-Forwarded-For: 192.0.2.1:80, 2001:db8::1, [2001:db8::2], "
	    "[2001:db8::3]:80\r\n", "[2001:db8::3]:80 [2001:db8::2]:0 "
	    "[2001:db8::1]:0 192.0.2.1:80");
	rfc("Forwarded: for=\"192.0.2.1:80\", for=\"[2001:db8::1]:80\", "
	    "for=\"[2001:db8::2]\", for=192.0.2.2:81, for=[2001:db8::3]\r\n",
	    "[2001:db8::3]:0 192.0.2.2:81 [2001:db8::2]:0 [2001:db8::1]:80 "
	    "192.0.2.1:80");
}

static void
what_is_hidden_or_no_address(void **state)
{
	x("X-Forwarded-For: unknown, localhost, 192.0.2, 192.0.2.1:x, "
	    "fe80::1%1, [192.0.2.1], [::1]x, [::1, \"192.0.2.1\", "
	    "192.0.2.1 192.0.2.2, 192.0.2.7\r\n",
	    "192.0.2.7:0 - - - - - - - - - -");
	rfc("Forwarded: for=unknown, for=_hidden, for=\"_x:80\", for=\"\", "
	    "proto=http\r\n", "- - - - -");
	x("X-Forwarded-For: 1111111111111111111111111111111111111111111111111"
	    "1111111111111111111111111111111\r\n", "-");
}

static void
other_parameters(void **state)
{
	rfc("Forwarded: by=203.0.113.43;for=192.0.2.1;proto=https;"
	    "host=\"a;b,c\"\r\n", "192.0.2.1:0");
	rfc("Forwarded: for=192.0.2.1 ; by=_x;; , ;,for=192.0.2.2;\r\n",
	    "192.0.2.2:0 192.0.2.1:0");
	/* Quotes hold what a client has written. */
	rfc("Forwarded: host=\", for=192.0.2.6, \", for=192.0.2.1\r\n",
	    "192.0.2.1:0 -");
}

/* By which protocol a hop has asked. */
static void
proto_of(size_t hop, enum forwarded_field field, const char *lines,
    const char *want)
{
	struct http_str	 s;

	(void)hops(field, lines);
	forwarded_proto(&head, field, hop, &s);
	if (!http_str_eq(&s, want))
		fail_msg("%s: %.*s", lines, (int)s.len, s.s);
}

static void
proto(enum forwarded_field field, const char *lines, const char *want)
{
	proto_of(0, field, lines, want);
}

static void
the_latest_says_by_which_protocol(void **state)
{
	proto(FORWARDED_X, "Forwarded: for=a;proto=https\r\n", "");
	proto(FORWARDED_X, "X-Forwarded-Proto: https\r\n", "https");
	proto(FORWARDED_X, "X-Forwarded-Proto: http, HTTPS\r\n", "HTTPS");
	proto(FORWARDED_X, "X-Forwarded-Proto: https\r\n"
	    "x-forwarded-proto: http\r\n", "http");
	proto(FORWARDED_RFC7239, "X-Forwarded-Proto: https\r\n", "");
	proto(FORWARDED_RFC7239, "Forwarded: for=a;proto=https\r\n", "https");
	proto(FORWARDED_RFC7239, "Forwarded: Proto=\"https\";for=a\r\n",
	    "https");
	proto(FORWARDED_RFC7239, "Forwarded: proto=https, for=a\r\n", "");
	proto(FORWARDED_RFC7239, "Forwarded: for=a;proto=https\r\n"
	    "Forwarded: for=b;proto=http,\r\n", "http");
	proto(FORWARDED_RFC7239, "Forwarded: for=a;proto=https\r\n"
	    "Forwarded: for=b\r\n", "");
	proto_of(1, FORWARDED_RFC7239, "Forwarded: for=a;proto=https\r\n"
	    "Forwarded: for=b;proto=http\r\n", "https");
	proto_of(2, FORWARDED_RFC7239, "Forwarded: for=a;proto=https, "
	    "for=b;proto=http\r\n", "");
	proto_of(1, FORWARDED_X, "X-Forwarded-Proto: https\r\n", "https");
	rfc("Forwarded: for=a;proto=https;proto=http\r\n", "malformed");
}

static void
malformed_ones_are_told(void **state)
{
	static const char *const t[] = {
		"for", "for=", "=192.0.2.1", "for =192.0.2.1",
		"for= 192.0.2.1", "for=192.0.2.1 by=x", "for=\"192.0.2.1",
		"for=\"192.0.2.1\\\"\"", "for=\"a\"b", "for=a;for=b",
		"for=192.0.2.1/8", "192.0.2.1", "for=\"x, for=192.0.2.1",
		"for={192.0.2.1}", "for=192.0.2.1@", "for\"=a"
	};
	char	 line[200];
	size_t	 i;

	for (i = 0; i < nitems(t); i++) {
		snprintf(line, sizeof(line), "Forwarded: %s\r\n", t[i]);
		rfc(line, "malformed");
		proto(FORWARDED_RFC7239, line, "");
		snprintf(line, sizeof(line), "Forwarded: %s\r\n"
		    "Forwarded: for=192.0.2.1\r\n", t[i]);
		rfc(line, "malformed");
	}
}

static void
the_farthest_are_left_out(void **state)
{
	char	 line[8000] = "X-Forwarded-For: ";
	char	 want[4000] = "", one[64];
	int	 i;

	for (i = 0; i < 200; i++) {
		snprintf(one, sizeof(one), "%s192.0.2.%d", i > 0 ? ", " : "",
		    i);
		strlcat(line, one, sizeof(line));
	}
	strlcat(line, "\r\n", sizeof(line));
	for (i = 199; i >= 200 - FORWARDED_HOPS_MAX; i--) {
		snprintf(one, sizeof(one), "%s192.0.2.%d:0", i < 199 ? " " :
		    "", i);
		strlcat(want, one, sizeof(want));
	}
	x(line, want);
}

/* Of a hop that is left out nobody knows how it came. */
static void
the_farthest_have_no_protocol(void **state)
{
	char	 line[8000] = "Forwarded: proto=a";
	int	 i;

	for (i = 0; i < FORWARDED_HOPS_MAX; i++)
		strlcat(line, ", proto=b", sizeof(line));
	strlcat(line, "\r\n", sizeof(line));
	proto_of(FORWARDED_HOPS_MAX - 1, FORWARDED_RFC7239, line, "b");
	proto_of(FORWARDED_HOPS_MAX, FORWARDED_RFC7239, line, "");
	proto_of(FORWARDED_HOPS_MAX + 1, FORWARDED_RFC7239, line, "");
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(none_without_the_field),
		cmocka_unit_test(the_latest_comes_first),
		cmocka_unit_test(forms_of_addresses),
		cmocka_unit_test(what_is_hidden_or_no_address),
		cmocka_unit_test(other_parameters),
		cmocka_unit_test(the_latest_says_by_which_protocol),
		cmocka_unit_test(malformed_ones_are_told),
		cmocka_unit_test(the_farthest_are_left_out),
		cmocka_unit_test(the_farthest_have_no_protocol),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
