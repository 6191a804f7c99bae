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

/* link: regress/relayd/auth_store_rows.c relayd/auth_store*.c
 *	relayd/auth_upgrade.c relayd/month.c libculvert.a sql.c */
/* libs: sqlite3 */

#include "compat.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth_store_rows.h"
#include "msg_login.h"

static struct store_user me, you;
static struct store_node pi;

static int
setup(void **state)
{
	struct store_token	 t;

	if (rows_setup(state) == -1)
		return (-1);
	rows_fill(&me, &t, &pi);
	rows_user(&you, "you@example.org");
	assert_int_equal(store_user_add(store, &you, NULL), STORE_OK);
	return (0);
}

static void
make(struct store_session *e, uint32_t kind, const struct store_user *u,
    int64_t at)
{
	memset(e, 0, sizeof(*e));
	store_uuid(e->id);
	e->kind = kind;
	arc4random_buf(e->hash, sizeof(e->hash));
	strlcpy(e->user_id, u->id, sizeof(e->user_id));
	strlcpy(e->addr, "192.0.2.1", sizeof(e->addr));
	strlcpy(e->software, "Mozilla/5.0 'x' \"y\"", sizeof(e->software));
	e->created_at = at;
	e->expires_at = at + 500;
}

static void
add(struct store_session *e, uint32_t kind, const struct store_user *u,
    int64_t at)
{
	make(e, kind, u, at);
	assert_int_equal(store_session_add(store, e), STORE_OK);
}

static void
they_come_back_as_they_went(void **state)
{
	struct store_session	 e, f, g;

	add(&e, SESSION_WEB, &me, 1000);
	make(&f, SESSION_WEB, &me, 1001);
	strlcpy(f.parent, e.id, sizeof(f.parent));
	strlcpy(f.host, "pi.example.org", sizeof(f.host));
	assert_int_equal(store_session_add(store, &f), STORE_OK);
	assert_int_equal(store_session_find(store, f.hash, &g), STORE_OK);
	assert_string_equal(g.id, f.id);
	assert_int_equal(g.kind, SESSION_WEB);
	assert_memory_equal(g.hash, f.hash, sizeof(g.hash));
	assert_string_equal(g.user_id, me.id);
	assert_string_equal(g.email, "me@example.org");
	assert_string_equal(g.username, "somebody");
	assert_int_equal(g.user_enabled, 1);
	assert_int_equal(g.user_admin, 0);
	assert_string_equal(g.node_id, "");
	assert_string_equal(g.node, "");
	assert_string_equal(g.parent, e.id);
	assert_string_equal(g.host, "pi.example.org");
	assert_string_equal(g.addr, "192.0.2.1");
	assert_string_equal(g.software, "Mozilla/5.0 'x' \"y\"");
	assert_int_equal(g.created_at, 1001);
	assert_int_equal(g.expires_at, 1501);
	assert_int_equal(g.last_used_at, 0);
	assert_int_equal(store_session_used(store, f.id, 1200), STORE_OK);
	assert_int_equal(store_session_find_id(store, f.id, &g), STORE_OK);
	assert_int_equal(g.last_used_at, 1200);
	make(&f, SESSION_RPC, &you, 1000);
	strlcpy(f.node_id, pi.id, sizeof(f.node_id));
	assert_int_equal(store_session_add(store, &f), STORE_OK);
	assert_int_equal(store_session_find(store, f.hash, &g), STORE_OK);
	assert_int_equal(g.kind, SESSION_RPC);
	assert_string_equal(g.node_id, pi.id);
	assert_string_equal(g.node, "pi");
	assert_string_equal(g.email, "you@example.org");
}

static void
secrets_are_taken_once(void **state)
{
	struct store_session	 e, f;
	uint8_t			 hash[SESSION_HASH_LEN];

	add(&e, SESSION_WEB, &me, 1000);
	make(&f, SESSION_RPC, &you, 1000);
	memcpy(f.hash, e.hash, sizeof(f.hash));
	assert_int_equal(store_session_add(store, &f), STORE_EXISTS);
	make(&f, SESSION_WEB, &me, 1000);
	store_uuid(f.user_id);
	assert_int_equal(store_session_add(store, &f), STORE_NONE);
	make(&f, SESSION_WEB, &me, 1000);
	store_uuid(f.parent);
	assert_int_equal(store_session_add(store, &f), STORE_NONE);
	make(&f, SESSION_RPC, &me, 1000);
	store_uuid(f.node_id);
	assert_int_equal(store_session_add(store, &f), STORE_NONE);
	memcpy(hash, e.hash, sizeof(hash));
	hash[31] ^= 1;
	assert_int_equal(store_session_find(store, hash, &f), STORE_NONE);
	assert_int_equal(store_session_find_id(store, "", &f), STORE_NONE);
}

static void
they_go_with_what_they_rest_on(void **state)
{
	struct store_session	 e, f, r, found;

	add(&e, SESSION_WEB, &me, 1000);
	make(&f, SESSION_WEB, &me, 1000);
	strlcpy(f.parent, e.id, sizeof(f.parent));
	assert_int_equal(store_session_add(store, &f), STORE_OK);
	assert_int_equal(store_session_remove(store, e.id), STORE_OK);
	assert_int_equal(store_session_remove(store, e.id), STORE_NONE);
	assert_int_equal(store_session_find(store, f.hash, &found),
	    STORE_NONE);

	make(&r, SESSION_RPC, &you, 1000);
	strlcpy(r.node_id, pi.id, sizeof(r.node_id));
	assert_int_equal(store_session_add(store, &r), STORE_OK);
	assert_int_equal(store_node_remove(store, pi.id), STORE_OK);
	assert_int_equal(store_session_find(store, r.hash, &found),
	    STORE_NONE);

	add(&e, SESSION_WEB, &you, 1000);
	assert_int_equal(store_user_enable(store, you.id, 0), STORE_OK);
	assert_int_equal(store_session_find(store, e.hash, &found), STORE_OK);
	assert_int_equal(found.user_enabled, 0);
	assert_int_equal(store_user_delete(store, you.id), STORE_OK);
	assert_int_equal(store_session_find(store, e.hash, &found),
	    STORE_NONE);
}

static void
lists_come_in_pages(void **state)
{
	struct store_session	 e, page[3], last;
	size_t			 n, seen = 0, i;

	for (i = 0; i < 4; i++) {
		add(&e, SESSION_WEB, &you, 1000 - i % 2);
		add(&e, SESSION_RPC, &me, 1000);
	}
	memset(&last, 0, sizeof(last));
	do {
		n = nitems(page);
		assert_int_equal(store_session_page(store, NULL, NULL, 0,
		    seen == 0 ? NULL : &last, page, &n), STORE_OK);
		for (i = 0; i < n; i++) {
			assert_true(strcmp(page[i].email, last.email) > 0 ||
			    page[i].created_at > last.created_at ||
			    strcmp(page[i].id, last.id) > 0);
			last = page[i];
			seen++;
		}
	} while (n == nitems(page));
	assert_int_equal(seen, 8);
	n = nitems(page);
	assert_int_equal(store_session_page(store, me.id, NULL, SESSION_WEB,
	    NULL, page, &n), STORE_OK);
	assert_int_equal(n, 0);
	make(&e, SESSION_RPC, &you, 1000);
	strlcpy(e.node_id, pi.id, sizeof(e.node_id));
	assert_int_equal(store_session_add(store, &e), STORE_OK);
	n = nitems(page);
	assert_int_equal(store_session_page(store, NULL, pi.id, 0, NULL, page,
	    &n), STORE_OK);
	assert_int_equal(n, 1);
	assert_string_equal(page[0].id, e.id);
}

static void
surplus_is_what_is_oldest(void **state)
{
	struct store_session	 old, e, child, found;
	int			 i;

	add(&old, SESSION_WEB, &me, 1000);
	for (i = 1; i <= 3; i++)
		add(&e, SESSION_WEB, &me, 1000 + i);
	make(&child, SESSION_WEB, &me, 900);
	strlcpy(child.parent, e.id, sizeof(child.parent));
	assert_int_equal(store_session_add(store, &child), STORE_OK);
	add(&e, SESSION_RPC, &me, 900);
	assert_int_equal(store_session_surplus(store, me.id, SESSION_WEB, "",
	    4, &found), STORE_NONE);
	assert_int_equal(store_session_surplus(store, me.id, SESSION_WEB, "",
	    3, &found), STORE_OK);
	assert_string_equal(found.id, old.id);
	assert_int_equal(store_session_surplus(store, me.id, SESSION_WEB,
	    child.parent, 0, &found), STORE_OK);
	assert_string_equal(found.id, child.id);
}

static void
what_has_expired_goes(void **state)
{
	struct store_session	 e, f, found;
	int			 i, n;

	for (i = 0; i < 5; i++)
		add(&e, SESSION_WEB, &me, 1000);
	add(&f, SESSION_WEB, &me, 2000);
	assert_int_equal(store_session_trim(store, 1499, 10, &n), STORE_OK);
	assert_int_equal(n, 0);
	assert_int_equal(store_session_trim(store, 1500, 3, &n), STORE_OK);
	assert_int_equal(n, 3);
	assert_int_equal(store_session_trim(store, 1500, 3, &n), STORE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(store_session_find(store, f.hash, &found), STORE_OK);
}

static void
odd_rows_of_others_let_nobody_in(void **state)
{
	static const char *const odd[] = {
		"UPDATE sessions SET kind = 'root'",
		"UPDATE sessions SET kind = 'web', expires_at = 0",
		"UPDATE sessions SET expires_at = 'never'",
		"UPDATE sessions SET expires_at=9, host=printf('%300s', '')",
	};
	struct store_session	 e, found;
	enum store_result	 r;
	size_t			 i;

	add(&e, SESSION_WEB, &me, 1000);
	for (i = 0; i < nitems(odd); i++) {
		assert_int_equal(store_exec(store, odd[i]), STORE_OK);
		r = store_session_find(store, e.hash, &found);
		assert_true(r == STORE_NONE ||
		    (r == STORE_OK && found.expires_at == 1));
	}
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(they_come_back_as_they_went),
		CASE(secrets_are_taken_once),
		CASE(they_go_with_what_they_rest_on),
		CASE(lists_come_in_pages),
		CASE(surplus_is_what_is_oldest),
		CASE(what_has_expired_goes),
		CASE(odd_rows_of_others_let_nobody_in),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
