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

/* link: lib/publish.c lib/addr.c */

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

#include "publish.h"

static struct publish_spec
spec(const char *text)
{
	struct publish_spec	 s;
	const char		*why;

	assert_int_equal(publish_spec_parse(text, &s, &why), 0);
	return (s);
}

static void
specs(void **state)
{
	static const struct {
		const char	*text, *whole;
	} good[] = {
		{ "2222", "0.0.0.0:2222/tcp" },
		{ "2222/tcp", "0.0.0.0:2222/tcp" },
		{ "53/udp", "0.0.0.0:53/udp" },
		{ "*:80", "0.0.0.0:80/tcp" },
		{ "192.0.2.1:1-1024/tcp", "192.0.2.1:1-1024/tcp" },
		{ "[2001:db8::1]:5000-5009/tcp",
		    "[2001:db8::1]:5000-5009/tcp" },
		{ "[::]:65535", "[::]:65535/tcp" },
		{ "7-7", "0.0.0.0:7/tcp" },
	};
	static const char *const bad[] = {
		"", "/tcp", "tcp", "0", "65536", "22/sctp", "22/", "22/TCP",
		":22", "host:22", "192.0.2.1", "192.0.2.1:", "192.0.2:22",
		"::1:22", "2001:db8::1:5000", "[::1]22", "[::1:22", "[]:22",
		"9-8", "-9", "9-", "1-2-3", "1-1025", "+22", " 22", "22 ",
		"22x", "022222", "0x16", "1-65535",
		"[::ffff:192.0.2.1]:1",
		"12345678-9",
		("[2001:db8:1111:2222:3333:4444:5555:6666%eth0123456789]:1"
		"0000-11000/udpudpudpudpudpudpudpudpudpudpudpudpudpudpudpud"
		"udpudpudpudpudpudpudpudpudpudpudpudpudpudpudpudpudpudpudpu"),
		("[2001:db8:1111:2222:3333:4444:5555:6666]:10000-11000/"
		"tcptcptcptcptcptcptcptcptcptcptcptcptcptcp"),
	};
	struct publish_spec	 s;
	const char		*why;
	char			 text[CTL_SPEC_LEN];
	size_t			 i;

	for (i = 0; i < nitems(good); i++) {
		s = spec(good[i].text);
		assert_true(publish_spec_valid(&s));
		assert_string_equal(publish_spec_format(&s, text),
		    good[i].whole);
		s = spec(text);
		assert_string_equal(publish_spec_format(&s, text),
		    good[i].whole);
	}
	for (i = 0; i < nitems(bad); i++) {
		why = NULL;
		if (publish_spec_parse(bad[i], &s, &why) != -1)
			fail_msg("%s is taken", bad[i]);
		assert_non_null(why);
	}
}

static void
specs_that_are_not_valid(void **state)
{
	struct publish_spec	 s = spec("10-20"), t;

	t = s;
	t.proto = MUX_KIND_SSH;
	assert_false(publish_spec_valid(&t));
	t = s;
	t.addr.ss_family = AF_UNIX;
	assert_false(publish_spec_valid(&t));
	t = s;
	t.port_min = 0;
	assert_false(publish_spec_valid(&t));
	t = s;
	t.port_max = 9;
	assert_false(publish_spec_valid(&t));
	t = s;
	t.port_max = t.port_min + PUBLISH_RANGE_MAX;
	assert_false(publish_spec_valid(&t));
	t.port_max--;
	assert_true(publish_spec_valid(&t));
}

static void
targets(void **state)
{
	static const struct {
		const char	*text, *whole;
	} good[] = {
		{ "pi:22", "pi:127.0.0.1:22" },
		{ "PI:22", "pi:127.0.0.1:22" },
		{ "pi:192.168.1.5:80", "pi:192.168.1.5:80" },
		{ "pi:db.lan:5432", "pi:db.lan:5432" },
		{ "pi:[fd00::5]:80-89", "pi:[fd00::5]:80-89" },
		{ "a-1:1-65535", "a-1:127.0.0.1:1-65535" },
	};
	static const char *const bad[] = {
		"", "pi", ":22", "pi:", "pi:0", "pi:65536", "p i:22",
		"pi::22", "pi:::1:22", "pi:fd00::5:80", "pi:[fd00::5]",
		"pi:[]:22", "pi:a b:22", "pi:9-8", "pi.x:22", "pi:/tmp:22",
		"pi:a,b:22",
		("0123456789012345678901234567890123456789012345678901234567890"
		"1234:22"),
	};
	struct publish_target	 t;
	const char		*why;
	char			 text[CTL_TARGET_LEN];
	size_t			 i;

	for (i = 0; i < nitems(good); i++) {
		assert_int_equal(publish_target_parse(good[i].text, &t, &why),
		    0);
		assert_string_equal(publish_target_format(&t, text),
		    good[i].whole);
		assert_int_equal(publish_target_parse(text, &t, &why), 0);
	}
	for (i = 0; i < nitems(bad); i++) {
		why = NULL;
		if (publish_target_parse(bad[i], &t, &why) != -1)
			fail_msg("%s is taken", bad[i]);
		assert_non_null(why);
	}
}

static void
long_hosts(void **state)
{
	struct publish_target	 t;
	const char		*why;
	char			 text[CTL_TARGET_LEN], host[400];

	snprintf(host, sizeof(host), "pi:%0255d:22-23", 1);
	assert_int_equal(publish_target_parse(host, &t, &why), 0);
	assert_string_equal(publish_target_format(&t, text), host);
	snprintf(host, sizeof(host), "pi:%0256d:22", 1);
	assert_int_equal(publish_target_parse(host, &t, &why), -1);
}

static void
networks(void **state)
{
	struct addr_prefix	 from[PUBLISH_FROM_MAX];
	const char		*why;
	char			 many[400] = "";
	size_t			 n, i;

	assert_int_equal(publish_from_parse("", from, &n, &why), 0);
	assert_int_equal(n, 0);
	assert_int_equal(publish_from_parse("10.0.0.0/8,192.0.2.0/24,::1",
	    from, &n, &why), 0);
	assert_int_equal(n, 3);
	assert_int_equal(from[1].bits, 24);
	for (i = 0; i < PUBLISH_FROM_MAX; i++)
		strlcat(many, i == 0 ? "10.0.0.0/8" : ",10.0.0.0/8",
		    sizeof(many));
	assert_int_equal(publish_from_parse(many, from, &n, &why), 0);
	assert_int_equal(n, PUBLISH_FROM_MAX);
	strlcat(many, ",10.0.0.0/8", sizeof(many));
	assert_int_equal(publish_from_parse(many, from, &n, &why), -1);
	assert_int_equal(publish_from_parse(",", from, &n, &why), -1);
	assert_int_equal(publish_from_parse("10.0.0.0/8,", from, &n, &why),
	    -1);
	assert_int_equal(publish_from_parse("10.0.0.0/33", from, &n, &why),
	    -1);
	assert_int_equal(publish_from_parse("10.0.0.0/8 ", from, &n, &why),
	    -1);
}

static void
overlaps(void **state)
{
	static const struct {
		const char	*a, *b;
		int		 overlap;
	} cases[] = {
		{ "22", "22", 1 },
		{ "22", "23", 0 },
		{ "22/tcp", "22/udp", 0 },
		{ "10-20", "20-30", 1 },
		{ "10-20", "21-30", 0 },
		{ "22", "127.0.0.1:22", 1 },
		{ "127.0.0.2:22", "127.0.0.1:22", 0 },
		{ "127.0.0.1:22", "127.0.0.1:20-25", 1 },
		{ "22", "[::]:22", 0 },
		{ "[::]:22", "[::1]:22", 1 },
		{ "[fe80::1%2]:22", "[fe80::1%3]:22", 0 },
	};
	struct publish_spec	 a, b;
	size_t			 i;

	for (i = 0; i < nitems(cases); i++) {
		a = spec(cases[i].a);
		b = spec(cases[i].b);
		assert_int_equal(publish_spec_overlap(&a, &b),
		    cases[i].overlap);
		assert_int_equal(publish_spec_overlap(&b, &a),
		    cases[i].overlap);
	}
}

static void
rule(struct publish_rules *rules, uint32_t proto, const char *on,
    uint16_t min, uint16_t max, const char *who)
{
	struct publish_rule	*r = &rules->list[rules->n++];

	memset(r, 0, sizeof(*r));
	r->proto = proto;
	r->anywhere = on == NULL;
	if (on != NULL)
		assert_int_equal(addr_prefix_parse(on, &r->on), 0);
	r->port_min = min;
	r->port_max = max;
	strlcpy(r->who, who, sizeof(r->who));
}

static int
may(const struct publish_rules *rules, const char *who, const char *what)
{
	struct publish_spec	 s = spec(what);

	return (publish_allowed(rules, who, &s));
}

/* By the address alone, and at its end, in its middle and in its family. */
static void
addresses_are_told_apart(void **state)
{
	static const struct {
		const char	*a, *b;
		int		 overlap;
	} pairs[] = {
		{ "192.0.2.1:22", "192.0.2.1:22", 1 },
		{ "192.0.2.1:22", "192.0.2.2:22", 0 },
		{ "192.0.2.1:22", "[2001:db8::1]:22", 0 },
		{ "[2001:db8::1]:22", "[2001:db8::1]:22", 1 },
		{ "[2001:db8::1]:22", "[2001:db8::2]:22", 0 },
		{ "[2001:db8::1]:22", "[2001:db8:0:0:1::1]:22", 0 },
		{ "[2001:db8::1]:22", "[2001:db8:1::1]:22", 0 },
		{ "[2001:db8::1]:22", "[2001:db9::1]:22", 0 },
		{ "[2001:db8::1]:22", "[::1]:22", 0 },
		{ "[::]:22", "[2001:db8::1]:22", 1 },
	};
	struct publish_spec	 a, b;
	size_t			 i;

	for (i = 0; i < nitems(pairs); i++) {
		a = spec(pairs[i].a);
		b = spec(pairs[i].b);
		if (publish_spec_overlap(&a, &b) != pairs[i].overlap ||
		    publish_spec_overlap(&b, &a) != pairs[i].overlap)
			fail_msg("%s and %s", pairs[i].a, pairs[i].b);
	}
}

static void
address_with_a_port(void **state)
{
	struct publish_spec	 s = spec("192.0.2.1:10-20");
	struct sockaddr_storage	 ss;

	publish_spec_addr(&s, 15, &ss);
	assert_int_equal(ss.ss_family, AF_INET);
	assert_int_equal(((struct sockaddr_in *)&ss)->sin_port, htons(15));
	s = spec("[2001:db8::1]:10-20");
	publish_spec_addr(&s, 16, &ss);
	assert_int_equal(ss.ss_family, AF_INET6);
	assert_int_equal(((struct sockaddr_in6 *)&ss)->sin6_port, htons(16));
}

static void
rules_allow(void **state)
{
	static struct publish_rules	 r;

	r.n = 0;
	assert_false(may(&r, "ann@x.org", "2000"));
	rule(&r, 0, "0.0.0.0/0", 2000, 2999, "ann@x.org");
	assert_true(may(&r, "ann@x.org", "2000"));
	assert_true(may(&r, "Ann@X.org", "2999/udp"));
	assert_true(may(&r, "ann@x.org", "2000-2999"));
	assert_true(may(&r, "ann@x.org", "127.0.0.1:2000"));
	assert_false(may(&r, "ann@x.org", "1999-2000"));
	assert_false(may(&r, "ann@x.org", "2999-3000"));
	assert_false(may(&r, "bob@x.org", "2000"));
	assert_false(may(&r, "ann@x.or", "2000"));
	assert_false(may(&r, "ann@x.org", "[::]:2000"));
	assert_false(may(&r, "ann@x.org", "[::1]:2000"));
	/* Two rules together are not one. */
	rule(&r, 0, "0.0.0.0/0", 3000, 3999, "ann@x.org");
	assert_false(may(&r, "ann@x.org", "2990-3010"));

	r.n = 0;
	rule(&r, MUX_KIND_TCP, NULL, 1, 65535, "");
	assert_true(may(&r, "bob@x.org", "[::]:22"));
	assert_true(may(&r, "bob@x.org", "22"));
	assert_false(may(&r, "bob@x.org", "22/udp"));

	/* A network is no leave to listen on all addresses. */
	r.n = 0;
	rule(&r, 0, "127.0.0.0/8", 1, 65535, "");
	assert_true(may(&r, "bob@x.org", "127.0.0.5:22"));
	assert_false(may(&r, "bob@x.org", "22"));
	r.n = 0;
	rule(&r, 0, "0.0.0.0/8", 1, 65535, "");
	assert_false(may(&r, "bob@x.org", "22"));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(specs),
		cmocka_unit_test(specs_that_are_not_valid),
		cmocka_unit_test(targets),
		cmocka_unit_test(long_hosts),
		cmocka_unit_test(networks),
		cmocka_unit_test(overlaps),
		cmocka_unit_test(addresses_are_told_apart),
		cmocka_unit_test(address_with_a_port),
		cmocka_unit_test(rules_allow),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
