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
 * link: regress/relayd/router_tally_steps.c regress/relayd/router_fake.c
 * link: regress/relayd/control_fake.c
 * relayd/router*.c relayd/month.c libculvert.a
 */
/* libs: libevent */
/* flags: -Wl,--wrap=time */

/*
 * What users and nodes carry and may carry: counted, divided among the
 * listeners, refused.
 */

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

#include "month.h"
#include "router.h"
#include "router_fake.h"
#include "router_tally_steps.h"

/* ---- counting ---- */

static void
bytes_of_streams_are_counted_once(void **state)
{
	pair();
	fake_clear();
	/* One that runs since a router before us, which counted some. */
	stream_up(1, 1000, 100);
	stream_up(2, 0, 0);
	assert_int_equal(fake_count(IMSG_NODE_ASK), 1);
	stream_bytes(1, 1500, 100);
	node_may(0);
	stream_bytes(2, 7, 8);
	stream_bytes(1, 1500, 100);
	tallies_flush();
	expect_traffic(METER_USER, 507, 8);
	expect_traffic(METER_NODE, 507, 8);
	stream_bytes(2, 10, 8);
	stream_down(1, 1600, 200);
	stream_down(2, 10, 9);
	tallies_flush();
	expect_traffic(METER_USER, 103, 101);
	expect_traffic(METER_NODE, 103, 101);
	tallies_flush();
	assert_int_equal(fake_count(IMSG_TRAFFIC), 0);
	/* Less than before is no news. */
	stream_up(3, 0, 0);
	stream_bytes(3, 5, 5);
	stream_bytes(3, 4, 6);
	stream_down(3, 4, 6);
	tallies_flush();
	expect_traffic(METER_USER, 5, 6);
	expect_traffic(METER_NODE, 0, 0);
	/* It has ended before auth could say whether it was theirs. */
	node_may(0);
	tallies_flush();
	expect_traffic(METER_NODE, 5, 6);
}

/* A listener with a session of somebody's names a node that is not. */
static void
a_node_counts_what_may_come_to_it(void **state)
{
	pair();
	fake_clear();
	stream_up(1, 0, 0);
	stream_bytes(1, 1000, 1000);
	node_may(MUX_CODE_DENIED);
	stream_bytes(1, 5000, 5000);
	assert_int_equal(fake_count(IMSG_NODE_ASK), 0);
	stream_up(2, 0, 0);
	stream_down(2, 1000, 1000);
	node_may(MUX_CODE_NO_NODE);
	tallies_flush();
	expect_traffic(METER_USER, 6000, 6000);
	expect_traffic(METER_NODE, 0, 0);
	/* Auth could not look: it is asked again. */
	stream_up(3, 0, 0);
	node_may(MUX_CODE_INTERNAL);
	stream_bytes(3, 7, 0);
	node_may(0);
	tallies_flush();
	expect_traffic(METER_NODE, 7, 0);
	stream_down(1, 5000, 5000);
	stream_down(3, 7, 0);
	tallies_flush();
	expect_traffic(METER_NODE, 0, 0);
	expect_traffic(METER_USER, 7, 0);
}

/* Of these router knows without a question. */
static void
an_own_node_counts_and_what_had_no_route_does_not(void **state)
{
	struct stream_up	 up;

	link_new(1, 0, 11, DOOR_ACCESS, user, NULL);
	link_new(2, 1, 22, DOOR_NODE, user, node);
	fake_clear();
	stream_up(1, 0, 0);
	stream_bytes(1, 5, 6);
	tallies_flush();
	expect_traffic(METER_NODE, 5, 6);
	memset(&up, 0, sizeof(up));
	up.id = 2;
	up.session = 1;
	up.kind = MUX_KIND_TCP;
	strlcpy(up.node, node, sizeof(up.node));
	assert_int_equal(fake_say(L, 0, IMSG_STREAM_UP, 0, &up, sizeof(up)),
	    0);
	stream_bytes(2, 100, 100);
	tallies_flush();
	expect_traffic(METER_NODE, 0, 0);
	assert_int_equal(fake_count(IMSG_NODE_ASK), 0);
	stream_down(1, 5, 6);
	stream_down(2, 100, 100);
	tallies_flush();
	fake_clear();
}

static void
it_is_told_by_itself(void **state)
{
	pair();
	fake_clear();
	stream_up(1, 0, 0);
	stream_bytes(1, 5, 6);
	assert_int_equal(fake_count(IMSG_TRAFFIC), 0);
	fake_run(1500);
	expect_traffic(METER_USER, 5, 6);
	stream_down(1, 5, 6);
}

static void
a_node_that_is_known_later_counts_then(void **state)
{
	struct session	 s;
	struct link_up	 up;

	fake_session(&s, 1, 0, 11, DOOR_ACCESS, user, NULL);
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
	stream_up(1, 0, 0);
	stream_bytes(1, 100, 200);
	tallies_flush();
	expect_traffic(METER_USER, 100, 200);
	expect_traffic(METER_NODE, 0, 0);
	fake_session(&s, 2, 1, 22, DOOR_NODE, "bob", node);
	assert_int_equal(fake_say(A, 0, IMSG_SESSION, 0, &s, sizeof(s)), 0);
	memset(&up, 0, sizeof(up));
	up.session = 2;
	up.epoch = 1;
	up.since = time(NULL);
	assert_int_equal(fake_say(L, 1, IMSG_LINK_UP, 22, &up, sizeof(up)),
	    0);
	stream_bytes(1, 101, 202);
	node_may(0);
	tallies_flush();
	expect_traffic(METER_USER, 1, 2);
	expect_traffic(METER_NODE, 101, 202);
	stream_down(1, 101, 202);
}

static void
what_auth_can_not_take_waits(void **state)
{
	struct meter_id	 id;
	int		 n = 0;

	pair();
	stream_up(1, 0, 0);
	fake_clear();
	fake_queued(A, 0, PROC_QUEUE_HIGH + 1);
	stream_bytes(1, 1, 2);
	tallies_flush();
	assert_int_equal(fake_count(IMSG_TRAFFIC), 0);
	fake_queued(A, 0, 0);
	fake_down(A, 0);
	stream_bytes(1, 3, 4);
	tallies_flush();
	assert_int_equal(fake_count(IMSG_TRAFFIC), 0);
	fake_up(A, 0);
	/* A new one is asked what is allowed. */
	while (fake_took(A, 0, IMSG_METER_ASK, NULL, &id, sizeof(id)))
		n += strcmp(id.id + strlen("user-"), user) == 0;
	assert_int_equal(n, 1);
	tallies_flush();
	expect_traffic(METER_USER, 3, 4);
	stream_down(1, 3, 4);
}

/* ---- shares ---- */

static void
first_listeners_get_equal_shares(void **state)
{
	struct share_set	 s;
	struct tally		*t = tally();
	int			 i;

	assert_true(fake_took(A, 0, IMSG_METER_ASK, NULL, NULL, 0));
	/* Nobody is told of no limit. */
	tally_tell(t, 0);
	assert_int_equal(share(0, &s), -1);
	meter(4000000, 0, 0);
	assert_int_equal(share(0, &s), 0);
	assert_int_equal(s.full, 0);
	assert_true(s.rate[WAY_IN] <= 4000000 && s.rate[WAY_IN] >= 1000000);
	assert_int_equal(s.rate[WAY_IN], s.rate[WAY_OUT]);
	rates[0] = s.rate[WAY_IN];
	for (i = 1; i < LISTENERS; i++) {
		tally_tell(t, i);
		assert_true(shares() <= 4000000);
	}
	for (i = 0; i < LISTENERS; i++)
		assert_in_range(rates[i], 990000, 1000000);
	/* It goes. */
	meter(0, 0, 0);
	for (i = 0; i < LISTENERS; i++) {
		assert_int_equal(share(i, &s), 0);
		assert_int_equal(s.rate[WAY_IN], 0);
	}
	tally_unref(t);
}

static void
who_is_held_up_gets_the_rest(void **state)
{
	struct tally	*t = tally();
	int		 i;

	meter(4000000, 0, 0);
	for (i = 0; i < LISTENERS; i++)
		tally_tell(t, i);
	use(1, 10000, 0);
	use(2, 0, 0);
	use(3, 0, 0);
	use(0, 1000000, 3);
	assert_true(shares() <= 4000000);
	assert_true(rates[0] > 3500000);
	/* Two of them: by the streams that wait. */
	use(1, 500000, 1);
	use(0, 3500000, 3);
	assert_true(shares() <= 4000000);
	assert_in_range(rates[0] / rates[1], 2, 3);
	/* And back to one. */
	use(1, 0, 0);
	use(0, 2500000, 3);
	assert_true(shares() <= 4000000);
	assert_true(rates[0] > 3500000);
	/* Nobody: all alike again, more or less. */
	use(0, 0, 0);
	assert_true(shares() <= 4000000);
	for (i = 0; i < LISTENERS; i++)
		assert_true(rates[i] > 700000);
	tally_unref(t);
}

static void
one_listener_alone_has_it_all(void **state)
{
	struct share_set	 s;
	struct tally		*t = tally();

	router_prefork = 1;
	meter(123456, 0, 0);
	tally_tell(t, 0);
	assert_int_equal(share(0, &s), 0);
	assert_int_equal(s.rate[WAY_IN], 123456);
	assert_int_equal(s.rate[WAY_OUT], 123456);
	use(0, 100000, 5);
	assert_int_equal(share(0, &s), -1);
	tally_unref(t);
}

static void
listeners_come_and_go(void **state)
{
	struct tally	*t = tally();

	meter(1000000, 0, 0);
	tally_tell(t, 0);
	tally_tell(t, 1);
	(void)shares();
	fake_down(L, 1);
	rates[1] = 0;
	use(0, 500000, 1);
	assert_in_range(shares(), 900000, 1000000);
	/* Its successor begins like any other. */
	fake_up(L, 1);
	tally_tell(t, 1);
	assert_true(shares() <= 1000000);
	assert_true(rates[1] > 200000);
	tally_unref(t);
}

/* Whatever they say, and in whatever order: never more than there is. */
static void
random_needs(void **state)
{
	struct tally	*t = tally();
	uint64_t	 rate;
	int		 i, j;

	srandom(11);
	for (j = 0; j < 200; j++) {
		rate = 1 + random() % (j % 3 == 0 ? 1000 : 100000000);
		meter(rate, 0, 0);
		for (i = 0; i < 20; i++) {
			if (random() % 4 == 0)
				tally_tell(t, random() % LISTENERS);
			else
				use(random() % LISTENERS, random() % 3 == 0 ?
				    0 : random() % 10000000, random() % 3);
			/* One byte each at least, as 0 is no limit. */
			assert_true(shares() <= rate + LISTENERS);
		}
	}
	/* Numbers of a liar. */
	use(0, UINT64_MAX, UINT32_MAX);
	use(1, UINT64_MAX, 0);
	assert_true(shares() <= rate + LISTENERS);
	tally_unref(t);
}

static void
who_lies_takes_little_from_others(void **state)
{
	struct tally	*t = tally();
	int		 i;

	meter(4000000, 0, 0);
	for (i = 0; i < LISTENERS; i++)
		tally_tell(t, i);
	for (i = 1; i < LISTENERS; i++)
		use(i, 100000, 0);
	use(0, UINT64_MAX / 1000, 0);
	assert_true(shares() <= 4000000 + LISTENERS);
	for (i = 1; i < LISTENERS; i++)
		assert_true(rates[i] > 100000);
	tally_unref(t);
}

static void
limits_that_nobody_knows_end(void **state)
{
	struct share_set	 s;
	struct share_use	 u;

	use(2, 5, 5);
	assert_int_equal(share(2, &s), 0);
	assert_int_equal(s.rate[WAY_IN], 0);
	assert_int_equal(s.full, 0);
	memset(&u, 'x', sizeof(u));
	assert_int_equal(fake_say(L, 0, IMSG_SHARE_USE, 0, &u, sizeof(u)),
	    -1);
	assert_int_equal(fake_say(A, 0, IMSG_SHARE_USE, 0, &u, sizeof(u)),
	    -2);
}

static void
a_new_router_hears_of_limits_from_listeners(void **state)
{
	struct share_set	 s;
	struct share_use	 u;
	struct tally		*t = tally();

	/* It has been told before auth has answered. */
	memset(&u, 0, sizeof(u));
	u.meter.what = METER_USER;
	user_id(u.meter.id, sizeof(u.meter.id));
	assert_int_equal(fake_say(L, 0, IMSG_SHARE_USE, 0, &u, sizeof(u)),
	    0);
	fake_clear();
	meter(1000000, 0, 0);
	assert_int_equal(share(0, &s), 0);
	assert_true(s.rate[WAY_IN] > 0);
	tally_unref(t);
}

/* ---- quotas ---- */

static void
a_full_quota_ends_and_refuses(void **state)
{
	struct share_set	 s;
	struct stream_kill	 k;

	pair();
	meter(0, 1000, 0);
	stream_up(1, 0, 0);
	stream_up(2, 0, 0);
	assert_int_equal(share(0, &s), -1);
	stream_bytes(1, 600, 0);
	assert_int_equal(fake_count(IMSG_STREAM_KILL), 0);
	/* What auth has not been told yet counts as well. */
	stream_bytes(2, 0, 400);
	assert_int_equal(share(0, &s), 0);
	assert_int_equal(s.full, 1);
	assert_int_equal(fake_count(IMSG_STREAM_KILL), 2);
	assert_true(fake_took(L, 0, IMSG_STREAM_KILL, NULL, &k, sizeof(k)));
	assert_int_equal(k.id, 1);
	assert_int_equal(k.code, MUX_CODE_LIMIT);
	assert_string_equal(k.text,
	    "the user's traffic of this month is used up");
	assert_true(fake_took(L, 0, IMSG_STREAM_KILL, NULL, &k, sizeof(k)));
	stream_down(1, 600, 0);
	stream_down(2, 0, 400);
	/* A listener that comes later is told with its first route. */
	tallies_flush();
	meter(0, 1000, 1000);
	assert_int_equal(share(0, &s), -1);
	/* Raised: at once. */
	meter(0, 2000, 1000);
	assert_int_equal(share(0, &s), 0);
	assert_int_equal(s.full, 0);
	/* Lowered again, and lifted. */
	meter(0, 900, 1000);
	assert_int_equal(share(0, &s), 0);
	assert_int_equal(s.full, 1);
	meter(0, 0, 1000);
	assert_int_equal(share(0, &s), 0);
	assert_int_equal(s.full, 0);
}

static void
a_quota_that_is_full_already(void **state)
{
	struct share_set	 s;
	struct tally		*t = tally();

	meter(5000, 1000, 1500);
	assert_int_equal(share(3, &s), -1);
	tally_tell(t, 3);
	assert_int_equal(share(3, &s), 0);
	assert_int_equal(s.full, 1);
	assert_true(s.rate[WAY_IN] > 0);
	tally_unref(t);
}

static void
a_new_month_lets_them_in(void **state)
{
	struct share_set	 s;
	struct meter_id		 id;
	struct tally		*t = tally();
	int			 asked = 0;

	meter(0, 1000, 1000);
	tally_tell(t, 0);
	assert_int_equal(share(0, &s), 0);
	assert_int_equal(s.full, 1);
	fake_clear();
	ahead = 32 * 86400;
	/* Whatever comes next notices. */
	tally_count(t, 1, 1);
	assert_int_equal(share(0, &s), 0);
	assert_int_equal(s.full, 0);
	while (fake_took(A, 0, IMSG_METER_ASK, NULL, &id, sizeof(id)))
		asked += id.what == METER_USER;
	assert_int_equal(asked, 1);
	/* And what auth knows of the new one holds. */
	meter(0, 1000, 998);
	assert_int_equal(share(0, &s), 0);
	assert_int_equal(s.full, 1);
	tally_unref(t);
}

static void
bad_meters_are_refused(void **state)
{
	struct meter_info	 info;

	memset(&info, 0, sizeof(info));
	assert_int_equal(fake_say(A, 0, IMSG_METER, 0, &info, sizeof(info)),
	    -1);
	info.meter.what = METER_PORT + 1;
	assert_int_equal(fake_say(A, 0, IMSG_METER, 0, &info, sizeof(info)),
	    -1);
	memset(&info, 'x', sizeof(info));
	info.meter.what = METER_USER;
	assert_int_equal(fake_say(A, 0, IMSG_METER, 0, &info, sizeof(info)),
	    -1);
	assert_int_equal(fake_say(L, 0, IMSG_METER, 0, &info, sizeof(info)),
	    -2);
	/* Of nobody is a race. */
	meter(5, 5, 5);
	assert_int_equal(fake_count(IMSG_SHARE), 0);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(bytes_of_streams_are_counted_once),
		T(a_node_counts_what_may_come_to_it),
		T(an_own_node_counts_and_what_had_no_route_does_not),
		T(it_is_told_by_itself),
		T(a_node_that_is_known_later_counts_then),
		T(what_auth_can_not_take_waits),
		T(first_listeners_get_equal_shares),
		T(who_is_held_up_gets_the_rest),
		T(one_listener_alone_has_it_all),
		T(listeners_come_and_go),
		T(random_needs),
		T(who_lies_takes_little_from_others),
		T(limits_that_nobody_knows_end),
		T(a_new_router_hears_of_limits_from_listeners),
		T(a_full_quota_ends_and_refuses),
		T(a_quota_that_is_full_already),
		T(a_new_month_lets_them_in),
		T(bad_meters_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	fake_start();
	fake_serve();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
