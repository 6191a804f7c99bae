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
 * What may be promised on small machines and large ones.
 */

/* link: lib/physmem.c */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "physmem.h"

#define MIB	(1ULL << 20)
#define MOST	(1024 * MIB)

static void
a_small_machine_promises_a_part_of_it(void **state __unused)
{
	assert_int_equal(physmem_part(512 * MIB, MOST), 128 * MIB);
	assert_int_equal(physmem_part(1024 * MIB, MOST), 256 * MIB);
	assert_int_equal(physmem_part(2048 * MIB, MOST), 512 * MIB);
}

static void
a_large_one_no_more_than_is_asked_for(void **state __unused)
{
	assert_int_equal(physmem_part(4096 * MIB, MOST), MOST);
	assert_int_equal(physmem_part(UINT64_MAX, MOST), MOST);
	assert_int_equal(physmem_part(8192 * MIB, 1 * MIB), 1 * MIB);
}

static void
a_tiny_one_enough_for_some_streams(void **state __unused)
{
	assert_int_equal(physmem_part(1, MOST), PHYSMEM_LEAST);
	assert_int_equal(physmem_part(63 * MIB, MOST), PHYSMEM_LEAST);
}

static void
one_that_does_not_say_all_of_it(void **state __unused)
{
	assert_int_equal(physmem_part(0, MOST), MOST);
}

static void
this_one_is_within_the_bounds(void **state __unused)
{
	assert_in_range(physmem_budget(MOST), PHYSMEM_LEAST, MOST);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(a_small_machine_promises_a_part_of_it),
		cmocka_unit_test(a_large_one_no_more_than_is_asked_for),
		cmocka_unit_test(a_tiny_one_enough_for_some_streams),
		cmocka_unit_test(one_that_does_not_say_all_of_it),
		cmocka_unit_test(this_one_is_within_the_bounds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
