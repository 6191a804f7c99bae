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
 * The words of a configuration: what the configurations of the daemons (see
 * conf.t) don't come to.
 */

/* link: regress/lib/nth_alloc.c regress/lib/parse_nth.c lib/conflex.c
 * lib/conflex_value.c lib/log.c lib/log_limit.c lib/log_sink.c */
/* flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup */

#include "compat.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conflex.h"
#include "log.h"
#include "parse_nth.h"

static char	 dir[] = "/tmp/conflex_test.XXXXXXXXXX";
static char	 path[sizeof(dir) + 8];

static int
setup(void **state)
{
	if (mkdtemp(dir) == NULL)
		return (-1);
	snprintf(path, sizeof(path), "%s/conf", dir);
	return (0);
}

static int
teardown(void **state)
{
	conflex_close();
	(void)unlink(path);
	return (rmdir(dir));
}

static void
file_is(const char *text)
{
	FILE	*fp;

	(void)unlink(path);
	assert_non_null(fp = fopen(path, "w"));
	assert_int_equal(fwrite(text, 1, strlen(text), fp), strlen(text));
	assert_int_equal(fclose(fp), 0);
}

static void
next(enum conflex_type type, const char *text)
{
	struct conflex_token	 t;

	conflex_next(&t);
	assert_int_equal(t.type, type);
	if (text != NULL)
		assert_string_equal(t.text, text);
	free(t.text);
}

static void
words_and_their_ends(void **state)
{
	file_is("# all of it\none \"two\" \\\n{three}\n# no end");
	assert_int_equal(conflex_open(path), 0);
	next(CONFLEX_NEWLINE, NULL);
	next(CONFLEX_WORD, "one");
	next(CONFLEX_STRING, "two");
	next(CONFLEX_CHAR, NULL);
	next(CONFLEX_WORD, "three");
	next(CONFLEX_CHAR, NULL);
	next(CONFLEX_NEWLINE, NULL);
	next(CONFLEX_NEWLINE, NULL);
	next(CONFLEX_EOF, NULL);
	next(CONFLEX_EOF, NULL);
	assert_int_equal(conflex_errors(), 0);
	conflex_close();
	next(CONFLEX_EOF, NULL);
}

static void
no_file(void **state)
{
	assert_int_equal(conflex_private(), 0);
	assert_int_equal(conflex_open("/nonexistent/conf"), -1);
	assert_int_equal(conflex_errors(), 1);
	/* Nothing is open that a relative name could lie beside. */
	assert_int_equal(conflex_include("nonexistent"), -1);
	conflex_close();
	assert_int_equal(conflex_errors(), 0);
}

static void
errors_without_a_file(void **state)
{
	int	 i;

	conflex_close();
	for (i = 1; i <= CONFLEX_ERRORS_MAX + 3; i++) {
		conflex_error("error %d", i);
		assert_int_equal(conflex_errors(), i);
	}
	conflex_close();
}

static void
a_path_that_is_too_long(void **state)
{
	char	 name[PATH_MAX + 1];

	file_is("one\n");
	assert_int_equal(conflex_open(path), 0);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(conflex_include(name), -1);
	assert_int_equal(conflex_errors(), 1);
	assert_int_equal(conflex_include("nonexistent"), -1);
	assert_int_equal(conflex_errors(), 2);
	next(CONFLEX_WORD, "one");
	conflex_close();
}

/* After so many errors the rest is not looked at. */
static void
too_many_errors(void **state)
{
	int	 i;

	file_is("one\n");
	assert_int_equal(conflex_open(path), 0);
	for (i = 0; i < CONFLEX_ERRORS_MAX; i++)
		conflex_error("again");
	next(CONFLEX_EOF, NULL);
	conflex_syntax(NULL, 0, NULL, 0);
	assert_int_equal(conflex_errors(), CONFLEX_ERRORS_MAX);
	conflex_close();
}

static void
who_may_read_it(void **state)
{
	file_is("one\n");
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(conflex_open(path), 0);
	assert_int_equal(conflex_private(), 1);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(conflex_private(), 0);
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(conflex_private(), 0);
	assert_int_equal(conflex_open("/dev/null"), 0);
	assert_int_equal(conflex_private(), 1);
	conflex_close();
}

static void
macros(void **state)
{
	assert_int_equal(conflex_macro_arg("novalue"), -1);
	assert_int_equal(conflex_macro_arg("=value"), -1);
	assert_int_equal(conflex_macro_arg("a-b=value"), -1);
	assert_int_equal(conflex_macro_arg("a=1"), 0);
	assert_int_equal(conflex_macro_arg("a=2"), 0);
	file_is("$a $b\n");
	assert_int_equal(conflex_open(path), 0);
	/* The file's does not replace that of the command line. */
	assert_int_equal(conflex_macro("a", "3", 0), 0);
	assert_int_equal(conflex_macro("b", "4", 0), 0);
	assert_int_equal(conflex_macro("b", "5", 0), 0);
	next(CONFLEX_WORD, "2");
	next(CONFLEX_WORD, "5");
	conflex_close();
	/* That of the file is forgotten with it. */
	assert_int_equal(conflex_open(path), 0);
	next(CONFLEX_WORD, "2");
	next(CONFLEX_ERROR, NULL);
	conflex_close();
}

static void
values(void **state)
{
	long long	 n;
	uint64_t	 v;

	assert_int_equal(conflex_number("7", 1, 8, &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(conflex_number("9", 1, 8, &n), -1);
	assert_int_equal(conflex_number("x", 1, 8, &n), -1);
	assert_int_equal(conflex_time("2m", &v), 0);
	assert_int_equal(v, 120000);
	assert_int_equal(conflex_size("16K", &v), 0);
	assert_int_equal(v, 16384);
	/* More than a number holds, by itself and times its unit. */
	assert_int_equal(conflex_size("99999999999999999999999", &v), -1);
	assert_int_equal(conflex_size("9223372036854775807G", &v), -1);
	assert_int_equal(conflex_time("9223372036854775807d", &v), -1);
	assert_int_equal(conflex_size("1T", &v), -1);
	assert_int_equal(conflex_size("", &v), -1);
	assert_int_equal(conflex_size("K", &v), -1);
}

/* ---- no memory ---- */

static const struct conflex_keyword	 keywords[] = {
	{ "one", 300 }, { "two", 301 },
};

static int
parse(const char *file)
{
	char	*text;
	int	 token, bad;

	if (conflex_macro_arg("arg=1") == -1 || conflex_open(file) == -1 ||
	    conflex_macro("arg", "2", 0) == -1 ||
	    conflex_macro("own", "3", 0) == -1 ||
	    conflex_macro("own", "4", 0) == -1)
		return (-1);
	do
		token = conflex_lex(keywords, nitems(keywords), 400, 401,
		    &text);
	while (token != 0);
	bad = conflex_errors() != 0;
	conflex_close();
	return (bad ? -1 : 0);
}

static void
each_allocation_fails(void **state)
{
	file_is("one two \"three\" $arg $own { 4 }\n# five\nsix\n");
	assert_in_range(parse_nth(path, parse), 15, 100);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(words_and_their_ends),
		cmocka_unit_test(no_file),
		cmocka_unit_test(errors_without_a_file),
		cmocka_unit_test(a_path_that_is_too_long),
		cmocka_unit_test(too_many_errors),
		cmocka_unit_test(who_may_read_it),
		cmocka_unit_test(macros),
		cmocka_unit_test(values),
		cmocka_unit_test(each_allocation_fails),
	};

	log_init("conflex", LOG_STYLE_TERMINAL, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, setup, teardown));
}
