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

/* link: lib/target.c lib/addr.c */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "target.h"

static struct targets	 t;

static void
list(const char *s)
{
	const char	*why = "";

	if (targets_parse(s, &t, &why) == -1)
		fail_msg("%s: %s", s, why);
}

static void
lists_are_written_in_one_way(void **state)
{
	static const struct {
		const char	*in, *out;
	} cases[] = {
		{ "", "" },
		{ "127.0.0.1:22", "127.0.0.1:22" },
		{ "192.168.1.77/24:80", "192.168.1.0/24:80" },
		{ "10.0.0.1/32:22-22", "10.0.0.1:22" },
		{ "0.0.0.0/0:*", "0.0.0.0/0:*" },
		{ "10.0.0.0/8:1-65535", "10.0.0.0/8:*" },
		{ "10.0.0.0/8:1024-65535", "10.0.0.0/8:1024-65535" },
		{ "[::1]:22", "[::1]:22" },
		{ "[FD00::]/8:443", "[fd00::/8]:443" },
		{ "[fd00::1/8]:443", "[fd00::/8]:443" },
		{ "[::ffff:192.0.2.1]:22", "192.0.2.1:22" },
		{ "[::ffff:192.0.2.1/120]:22", "192.0.2.0/24:22" },
		{ "DB.lan:5432", "db.lan:5432" },
		{ "7of9:1", "7of9:1" },
		{ "_x.a-b:1", "_x.a-b:1" },
		{ "*:80", "*:80" },
		{ "*:*", "*:*" },
		{ "/run/X.sock", "/run/X.sock" },
		{ "/run/a:22", "/run/a:22" },
		{ "db.lan:1,/a/B,127.0.0.1:22,*:9,x.Y:2",
		    "db.lan:1,/a/B,127.0.0.1:22,*:9,x.y:2" },
	};
	char	 buf[TARGETS_LEN];
	size_t	 i;

	for (i = 0; i < nitems(cases); i++) {
		list(cases[i].in);
		targets_format(&t, buf);
		assert_string_equal(buf, cases[i].out);
	}
}

static void
nonsense_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char	*in, *why;
	} cases[] = {
		{ ",", "looks like" }, { "127.0.0.1:22,", "looks like" },
		{ ",127.0.0.1:22", "looks like" },
		{ "127.0.0.1", "looks like" }, { ":22", "looks like" },
		{ "127.0.0.1:", "port" }, { "127.0.0.1:0", "port" },
		{ "127.0.0.1:65536", "port" }, { "127.0.0.1:ssh", "port" },
		{ "127.0.0.1:22 ", "port" }, { "127.0.0.1:022", "port" },
		{ "127.0.0.1:90-80", "port" }, { "127.0.0.1:80-", "port" },
		{ "127.0.0.1:-80", "port" }, { "127.0.0.1:0-80", "port" },
		{ "127.0.0.1:*-80", "port" }, { "127.0.0.1:**", "port" },
		{ "127.0.0.1:1-2-3", "port" },
		{ "::1:22", "brackets" }, { "fd00::/8:22", "brackets" },
		{ "[::1:22", "host" }, { "[127.0.0.1]:22", "host" },
		{ "[]:22", "host" }, { "[::1]x:22", "host" },
		{ "[::1/8]/8:22", "host" }, { "[fe80::1%2]:22", "host" },
		{ "[::1/129]:22", "host" }, { "127.0.0.1/33:22", "host" },
		{ "127.0.0.1/:22", "host" }, { "127.0.0.1/-1:22", "host" },
		{ "1.2.3:22", "host" }, { "127.1:22", "host" },
		{ "2130706433:22", "host" }, { "0177.0.0.1:22", "host" },
		{ "0x7f000001:22", "host" }, { "a.0X7f:22", "host" },
		{ "1.2.3.4.5:22", "host" }, { "-x:22", "host" },
		{ ".x:22", "host" }, { "x.:22", "host" }, { "a..b:22", "host" },
		{ "a b:22", "host" }, { "a/24:22", "host" },
		{ "a*:22", "host" }, { "**:22", "host" },
		{ "x\xc3\xa4:22", "host" }, { " 127.0.0.1:22", "host" },
		{ "/", "path" }, { "/a b", "path" }, { "/a\"b", "path" },
		{ "/a\\b", "path" }, { "/a\nb", "path" }, { "/\xc3", "path" },
		{ "run/x.sock", "looks like" },
	};
	const char	*why;
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		why = NULL;
		if (targets_parse(cases[i].in, &t, &why) == 0)
			fail_msg("%s: taken", cases[i].in);
		if (why == NULL || strstr(why, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].in, why);
	}
}

static void
sixteen_entries_and_no_more(void **state)
{
	const char	*why = NULL;
	char		 buf[512] = "";
	int		 i;

	for (i = 0; i < TARGETS_MAX; i++)
		snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf),
		    "%s10.0.%d.0/24:22", i > 0 ? "," : "", i);
	list(buf);
	assert_int_equal(t.n, TARGETS_MAX);
	assert_true(targets_cover(&t, "10.0.15.1", 22));
	strlcat(buf, ",10.0.16.0/24:22", sizeof(buf));
	assert_int_equal(targets_parse(buf, &t, &why), -1);
	assert_non_null(strstr(why, "16 entries"));
}

static void
long_ones_are_refused(void **state)
{
	static char	 buf[2 * TARGETS_LEN];
	const char	*why = NULL;
	char		 name[300], out[TARGETS_LEN];
	size_t		 n;

	/* One that can be nothing at all. */
	memset(buf, 'a', 1000);
	buf[1000] = '\0';
	assert_int_equal(targets_parse(buf, &t, &why), -1);
	assert_string_equal(why, "an entry is too long");
	why = NULL;
	/* A name as long as they get, and one more. */
	memset(name, 'a', sizeof(name));
	name[255] = '\0';
	snprintf(buf, sizeof(buf), "%s:22", name);
	list(buf);
	assert_true(targets_cover(&t, name, 22));
	name[255] = 'a';
	name[256] = '\0';
	snprintf(buf, sizeof(buf), "%s:22", name);
	assert_int_equal(targets_parse(buf, &t, &why), -1);
	/* A path. */
	memset(buf, 'p', 200);
	buf[0] = '/';
	buf[107] = '\0';
	list(buf);
	buf[107] = 'p';
	buf[108] = '\0';
	assert_int_equal(targets_parse(buf, &t, &why), -1);
	/* All together: as much as is taken comes out whole. */
	for (n = 300; n > 3; n--) {
		memset(name, 'a', sizeof(name));
		name[n > 255 ? 255 : n] = '\0';
		snprintf(buf, sizeof(buf), "%s:1,%s:2,%s:3,%s:65535,%s:1-65535",
		    name, name, name, name, name);
		if (targets_parse(buf, &t, &why) == 0)
			break;
		assert_string_equal(why, "the list is too long");
	}
	assert_true(n > 195 && n < 210);
	targets_format(&t, out);
	assert_int_equal(strlen(out), strlen(buf) - strlen("1-65535") + 1);
}

static void
an_empty_list_covers_everything(void **state)
{
	list("");
	assert_true(targets_cover(&t, "192.0.2.1", 1));
	assert_true(targets_cover(&t, "any.name", 65535));
	assert_true(targets_cover(&t, "/run/x.sock", 0));
}

static void
prefixes_cover_numbers_to_their_edges(void **state)
{
	list("192.168.1.0/25:80-81,[fd00::/120]:22");
	assert_true(targets_cover(&t, "192.168.1.0", 80));
	assert_true(targets_cover(&t, "192.168.1.127", 81));
	assert_false(targets_cover(&t, "192.168.1.128", 80));
	assert_false(targets_cover(&t, "192.168.0.255", 80));
	assert_false(targets_cover(&t, "192.168.1.1", 79));
	assert_false(targets_cover(&t, "192.168.1.1", 82));
	assert_false(targets_cover(&t, "192.168.1.1", 22));
	assert_true(targets_cover(&t, "fd00::ff", 22));
	assert_true(targets_cover(&t, "[fd00::]", 22));
	assert_true(targets_cover(&t, "FD00:0::1", 22));
	assert_false(targets_cover(&t, "fd00::100", 22));
	assert_false(targets_cover(&t, "fd00::1", 80));
	assert_true(targets_cover(&t, "::ffff:192.168.1.1", 80));
	assert_false(targets_cover(&t, "::192.168.1.1", 80));
	/* Other ways to write a number are not read here. */
	assert_false(targets_cover(&t, "192.168.257", 80));
	assert_false(targets_cover(&t, "0300.168.1.1", 80));
	assert_false(targets_cover(&t, "localhost", 80));
	assert_false(targets_cover(&t, "", 80));
}

static void
zones_are_not_compared(void **state)
{
	list("[fe80::/10]:22,[fe80::5]:80,10.0.0.0/8:22");
	assert_true(targets_cover(&t, "fe80::1", 22));
	assert_true(targets_cover(&t, "fe80::1%2", 22));
	assert_true(targets_cover(&t, "fe80::1%eth0", 22));
	assert_true(targets_cover(&t, "FEBF::1%wlp0s20f3.100", 22));
	assert_true(targets_cover(&t, "fe80::5%eth0", 80));
	assert_false(targets_cover(&t, "fe80::6%eth0", 80));
	assert_false(targets_cover(&t, "fec0::1%eth0", 22));
	assert_false(targets_cover(&t, "fe80::1%eth0", 23));
	/* What is no address with a zone is a name, and not known here. */
	assert_false(targets_cover(&t, "fe80::1%", 22));
	assert_false(targets_cover(&t, "fe80::1%a%b", 22));
	assert_false(targets_cover(&t, "fe80::1%a b", 22));
	assert_false(targets_cover(&t, "fe80::1%/64", 22));
	assert_false(targets_cover(&t, "%eth0", 22));
	assert_false(targets_cover(&t, "10.0.0.1%eth0", 22));
	assert_false(targets_cover(&t, "name%eth0", 22));
	assert_false(targets_cover(&t, "fe80:0000:0000:0000:0000:0000:0000:"
	    "0000:0000:0000:0000:0000:0000:0001%eth0", 22));
}

static void
names_cover_what_is_asked_for_by_name(void **state)
{
	list("db.lan:5432,localhost:22");
	assert_true(targets_cover(&t, "db.lan", 5432));
	assert_true(targets_cover(&t, "DB.Lan", 5432));
	assert_true(targets_cover(&t, "localhost", 22));
	assert_false(targets_cover(&t, "db.lan.", 5432));
	assert_false(targets_cover(&t, "b.lan", 5432));
	assert_false(targets_cover(&t, "db.lan.evil.example", 5432));
	assert_false(targets_cover(&t, "db.lan", 22));
	assert_false(targets_cover(&t, "127.0.0.1", 22));
}

static void
sockets_are_covered_by_their_path_alone(void **state)
{
	list("*:*,0.0.0.0/0:*,[::/0]:*,/run/x.sock");
	assert_true(targets_cover(&t, "/run/x.sock", 0));
	assert_false(targets_cover(&t, "/run/X.sock", 0));
	assert_false(targets_cover(&t, "/run/x.sock2", 0));
	assert_false(targets_cover(&t, "/run//x.sock", 0));
	assert_false(targets_cover(&t, "/run/../run/x.sock", 0));
	assert_false(targets_cover(&t, "/run/y.sock", 22));
	assert_true(targets_cover(&t, "anything", 22));
	assert_false(targets_cover(&t, "anything", 0));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(lists_are_written_in_one_way),
		cmocka_unit_test(nonsense_is_refused_with_a_reason),
		cmocka_unit_test(sixteen_entries_and_no_more),
		cmocka_unit_test(long_ones_are_refused),
		cmocka_unit_test(an_empty_list_covers_everything),
		cmocka_unit_test(prefixes_cover_numbers_to_their_edges),
		cmocka_unit_test(zones_are_not_compared),
		cmocka_unit_test(names_cover_what_is_asked_for_by_name),
		cmocka_unit_test(sockets_are_covered_by_their_path_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
