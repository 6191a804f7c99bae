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
 * What a process leaves to the next: written, read back, and damaged.
 */

/* link: lib/state.c */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "state.h"

struct seen {
	char	 text[4096];
	int	 lines;
	int	 stop;		/* refuse this one */
};

static int
see(const struct state_line *line, void *arg)
{
	struct seen	*s = arg;
	size_t		 i;

	strlcat(s->text, line->name, sizeof(s->text));
	for (i = 0; i < line->n; i++) {
		strlcat(s->text, "|", sizeof(s->text));
		strlcat(s->text, line->fields[i], sizeof(s->text));
	}
	strlcat(s->text, "\n", sizeof(s->text));
	return (++s->lines == s->stop ? -1 : 0);
}

static int
reads(const char *text, struct seen *s, const char **why)
{
	char	*copy = strdup(text);
	int	 ret;

	memset(s, 0, sizeof(*s));
	assert_non_null(copy);
	ret = state_read(copy, strlen(copy), see, s, why);
	free(copy);
	return (ret);
}

static void
what_is_written_is_read(void **unused)
{
	struct state	 st = { 0 };
	struct seen	 s = { .lines = 0 };
	const char	*why;

	state_begin(&st, "kid");
	state_text(&st, "listener");
	state_number(&st, -1);
	state_number(&st, 1234567890123LL);
	state_end(&st);
	state_begin(&st, "odd");
	state_text(&st, "");
	state_text(&st, "a b%c\n\x7f\xff");
	state_text(&st, "%");
	state_end(&st);
	state_begin(&st, "none");
	state_end(&st);
	assert_int_equal(state_done(&st), 0);
	assert_int_equal(state_read(st.buf, st.len, see, &s, &why), 0);
	assert_string_equal(s.text, "kid|listener|-1|1234567890123\n"
	    "odd||a b%c\n\x7f\xff|%\nnone\n");
	state_free(&st);
	assert_null(st.buf);
}

static void
its_form_is_known(void **unused)
{
	struct state	 st = { 0 };

	state_begin(&st, "path");
	state_text(&st, "/a b");
	state_end(&st);
	assert_int_equal(state_done(&st), 0);
	assert_int_equal(st.len, strlen("culvert-state 1\npath /a%20b\nend\n"));
	assert_memory_equal(st.buf, "culvert-state 1\npath /a%20b\nend\n",
	    st.len);
	state_free(&st);
}

static void
later_versions_may_say_more(void **unused)
{
	struct seen	 s;
	const char	*why;

	assert_int_equal(reads("culvert-state 1 more\nnew thing\n"
	    "many 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\nend it\n"
	    "rubbish", &s, &why), 0);
	assert_int_equal(s.lines, 2);
	assert_string_equal(s.text, "new|thing\n"
	    "many|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16\n");
}

static void
what_is_damaged_is_refused(void **unused)
{
	static const char *const	 bad[] = {
		"", "\n", "culvert-state 1", "culvert-state 1\n",
		"culvert-state 1\na b\n", "culvert-state 1\na b\nend",
		"culvert-state 2\nend\n", "culvert-state\nend\n",
		"other 1\nend\n", "end\n", "culvert-state 1\n\nend\n",
		"culvert-state 1\na  b\nend\n", "culvert-state 1\na \nend\n",
		"culvert-state 1\na %\x31\nend\n",
		"culvert-state 1\na %2\nend\n", "culvert-state 1\na x%\nend\n",
		"culvert-state 1\na %00\nend\n",
		"culvert-state 1\na %zz\nend\n",
		"culvert-state 1\na %2G\nend\n",
		"culvert-state 1\na \t\nend\n",
		"culvert-state 1\na \x80\nend\n",
		"culvert-state 1\na \x7f\nend\n",
		"culvert-state 1\nA b\nend\n",
		"culvert-state 1\na1 b\nend\n",
	};
	struct seen			 s;
	const char			*why;
	char				 nul[] = "culvert-state 1\na \0\nend\n";
	size_t				 i;

	for (i = 0; i < nitems(bad); i++) {
		why = NULL;
		if (reads(bad[i], &s, &why) != -1)
			fail_msg("%s is read", bad[i]);
		assert_non_null(why);
	}
	assert_int_equal(state_read(nul, sizeof(nul) - 1, see, &s, &why), -1);
}

static void
reader_may_stop(void **unused)
{
	struct state	 st = { 0 };
	struct seen	 s = { .stop = 1 };
	const char	*why;

	state_begin(&st, "a");
	state_end(&st);
	state_begin(&st, "b");
	state_end(&st);
	assert_int_equal(state_done(&st), 0);
	assert_int_equal(state_read(st.buf, st.len, see, &s, &why), -1);
	assert_int_equal(s.lines, 1);
	state_free(&st);
}

static void
numbers_have_bounds(void **unused)
{
	char			 words[][8] = { "7", "-1", "x", "", "99" };
	struct state_line	 line = { .n = 5 };
	long long		 n;
	size_t			 i;

	for (i = 0; i < 5; i++)
		line.fields[i] = words[i];
	assert_int_equal(state_get(&line, 0, 0, 10, &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(state_get(&line, 0, 7, 7, &n), 0);
	assert_int_equal(state_get(&line, 0, 8, 10, &n), -1);
	assert_int_equal(state_get(&line, 1, 0, 10, &n), -1);
	assert_int_equal(state_get(&line, 1, -1, 10, &n), 0);
	assert_int_equal(state_get(&line, 2, 0, 10, &n), -1);
	assert_int_equal(state_get(&line, 3, 0, 10, &n), -1);
	assert_int_equal(state_get(&line, 4, 0, 10, &n), -1);
	assert_int_equal(state_get(&line, 5, 0, 10, &n), -1);
}

static void
it_has_a_limit(void **unused)
{
	struct state	 st = { 0 };
	int		 i;

	for (i = 0; i < STATE_MAX / 8 && !st.failed; i++) {
		state_begin(&st, "line");
		state_number(&st, 100000);
		state_end(&st);
	}
	assert_int_equal(st.failed, 1);
	assert_true(st.size <= STATE_MAX);
	assert_int_equal(state_done(&st), -1);
	state_free(&st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(its_form_is_known),
		cmocka_unit_test(later_versions_may_say_more),
		cmocka_unit_test(what_is_damaged_is_refused),
		cmocka_unit_test(reader_may_stop),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(it_has_a_limit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
