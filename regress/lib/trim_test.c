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
 * Memory is given back once, a while after it was first asked for; what is
 * in a file is not kept, and still there.
 */

#include "compat.h"

#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "trim.h"

#ifdef __GLIBC__
#define TRIMS	1
#else
#define TRIMS	0		/* there is no malloc_trim */
#endif

#define PAGE	4096
#define PRESENT	(1ULL << 63)	/* Linux's admin-guide/mm/pagemap */

int		 __wrap_malloc_trim(size_t);

static struct event_base *base;
static int	 trims;

/* Many pages of the program's file; data and pointers that it has changed. */
static const char	 constant[64 * PAGE] = { "as in the file" };
static char			 variable[64 * PAGE] = { "as in the file" };
static const char *const volatile pointers[] = {
	constant, variable
};

int
__wrap_malloc_trim(size_t pad)
{
	trims++;
	return (0);
}

static void
once_for_many(void **state)
{
	int	 i;

	base = event_base_new();
	trim_free_later();			/* too early, and harmless */
	assert_int_equal(trim_init(base), 0);
	assert_int_equal(event_base_dispatch(base), 1);	/* nothing is due */
	for (i = 0; i < 1000; i++)
		trim_free_later();
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	assert_int_equal(trims, 0);
	event_base_dispatch(base);
	assert_int_equal(trims, TRIMS);
	trim_free_later();
	event_base_dispatch(base);
	assert_int_equal(trims, 2 * TRIMS);
}

#ifdef __linux__
static int
is_present(const volatile void *p)
{
	uint64_t	 entry;
	int		 fd;

	assert_int_not_equal(fd = open("/proc/self/pagemap", O_RDONLY), -1);
	assert_int_equal(pread(fd, &entry, sizeof(entry),
	    (off_t)((uintptr_t)p / (uintptr_t)getpagesize() *
	    sizeof(entry))), sizeof(entry));
	close(fd);
	return ((entry & PRESENT) != 0);
}

static void
of_the_file(void **state)
{
	const volatile char	*middle = &constant[sizeof(constant) / 2];

	strlcpy(variable, "changed", sizeof(variable));
	assert_int_equal(*middle, 0);
	assert_true(is_present(middle));
	trim_all();
	assert_false(is_present(middle));
	assert_int_equal(*middle, 0);
	trim_free_later();
	event_base_dispatch(base);
	assert_true(is_present(middle));
	trim_all_later();
	event_base_dispatch(base);
	assert_false(is_present(middle));
	assert_int_equal(*middle, 0);
	assert_string_equal(constant, "as in the file");
	assert_string_equal(variable, "changed");
	assert_ptr_equal(pointers[0], constant);
	assert_ptr_equal(pointers[1], variable);
}
#endif

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(once_for_many),
#ifdef __linux__
		cmocka_unit_test(of_the_file),
#endif
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("trim", tests, NULL, NULL));
}
