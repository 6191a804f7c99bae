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
 * The control socket: what memory there is, and the audit log, which are put
 * together of what other processes tell.
 */

/*
 * link: regress/relayd/control_client.c regress/relayd/router_fake.c
 * link: relayd/router*.c relayd/month.c relayd/control_*.c relayd/memory.c
 * link: libculvert.a
 */
/* libs: libevent */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control_client.h"
#include "control_req.h"
#include "msg_list.h"
#include "router.h"

/* ---- memory ---- */

#define P	PROC_PARENT

static void
tell(int kind, int instance, uint32_t id, uint32_t what, uint64_t thing,
    uint32_t part, uint64_t after, uint32_t more)
{
	struct ctl_memory	 m;
	struct memory_page	 page;

	memory_line(&m, what, kind, instance);
	m.id = thing;
	assert_int_equal(fake_say(kind, instance, CTL_MEMORY_LINE, id, &m,
	    sizeof(m)), 0);
	memset(&page, 0, sizeof(page));
	page.part = part;
	page.after = after;
	page.more = more;
	assert_int_equal(fake_say(kind, instance, IMSG_MEMORY_PAGE, id, &page,
	    sizeof(page)), 0);
}

static void
expect_taken(struct imsgbuf *c, const char *process, uint64_t thing,
    const char *email)
{
	struct ctl_memory	 m;
	uint32_t		 type;

	do {
		assert_int_equal(hear(c, &type, &m, sizeof(m)), 1);
		assert_int_equal(type, CTL_MEMORY_LINE);
	} while (strcmp(m.process, "router") == 0);
	assert_string_equal(m.process, process);
	assert_int_equal(m.id, thing);
	assert_string_equal(m.email, email);
}

static int
asked_memory(int kind, int instance, uint32_t *id, struct memory_page *page)
{
	return (fake_took(kind, instance, IMSG_MEMORY_ASK, id, page,
	    sizeof(*page)));
}

static void
memory_is_asked_of_one_after_the_other(void **state)
{
	struct ctl_memory_ask	 ask;
	struct memory_page	 page;
	struct imsgbuf		 c;
	uint32_t		 id;

	fake_up(L, 1);
	busy(1);
	dial(&c);
	memset(&ask, 0, sizeof(ask));
	say(&c, CTL_MEMORY, &ask, sizeof(ask));
	assert_true(asked_memory(P, 0, &id, &page));
	assert_false(asked_memory(A, 0, &id, &page));
	tell(P, 0, id, MEMORY_PROCESS, 5, 0, 0, 0);
	assert_true(asked_memory(A, 0, &id, &page));
	/* What comes out of turn is nobody's. */
	tell(L, 0, id, MEMORY_LINK, 77, 3, 0, 0);
	tell(A, 0, id, MEMORY_THINGS, 6, 0, 0, 0);
	assert_true(asked_memory(L, 0, &id, &page));
	assert_int_equal(page.part, 0);
	tell(L, 0, id, MEMORY_LINK, 7, 1, 42, 1);
	assert_true(asked_memory(L, 0, &id, &page));
	assert_int_equal(page.part, 1);
	assert_int_equal(page.after, 42);
	/* Whose the stream is router knows. */
	tell(L, 0, id, MEMORY_STREAM, 1, 5, 0, 0);
	assert_true(asked_memory(L, 1, &id, &page));
	assert_int_equal(page.part, 0);
	tell(L, 1, id, MEMORY_STREAM, 99, 0, 0, 0);
	expect_taken(&c, "parent", 5, "");
	expect_taken(&c, "auth", 6, "");
	expect_taken(&c, "listener 0", 7, "");
	expect_taken(&c, "listener 0", 1, "ann@example.org");
	expect_taken(&c, "listener 1", 99, "");
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	hang_up(&c);
	fake_down(L, 1);
}

static void
memory_does_not_wait_for_who_is_silent(void **state)
{
	struct ctl_memory_ask	 ask;
	struct memory_page	 page;
	struct ctl_memory	 m;
	struct imsgbuf		 c;
	uint32_t		 id, type;
	int			 i;

	fake_down(A, 0);
	dial(&c);
	memset(&ask, 0, sizeof(ask));
	say(&c, CTL_MEMORY, &ask, sizeof(ask));
	assert_true(asked_memory(P, 0, &id, &page));
	tell(P, 0, id, MEMORY_PROCESS, 5, 0, 0, 0);
	/* Auth is away, and the listener hangs. */
	assert_true(asked_memory(L, 0, &id, &page));
	fake_run(3500);
	for (i = 0; i < 20; i++) {
		assert_int_equal(hear(&c, &type, &m, sizeof(m)), 1);
		if (type == CTL_OK)
			break;
	}
	assert_int_equal(type, CTL_OK);
	tell(L, 0, id, MEMORY_LINK, 7, 1, 42, 1);
	hang_up(&c);
	fake_up(A, 0);
}

static void
memory_requests_are_checked(void **state)
{
	struct ctl_memory_ask	 ask;
	struct imsgbuf		 c;

	dial(&c);
	memset(&ask, 0, sizeof(ask));
	ask.process = 3;
	say(&c, CTL_MEMORY, &ask, sizeof(ask));
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
}

/* ---- the audit log ---- */

static void
say_audit(struct imsgbuf *c, int follow)
{
	struct ctl_audit_ask	 ask;

	memset(&ask, 0, sizeof(ask));
	ask.follow = follow;
	strlcpy(ask.email, "Ann@example.org", sizeof(ask.email));
	say(c, CTL_AUDIT, &ask, sizeof(ask));
}

static void
auth_lines(uint32_t id, uint64_t from, uint64_t to, int more)
{
	struct ctl_audit	 a;
	struct audit_page	 page;

	for (; from <= to; from++) {
		memset(&a, 0, sizeof(a));
		a.id = from;
		assert_int_equal(fake_say(A, 0, CTL_AUDIT_LINE, id, &a,
		    sizeof(a)), 0);
	}
	memset(&page, 0, sizeof(page));
	page.after = to;
	page.more = more;
	assert_int_equal(fake_say(A, 0, IMSG_AUDIT_PAGE, id, &page,
	    sizeof(page)), 0);
}

/* Where auth is asked to begin, within so many ms; -1: it is not. */
static int64_t
auth_asked(uint32_t *id, int ms)
{
	struct audit_ask	 ask;

	for (; ms > 0; ms -= MS) {
		if (fake_took(A, 0, IMSG_AUDIT_ASK, id, &ask, sizeof(ask))) {
			assert_string_equal(ask.email, "ann@example.org");
			return (ask.after);
		}
		fake_run(MS);
	}
	return (-1);
}

static void
expect_lines(struct imsgbuf *c, uint64_t from, uint64_t to)
{
	struct ctl_audit	 a;
	uint32_t		 type;

	for (; from <= to; from++) {
		assert_int_equal(hear(c, &type, &a, sizeof(a)), 1);
		assert_int_equal(type, CTL_AUDIT_LINE);
		assert_int_equal(a.id, from);
	}
}

static void
audit_log_comes_in_pages(void **state)
{
	struct imsgbuf	 c;
	uint32_t	 id;

	dial(&c);
	say_audit(&c, 0);
	assert_int_equal(auth_asked(&id, 1000), 0);
	auth_lines(id, 1, 20, 1);
	assert_int_equal(auth_asked(&id, 1000), 20);
	auth_lines(id, 21, 25, 0);
	expect_lines(&c, 1, 25);
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	hang_up(&c);
}

static void
audit_log_is_followed_past_a_new_auth(void **state)
{
	struct imsgbuf	 c;
	uint32_t	 id;

	dial(&c);
	say_audit(&c, 1);
	assert_int_equal(auth_asked(&id, 1000), 0);
	auth_lines(id, 1, 5, 0);
	expect_lines(&c, 1, 5);
	/* It looks again, and finds more. */
	assert_int_equal(auth_asked(&id, 5000), 5);
	auth_lines(id, 6, 6, 0);
	expect_lines(&c, 6, 6);
	fake_down(A, 0);
	fake_run(700);
	fake_up(A, 0);
	assert_int_equal(auth_asked(&id, 5000), 6);
	/* Half a page, and it is gone; the next one begins behind that. */
	auth_lines(id, 7, 8, 1);
	expect_lines(&c, 7, 8);
	assert_int_equal(auth_asked(&id, 1000), 8);
	fake_down(A, 0);
	fake_up(A, 0);
	assert_int_equal(auth_asked(&id, 10000), 8);
	/* What comes twice is told once. */
	auth_lines(id, 7, 9, 0);
	expect_lines(&c, 9, 9);
	hang_up(&c);
	assert_int_equal(auth_asked(&id, 1000), -1);
}

static void
audit_log_is_not_asked_of_nobody_for_ever(void **state)
{
	struct imsgbuf	 c;

	dial(&c);
	fake_down(A, 0);
	say_audit(&c, 0);
	fake_run(6000);
	expect_end(&c, CTL_ERROR, CTL_CODE_STORE);
	fake_up(A, 0);
	hang_up(&c);
}

/* No more is fetched than the client takes. */
static void
audit_log_waits_for_its_reader(void **state)
{
	struct imsgbuf	 c;
	int64_t		 asked, next = 1;
	uint32_t	 id;
	int		 pages = 0;

	dial(&c);
	say_audit(&c, 1);
	while ((asked = auth_asked(&id, 1500)) != -1) {
		assert_int_equal(asked, next - 1);
		auth_lines(id, next, next + 255, 1);
		next += 256;
		assert_true(++pages < 50);
	}
	assert_true(pages > 1);
	expect_lines(&c, 1, next - 1);
	assert_int_equal(auth_asked(&id, 5000), next - 1);
	auth_lines(id, next, next, 0);
	expect_lines(&c, next, next);
	hang_up(&c);
}

static void
audit_requests_are_checked(void **state)
{
	struct ctl_audit_ask	 ask;
	struct imsgbuf		 c;

	dial(&c);
	memset(&ask, 0, sizeof(ask));
	memset(ask.node, 'x', sizeof(ask.node));
	say(&c, CTL_AUDIT, &ask, sizeof(ask));
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
	dial(&c);
	memset(&ask, 0, sizeof(ask));
	ask.since = -1;
	say(&c, CTL_AUDIT, &ask, sizeof(ask));
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
	dial(&c);
	memset(&ask, 0, sizeof(ask));
	ask.after = (uint64_t)INT64_MAX + 1;
	say(&c, CTL_AUDIT, &ask, sizeof(ask));
	expect_end(&c, CTL_ERROR, CTL_CODE_INVALID);
	expect_hang_up(&c);
}

static void
audit_log_goes_on_behind_a_line(void **state)
{
	struct ctl_audit_ask	 ask;
	struct imsgbuf		 c;
	uint32_t		 id;

	dial(&c);
	memset(&ask, 0, sizeof(ask));
	ask.after = 7;
	strlcpy(ask.email, "Ann@example.org", sizeof(ask.email));
	say(&c, CTL_AUDIT, &ask, sizeof(ask));
	assert_int_equal(auth_asked(&id, 1000), 7);
	auth_lines(id, 7, 9, 0);
	expect_lines(&c, 8, 9);
	expect_end(&c, CTL_OK, CTL_CODE_OK);
	hang_up(&c);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CONTROL_CASE(memory_is_asked_of_one_after_the_other),
		CONTROL_CASE(memory_does_not_wait_for_who_is_silent),
		CONTROL_CASE(memory_requests_are_checked),
		CONTROL_CASE(audit_log_comes_in_pages),
		CONTROL_CASE(audit_log_is_followed_past_a_new_auth),
		CONTROL_CASE(audit_log_is_not_asked_of_nobody_for_ever),
		CONTROL_CASE(audit_log_waits_for_its_reader),
		CONTROL_CASE(audit_requests_are_checked),
		CONTROL_CASE(audit_log_goes_on_behind_a_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, control_begin, control_finish));
}
