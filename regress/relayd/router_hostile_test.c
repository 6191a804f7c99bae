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
 * A listener that somebody else owns: a hundred thousand messages of the
 * right size and with anything in them.  Router refuses or believes each,
 * keeps no more than it may, and then serves the other listener as before.
 *
 * link: regress/relayd/router_fake.c regress/relayd/control_fake.c
 * relayd/router*.c relayd/month.c libculvert.a
 */
/* libs: libevent */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <event2/event.h>
#include <imsg.h>

#include "log.h"
#include "router.h"
#include "router_fake.h"

#define A	PROC_AUTH
#define L	PROC_LISTENER
#define MESSAGES 100000

/* ---- what may come ---- */

static unsigned int	 seed = 1;

static uint32_t
some(uint32_t n)
{
	return ((uint32_t)rand_r(&seed) % n);
}

/* Numbers that are somebody's, more often than not. */
static void
mutate(uint8_t *p, size_t len)
{
	uint64_t	 v;
	uint32_t	 i, n = some(6);
	size_t		 off;

	for (i = 0; i < n && len >= sizeof(v); i++) {
		off = some(len - sizeof(v) + 1);
		switch (some(4)) {
		case 0:
			v = some(8);
			memcpy(p + off / 8 * 8, &v, sizeof(v));
			break;
		case 1:
			v = some(8);
			memcpy(p + off / 4 * 4, &v, sizeof(uint32_t));
			break;
		case 2:
			v = UINT64_MAX;
			memcpy(p + off / 8 * 8, &v, sizeof(v));
			break;
		default:
			p[off] = some(256);
		}
	}
}

static const struct proc_rule *
any_rule(void)
{
	const struct proc_rule	*r;

	do
		r = &router_rules[some(router_nrules)];
	while (r->from != L || r->fd);
	return (r);
}

static void
session(struct session *s, uint64_t id, int listener)
{
	fake_session(s, id, listener, id, id % 2 ? DOOR_NODE : DOOR_ACCESS,
	    id % 3 ? "ann" : "bob", id % 2 ? "pi" : NULL);
}

static void
hostile_log_in(uint64_t id)
{
	struct session	 s;

	session(&s, id, 0);
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
}

static void
a_hostile_listener(void **state)
{
	static union {
		struct session	 s;
		uint8_t		 bytes[16384];
	}			 m;
	const struct proc_rule	*r;
	unsigned int		 i, refused = 0, taken = 0;
	size_t			 len;
	int			 ret;

	log_setverbose(-1);
	fake_up(A, 0);
	fake_up(L, 0);
	fake_up(L, 1);
	for (i = 0; i < MESSAGES; i++) {
		r = any_rule();
		len = r->max > r->size ? r->size +
		    some(r->max - r->size + 1) : r->size;
		assert_true(len <= sizeof(m));
		memset(&m, 0, sizeof(m));
		if (len == sizeof(m.s))
			session(&m.s, some(8), 0);
		mutate(m.bytes, len);
		ret = fake_say(L, 0, r->type, some(8), &m, len);
		assert_in_range(ret + 1, 0, 1);
		if (ret == 0)
			taken++;
		else {
			/* It is ended for that, and the next is like it. */
			refused++;
			fake_down(L, 0);
			fake_up(L, 0);
		}
		if (some(4) == 0)
			hostile_log_in(100 + some(8));
		if (i % 64 == 0) {
			fake_run(0);
			fake_clear();
		}
	}
	assert_true(refused > MESSAGES / 100);
	assert_true(taken > MESSAGES / 100);
	fake_clear();
	log_in(1001, 1, 1001, DOOR_NODE, "ann", "pi");
	link_up(1001, 1, 1001, UINT64_MAX / 2 + time(NULL));
	fake_down(L, 0);
	assert_non_null(node_find("id-pi"));
	assert_int_equal(node_find("id-pi")->s.session, 1001);
	fake_down(L, 1);
	fake_down(A, 0);
	fake_clear();
	assert_int_equal(router_counts.sessions, 0);
	assert_int_equal(router_counts.streams, 0);
	assert_int_equal(router_counts.nodes, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(a_hostile_listener),
	};

	fake_start();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
