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
 * Auth: the audit log, read by pages.
 */

/* link: regress/relayd/auth_fake.c regress/relayd/hand.c
 *	relayd/auth_*.c relayd/month.c relayd/nonce.c
 *	libculvert.a sql.c */
/* libs: libevent sqlite3 libcrypto crypt */

#include "compat.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_fake.h"

static const struct audit_page *
ask_audit(uint64_t after, int64_t since, const char *email, const char *node)
{
	struct audit_ask	 q;

	memset(&q, 0, sizeof(q));
	q.after = after;
	q.since = since;
	strlcpy(q.email, email, sizeof(q.email));
	strlcpy(q.node, node, sizeof(q.node));
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_audit_ask, PROC_ROUTER, 0,
	    IMSG_AUDIT_ASK, 7, &q, sizeof(q)), 0);
	return (fake_one(PROC_ROUTER, IMSG_AUDIT_PAGE,
	    sizeof(struct audit_page)));
}

static void
audit_add(int n, int64_t at, const char *email, const char *node)
{
	struct audit_event	 e = { .what = AUDIT_STREAM };

	strlcpy(e.email, email, sizeof(e.email));
	strlcpy(e.node, node, sizeof(e.node));
	while (n-- > 0) {
		e.at = at++;
		auth_audit(&e);
	}
}

static void
audit_log_is_told_by_pages(void **state)
{
	const struct audit_page	*p;
	size_t			 total = 0;
	int			 pages = 0;

	audit_add(600, 1000, "me@example.org", "pi");
	auth_audit_flush();
	p = ask_audit(0, 0, "", "");
	while (p->more) {
		total += fake_count(CTL_AUDIT_LINE);
		assert_true(fake_count(CTL_AUDIT_LINE) <= AUTH_AUDIT_PAGE);
		assert_true(++pages < 10);
		p = ask_audit(p->after, 0, "", "");
	}
	total += fake_count(CTL_AUDIT_LINE);
	assert_int_equal(total, 600);
	assert_int_equal(pages, 2);
	/* What comes later is found from there on, also if not written yet. */
	audit_add(3, 2000, "me@example.org", "pi");
	p = ask_audit(p->after, 0, "", "");
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 3);
	assert_false(p->more);
	p = ask_audit(p->after, 0, "", "");
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 0);
}

static void
audit_log_is_chosen_from(void **state)
{
	const struct audit_page	*p;

	audit_add(5, 1000, "me@example.org", "pi");
	audit_add(7, 2000, "you@example.org", "pi");
	audit_add(9, 3000, "me@example.org", "po");
	(void)ask_audit(0, 0, "me@example.org", "");
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 14);
	(void)ask_audit(0, 0, "", "pi");
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 12);
	(void)ask_audit(0, 0, "me@example.org", "pi");
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 5);
	(void)ask_audit(0, 0, "Me@Example.org", "PI");
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 5);
	(void)ask_audit(0, 2000, "", "");
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 16);
	(void)ask_audit(0, 2000, "me@example.org", "");
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 9);
	/* Nothing since then, but from now on. */
	p = ask_audit(0, 99999, "", "");
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 0);
	assert_int_equal(p->after, 21);
	assert_false(p->more);
	/* Emptied, it counts from the beginning. */
	fake_sql("DELETE FROM audit");
	p = ask_audit(21, 1, "", "");
	assert_int_equal(p->after, 0);
}

static void
audit_log_waits_for_room_and_the_store(void **state)
{
	const struct audit_page	*p;

	audit_add(5, 1000, "me@example.org", "pi");
	fake_queued = PROC_QUEUE_HIGH + 1;
	p = ask_audit(3, 0, "", "");
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 0);
	assert_int_equal(p->after, 3);
	assert_true(p->more);
	fake_queued = 0;
	auth_audit_flush();
	fake_store_close();
	p = ask_audit(3, 0, "", "");
	assert_true(p->failed);
	fake_store_open();
	p = ask_audit(3, 0, "", "");
	assert_false(p->failed);
	assert_int_equal(fake_count(CTL_AUDIT_LINE), 2);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		FAKE_CASE(audit_log_is_told_by_pages),
		FAKE_CASE(audit_log_is_chosen_from),
		FAKE_CASE(audit_log_waits_for_room_and_the_store),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
