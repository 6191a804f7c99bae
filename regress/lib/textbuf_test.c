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

/* link: lib/textbuf.c */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "textbuf.h"

static void
json(const char *in, const char *want)
{
	struct textbuf	 t;

	textbuf_init(&t, 1000);
	textbuf_json(&t, in);
	assert_int_equal(t.failed, 0);
	assert_string_equal(t.s, want);
	assert_int_equal(t.len, strlen(want));
	textbuf_free(&t);
}

static void
strings_of_json(void **state)
{
	json("", "\"\"");
	json("you@example.org", "\"you@example.org\"");
	json("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	json("\n\t\x01\x1f\x7f", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\"");
	json("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\x8a",
	    "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\x8a\"");
}

static void
what_is_no_utf8(void **state)
{
#define R	"\xef\xbf\xbd"
	json("\xff", "\"" R "\"");
	json("a\x80z", "\"a" R "z\"");
	json("\xc3", "\"" R "\"");
	json("\xe2\x82", "\"" R R "\"");
	json("\xc0\xaf", "\"" R R "\"");
	json("\xe0\x80\xaf", "\"" R R R "\"");
	json("\xed\xa0\x80", "\"" R R R "\"");
	json("\xf0\x80\x80\xaf", "\"" R R R R "\"");
	json("\xf4\x90\x80\x80", "\"" R R R R "\"");
	json("\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\"");
	json("\xed\x9f\xbf", "\"\xed\x9f\xbf\"");
	json("\xf0\x9f\x8c", "\"" R R R "\"");
}

static void
labels_of_prometheus(void **state)
{
	struct textbuf	 t;

	textbuf_init(&t, 1000);
	textbuf_label(&t, "a\"b\\c\nd\te\xff\xc3\xbc");
	assert_string_equal(t.s, "\"a\\\"b\\\\c\\nd\te" R "\xc3\xbc\"");
	textbuf_free(&t);
}

static void
it_grows_up_to_its_bound(void **state)
{
	struct textbuf	 t;
	int		 i;

	textbuf_init(&t, 10000);
	for (i = 0; i < 1000; i++)
		textbuf_add(&t, "%09d ", i);
	assert_int_equal(t.failed, 0);
	assert_int_equal(t.len, 10000);
	assert_int_equal(strlen(t.s), 10000);
	assert_memory_equal(t.s + 9990, "000000999 ", 10);
	textbuf_add(&t, "%s", "");
	assert_int_equal(t.failed, 0);
	textbuf_add(&t, "x");
	assert_int_equal(t.failed, 1);
	assert_int_equal(t.len, 10000);
	/* And no more, so that nothing is missing in the middle. */
	textbuf_add(&t, "%s", "");
	assert_int_equal(t.failed, 1);
	textbuf_clear(&t);
	assert_int_equal(t.failed, 0);
	assert_string_equal(t.s, "");
	textbuf_add(&t, "%s", "once more");
	assert_string_equal(t.s, "once more");
	textbuf_free(&t);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(strings_of_json),
		cmocka_unit_test(what_is_no_utf8),
		cmocka_unit_test(labels_of_prometheus),
		cmocka_unit_test(it_grows_up_to_its_bound),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
