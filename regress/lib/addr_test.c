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

/* link: lib/addr.c */

#include "compat.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"

static const struct sockaddr *
sa(const char *host)
{
	static struct sockaddr_storage	 ss;

	assert_int_equal(addr_parse(host, "22", &ss), 0);
	return ((const struct sockaddr *)&ss);
}

static void
addresses_round_trip(void **state)
{
	static const struct {
		const char	*in, *host, *full;
	} t[] = {
		{ "192.0.2.1", "192.0.2.1", "192.0.2.1:22" },
		{ "0.0.0.0", "0.0.0.0", "0.0.0.0:22" },
		{ "2001:DB8::0:1", "2001:db8::1", "[2001:db8::1]:22" },
		{ "[2001:db8::1]", "2001:db8::1", "[2001:db8::1]:22" },
		{ "::", "::", "[::]:22" },
		{ "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1:22" },
		{ "fe80::1%3", "fe80::1%3", "[fe80::1%3]:22" },
		{ "[fe80::1%3]", "fe80::1%3", "[fe80::1%3]:22" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295",
		    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:22" },
	};
	char	 buf[ADDR_STRLEN];
	size_t	 i;

	for (i = 0; i < nitems(t); i++) {
		assert_string_equal(addr_format_host(sa(t[i].in), buf),
		    t[i].host);
		assert_ptr_equal(addr_format(sa(t[i].in), buf), buf);
		assert_string_equal(buf, t[i].full);
		assert_int_equal(addr_port(sa(t[i].in)), 22);
	}
}

static void
longest_address_fits(void **state)
{
	struct sockaddr_storage	 ss;
	char			 buf[ADDR_STRLEN];

	assert_int_equal(addr_parse(
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295", "65535",
	    &ss), 0);
	assert_string_equal(addr_format((struct sockaddr *)&ss, buf),
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}

static void
names_and_nonsense_are_refused(void **state)
{
	static const char *const t[] = {
		"", "localhost", "example.org", "1.2.3", "1.2.3.4.5",
		"256.1.1.1",
		"01.2.3.4", "0x7f.1", "2130706433", " 1.2.3.4", "1.2.3.4 ",
		"[1.2.3.4]", "[::1", "::1]", "[]", "[:]", "[[::1]]", "::1%",
		"::1%eth0", "::1%-1", "::1% 1", "::1%4294967296", "1.2.3.4%1",
		":::", "1::2::3", "12345::",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111",
		"1111111111111111111111111111111111111111111111111111111111111"
	};
	struct sockaddr_storage	 ss;
	size_t			 i;

	for (i = 0; i < nitems(t); i++)
		assert_int_equal(addr_parse(t[i], "22", &ss), -1);
}

static void
ports_are_strict(void **state)
{
	static const char *const bad[] = {
		"", "0", "00", "080", "65536", "99999", "100000", "-1", "+1",
		" 1", "1 ", "1x", "0x1", "ssh", "4294967297",
		"18446744073709551617"
	};
	struct sockaddr_storage	 ss;
	uint16_t		 port = 7;
	size_t			 i;

	for (i = 0; i < nitems(bad); i++) {
		assert_int_equal(addr_parse_port(bad[i], &port), -1);
		assert_int_equal(port, 7);
		assert_int_equal(addr_parse("1.2.3.4", bad[i], &ss), -1);
	}
	assert_int_equal(addr_parse_port("1", &port), 0);
	assert_int_equal(port, 1);
	assert_int_equal(addr_parse_port("65535", &port), 0);
	assert_int_equal(port, 65535);
	assert_int_equal(addr_parse("1.2.3.4", NULL, &ss), 0);
	assert_int_equal(addr_port((struct sockaddr *)&ss), 0);
}

static void
other_families(void **state)
{
	struct sockaddr_storage	 ss = { .ss_family = AF_UNIX };
	const struct sockaddr	*s = (struct sockaddr *)&ss;
	struct addr_prefix	 p;
	struct addr_key		 key;
	char			 buf[ADDR_STRLEN];

	assert_string_equal(addr_format(s, buf), "local");
	assert_int_equal(addr_len(s), 0);
	assert_int_equal(addr_port(s), 0);
	assert_false(addr_is_loopback(s));
	addr_key(s, &key);
	assert_int_equal(key.family, 0);
	assert_int_equal(addr_prefix_parse("0.0.0.0/0", &p), 0);
	assert_false(addr_prefix_match(&p, s));
	ss.ss_family = AF_UNSPEC;
	assert_string_equal(addr_format(s, buf), "unknown");
	assert_int_equal(addr_len(sa("1.2.3.4")), sizeof(struct sockaddr_in));
	assert_int_equal(addr_len(sa("::1")), sizeof(struct sockaddr_in6));
}

static void
loopback(void **state)
{
	assert_true(addr_is_loopback(sa("127.0.0.1")));
	assert_true(addr_is_loopback(sa("127.255.255.255")));
	assert_true(addr_is_loopback(sa("::1")));
	assert_true(addr_is_loopback(sa("::ffff:127.0.0.1")));
	assert_false(addr_is_loopback(sa("128.0.0.1")));
	assert_false(addr_is_loopback(sa("0.0.0.0")));
	assert_false(addr_is_loopback(sa("::")));
	assert_false(addr_is_loopback(sa("::2")));
	assert_false(addr_is_loopback(sa("::127.0.0.1")));
	assert_false(addr_is_loopback(sa("7f00::1")));
	assert_false(addr_is_loopback(sa("::ffff:10.0.0.1")));
}

static void
the_unspecified_one(void **state)
{
	assert_int_equal(addr_is_any(sa("0.0.0.0")), 4);
	assert_int_equal(addr_is_any(sa("::ffff:0.0.0.0")), 4);
	assert_int_equal(addr_is_any(sa("::")), 6);
	assert_int_equal(addr_is_any(sa("0.0.0.1")), 0);
	assert_int_equal(addr_is_any(sa("::1")), 0);
	assert_int_equal(addr_is_any(sa("127.0.0.1")), 0);
}

static int
same_key(const char *a, const char *b)
{
	struct addr_key	 ka, kb;

	memset(&ka, 0xaa, sizeof(ka));
	memset(&kb, 0x55, sizeof(kb));
	addr_key(sa(a), &ka);
	addr_key(sa(b), &kb);
	return (memcmp(&ka, &kb, sizeof(ka)) == 0);
}

static void
keys_count_by_network(void **state)
{
	assert_true(same_key("192.0.2.1", "192.0.2.1"));
	assert_true(same_key("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(same_key("192.0.2.1", "192.0.2.2"));
	assert_true(same_key("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
	assert_false(same_key("2001:db8:1:2::1", "2001:db8:1:3::1"));
	assert_false(same_key("1.2.3.4", "102:304::"));
	assert_true(same_key("fe80::1%2", "fe80::1%3"));
}

static int
match(const char *prefix, const char *addr)
{
	struct addr_prefix	 p;

	assert_int_equal(addr_prefix_parse(prefix, &p), 0);
	return (addr_prefix_match(&p, sa(addr)));
}

static void
prefixes_match(void **state)
{
	assert_true(match("192.168.0.0/16", "192.168.255.1"));
	assert_true(match("192.168.7.7/16", "192.168.255.1"));
	assert_false(match("192.168.0.0/16", "192.169.0.1"));
	assert_true(match("10.0.0.0/9", "10.127.255.255"));
	assert_false(match("10.0.0.0/9", "10.128.0.0"));
	assert_true(match("1.2.3.4", "1.2.3.4"));
	assert_true(match("1.2.3.4/32", "1.2.3.4"));
	assert_false(match("1.2.3.4", "1.2.3.5"));
	assert_true(match("1.2.3.4/31", "1.2.3.5"));
	assert_true(match("0.0.0.0/0", "255.1.2.3"));
	assert_true(match("fd00::/8", "fdff::1"));
	assert_false(match("fd00::/8", "fc00::1"));
	assert_true(match("::1", "::1"));
	assert_false(match("::1/128", "::2"));
	assert_true(match("2001:db8::/33", "2001:db8:7fff::"));
	assert_false(match("2001:db8::/33", "2001:db8:8000::"));
	assert_true(match("::/0", "2001:db8::"));
}

static void
mapped_addresses_are_ipv4(void **state)
{
	assert_true(match("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(match("::ffff:10.0.0.0/104", "10.1.2.3"));
	assert_false(match("::ffff:10.0.0.0/104", "11.1.2.3"));
	assert_true(match("::ffff:0.0.0.0/96", "11.1.2.3"));
	assert_false(match("::/0", "::ffff:10.1.2.3"));
	assert_false(match("::/0", "10.1.2.3"));
	assert_false(match("0.0.0.0/0", "::1"));
}

static void
prefixes_round_trip(void **state)
{
	static const char *const t[] = {
		"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1", "192.0.2.0/31",
		"::/0", "fd00::/8", "2001:db8::1", "2001:db8::/127",
	};
	struct addr_prefix	 p;
	char			 buf[ADDR_STRLEN];
	size_t			 i;

	for (i = 0; i < nitems(t); i++) {
		assert_int_equal(addr_prefix_parse(t[i], &p), 0);
		assert_ptr_equal(addr_prefix_format(&p, buf), buf);
		assert_string_equal(buf, t[i]);
	}
	assert_int_equal(addr_prefix_parse("192.0.2.77/24", &p), 0);
	assert_string_equal(addr_prefix_format(&p, buf), "192.0.2.0/24");
}

static void
bad_prefixes_are_refused(void **state)
{
	static const char *const t[] = {
		"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/08", "10.0.0.0/8 ", "10.0.0.0/8/8", "10/8",
		"10.0.0.0/255.0.0.0", "::/129", "::/x", "fe80::1%1/64",
		"[::1]/128", "host/8", "::ffff:10.0.0.0/8"
	};
	struct addr_prefix	 p;
	size_t			 i;

	for (i = 0; i < nitems(t); i++)
		assert_int_equal(addr_prefix_parse(t[i], &p), -1);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(addresses_round_trip),
		cmocka_unit_test(longest_address_fits),
		cmocka_unit_test(names_and_nonsense_are_refused),
		cmocka_unit_test(ports_are_strict),
		cmocka_unit_test(other_families),
		cmocka_unit_test(loopback),
		cmocka_unit_test(the_unspecified_one),
		cmocka_unit_test(keys_count_by_network),
		cmocka_unit_test(prefixes_match),
		cmocka_unit_test(mapped_addresses_are_ipv4),
		cmocka_unit_test(prefixes_round_trip),
		cmocka_unit_test(bad_prefixes_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
