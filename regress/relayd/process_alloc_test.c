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
 * Router, auth and the parent, with their own rules and the dispatcher
 * itself, while they are told and asked all sorts of things, and each
 * allocation of it fails in turn.  A process may end then, in order; if it
 * does not, it serves on.
 */

/* link: regress/lib/flood.c regress/lib/nth_alloc.c regress/lib/nth_each.c
 * regress/relayd/hostile.c relayd/[a-z]*.c relayd/parse.y sql.c libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp
 * sqlite3 jansson crypt */
/* flags: -Wl,--wrap=main,--wrap=proc_parent,--wrap=proc_upgrade
 *	-Wl,--wrap=crypt_r,--wrap=asprintf
 *	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup */

#include "compat.h"

#include <err.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../lib/flood.h"
#include "../lib/nth_alloc.h"
#include "../lib/nth_each.h"
#include "hostile.h"

static void
run(void (*begin)(void), int kind, unsigned int n,
    void (*pick)(uint32_t, uint8_t *, size_t), void (*answers)(void))
{
	begin();
	flood_join(kind, 0);
	flood_run();
	nth_alloc_fail(nth_at());
	flood_messages(kind, 0, n, pick);
	nth_seen(nth_alloc_seen());
	nth_alloc_fail(0);
	answers();
}

static void
parent_of_router(void)
{
	run(hostile_parent, PROC_ROUTER, 40, hostile_to_parent,
	    hostile_parent_answers);
}

static void
auth_of_listener(void)
{
	run(hostile_auth, PROC_LISTENER, 60, hostile_to_auth,
	    hostile_auth_answers);
}

static void
auth_of_router(void)
{
	run(hostile_auth, PROC_ROUTER, 60, hostile_to_auth,
	    hostile_auth_answers);
}

static void
router_of_listener(void)
{
	run(hostile_router, PROC_LISTENER, 200, hostile_to_auth,
	    hostile_router_answers);
}

static void
router_of_auth(void)
{
	run(hostile_router, PROC_AUTH, 200, hostile_to_auth,
	    hostile_router_answers);
}

#define ALLOC_TEST(name)						\
	static void							\
	test_##name(void **state)					\
	{								\
		assert_true(nth_each(name) > 20);			\
	}

ALLOC_TEST(parent_of_router)
ALLOC_TEST(auth_of_listener)
ALLOC_TEST(auth_of_router)
ALLOC_TEST(router_of_listener)
ALLOC_TEST(router_of_auth)

int
hostile_tests(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_parent_of_router),
		cmocka_unit_test(test_auth_of_listener),
		cmocka_unit_test(test_auth_of_router),
		cmocka_unit_test(test_router_of_listener),
		cmocka_unit_test(test_router_of_auth),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
