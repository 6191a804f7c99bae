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

/* link: regress/relayd/auth_fake.c regress/relayd/hand.c
 *	relayd/auth_*.c relayd/month.c relayd/nonce.c
 *	libculvert.a sql.c */
/* libs: libevent sqlite3 libcrypto crypt */

/* Auth: limits of bandwidth, and what is carried in a month. */

#include "compat.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_fake.h"
#include "month.h"

#define CLIENT	42
#define DAY	86400
#define NOVEMBER 1795867200	/* 2026-11-28 12:00 UTC */

static struct store_node	 pi;

static int
setup(void **state)
{
	if (fake_setup(state) == -1)
		return (-1);
	memset(&auth_bandwidth, 0, sizeof(auth_bandwidth));
	memset(&pi, 0, sizeof(pi));
	store_uuid(pi.id);
	strlcpy(pi.name, "pi", sizeof(pi.name));
	strlcpy(pi.user_id, fake_user.id, sizeof(pi.user_id));
	strlcpy(pi.token, fake_row.id, sizeof(pi.token));
	if (store_node_add(auth_store, &pi) != STORE_OK)
		return (-1);
	fake_wall = NOVEMBER;
	return (0);
}

static int
teardown(void **state)
{
	auth_traffic_stop();
	return (fake_teardown(state));
}

static struct meter_id
meter(uint32_t what, const char *id)
{
	struct meter_id	 m;

	memset(&m, 0, sizeof(m));
	m.what = what;
	strlcpy(m.id, id, sizeof(m.id));
	return (m);
}

/* What router is told when it asks. */
static struct meter_info
ask(uint32_t what, const char *id)
{
	struct meter_info	 info;
	struct meter_id		 m = meter(what, id);

	fake_forget();
	assert_int_equal(fake_recv(auth_recv_meter_ask, PROC_ROUTER, 0,
	    IMSG_METER_ASK, 0, &m, sizeof(m)), 0);
	memcpy(&info, fake_one(PROC_ROUTER, IMSG_METER, sizeof(info)),
	    sizeof(info));
	assert_int_equal(info.meter.what, what);
	assert_string_equal(info.meter.id, id);
	return (info);
}

static void
carry(uint32_t what, const char *id, uint64_t in, uint64_t out)
{
	struct traffic	 t;

	memset(&t, 0, sizeof(t));
	t.meter = meter(what, id);
	t.in = in;
	t.out = out;
	assert_int_equal(fake_recv(auth_recv_traffic, PROC_ROUTER, 0,
	    IMSG_TRAFFIC, 0, &t, sizeof(t)), 0);
}

static void
limit(uint32_t type, const char *name, uint32_t rate_set, uint64_t rate,
    uint32_t quota_set, uint64_t quota)
{
	struct ctl_limit	 c;

	memset(&c, 0, sizeof(c));
	strlcpy(c.name, name, sizeof(c.name));
	c.rate_set = rate_set;
	c.rate = rate;
	c.quota_set = quota_set;
	c.quota = quota;
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_limit, PROC_ROUTER, 0, type,
	    CLIENT, &c, sizeof(c)), 0);
}

static void
default_counts_until_there_is_a_limit(void **state)
{
	struct meter_info	 info;

	info = ask(METER_USER, fake_user.id);
	assert_int_equal(info.rate, 0);
	assert_int_equal(info.quota, 0);
	assert_string_equal(info.name, "me@example.org");
	assert_int_equal(info.month, 202611);
	auth_bandwidth.user_rate = 1000;
	auth_bandwidth.user_month = 5000;
	auth_bandwidth.node_rate = 3000;
	auth_bandwidth.node_month = 7000;
	info = ask(METER_USER, fake_user.id);
	assert_int_equal(info.rate, 1000);
	assert_int_equal(info.quota, 5000);
	info = ask(METER_NODE, pi.id);
	assert_int_equal(info.rate, 3000);
	assert_int_equal(info.quota, 7000);
	assert_string_equal(info.name, "pi");
	/* One of its own, and the other stays. */
	limit(CTL_USER_LIMIT, "ME@example.org", CTL_LIMIT_SET, 2000,
	    CTL_LIMIT_KEEP, 9);
	assert_int_equal(fake_count(CTL_OK), 1);
	memcpy(&info, fake_one(PROC_ROUTER, IMSG_METER, sizeof(info)),
	    sizeof(info));
	assert_int_equal(info.rate, 2000);
	assert_int_equal(info.quota, 5000);
	/* Router hears of it before the administrator. */
	assert_int_equal(fake_sent[0].type, IMSG_METER);
	limit(CTL_USER_LIMIT, "me@example.org", CTL_LIMIT_KEEP, 0,
	    CTL_LIMIT_SET, 0);
	info = ask(METER_USER, fake_user.id);
	assert_int_equal(info.rate, 2000);
	assert_int_equal(info.quota, 0);
	fake_store_open();
	info = ask(METER_USER, fake_user.id);
	assert_int_equal(info.rate, 2000);
	assert_int_equal(info.quota, 0);
	limit(CTL_USER_LIMIT, "me@example.org", CTL_LIMIT_DEFAULT, 0,
	    CTL_LIMIT_DEFAULT, 0);
	info = ask(METER_USER, fake_user.id);
	assert_int_equal(info.rate, 1000);
	assert_int_equal(info.quota, 5000);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM bandwidth"),
	    "0");
	limit(CTL_NODE_LIMIT, "pi", CTL_LIMIT_SET, 12345, CTL_LIMIT_KEEP, 0);
	info = ask(METER_NODE, pi.id);
	assert_int_equal(info.rate, 12345);
	assert_int_equal(info.quota, 7000);
}

static void
limits_of_nobody_are_refused(void **state)
{
	struct ctl_limit	 c;
	struct meter_id		 m;

	limit(CTL_USER_LIMIT, "no@example.org", CTL_LIMIT_SET, 1, 0, 0);
	assert_int_equal(fake_count(CTL_ERROR), 1);
	limit(CTL_NODE_LIMIT, "me@example.org", CTL_LIMIT_SET, 1, 0, 0);
	assert_int_equal(fake_count(CTL_ERROR), 1);
	limit(CTL_NODE_LIMIT, "pi", 3, 1, 0, 0);
	assert_int_equal(fake_count(CTL_ERROR), 1);
	fake_store_close();
	limit(CTL_NODE_LIMIT, "pi", CTL_LIMIT_SET, 1, 0, 0);
	assert_int_equal(fake_count(CTL_ERROR), 1);
	fake_store_open();
	memset(&c, 'x', sizeof(c));
	assert_int_equal(fake_recv(auth_recv_ctl_limit, PROC_ROUTER, 0,
	    CTL_USER_LIMIT, CLIENT, &c, sizeof(c)), -1);
	/* What router asks of nobody stays without an answer. */
	fake_forget();
	m = meter(METER_USER, "nobody");
	assert_int_equal(fake_recv(auth_recv_meter_ask, PROC_ROUTER, 0,
	    IMSG_METER_ASK, 0, &m, sizeof(m)), 0);
	assert_int_equal(fake_nsent, 0);
	m = meter(0, "nobody");
	assert_int_equal(fake_recv(auth_recv_meter_ask, PROC_ROUTER, 0,
	    IMSG_METER_ASK, 0, &m, sizeof(m)), -1);
	m = meter(4, "nobody");
	assert_int_equal(fake_recv(auth_recv_meter_ask, PROC_ROUTER, 0,
	    IMSG_METER_ASK, 0, &m, sizeof(m)), -1);
	memset(&m, 'x', sizeof(m));
	assert_int_equal(fake_recv(auth_recv_meter_ask, PROC_ROUTER, 0,
	    IMSG_METER_ASK, 0, &m, sizeof(m)), -1);
}

static void
bytes_add_up_and_are_written_together(void **state)
{
	uint64_t	 in, out;

	carry(METER_USER, fake_user.id, 100, 10);
	carry(METER_NODE, pi.id, 1, 2);
	carry(METER_USER, fake_user.id, 200, 20);
	assert_int_equal(auth_traffic_of(202611, METER_USER, fake_user.id,
	    &in, &out), STORE_OK);
	assert_int_equal(in, 300);
	assert_int_equal(out, 30);
	/* Nothing is in the store yet. */
	assert_int_equal(auth_traffic_tick(), 0);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM traffic"),
	    "0");
	fake_mono += 3000;
	assert_int_equal(auth_traffic_tick(), 0);
	assert_string_equal(fake_sql_get("SELECT bytes_in || ' ' || bytes_out "
	    "FROM traffic WHERE what = 'user' AND month = '2026-11'"),
	    "300 30");
	/* Written once. */
	fake_mono += 3000;
	assert_int_equal(auth_traffic_tick(), 0);
	auth_traffic_stop();
	carry(METER_USER, fake_user.id, 1, 1);
	auth_traffic_stop();
	assert_string_equal(fake_sql_get("SELECT bytes_in || ' ' || bytes_out "
	    "FROM traffic WHERE what = 'user'"), "301 31");
	assert_string_equal(fake_sql_get("SELECT bytes_in || ' ' || bytes_out "
	    "FROM traffic WHERE what = 'node'"), "1 2");
}

static void
store_that_fails_loses_nothing(void **state)
{
	uint64_t	 in, out;

	carry(METER_USER, fake_user.id, 100, 10);
	fake_store_close();
	fake_mono += 3000;
	assert_int_equal(auth_traffic_tick(), 0);
	carry(METER_USER, fake_user.id, 100, 10);
	auth_traffic_stop();
	fake_store_open();
	fake_mono += 60000;
	assert_int_equal(auth_traffic_tick(), 0);
	assert_int_equal(store_traffic_find(auth_store, 202611, METER_USER,
	    fake_user.id, &in, &out), STORE_OK);
	assert_int_equal(in, 200);
	assert_int_equal(out, 20);
}

static void
more_than_a_batch(void **state)
{
	char		 id[40];
	int		 i;

	for (i = 0; i < 2 * AUTH_BATCH + 7; i++) {
		snprintf(id, sizeof(id), "user-%d", i);
		carry(METER_USER, id, 1, 1);
	}
	fake_mono += 3000;
	assert_int_equal(auth_traffic_tick(), 1);
	assert_int_equal(auth_traffic_tick(), 1);
	assert_int_equal(auth_traffic_tick(), 0);
	assert_string_equal(fake_sql_get("SELECT sum(bytes_in) FROM traffic"),
	    "1007");
}

static void
each_month_begins_anew(void **state)
{
	struct meter_info	 info;

	limit(CTL_USER_LIMIT, "me@example.org", CTL_LIMIT_KEEP, 0,
	    CTL_LIMIT_SET, 1000);
	carry(METER_USER, fake_user.id, 600, 600);
	info = ask(METER_USER, fake_user.id);
	assert_int_equal(info.used, 1200);
	fake_wall += 3 * DAY;
	info = ask(METER_USER, fake_user.id);
	assert_int_equal(info.month, 202612);
	assert_int_equal(info.used, 0);
	carry(METER_USER, fake_user.id, 1, 1);
	auth_traffic_stop();
	assert_string_equal(fake_sql_get("SELECT group_concat(month || ' ' || "
	    "bytes_in) FROM (SELECT * FROM traffic ORDER BY month)"),
	    "2026-11 600,2026-12 1");
	/* The year ends as well. */
	fake_wall += 31 * DAY;
	assert_int_equal(ask(METER_USER, fake_user.id).month, 202701);
}

static void
quota_is_watched(void **state)
{
	struct meter_info	 info;

	limit(CTL_USER_LIMIT, "me@example.org", CTL_LIMIT_KEEP, 0,
	    CTL_LIMIT_SET, 1000);
	fake_forget();
	carry(METER_USER, fake_user.id, 700, 0);
	memcpy(&info, fake_one(PROC_ROUTER, IMSG_METER, sizeof(info)),
	    sizeof(info));
	assert_int_equal(info.used, 700);
	carry(METER_USER, fake_user.id, 0, 150);
	carry(METER_USER, fake_user.id, 0, 150);
	carry(METER_USER, fake_user.id, 0, 150);
	auth_audit_flush();
	/* Once, however much comes after. */
	assert_string_equal(fake_sql_get("SELECT count(*) || email FROM audit "
	    "WHERE what = 'quota'"), "1me@example.org");
	/* Without a quota router needs no answer. */
	fake_forget();
	carry(METER_NODE, pi.id, 5, 5);
	assert_int_equal(fake_count(IMSG_METER), 0);
}

static void
bad_traffic_is_refused(void **state)
{
	struct traffic	 t;

	memset(&t, 0, sizeof(t));
	assert_int_equal(fake_recv(auth_recv_traffic, PROC_ROUTER, 0,
	    IMSG_TRAFFIC, 0, &t, sizeof(t)), -1);
	t.meter.what = METER_USER;
	assert_int_equal(fake_recv(auth_recv_traffic, PROC_ROUTER, 0,
	    IMSG_TRAFFIC, 0, &t, sizeof(t)), -1);
	memset(&t, 'x', sizeof(t));
	assert_int_equal(fake_recv(auth_recv_traffic, PROC_ROUTER, 0,
	    IMSG_TRAFFIC, 0, &t, sizeof(t)), -1);
	/* As much as a number holds is no reason to fail. */
	carry(METER_USER, fake_user.id, UINT64_MAX, UINT64_MAX);
	auth_traffic_stop();
	assert_string_equal(fake_sql_get("SELECT count(*) FROM traffic"),
	    "1");
}

/* A quota that is used up is so for good, however far beyond it one gets. */
static void
counters_stay_at_their_end(void **state)
{
	int	 i;

	limit(CTL_USER_LIMIT, "me@example.org", CTL_LIMIT_KEEP, 0,
	    CTL_LIMIT_SET, 1ULL << 40);
	for (i = 0; i < 4; i++) {
		carry(METER_USER, fake_user.id, (uint64_t)1 << 62,
		    (uint64_t)1 << 62);
		carry(METER_USER, fake_user.id, (uint64_t)1 << 62,
		    (uint64_t)1 << 62);
		assert_true(ask(METER_USER, fake_user.id).used > 1ULL << 62);
		auth_traffic_stop();
		assert_true(ask(METER_USER, fake_user.id).used > 1ULL << 62);
		carry(METER_USER, fake_user.id, 2, 2);
		assert_true(ask(METER_USER, fake_user.id).used > 1ULL << 62);
	}
	auth_traffic_stop();
	fake_sql("UPDATE traffic SET bytes_in = -5, bytes_out = 7");
	assert_int_equal(ask(METER_USER, fake_user.id).used, 7);
}

static void
traffic_is_listed(void **state)
{
	struct ctl_traffic	 c;
	size_t			 i, n = 0;
	char			 id[40];

	for (i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "gone-%zu", i);
		carry(METER_NODE, id, i, i);
	}
	carry(METER_USER, fake_user.id, 600, 200);
	carry(METER_NODE, pi.id, 5, 6);
	limit(CTL_USER_LIMIT, "me@example.org", CTL_LIMIT_KEEP, 0,
	    CTL_LIMIT_SET, 1000);
	memset(&c, 0, sizeof(c));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_traffic, PROC_ROUTER, 0,
	    CTL_TRAFFIC_LIST, CLIENT, &c, sizeof(c)), 0);
	while (auth_list_tick())
		;
	assert_int_equal(fake_count(CTL_TRAFFIC), 42);
	assert_int_equal(fake_count(CTL_OK), 1);
	for (i = 0; i < fake_nsent; i++) {
		if (fake_sent[i].type != CTL_TRAFFIC)
			continue;
		memcpy(&c, fake_sent[i].data, sizeof(c));
		assert_string_equal(c.month, "2026-11");
		if (strcmp(c.name, "me@example.org") == 0) {
			assert_string_equal(c.what, "user");
			assert_int_equal(c.in, 600);
			assert_int_equal(c.out, 200);
			assert_int_equal(c.quota, 1000);
			assert_int_equal(c.rest, 200);
			n++;
		} else if (strcmp(c.name, "pi") == 0) {
			assert_int_equal(c.rest, UINT64_MAX);
			n++;
		} else
			assert_memory_equal(c.name, "gone-", 5);
	}
	assert_int_equal(n, 2);
	/* One. */
	memset(&c, 0, sizeof(c));
	strlcpy(c.what, "node", sizeof(c.what));
	strlcpy(c.name, "PI", sizeof(c.name));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_traffic, PROC_ROUTER, 0,
	    CTL_TRAFFIC_LIST, CLIENT, &c, sizeof(c)), 0);
	memcpy(&c, fake_one(PROC_ROUTER, CTL_TRAFFIC, sizeof(c)), sizeof(c));
	assert_int_equal(c.in, 5);
	/* Another month, and none. */
	memset(&c, 0, sizeof(c));
	strlcpy(c.month, "2025-01", sizeof(c.month));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_traffic, PROC_ROUTER, 0,
	    CTL_TRAFFIC_LIST, CLIENT, &c, sizeof(c)), 0);
	assert_int_equal(fake_count(CTL_TRAFFIC), 0);
	assert_int_equal(fake_count(CTL_OK), 1);
	strlcpy(c.month, "2025-13", sizeof(c.month));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_traffic, PROC_ROUTER, 0,
	    CTL_TRAFFIC_LIST, CLIENT, &c, sizeof(c)), 0);
	assert_int_equal(fake_count(CTL_ERROR), 1);
}

static void
rows_of_others_are_read_with_care(void **state)
{
	struct meter_info	 info;
	struct store_traffic	 t[16], after;
	size_t			 n = 16;
	char			 sql[256];

	snprintf(sql, sizeof(sql), "INSERT INTO bandwidth VALUES ('user', "
	    "'%s', -5, 'much')", fake_user.id);
	fake_sql(sql);
	info = ask(METER_USER, fake_user.id);
	assert_int_equal(info.rate, 0);
	assert_int_equal(info.quota, 0);
	fake_sql("INSERT INTO traffic VALUES ('2026-11', 'planet', 'x', 1, "
	    "1), ('2026-11', 'node', hex(zeroblob(99)), 1, 1), ('2026-11', "
	    "'user', 'y', 1, 1)");
	memset(&after, 0, sizeof(after));
	assert_int_equal(store_traffic_page(auth_store, 202611, &after, t,
	    &n), STORE_OK);
	assert_int_equal(n, 1);
	assert_string_equal(t[0].id, "y");
	assert_int_equal(store_limits_tidy(auth_store), STORE_OK);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM bandwidth"),
	    "1");
	fake_sql("INSERT INTO bandwidth VALUES ('node', 'gone', 5, 5)");
	assert_int_equal(store_limits_tidy(auth_store), STORE_OK);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM bandwidth"),
	    "1");
}

static void
ports_have_the_names_of_the_list(void **state)
{
	struct store_traffic	 after, t[4];
	size_t			 n = 4;

	fake_sql("INSERT INTO publications (id, node_id, proto, addr, "
	    "port_min, port_max, target_host, target_port, created_at) "
	    "VALUES ('p1', 'n', 'tcp', '0.0.0.0', 80, 80, 'h', 80, 1)");
	fake_sql("INSERT INTO publications (id, node_id, proto, addr, "
	    "port_min, port_max, target_host, target_port, created_at) "
	    "VALUES ('p2', 'n', 'udp', '2001:db8::1', 80, 89, 'h', 80, 1)");
	fake_sql("INSERT INTO traffic VALUES ('2026-11', 'port', 'p1', 1, 1), "
	    "('2026-11', 'port', 'p2', 1, 1)");
	memset(&after, 0, sizeof(after));
	assert_int_equal(store_traffic_page(auth_store, 202611, &after, t,
	    &n), STORE_OK);
	assert_int_equal(n, 2);
	assert_string_equal(t[0].name, "0.0.0.0:80/tcp");
	assert_string_equal(t[1].name, "[2001:db8::1]:80-89/udp");
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(default_counts_until_there_is_a_limit),
		CASE(limits_of_nobody_are_refused),
		CASE(bytes_add_up_and_are_written_together),
		CASE(store_that_fails_loses_nothing),
		CASE(more_than_a_batch),
		CASE(each_month_begins_anew),
		CASE(quota_is_watched),
		CASE(bad_traffic_is_refused),
		CASE(counters_stay_at_their_end),
		CASE(traffic_is_listed),
		CASE(rows_of_others_are_read_with_care),
		CASE(ports_have_the_names_of_the_list),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
