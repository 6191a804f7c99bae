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
 * The file that keeps a log-in: where it lies, written, read back, and
 * damaged; and a token from standard input.
 */

#include "compat.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "login.h"

#define TOKEN	"culv_k_secret_check"

static char	 dir[] = "/tmp/culvert-login.XXXXXX";
static char	 file[64];

/* Its form is looked at elsewhere. */
int
token_parse(const char *s, struct token *t, const char **why)
{
	*why = "no token";
	return (strcmp(s, TOKEN) == 0 ? 0 : -1);
}

static void
put(const char *text, mode_t mode)
{
	FILE	*fp = fopen(file, "w");

	assert_non_null(fp);
	assert_int_not_equal(fputs(text, fp), EOF);
	assert_int_equal(fchmod(fileno(fp), mode), 0);
	assert_int_equal(fclose(fp), 0);
}

static char	 relay[] = "wss://r.example.org", name[] = "pi";
static char	 token[] = TOKEN, ca[] = "/etc/ca.pem", pin[] = "sha256:x";
static char	 proxy[] = "http://u:p@proxy:1", helper[] = "/bin/helper";

static const struct login	 all = { relay, name, token, ca, pin, proxy,
				    helper };

static void
what_is_written_is_read(void **state)
{
	const struct login	 some = { .relay = relay };
	struct login		 l;
	struct stat		 st;

	assert_int_equal(login_write(file, &all), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(login_read(file, &l), 0);
	assert_string_equal(l.relay, all.relay);
	assert_string_equal(l.name, all.name);
	assert_string_equal(l.token, all.token);
	assert_string_equal(l.ca, all.ca);
	assert_string_equal(l.pin, all.pin);
	assert_string_equal(l.proxy, all.proxy);
	assert_string_equal(l.helper, all.helper);
	login_clear(&l);
	assert_null(l.token);
	/* A new one takes the place of all of it. */
	assert_int_equal(login_write(file, &some), 0);
	assert_int_equal(login_read(file, &l), 0);
	assert_string_equal(l.relay, all.relay);
	assert_null(l.name);
	assert_null(l.proxy);
	login_clear(&l);
}

static void
what_is_not_written(void **state)
{
	char		 bad[][4] = { "a\"b", "a\\b", "a\nb" };
	struct login	 l = { .relay = relay };
	char		 path[5000], below[128];
	struct rlimit	 rl = { 0, RLIM_INFINITY };
	size_t		 i;

	put("relay \"wss://old\"\n", 0600);
	for (i = 0; i < nitems(bad); i++) {
		l.name = bad[i];
		assert_int_equal(login_write(file, &l), -1);
	}
	l.name = NULL;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(login_write(path, &l), -1);
	/* A file in the place of a folder, and a folder in that of a file. */
	snprintf(below, sizeof(below), "%s/x", file);
	assert_int_equal(login_write(below, &l), -1);
	snprintf(below, sizeof(below), "%s/x/y", file);
	assert_int_equal(login_write(below, &l), -1);
	assert_int_equal(login_write(dir, &l), -1);
	/* As if the disk were full. */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &rl), 0);
	assert_int_equal(login_write(file, &l), -1);
	rl.rlim_cur = RLIM_INFINITY;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &rl), 0);
	/* The old one is as it was, and nothing lies beside it. */
	assert_int_equal(login_read(file, &l), 0);
	assert_string_equal(l.relay, "wss://old");
	login_clear(&l);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
}

static void
folders_are_made(void **state)
{
	const struct login	 l = { .relay = relay };
	char			 path[128], *p;
	struct stat		 st;

	snprintf(path, sizeof(path), "%s/a/b/agentd.login", dir);
	assert_int_equal(login_write(path, &l), 0);
	assert_int_equal(unlink(path), 0);
	p = strrchr(path, '/');
	*p = '\0';
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(rmdir(path), 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
}

/* Whether something is said of a file that is not taken. */
static int
refused_with_a_reason(struct login *l)
{
	char		 said[] = "/tmp/culvert-said.XXXXXX";
	struct stat	 st;
	int		 ret, fd = mkstemp(said), was = dup(STDERR_FILENO);

	assert_int_not_equal(fd, -1);
	assert_int_not_equal(dup2(fd, STDERR_FILENO), -1);
	ret = login_read(file, l);
	fflush(stderr);
	assert_int_not_equal(dup2(was, STDERR_FILENO), -1);
	assert_int_equal(fstat(fd, &st), 0);
	close(was);
	close(fd);
	unlink(said);
	return (ret == -1 && st.st_size > 0);
}

static void
what_is_read(void **state)
{
	static const char *const	 good[] = {
		"", "\n\n# a comment\n", "relay \"wss://r\"", "name pi\n\n",
		"token " TOKEN "\ntoken " TOKEN "\n"
	};
	static const char *const	 bad[] = {
		"relay\n", "relay", "relay \"wss://r\" x\n", "relay {\n",
		"colour green\n", "\"relay\" \"wss://r\"\n", "{ }\n",
		"relay \"wss://r\n", "relay = x\n", "relay \"x\" \"y\"\n"
	};
	struct login			 l;
	size_t				 i;

	for (i = 0; i < nitems(good); i++) {
		put(good[i], 0600);
		if (login_read(file, &l) != 0)
			fail_msg("%s", good[i]);
		login_clear(&l);
	}
	for (i = 0; i < nitems(bad); i++) {
		put(bad[i], 0600);
		if (!refused_with_a_reason(&l))
			fail_msg("%s", bad[i]);
		assert_null(l.relay);
	}
}

static void
who_else_may_read_it(void **state)
{
	struct login	 l;
	char		 below[128];

	put("relay \"wss://r\"\n", 0640);
	assert_int_equal(login_read(file, &l), -1);
	put("relay \"wss://r\"\n", 0604);
	assert_int_equal(login_read(file, &l), -1);
	snprintf(below, sizeof(below), "%s/x", file);
	assert_int_equal(login_read(below, &l), -1);
	assert_int_equal(login_read("/nonexistent/file", &l), 1);
	assert_int_equal(login_read(dir, &l), -1);
	assert_null(login_slurp(dir));
	assert_null(login_token_file(dir));
}

static void
where_it_lies(void **state)
{
	char	 path[64], small[8];

	assert_int_equal(login_path("agentd", "/etc/culvert", path,
	    sizeof(path)), 0);
	assert_string_equal(path, "/etc/culvert/agentd.login");
	setenv("HOME", "/home/ann", 1);
	setenv("XDG_CONFIG_HOME", "/x", 1);
	assert_int_equal(login_path("accessctl", NULL, path, sizeof(path)),
	    0);
	assert_string_equal(path, "/x/culvert/accessctl.login");
	/* One that is not absolute is to be ignored. */
	setenv("XDG_CONFIG_HOME", "x", 1);
	assert_int_equal(login_path("agentd", NULL, path, sizeof(path)), 0);
	assert_string_equal(path, "/home/ann/.config/culvert/agentd.login");
	unsetenv("XDG_CONFIG_HOME");
	assert_int_equal(login_path("agentd", NULL, small, sizeof(small)),
	    -1);
	setenv("HOME", "ann", 1);
	assert_int_equal(login_path("agentd", NULL, path, sizeof(path)), -1);
	unsetenv("HOME");
	assert_int_equal(login_path("agentd", NULL, path, sizeof(path)), -1);
}

static void
a_token_from_standard_input(void **state)
{
	char	*got;

	put(" " TOKEN " \nmore\n", 0600);
	assert_non_null(freopen(file, "r", stdin));
	got = login_token(LOGIN_STDIN, NULL);
	assert_non_null(got);
	assert_string_equal(got, TOKEN);
	free(got);
	assert_null(login_token(LOGIN_STDIN, NULL));	/* "more" */
	assert_null(login_token(LOGIN_STDIN, NULL));	/* nothing */
	put(TOKEN, 0600);
	got = login_token(LOGIN_FILE, file);
	assert_non_null(got);
	free(got);
}

static int
begin(void **state)
{
	if (mkdtemp(dir) == NULL)
		return (-1);
	snprintf(file, sizeof(file), "%s/agentd.login", dir);
	return (0);
}

static int
end(void **state)
{
	unlink(file);
	return (rmdir(dir));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_not_written),
		cmocka_unit_test(folders_are_made),
		cmocka_unit_test(what_is_read),
		cmocka_unit_test(who_else_may_read_it),
		cmocka_unit_test(where_it_lies),
		cmocka_unit_test(a_token_from_standard_input),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, begin, end));
}
