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

/* link: lib/log.c */

#include "compat.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"

static char	 out[8192];
static int	 pfd[2], saved;

/* From here on descriptor 2 is ours; end with caught(). */
static void
catch(void)
{
	assert_int_equal(pipe2(pfd, O_NONBLOCK), 0);
	saved = dup(2);
	assert_int_equal(dup2(pfd[1], 2), 2);
}

static char *
caught(void)
{
	ssize_t	 n;

	assert_int_equal(dup2(saved, 2), 2);
	close(saved);
	n = read(pfd[0], out, sizeof(out) - 1);
	out[n > 0 ? n : 0] = '\0';
	close(pfd[0]);
	close(pfd[1]);
	return (out);
}

/* What follows "<level>t[pid]: ", without the newline, which must be. */
static char *
text(char *line, int level)
{
	static char	 want[64];
	size_t		 len;

	snprintf(want, sizeof(want), "<%d>t[%ld]: ", level, (long)getpid());
	assert_memory_equal(line, want, strlen(want));
	len = strlen(line);
	assert_int_equal(line[len - 1], '\n');
	line[len - 1] = '\0';
	assert_null(strchr(line, '\n'));
	return (line + strlen(want));
}

static void
levels_of_a_pipe(void **state)
{
	log_init("t", LOG_STYLE_PIPE, LOG_LEVEL_DEBUG);
	catch();
	log_warnx("a %d", 1);
	assert_string_equal(text(caught(), 4), "a 1");
	catch();
	log_info("b %s", "x");
	assert_string_equal(text(caught(), 6), "b x");
	catch();
	log_debug("c");
	assert_string_equal(text(caught(), 7), "c");
}

static void
terminal_lines_are_dated(void **state)
{
	char	 want[64];
	int	 n = 0;

	log_init("t", LOG_STYLE_TERMINAL, 0);
	snprintf(want, sizeof(want), " t[%ld]: hello\n", (long)getpid());
	catch();
	log_info("hello");
	caught();
	assert_int_equal(sscanf(out, "%*4d-%*2d-%*2d %*2d:%*2d:%*2d%n", &n), 0);
	assert_int_equal(n, 19);
	assert_string_equal(out + 19, want);
}

static void
command_lines_are_plain(void **state)
{
	log_init("t", LOG_STYLE_COMMAND, 0);
	catch();
	log_warnx("no\x9bway");
	assert_string_equal(caught(), "t: no\\233way\n");
}

static void
debug_only_when_verbose(void **state)
{
	log_init("t", LOG_STYLE_PIPE, 0);
	assert_int_equal(log_getverbose(), 0);
	catch();
	log_debug("quiet");
	assert_string_equal(caught(), "");
	log_setverbose(LOG_LEVEL_DEBUG);
	assert_int_equal(log_getverbose(), LOG_LEVEL_DEBUG);
	catch();
	log_debug("loud");
	assert_string_equal(text(caught(), 7), "loud");
}

static void
verbose_is_between(void **state)
{
	int	 level;

	log_init("t", LOG_STYLE_PIPE, LOG_LEVEL_BRIEF);
	catch();
	log_verbose("stream");
	assert_string_equal(caught(), "");
	log_setverbose(LOG_LEVEL_VERBOSE);
	catch();
	log_debug("fault");
	log_verbose("stream");
	assert_string_equal(text(caught(), 6), "stream");
	for (level = LOG_LEVEL_BRIEF; level <= LOG_LEVEL_DEBUG; level++) {
		int	 back = -1;

		assert_int_equal(log_level_parse(log_level_name(level),
		    &back), 0);
		assert_int_equal(back, level);
	}
	assert_int_equal(log_level_parse("", &level), -1);
	assert_int_equal(log_level_parse("BRIEF", &level), -1);
	assert_string_equal(log_level_name(-1), "brief");
	assert_string_equal(log_level_name(99), "debug");
}

/* What systemd says of descriptor 2, which is true or not. */
static void
the_journal_wants_levels(void **state)
{
	char		 stream[64];
	struct stat	 st;

	unsetenv("JOURNAL_STREAM");
	assert_int_equal(log_style_stderr(), LOG_STYLE_TERMINAL);
	assert_int_equal(fstat(2, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_int_equal(log_style_stderr(), LOG_STYLE_PIPE);
	catch();
	assert_int_equal(log_style_stderr(), LOG_STYLE_TERMINAL);
	caught();
	setenv("JOURNAL_STREAM", "rubbish", 1);
	assert_int_equal(log_style_stderr(), LOG_STYLE_TERMINAL);
	unsetenv("JOURNAL_STREAM");
}

static void
errno_is_explained_and_kept(void **state)
{
	log_init("t", LOG_STYLE_PIPE, 0);
	catch();
	errno = ENOENT;
	log_warn("open %s", "x");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(text(caught(), 4),
	    "open x: No such file or directory");
}

static void
hostile_bytes_are_encoded(void **state)
{
	log_init("t", LOG_STYLE_PIPE, 0);
	catch();
	log_info("%s", "a\nb\r\t\\ \033[2J\177\200\303\251~");
	assert_string_equal(text(caught(), 6),
	    "a\\nb\\r\\t\\\\ \\033[2J\\177\\200\\303\\251~");
}

static void
every_byte_is_printable(void **state)
{
	char	 all[256], *p;
	int	 i;

	for (i = 0; i < 255; i++)
		all[i] = i + 1;
	all[255] = '\0';
	log_init("t", LOG_STYLE_PIPE, 0);
	catch();
	log_info("%s", all);
	for (p = text(caught(), 6); *p != '\0'; p++)
		assert_true(*p >= ' ' && *p <= '~');
}

static void
long_lines_are_cut(void **state)
{
	static char	 big[5000];
	size_t		 len;

	log_init("t", LOG_STYLE_PIPE, 0);
	memset(big, 'x', sizeof(big) - 1);
	catch();
	log_info("%s", big);
	len = strlen(caught());
	assert_int_equal(len, 1024);
	assert_string_equal(out + len - 5, "x...\n");

	/* Never inside an escape; the error stays. */
	memset(big, '\n', sizeof(big) - 1);
	catch();
	errno = EIO;
	log_warn("%s", big);
	len = strlen(caught());
	assert_true(len <= 1024);
	assert_non_null(strstr(out, "\\n\\n...: Input/output error\n"));

	memset(big, 0x80, sizeof(big) - 1);
	catch();
	log_info("%s", big);
	assert_non_null(strstr(caught(), "\\200\\200...\n"));
}

static void
long_names_are_cut(void **state)
{
	log_init("a-name-of-more-than-thirty-one-bytes", LOG_STYLE_PIPE, 0);
	catch();
	log_info("x");
	caught();
	assert_memory_equal(out, "<6>a-name-of-more-than-thirty-one-[", 35);
}

/* A pipe takes it whole or not at all: each read is one line. */
static void
one_write_for_a_line(void **state)
{
	int	 p[2];
	ssize_t	 n;

	log_init("t", LOG_STYLE_PIPE, 0);
	assert_int_equal(pipe2(p, O_DIRECT | O_NONBLOCK), 0);
	saved = dup(2);
	dup2(p[1], 2);
	log_info("one %s", "two");
	log_warnx("three");
	dup2(saved, 2);
	close(saved);
	n = read(p[0], out, sizeof(out));
	assert_true(n > 0 && out[n - 1] == '\n');
	assert_non_null(memmem(out, n, "one two", 7));
	assert_null(memmem(out, n, "three", 5));
	close(p[0]);
	close(p[1]);
}

static void
full_pipe_does_not_stop_us(void **state)
{
	int	 i;

	log_init("t", LOG_STYLE_PIPE, 0);
	catch();
	errno = 0;
	for (i = 0; i < 10000; i++)
		log_info("line %d", i);
	assert_int_equal(errno, 0);
	assert_memory_equal(caught(), "<6>t[", 5);
}

/* The time zone was read at the start. */
static void
no_descriptor_is_needed(void **state)
{
	struct rlimit	 rl, none;

	log_init("t", LOG_STYLE_TERMINAL, 0);
	catch();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
	none = rl;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	log_info("still here");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
	assert_non_null(strstr(caught(), ": still here\n"));
}

static int
status_of(int how)
{
	pid_t	 p;
	int	 status;

	fflush(stdout);
	if ((p = fork()) == 0) {
		log_init("t", LOG_STYLE_PIPE, 0);
		errno = EPERM;
		if (how == 0)
			fatal("gone %d", 7);
		fatalx("gone %d", 8);
	}
	assert_int_equal(waitpid(p, &status, 0), p);
	return (status);
}

static int	 diverted_level;
static char	 diverted[2048];

static void
divert(int level, const char *line)
{
	diverted_level = level;
	strlcpy(diverted, line, sizeof(diverted));
}

static void
lines_may_go_elsewhere(void **state)
{
	catch();
	log_init("t", LOG_STYLE_COMMAND, 0);
	log_divert(divert);
	errno = EPERM;
	log_warn("x%d\n", 1);
	log_divert(NULL);
	assert_string_equal(caught(), "");
	assert_int_equal(diverted_level, LOG_WARNING);
	assert_string_equal(diverted, "x1\\n: Operation not permitted");
	catch();
	log_info("here");
	assert_string_equal(caught(), "t: here\n");
}

static void
fatal_exits_1(void **state)
{
	int	 status;

	catch();
	status = status_of(0);
	caught();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_memory_equal(out, "<2>t[", 5);
	assert_non_null(strstr(out,
	    ": fatal: gone 7: Operation not permitted\n"));
	catch();
	status = status_of(1);
	caught();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_non_null(strstr(out, ": fatal: gone 8\n"));
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(levels_of_a_pipe),
		cmocka_unit_test(terminal_lines_are_dated),
		cmocka_unit_test(command_lines_are_plain),
		cmocka_unit_test(debug_only_when_verbose),
		cmocka_unit_test(verbose_is_between),
		cmocka_unit_test(the_journal_wants_levels),
		cmocka_unit_test(errno_is_explained_and_kept),
		cmocka_unit_test(hostile_bytes_are_encoded),
		cmocka_unit_test(every_byte_is_printable),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(one_write_for_a_line),
		cmocka_unit_test(full_pipe_does_not_stop_us),
		cmocka_unit_test(no_descriptor_is_needed),
		cmocka_unit_test(lines_may_go_elsewhere),
		cmocka_unit_test(fatal_exits_1),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
