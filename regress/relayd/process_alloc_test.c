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

/* link: regress/lib/flood.c regress/lib/nth_alloc.c regress/relayd/hostile.c
 * relayd/[a-z]*.c relayd/parse.y sql.c libculvert.a */
/* libs: libevent libtls libssl libcrypto libseccomp sqlite3 jansson crypt */
/* flags: -Wl,--wrap=main,--wrap=proc_parent,--wrap=proc_upgrade
 *	-Wl,--wrap=crypt_r,--wrap=asprintf
 *	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup */

#include "compat.h"

#include <sys/mman.h>
#include <sys/wait.h>

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
#include "hostile.h"


/* Seen by the test and by the process it watches. */
static struct shared {
	unsigned int	 at, seen;
} *shared;

static void
run(void (*begin)(void), int kind, unsigned int n,
    void (*pick)(uint32_t, uint8_t *, size_t), void (*answers)(void))
{
	begin();
	flood_join(kind, 0);
	flood_run();
	nth_alloc_fail(shared->at);
	flood_messages(kind, 0, n, pick);
	shared->seen = nth_alloc_seen();
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

static void
each_fails(void (*scenario)(void))
{
	unsigned int	 ended = 0, lived = 0;
	int		 status;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	flood_may_end = 1;
	for (shared->at = 1; ; shared->at++) {
		shared->seen = shared->at;	/* if it ends in between */
		status = flood_apart(scenario);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			lived++;
		else if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
			ended++;
		else
			fail_msg("allocation %u: status %#x", shared->at,
			    status);
		if (shared->seen < shared->at)
			break;
	}
	printf("# %u allocations, %u times it ended\n", shared->at - 1, ended);
	assert_true(shared->at > 20 && lived > 0);
	munmap(shared, sizeof(*shared));
}

#define ALLOC_TEST(name)						\
	static void							\
	test_##name(void **state)					\
	{								\
		each_fails(name);					\
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
