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

/* Auth: published ports, as accessctl, router and the parent see them. */

#include "compat.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_fake.h"

#define CLIENT	42

/* ---- steps ---- */

static void
rule(uint16_t min, uint16_t max, const char *who)
{
	struct publish_rule	 r;

	memset(&r, 0, sizeof(r));
	r.anywhere = 1;
	r.port_min = min;
	r.port_max = max;
	strlcpy(r.who, who, sizeof(r.who));
	assert_int_equal(fake_recv(auth_recv_conf_publish, PROC_PARENT, 0,
	    IMSG_CONF_PUBLISH, 0, &r, sizeof(r)), 0);
}

/* One rule for all users, or none. */
static void
rules(uint16_t min, uint16_t max)
{
	auth_publish_conf_begin();
	if (min != 0)
		rule(min, max, "");
	auth_publish_conf_end();
}

static void
make_node(const char *name)
{
	struct store_node	 n;

	memset(&n, 0, sizeof(n));
	store_uuid(n.id);
	strlcpy(n.name, name, sizeof(n.name));
	strlcpy(n.user_id, fake_user.id, sizeof(n.user_id));
	strlcpy(n.token, fake_row.id, sizeof(n.token));
	n.created_at = fake_wall;
	assert_int_equal(store_node_add(auth_store, &n), STORE_OK);
}

static int
setup(void **state)
{
	if (fake_setup(state) != 0)
		return (-1);
	make_node("pi");
	rules(2000, 2999);
	return (0);
}

/* The tick that is due, with what it says. */
static void
tick(void)
{
	(void)auth_publish_tick();
	while (auth_list_tick())
		;
}

static int
teardown(void **state)
{
	auth_publish_router_up();
	tick();
	return (fake_teardown(state));
}

static void
ask(const char *spec, const char *target)
{
	struct ctl_publish	 c;

	memset(&c, 0, sizeof(c));
	strlcpy(c.spec, spec, sizeof(c.spec));
	strlcpy(c.target, target, sizeof(c.target));
	strlcpy(c.from, "10.0.0.0/8", sizeof(c.from));
	c.connections = 5;
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_publish, PROC_ROUTER, 0,
	    CTL_PUBLISH_ADD, CLIENT, &c, sizeof(c)), 0);
}

static void
ask_name(uint32_t type, const char *name)
{
	struct ctl_name	 c;

	memset(&c, 0, sizeof(c));
	strlcpy(c.name, name, sizeof(c.name));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_ctl_name, PROC_ROUTER, 0, type,
	    CLIENT, &c, sizeof(c)), 0);
	tick();
}

static void
refused(const char *spec, const char *target, uint32_t code,
    const char *part)
{
	const struct ctl_end	*end;

	ask(spec, target);
	end = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*end));
	assert_int_equal(end->code, code);
	if (strstr(end->text, part) == NULL)
		fail_msg("%s: no \"%s\" in it", end->text, part);
	assert_int_equal(fake_count(IMSG_PUBLISH_TRY), 0);
}

/* Router has tried what it was asked last; the id. */
static const char *
tried(uint32_t code, const char *text)
{
	static struct publish_result	 res;
	const struct publication	*p;

	p = fake_one(PROC_ROUTER, IMSG_PUBLISH_TRY, sizeof(*p));
	memset(&res, 0, sizeof(res));
	strlcpy(res.id, p->id, sizeof(res.id));
	res.code = code;
	strlcpy(res.text, text, sizeof(res.text));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_publish_tried, PROC_ROUTER, 0,
	    IMSG_PUBLISH_TRIED, CLIENT, &res, sizeof(res)), 0);
	return (res.id);
}

/* Router is told whose port that was, before the answer goes. */
static void
on_record(const char *spec)
{
	const struct ctl_publish	*c;

	c = fake_one(PROC_ROUTER, CTL_PUBLISH, sizeof(*c));
	assert_string_equal(c->email, fake_user.email);
	assert_string_equal(c->node, "pi");
	if (strchr(spec, '[') == NULL)
		assert_non_null(strstr(c->spec, spec));
}

static const char *
publish(const char *spec, const char *target)
{
	const char	*id;

	ask(spec, target);
	id = tried(PUBLISH_OK, "");
	(void)fake_one(PROC_ROUTER, CTL_OK, sizeof(struct ctl_end));
	on_record(spec);
	return (id);
}

/* What router is told by the next tick: how many, between begin and end. */
static size_t
synced(void)
{
	const struct publications	*msg;
	size_t				 i, n = 0, seen = 0;
	uint32_t			 serial = 0;

	fake_forget();
	tick();
	for (i = 0; i < fake_nsent; i++) {
		if (fake_sent[i].type == IMSG_PUBLICATION)
			n++;
		if (fake_sent[i].type != IMSG_PUBLICATIONS)
			continue;
		msg = (const struct publications *)fake_sent[i].data;
		assert_int_equal(msg->begin, seen == 0);
		if (seen++ == 0)
			serial = msg->serial;
		assert_int_equal(msg->serial, serial);
	}
	assert_int_equal(seen, 2);
	return (n);
}

static uint32_t
listed(void)
{
	const struct ctl_publish	*c;

	ask_name(CTL_PUBLISH_LIST, "");
	c = fake_one(PROC_ROUTER, CTL_PUBLISH, sizeof(*c));
	return (c->state);
}

/* ---- cases ---- */

static void
added_when_it_is_open(void **state)
{
	const struct publication	*p;
	const struct ctl_publish	*c;
	const struct ctl_end		*end;
	char				 id[CTL_ID_LEN];

	ask("2222/tcp", "PI:22");
	p = fake_one(PROC_ROUTER, IMSG_PUBLISH_TRY, sizeof(*p));
	assert_string_equal(p->email, fake_user.email);
	assert_string_equal(p->node, "pi");
	assert_string_equal(p->host, "127.0.0.1");
	assert_int_equal(p->port, 22);
	assert_int_equal(p->nfrom, 1);
	assert_int_equal(p->connections, 5);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM publications"),
	    "0");
	strlcpy(id, tried(PUBLISH_OK, ""), sizeof(id));
	end = fake_one(PROC_ROUTER, CTL_OK, sizeof(*end));
	assert_string_equal(end->text,
	    "0.0.0.0:2222/tcp leads to pi:127.0.0.1:22");
	p = fake_one(PROC_ROUTER, IMSG_PUBLICATION, sizeof(*p));
	assert_string_equal(p->id, id);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM publications"),
	    "1");
	ask_name(CTL_PUBLISH_LIST, "");
	c = fake_one(PROC_ROUTER, CTL_PUBLISH, sizeof(*c));
	assert_string_equal(c->id, id);
	assert_string_equal(c->spec, "0.0.0.0:2222/tcp");
	assert_string_equal(c->target, "pi:127.0.0.1:22");
	assert_string_equal(c->from, "10.0.0.0/8");
	assert_string_equal(c->node, "pi");
	assert_int_equal(c->state, CTL_PUBLISH_OPENING);
}

static void
not_added_when_it_can_not_be_opened(void **state)
{
	const struct ctl_end	*end;

	ask("2222", "pi:22");
	(void)tried(PUBLISH_TAKEN, "0.0.0.0:2222 is in use");
	end = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*end));
	assert_int_equal(end->code, CTL_CODE_EXISTS);
	assert_string_equal(end->text, "0.0.0.0:2222 is in use");
	assert_int_equal(fake_count(IMSG_PUBLICATION), 0);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM publications"),
	    "0");
	/* Nobody says: it is answered all the same, and undone. */
	ask("2222", "pi:22");
	fake_forget();
	tick();
	assert_int_equal(fake_count(CTL_ERROR), 0);
	fake_mono += 6000;
	tick();
	(void)fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*end));
	assert_int_equal(fake_count(IMSG_REVOKE), 1);
}

static void
store_that_does_not_write(void **state)
{
	const struct ctl_end		*end;

	ask("2222", "pi:22");
	fake_sql("DROP TABLE publications");
	(void)tried(PUBLISH_OK, "");
	end = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*end));
	assert_int_equal(end->code, CTL_CODE_STORE);
	assert_int_equal(fake_count(IMSG_REVOKE), 1);
	assert_int_equal(fake_count(IMSG_PUBLICATION), 0);
}

static void
requests_that_make_no_sense(void **state)
{
	refused("22x", "pi:22", CTL_CODE_INVALID, "22x");
	refused("2222", "pi", CTL_CODE_INVALID, "node:port");
	refused("2222", "pi:22-23", CTL_CODE_INVALID, "as many ports");
	refused("2222-2223", "pi:22", CTL_CODE_INVALID, "as many ports");
	refused("2222", "nobody:22", CTL_CODE_NOT_FOUND, "nobody");
	refused("1999", "pi:22", CTL_CODE_DENIED, "relayd.conf");
	refused("2990-3000", "pi:22-32", CTL_CODE_DENIED, "relayd.conf");
	rules(0, 0);
	refused("2222", "pi:22", CTL_CODE_DENIED, "relayd.conf");
	auth_publish_conf_begin();
	rule(2000, 2999, "other@example.org");
	auth_publish_conf_end();
	refused("2222", "pi:22", CTL_CODE_DENIED, fake_user.email);
}

static void
garbled_request(void **state)
{
	struct ctl_publish	 c;

	memset(&c, 'x', sizeof(c));
	assert_int_equal(fake_recv(auth_recv_ctl_publish, PROC_ROUTER, 0,
	    CTL_PUBLISH_ADD, CLIENT, &c, sizeof(c)), 0);
	(void)fake_one(PROC_ROUTER, CTL_ERROR, sizeof(struct ctl_end));
}

static void
ports_are_published_once(void **state)
{
	publish("2222", "pi:22");
	refused("2222", "pi:23", CTL_CODE_EXISTS, "2222/tcp is published");
	refused("127.0.0.1:2222", "pi:23", CTL_CODE_EXISTS, "node pi");
	refused("2220-2229", "pi:20-29", CTL_CODE_EXISTS, "published");
	publish("2222/udp", "pi:22");
	publish("[::]:2222", "pi:22");
	/* Neither by two at the same time. */
	ask("2300", "pi:22");
	fake_forget();
	ask("2300", "pi:22");
	(void)fake_one(PROC_ROUTER, CTL_ERROR, sizeof(struct ctl_end));
}

static void
removed_by_name_or_id(void **state)
{
	const struct ctl_end	*e;
	const struct revoke	*r;
	char			 id[CTL_ID_LEN];

	strlcpy(id, publish("2222", "pi:22"), sizeof(id));
	ask_name(CTL_PUBLISH_REMOVE, "2223");
	e = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*e));
	assert_non_null(strstr(e->text, "2223 is not published: "));
	/* A part of it, or more than it. */
	ask_name(CTL_PUBLISH_REMOVE, "127.0.0.1:2222");
	e = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*e));
	assert_non_null(strstr(e->text, "but 0.0.0.0:2222/tcp is"));
	ask_name(CTL_PUBLISH_REMOVE, "2220-2230");
	e = fake_one(PROC_ROUTER, CTL_ERROR, sizeof(*e));
	assert_non_null(strstr(e->text, "but 0.0.0.0:2222/tcp is"));
	ask_name(CTL_PUBLISH_REMOVE, "2222");
	r = fake_one(PROC_ROUTER, IMSG_REVOKE, sizeof(*r));
	assert_int_equal(r->what, REVOKE_PORT);
	assert_string_equal(r->id, id);
	on_record("2222");
	assert_string_equal(fake_sql_get("SELECT count(*) FROM publications"),
	    "0");
	strlcpy(id, publish("2222/udp", "pi:22"), sizeof(id));
	ask_name(CTL_PUBLISH_REMOVE, id);
	assert_int_equal(fake_count(IMSG_REVOKE), 1);
	ask_name(CTL_PUBLISH_REMOVE, id);
	assert_int_equal(fake_count(IMSG_REVOKE), 0);
}

static void
router_is_told_of_what_may_be_open(void **state)
{
	publish("2222", "pi:22");
	publish("2500", "pi:22");
	tick();
	auth_publish_router_up();
	assert_int_equal(synced(), 2);
	/* Nothing has changed. */
	fake_forget();
	tick();
	assert_int_equal(fake_count(IMSG_PUBLICATIONS), 0);
	rules(2000, 2400);
	assert_int_equal(synced(), 1);
	rules(0, 0);
	assert_int_equal(synced(), 0);
	/* They are kept. */
	assert_string_equal(fake_sql_get("SELECT count(*) FROM publications"),
	    "2");
	rules(2000, 2999);
	assert_int_equal(synced(), 2);
	ask_name(CTL_USER_DISABLE, fake_user.email);
	auth_publish_sync();
	assert_int_equal(synced(), 0);
	fake_forget();
	ask_name(CTL_USER_ENABLE, fake_user.email);
	assert_int_equal(fake_count(IMSG_PUBLICATION), 2);
}

static void
list_says_why_it_is_closed(void **state)
{
	publish("2222", "pi:22");
	assert_int_equal(listed(), CTL_PUBLISH_OPENING);
	rules(0, 0);
	assert_int_equal(listed(), CTL_PUBLISH_DENIED);
	rules(2000, 2999);
	ask_name(CTL_USER_DISABLE, fake_user.email);
	assert_int_equal(listed(), CTL_PUBLISH_DISABLED);
	refused("2300", "pi:22", CTL_CODE_DENIED, "disabled");
}

static void
unreadable_store_closes_nothing(void **state)
{
	publish("2222", "pi:22");
	tick();
	fake_sql("ALTER TABLE publications RENAME TO elsewhere");
	auth_publish_sync();
	fake_forget();
	tick();
	/* Begun, perhaps, and never ended. */
	assert_in_range(fake_count(IMSG_PUBLICATIONS), 0, 1);
	fake_sql("ALTER TABLE elsewhere RENAME TO publications");
	assert_int_equal(synced(), 1);
}

static void
node_and_user_take_theirs_along(void **state)
{
	publish("2222", "pi:22");
	ask_name(CTL_NODE_REMOVE, "pi");
	assert_string_equal(fake_sql_get("SELECT count(*) FROM publications"),
	    "0");
	make_node("pi");
	publish("2222", "pi:22");
	ask_name(CTL_USER_DELETE, fake_user.email);
	assert_string_equal(fake_sql_get("SELECT count(*) FROM publications"),
	    "0");
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest	 tests[] = {
		T(added_when_it_is_open),
		T(not_added_when_it_can_not_be_opened),
		T(store_that_does_not_write),
		T(requests_that_make_no_sense),
		T(garbled_request),
		T(ports_are_published_once),
		T(removed_by_name_or_id),
		T(router_is_told_of_what_may_be_open),
		T(list_says_why_it_is_closed),
		T(unreadable_store_closes_nothing),
		T(node_and_user_take_theirs_along),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
