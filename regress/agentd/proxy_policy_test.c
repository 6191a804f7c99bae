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

/* link: agentd/proxy_policy.c lib/addr.c */

/*
 * Which targets the rules of agentd.conf let pass.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proxy_policy.h"

static struct rule		 list[8];
static struct rule_entry	 entries[8];
static struct rules		 tail;
static size_t			 n;

static struct rule *
rule(int action, int quick, int kind, int what, const char *host)
{
	struct rule	*r = &list[n];

	memset(r, 0, sizeof(*r));
	r->action = action;
	r->quick = quick;
	r->kind = kind;
	r->what = what;
	if (what == RULE_PREFIX)
		assert_int_equal(addr_prefix_parse(host, &r->prefix), 0);
	else if (host != NULL)
		strlcpy(r->host, host, sizeof(r->host));
	r->port_min = 1;
	r->port_max = UINT16_MAX;
	n++;
	return (r);
}

/* A name that has been looked up, or an address. */
static int
pass_name(const char *name, uint32_t kind, const char *addr, uint16_t port)
{
	struct sockaddr_storage	 ss;

	assert_int_equal(addr_parse(addr, "1", &ss), 0);
	return (policy_pass(list, n, kind, name, (struct sockaddr *)&ss,
	    port));
}

static int
pass(uint32_t kind, const char *addr, uint16_t port)
{
	return (pass_name(addr, kind, addr, port));
}

static int
pass_unix(const char *path)
{
	size_t	 i;

	TAILQ_INIT(&tail);
	for (i = 0; i < n; i++) {
		entries[i].rule = list[i];
		TAILQ_INSERT_TAIL(&tail, &entries[i], entry);
	}
	return (policy_pass_unix(&tail, path));
}

static void
default_is_loopback_and_no_socket(void **state)
{
	n = 0;
	assert_true(pass(MUX_KIND_TCP, "127.0.0.1", 22));
	assert_true(pass(MUX_KIND_UDP, "127.0.0.1", 53));
	assert_true(pass(MUX_KIND_UDP, "::1", 53));
	assert_false(pass(MUX_KIND_TCP, "192.168.1.1", 22));
	assert_false(pass(MUX_KIND_UDP, "192.168.1.1", 53));
	assert_false(pass_unix("/run/docker.sock"));
}

/* As systems take it: 0.0.0.0 and :: lead to this very machine. */
static void
the_address_of_nobody_is_our_own(void **state)
{
	n = 0;
	assert_true(pass(MUX_KIND_TCP, "0.0.0.0", 22));
	rule(RULE_PASS, 0, 0, RULE_ANY, NULL);
	rule(RULE_BLOCK, 0, 0, RULE_LOOPBACK, NULL);
	assert_true(pass(MUX_KIND_TCP, "10.0.0.1", 22));
	assert_false(pass(MUX_KIND_TCP, "127.0.0.1", 22));
	assert_false(pass(MUX_KIND_TCP, "0.0.0.0", 22));
	assert_false(pass(MUX_KIND_UDP, "::", 53));
	assert_false(pass(MUX_KIND_TCP, "::ffff:0.0.0.0", 22));
	n = 0;
	rule(RULE_PASS, 0, 0, RULE_ANY, NULL);
	rule(RULE_BLOCK, 0, 0, RULE_PREFIX, "127.0.0.1");
	assert_false(pass(MUX_KIND_TCP, "0.0.0.0", 22));
	assert_false(pass(MUX_KIND_TCP, "::ffff:0.0.0.0", 22));
	assert_true(pass(MUX_KIND_TCP, "::", 22));
	rule(RULE_BLOCK, 0, 0, RULE_PREFIX, "::1");
	assert_false(pass(MUX_KIND_TCP, "::", 22));
	assert_true(pass(MUX_KIND_TCP, "0.0.0.1", 22));
}

static void
kinds_are_told_apart(void **state)
{
	n = 0;
	rule(RULE_PASS, 0, MUX_KIND_UDP, RULE_PREFIX,
	    "192.168.1.0/24")->port_max = 53;
	assert_true(pass(MUX_KIND_UDP, "192.168.1.1", 53));
	assert_false(pass(MUX_KIND_UDP, "192.168.1.1", 54));
	assert_false(pass(MUX_KIND_TCP, "192.168.1.1", 53));
	rule(RULE_BLOCK, 0, MUX_KIND_UDP, RULE_LOOPBACK, NULL);
	assert_false(pass(MUX_KIND_UDP, "127.0.0.1", 53));
	assert_true(pass(MUX_KIND_TCP, "127.0.0.1", 53));
	rule(RULE_PASS, 0, 0, RULE_ANY, NULL);
	assert_true(pass(MUX_KIND_UDP, "127.0.0.1", 53));
	assert_true(pass(MUX_KIND_TCP, "10.0.0.1", 53));
}

/* As it was asked for, wherever it leads. */
static void
a_name_is_the_name_that_was_asked_for(void **state)
{
	n = 0;
	rule(RULE_PASS, 0, MUX_KIND_TCP, RULE_HOST, "nas.lan");
	assert_true(pass_name("nas.lan", MUX_KIND_TCP, "10.0.0.9", 80));
	assert_true(pass_name("NAS.Lan", MUX_KIND_TCP, "10.0.0.9", 80));
	assert_false(pass_name("nas.lan", MUX_KIND_UDP, "10.0.0.9", 80));
	assert_false(pass_name("nas.lan.", MUX_KIND_TCP, "10.0.0.9", 80));
	assert_false(pass_name("xnas.lan", MUX_KIND_TCP, "10.0.0.9", 80));
	assert_false(pass_name("other", MUX_KIND_TCP, "10.0.0.9", 80));
	assert_false(pass(MUX_KIND_TCP, "10.0.0.9", 80));
	/* What stands behind it decides by where it leads. */
	rule(RULE_BLOCK, 0, 0, RULE_LOOPBACK, NULL);
	assert_false(pass_name("nas.lan", MUX_KIND_TCP, "127.0.0.1", 80));
}

static void
ports_are_from_one_to_the_other(void **state)
{
	struct rule	*r;

	n = 0;
	r = rule(RULE_PASS, 0, 0, RULE_PREFIX, "10.0.0.0/8");
	r->port_min = 8000;
	r->port_max = 8099;
	assert_false(pass(MUX_KIND_TCP, "10.0.0.1", 7999));
	assert_true(pass(MUX_KIND_TCP, "10.0.0.1", 8000));
	assert_true(pass(MUX_KIND_TCP, "10.0.0.1", 8099));
	assert_false(pass(MUX_KIND_TCP, "10.0.0.1", 8100));
}

static void
last_wins_and_quick_ends(void **state)
{
	n = 0;
	rule(RULE_BLOCK, 1, MUX_KIND_UDP, RULE_PREFIX, "10.0.0.1");
	rule(RULE_PASS, 0, MUX_KIND_UDP, RULE_ANY, NULL);
	assert_false(pass(MUX_KIND_UDP, "10.0.0.1", 1));
	assert_true(pass(MUX_KIND_UDP, "10.0.0.2", 1));
	n = 0;
	rule(RULE_PASS, 0, MUX_KIND_UNIX, RULE_ANY, NULL);
	rule(RULE_BLOCK, 0, MUX_KIND_UNIX, RULE_PATH, "/run/a");
	rule(RULE_PASS, 1, MUX_KIND_UNIX, RULE_PATH, "/run/b");
	rule(RULE_BLOCK, 0, MUX_KIND_UNIX, RULE_PATH, "/run/b");
	assert_false(pass_unix("/run/a"));
	assert_true(pass_unix("/run/b"));
	assert_true(pass_unix("/run/c"));
	assert_true(pass_unix("/run/...c/..c/c."));
	/* The one that is blocked, by other ways to write it. */
	assert_false(pass_unix("//run/a"));
	assert_false(pass_unix("/run//a"));
	assert_false(pass_unix("/run/a/"));
	assert_false(pass_unix("/./run/a"));
	assert_false(pass_unix("/run/."));
	assert_false(pass_unix("/run/x/../a"));
	assert_false(pass_unix("/run/.."));
	assert_true(pass_unix("/run/.b"));
	assert_false(pass_unix("run/a"));
	assert_false(pass_unix(""));
}

static void
a_socket_is_its_path_word_for_word(void **state)
{
	n = 0;
	rule(RULE_PASS, 0, MUX_KIND_UNIX, RULE_PATH, "/run/docker.sock");
	assert_true(pass_unix("/run/docker.sock"));
	assert_false(pass_unix("/run/Docker.sock"));
	assert_false(pass_unix("/run/docker.sock2"));
	assert_false(pass_unix("/run/docker.soc"));
	assert_false(pass_unix("/run//docker.sock"));
	assert_false(pass_unix("/run/./docker.sock"));
	assert_false(pass_unix("/x/../run/docker.sock"));
}

static void
rules_for_ports_do_not_open_sockets(void **state)
{
	n = 0;
	rule(RULE_PASS, 0, 0, RULE_ANY, NULL);
	rule(RULE_PASS, 0, MUX_KIND_TCP, RULE_ANY, NULL);
	rule(RULE_PASS, 0, 0, RULE_HOST, "/run/docker.sock");
	rule(RULE_PASS, 0, MUX_KIND_UNIX, RULE_HOST, "/run/docker.sock");
	assert_false(pass_unix("/run/docker.sock"));
	/* Nor the other way round. */
	n = 0;
	rule(RULE_PASS, 0, MUX_KIND_UNIX, RULE_ANY, NULL);
	rule(RULE_PASS, 0, MUX_KIND_UNIX, RULE_PATH, "10.0.0.1");
	assert_false(pass(MUX_KIND_TCP, "10.0.0.1", 22));
	assert_false(pass(MUX_KIND_UDP, "10.0.0.1", 22));
	rule(RULE_PASS, 0, 0, RULE_PATH, "10.0.0.1");
	assert_false(pass(MUX_KIND_TCP, "10.0.0.1", 22));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(default_is_loopback_and_no_socket),
		cmocka_unit_test(the_address_of_nobody_is_our_own),
		cmocka_unit_test(kinds_are_told_apart),
		cmocka_unit_test(a_name_is_the_name_that_was_asked_for),
		cmocka_unit_test(ports_are_from_one_to_the_other),
		cmocka_unit_test(last_wins_and_quick_ends),
		cmocka_unit_test(a_socket_is_its_path_word_for_word),
		cmocka_unit_test(rules_for_ports_do_not_open_sockets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
