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

/* link: lib/login.c lib/conflex.c lib/log.c */
/* libs: libbsd */

/*
 * Files of any length are read whole, in as much memory as they need, and
 * tokens only from those that nobody else may read.
 */

#include "compat.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "log.h"
#include "login.h"

#define TOKEN	"culv_k_secret_check"

static char	 file[] = "/tmp/culvert-login.XXXXXX";

/* Its form is looked at elsewhere. */
int
token_parse(const char *s, struct token *t, const char **why)
{
	*why = "no token";
	return (strcmp(s, TOKEN) == 0 ? 0 : -1);
}

static void
put(const char *text, size_t n, mode_t mode)
{
	int	 fd = open(file, O_WRONLY | O_TRUNC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
files_of_any_length(void **state)
{
	static const size_t	 lens[] = { 0, 1, 4094, 4095, 4096, 8191, 8192,
				    100000, 1024 * 1024 - 2 };
	char			*text = malloc(1024 * 1024), *got;
	size_t			 i;

	assert_non_null(text);
	for (i = 0; i < 1024 * 1024; i++)
		text[i] = 'a' + i % 23;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		put(text, lens[i], 0644);
		got = login_slurp(file);
		assert_non_null(got);
		assert_int_equal(strlen(got), lens[i]);
		assert_memory_equal(got, text, lens[i]);
		free(got);
	}
	put(text, 1024 * 1024, 0644);
	assert_null(login_slurp(file));
	assert_null(login_slurp("/nonexistent/file"));
	free(text);
}

#ifdef __GLIBC__
/* It is kept for as long as the program runs. */
static void
no_more_memory_than_it_needs(void **state)
{
	char	*got;

	put("0123456789", 10, 0644);
	got = login_slurp(file);
	assert_non_null(got);
	assert_true(malloc_usable_size(got) < 16384);
	free(got);
}
#endif

static void
tokens_that_nobody_else_may_read(void **state)
{
	char	*token;

	put("  " TOKEN " \r\nmore\n", sizeof("  " TOKEN " \r\nmore\n") - 1,
	    0600);
	token = login_token_file(file);
	assert_non_null(token);
	assert_string_equal(token, TOKEN);
	free(token);
	put(TOKEN, sizeof(TOKEN) - 1, 0640);
	assert_null(login_token_file(file));
	put("culv_other", 10, 0600);
	assert_null(login_token_file(file));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(files_of_any_length),
#ifdef __GLIBC__
		cmocka_unit_test(no_more_memory_than_it_needs),
#endif
		cmocka_unit_test(tokens_that_nobody_else_may_read),
	};
	int			 fd, failed;

	log_init("login_test", LOG_STYLE_TERMINAL, 0);
	if ((fd = mkstemp(file)) == -1)
		return (1);
	close(fd);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests_name("login", tests, NULL, NULL);
	unlink(file);
	return (failed);
}
