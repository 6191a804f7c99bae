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

/* link: lib/proxyproto.c lib/addr.c */

#include "compat.h"

#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"
#include "proxyproto.h"

#define SIG	"\r\n\r\n\0\r\nQUIT\n"
#define ADDR4	"\xc0\x00\x02\x01\xcb\x00\x71\x02\x04\xd2\x01\xbb"
#define ADDR6	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
		"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x04\xd2\x01\xbb"
#define LONGEST	"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff " \
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"

/* Every prefix says "more", then this; bytes behind change nothing. */
static void
parse(const char *s, size_t len, struct proxyproto *p)
{
	uint8_t	 buf[PROXYPROTO_V2_MAX + 16];
	size_t	 i;

	for (i = 0; i < len; i++)
		assert_int_equal(proxyproto_parse((const uint8_t *)s, i, p),
		    0);
	assert_true(len + 1 < sizeof(buf));
	memcpy(buf, s, len);
	buf[len] = '\x16';
	assert_int_equal(proxyproto_parse(buf, len + 1, p), len);
	assert_int_equal(proxyproto_parse(buf, len, p), len);
}

/* Refused, and no prefix of it is taken. */
static void
refused(const char *s, size_t len)
{
	struct proxyproto	 p;
	ssize_t			 n, last = 0;
	size_t			 i;

	for (i = 0; i <= len; i++) {
		n = proxyproto_parse((const uint8_t *)s, i, &p);
		if (n > 0 || (n == 0 && last == -1))
			fail_msg("%s: %zd at %zu", s, n, i);
		last = n;
	}
	if (last != -1)
		fail_msg("not refused: %s", s);
}

static void
is_addr(const struct sockaddr_storage *ss, const char *want)
{
	char	 buf[ADDR_STRLEN];

	addr_format((const struct sockaddr *)ss, buf);
	assert_string_equal(buf, want);
}

static void
lines_of_version_1(void **state)
{
	struct proxyproto	 p;
	const char		*s;

	s = "PROXY TCP4 192.0.2.1 203.0.113.2 1234 443\r\n";
	parse(s, strlen(s), &p);
	assert_int_equal(p.version, 1);
	assert_int_equal(p.local, 0);
	assert_int_equal(p.datagram, 0);
	is_addr(&p.src, "192.0.2.1:1234");
	is_addr(&p.dst, "203.0.113.2:443");
	s = "PROXY TCP6 2001:db8::1 2001:DB8::2 0 65535\r\n";
	parse(s, strlen(s), &p);
	is_addr(&p.src, "[2001:db8::1]:0");
	is_addr(&p.dst, "[2001:db8::2]:65535");
	s = "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
	parse(s, strlen(s), &p);
	s = "PROXY UNKNOWN\r\n";
	parse(s, strlen(s), &p);
	assert_int_equal(p.local, 1);
	assert_int_equal(p.src.ss_family, 0);
	parse(LONGEST, PROXYPROTO_V1_MAX, &p);
	assert_int_equal(p.local, 1);
}

static void
bad_lines_are_refused(void **state)
{
	static const char *const t[] = {
		"X", "\n", "PROXY\t", "proxy TCP4", "GET / HTTP/1.1\r\n\r\n",
		"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2\r\n",
		"PROXY TCP4\r\n", "PROXY \r\n", "PROXY UNKNOWNS\r\n",
		"PROXY UNIX /a /b 1 2\r\n",
		"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
		"PROXY TCP4 ::1 ::2 1 2\r\n",
		"PROXY TCP4 192.0.2.1 ::2 1 2\r\n",
		"PROXY TCP6 [::1] ::2 1 2\r\n",
		"PROXY TCP6 fe80::1%1 ::2 1 2\r\n",
		"PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n",
		"PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 -2\r\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
		"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n",
		"PROXY TCP4 192.0.2.1\t192.0.2.2 1 2\r\n",
		"PROXY UNKNOWN\n", "PROXY UNKNOWN \x80\r\n",
	};
	char	 s[PROXYPROTO_V1_MAX + 2] = LONGEST;
	size_t	 i;

	for (i = 0; i < nitems(t); i++)
		refused(t[i], strlen(t[i]));
	refused("PROXY UNKNOWN \0\r\n", 17);
	/* One byte longer than any line may be. */
	memcpy(s + PROXYPROTO_V1_MAX - 2, "1\r\n", 3);
	refused(s, PROXYPROTO_V1_MAX + 1);
}

static void
heads_of_version_2(void **state)
{
	struct proxyproto	 p;

	parse(SIG "\x21\x11\0\x0c" ADDR4, 28, &p);
	assert_int_equal(p.version, 2);
	assert_int_equal(p.local, 0);
	assert_int_equal(p.datagram, 0);
	is_addr(&p.src, "192.0.2.1:1234");
	is_addr(&p.dst, "203.0.113.2:443");
	parse(SIG "\x21\x12\0\x0c" ADDR4, 28, &p);
	assert_int_equal(p.datagram, 1);
	parse(SIG "\x21\x21\0\x24" ADDR6, 52, &p);
	assert_int_equal(p.datagram, 0);
	is_addr(&p.src, "[2001:db8::1]:1234");
	is_addr(&p.dst, "[2001:db8::2]:443");
	parse(SIG "\x21\x22\0\x24" ADDR6, 52, &p);
	assert_int_equal(p.datagram, 1);
	/* Behind the addresses: TLVs. */
	parse(SIG "\x21\x11\0\x11" ADDR4 "\x04\0\x02xy", 33, &p);
	is_addr(&p.src, "192.0.2.1:1234");
	assert_int_equal(p.local, 0);
}

static void
heads_that_speak_for_nobody(void **state)
{
	struct proxyproto	 p;

	parse(SIG "\x20\x00\0\0", 16, &p);
	assert_int_equal(p.local, 1);
	parse(SIG "\x20\x11\0\x0c" ADDR4, 28, &p);
	assert_int_equal(p.local, 1);
	assert_int_equal(p.src.ss_family, 0);
	parse(SIG "\x20\xff\0\x01x", 17, &p);
	assert_int_equal(p.local, 1);
	parse(SIG "\x21\x00\0\x01x", 17, &p);
	assert_int_equal(p.local, 1);
}

static void
bad_heads_are_refused(void **state)
{
	refused(SIG "\x11", 13);
	refused(SIG "\x22", 13);
	refused(SIG "\x31\x11\0\x0c" ADDR4, 28);
	refused("\r\n\r\n\0\r\nQUIT\r", 12);
	refused("\r\n\r\nGET", 7);
	refused(SIG "\x21\x31\0\x0c" ADDR4, 28);	/* a local socket */
	refused(SIG "\x21\x10\0\x0c" ADDR4, 28);
	refused(SIG "\x21\x13\0\x0c" ADDR4, 28);
	refused(SIG "\x21\x11\0\x0b" ADDR4, 27);	/* too short */
	refused(SIG "\x21\x21\0\x23" ADDR6, 51);
	refused(SIG "\x21\x21\0\x0c" ADDR4, 28);
}

static void
tlvs_have_a_bound(void **state)
{
	char			 buf[PROXYPROTO_V2_MAX + 1];
	struct proxyproto	 p;

	memset(buf, 0, sizeof(buf));
	memcpy(buf, SIG "\x21\x11\x0f\xf0" ADDR4, 28);
	parse(buf, PROXYPROTO_V2_MAX, &p);
	buf[15] = '\xf1';
	refused(buf, sizeof(buf));
	memcpy(buf + 12, "\x20\x00\xff\xff", 4);
	refused(buf, 16);
}

static void
build(int version, int datagram, const char *src, const char *dst,
    const char *want, size_t len)
{
	struct sockaddr_storage	 s, d;
	struct proxyproto	 p;
	uint8_t			 buf[PROXYPROTO_BUILD_MAX];

	memset(&s, 0, sizeof(s));
	memset(&d, 0, sizeof(d));
	if (src != NULL)
		assert_int_equal(addr_parse(src, "1234", &s), 0);
	if (dst != NULL)
		assert_int_equal(addr_parse(dst, "443", &d), 0);
	assert_int_equal(proxyproto_build(buf, version, datagram, &s, &d),
	    len);
	assert_memory_equal(buf, want, len);
	assert_int_equal(proxyproto_parse(buf, len, &p), len);
}

static void
built_as_it_is_read(void **state)
{
	struct sockaddr_storage	 ss;
	uint8_t			 buf[PROXYPROTO_BUILD_MAX];
	const char		*s;

	s = "PROXY TCP4 192.0.2.1 203.0.113.2 1234 443\r\n";
	build(1, 0, "192.0.2.1", "203.0.113.2", s, strlen(s));
	s = "PROXY TCP6 2001:db8::1 2001:db8::2 1234 443\r\n";
	build(1, 0, "2001:db8::1", "2001:db8::2", s, strlen(s));
	s = "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1234 443\r\n";
	build(1, 0, "192.0.2.1", "2001:db8::2", s, strlen(s));
	s = "PROXY UNKNOWN\r\n";
	build(1, 1, "192.0.2.1", "203.0.113.2", s, strlen(s));
	build(1, 0, NULL, "203.0.113.2", s, strlen(s));
	build(2, 0, "192.0.2.1", "203.0.113.2", SIG "\x21\x11\0\x0c" ADDR4,
	    28);
	build(2, 1, "192.0.2.1", "203.0.113.2", SIG "\x21\x12\0\x0c" ADDR4,
	    28);
	build(2, 0, "2001:db8::1", "2001:db8::2", SIG "\x21\x21\0\x24" ADDR6,
	    52);
	build(2, 1, "2001:db8::1", "2001:db8::2", SIG "\x21\x22\0\x24" ADDR6,
	    52);
	build(2, 0, "2001:db8::1", NULL, SIG "\x21\0\0\0", 16);
	memset(&ss, 0, sizeof(ss));
	assert_int_equal(proxyproto_build(buf, 3, 0, &ss, &ss), 0);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(lines_of_version_1),
		cmocka_unit_test(bad_lines_are_refused),
		cmocka_unit_test(heads_of_version_2),
		cmocka_unit_test(heads_that_speak_for_nobody),
		cmocka_unit_test(bad_heads_are_refused),
		cmocka_unit_test(tlvs_have_a_bound),
		cmocka_unit_test(built_as_it_is_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
