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

/* link: lib/trim.c */
/* libs: libevent */
/* flags: -Wl,--wrap=malloc_trim */

/*
 * Memory is given back once, a while after it was first asked for.
 */

#include "compat.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trim.h"

#ifdef __GLIBC__
#define TRIMS	1
#else
#define TRIMS	0		/* memory_trim does nothing */
#endif

int		 __wrap_malloc_trim(size_t);

static int	 trims;

int
__wrap_malloc_trim(size_t pad)
{
	trims++;
	return (0);
}

static void
once_for_many(void **state)
{
	struct event_base	*base = event_base_new();
	int			 i;

	trim_later();			/* too early, and harmless */
	assert_int_equal(trim_init(base), 0);
	assert_int_equal(event_base_dispatch(base), 1);	/* nothing is due */
	for (i = 0; i < 1000; i++)
		trim_later();
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	assert_int_equal(trims, 0);
	event_base_dispatch(base);
	assert_int_equal(trims, TRIMS);
	trim_later();
	event_base_dispatch(base);
	assert_int_equal(trims, 2 * TRIMS);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(once_for_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("trim", tests, NULL, NULL));
}
