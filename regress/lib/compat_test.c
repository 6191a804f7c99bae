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
 * What every file counts on: compat.h, and the BSD functions behind it.
 */

/* link: */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static __dead void	 leave(jmp_buf);

static void
leave(jmp_buf env)
{
	longjmp(env, 1);
}

static void
nitems_counts_elements(void **state __unused)
{
	static const char	*words[] = { "node", "link", "stream" };
	struct { int a, b; }	 pairs[7];

	assert_int_equal(nitems(words), 3);
	assert_int_equal(nitems(pairs), 7);
}

static void
dead_function_does_not_return(void **state __unused)
{
	jmp_buf	env;

	if (setjmp(env) == 0)
		leave(env);
}

static void
strlcpy_truncates_and_tells(void **state __unused)
{
	char	buf[5];

	assert_int_equal(strlcpy(buf, "culvert", sizeof(buf)), 7);
	assert_string_equal(buf, "culv");
	assert_int_equal(strlcpy(buf, "ok", sizeof(buf)), 2);
	assert_string_equal(buf, "ok");
}

static void
strtonum_refuses_out_of_range(void **state __unused)
{
	const char	*errstr;

	assert_int_equal(strtonum("65535", 1, 65535, &errstr), 65535);
	assert_null(errstr);
	strtonum("65536", 1, 65535, &errstr);
	assert_string_equal(errstr, "too large");
	strtonum("22x", 1, 65535, &errstr);
	assert_string_equal(errstr, "invalid");
}

static void
reallocarray_refuses_overflow(void **state __unused)
{
	volatile size_t	 half = SIZE_MAX / 2;

	assert_null(reallocarray(NULL, half, 3));
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		cmocka_unit_test(nitems_counts_elements),
		cmocka_unit_test(dead_function_does_not_return),
		cmocka_unit_test(strlcpy_truncates_and_tells),
		cmocka_unit_test(strtonum_refuses_out_of_range),
		cmocka_unit_test(reallocarray_refuses_overflow),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
