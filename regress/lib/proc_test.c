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
 * Processes that behave, misbehave, die and end.  The same binary is the
 * test, the daemon (-P, see proc_daemon.c) and its children (-x).
 */

/* link: regress/lib/proc_run.c regress/lib/proc_daemon.c lib/notify.c
 * lib/proc.c lib/proc_child.c
 * lib/proc_exec.c lib/proc_upgrade.c lib/proc_resume.c lib/proc_stranger.c
 * lib/state.c
 * lib/proc_imsg.c lib/proc_kid.c lib/proc_usage.c lib/proc_log.c lib/log.c
 * lib/log_limit.c lib/log_sink.c lib/trim.c imsg/imsg.c imsg/imsgbuf.c
 * imsg/ibuf.c
 * lib/sandbox_linux.c lib/sandbox_try_linux.c lib/sandbox_landlock_linux.c
 * lib/sandbox_calls_linux.c lib/sandbox_seccomp_linux.c lib/clock.c */
/* libs: libevent libseccomp */

#include "compat.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

#include "clock.h"
#include "proc_daemon.h"
#include "proc_internal.h"
#include "proc_run.h"

static void
all_talk_to_all(void **state)
{
	run_up("-d", "none");
	command("boss 0 h 2 1\n");
	expect("boss 0 heard worker 1\n");
	command("boss 1 h 2 0\n");
	expect("boss 1 heard worker 0\n");
	command("worker 0 h 1 1\n");
	expect("worker 0 heard boss 1\n");
	command("worker 1 h 2 0\n");
	expect("worker 1 heard worker 0\n");
	/* What waits for others to leave with leaves without them. */
	command("boss 0 w 2 1\n");
	expect("boss 0 heard worker 1\n");
	run_end();
}

static void
a_descriptor_is_passed(void **state)
{
	run_up("-d", "none");
	command("boss 0 f 2 1\n");
	expect("boss 0 read passed\n");
	run_end();
}

static void
an_ordinary_user_can_start_it(void **state)
{
	if (getuid() != 0)
		return;		/* nothing to see */
	run_start("-d", "none", 65534);
	seen("not started by root");
	run.parent = strtol(seen("parent up ") + 10, NULL, 10);
	seen("boss 0 up worker 1\n");
	command("boss 0 h 2 1\n");
	seen("boss 0 heard worker 1\n");
	assert_null(strstr(run.text, "uid 0"));
	run_end();
}

static void
children_are_not_root(void **state)
{
	run_up("-d", "none");
	assert_null(strstr(run.text, "uid 0"));
	run_end();
}

/* A bad message from worker 1 to boss 0: worker 1 is ended and comes back. */
static void
refuse(const char *line, const char *why)
{
	char	 text[80];
	pid_t	 before;

	run_up("-d", "none");
	before = pid_of("worker 1");
	command(line);
	snprintf(text, sizeof(text), "worker 1 sent a bad message (%s): "
	    "refused\n", why);
	seen(text);
	seen("is ended at the word of boss 0\n");
	expect("ended: killed by signal 9\n");
	expect("worker 1 serves ");
	expect("boss 0 down worker 1\n");
	expect("boss 0 up worker 1\n");
	assert_false(is_there(before));
	mark();
	command("boss 0 h 2 1\n");
	expect("boss 0 heard worker 1\n");
	run_end();
}

static void
a_wrong_type_ends_the_sender(void **state)
{
	refuse("worker 1 t 1 0\n", "type 66, type not allowed");
}

static void
a_wrong_size_ends_the_sender(void **state)
{
	refuse("worker 1 s 1 0\n", "type 67, wrong length");
}

static void
an_unwanted_descriptor_ends_the_sender(void **state)
{
	refuse("worker 1 d 1 0\n", "type 67, a descriptor");
}

static void
a_bad_value_ends_the_sender(void **state)
{
	refuse("worker 1 v 1 0\n", "type 67, bad value");
}

static void
a_bad_message_to_the_parent_ends_the_sender(void **state)
{
	run_up("-d", "none");
	command("worker 0 h 0 0\n");
	seen("worker 0 sent a bad message (type 67, type not allowed): "
	    "refused\n");
	expect("ended: killed by signal 9\n");
	expect("worker 0 serves ");
	run_end();
}

/* Missing a descriptor, from one that is trusted more. */
static void
a_better_that_is_wrong_is_fatal(void **state)
{
	run_up("-d", "none");
	command("boss 0 n 2 1\n");
	seen("boss 0 sent a bad message (type 69, no descriptor): refused\n");
	seen("fatal: boss 0 is out of step with us\n");
	expect("ended: exit status 1\n");
	expect("worker 1 serves ");
	run_end();
}

static void
nobody_can_have_a_better_ended(void **state)
{
	pid_t	 boss;

	run_up("-d", "none");
	boss = pid_of("boss 0");
	command("worker 1 o 1 0\n");
	seen("worker 1 sent a bad message (type 7, bad value): refused\n");
	expect("ended: killed by signal 9\n");
	expect("worker 1 serves ");
	/* Nor an equal. */
	command("worker 0 o 2 1\n");
	expect("worker 0 and worker 1 are out of step\n");
	assert_true(is_there(boss));
	mark();
	command("worker 0 h 2 1\n");
	expect("worker 0 heard worker 1\n");
	run_end();
}

static void
a_killed_child_comes_back_with_new_pipes(void **state)
{
	run_up("-d", "none");
	kill(pid_of("boss 1"), SIGKILL);
	expect("ended: killed by signal 9\n");
	expect("boss 1 serves ");
	seen("worker 0 down boss 1\n");
	seen("worker 1 down boss 1\n");
	expect("worker 0 up boss 1\n");
	expect("worker 1 up boss 1\n");
	mark();
	command("boss 1 h 2 0\n");
	expect("boss 1 heard worker 0\n");
	command("worker 1 h 1 1\n");
	expect("worker 1 heard boss 1\n");
	run_end();
}

static void
a_forbidden_call_is_named(void **state)
{
	if (SANDBOX_SANITIZED)
		return;		/* nothing to see */
	run_up("-d", "none");
	command("worker 0 c 0 0\n");
	seen("ended: forbidden system call 41 (socket)\n");
	seen("worker 1 down worker 0\n");
	run_end();
}

static void
a_status_is_told(void **state)
{
	run_up("-d", "none");
	command("worker 0 q 0 0\n");
	expect("ended: exit status 3\n");
	expect("worker 0 serves ");
	run_end();
}

static void
a_child_told_by_a_signal_stops_in_order(void **state)
{
	run_up("-d", "none");
	kill(pid_of("boss 0"), SIGTERM);
	expect("boss 0 says goodbye\n");
	expect("ended: exit status 0\n");
	expect("boss 0 serves ");
	run_end();
}

static void
who_always_dies_ends_the_daemon(void **state)
{
	char	*at;
	int	 n = 0;

	run_start("-d", "crash", getuid());
	assert_int_equal(run_wait(), 1);
	for (at = run.text; (at = strstr(at, "killed by signal 6\n")) != NULL;
	    at++)
		n++;
	/* Two of them race to it. */
	assert_in_range(n, PROC_DEATHS_MAX, 2 * PROC_DEATHS_MAX);
	assert_non_null(strstr(run.text, "ended 10 times without serving"));
	assert_non_null(strstr(run.text, "parent down\n"));
}

static void
who_refuses_to_start_ends_the_daemon_at_once(void **state)
{
	run_start("-d", "exit", getuid());
	assert_int_equal(run_wait(), 1);
	assert_non_null(strstr(run.text, "fatal: cannot start like this\n"));
	assert_non_null(strstr(run.text, "1 could not start\n"));
}

static void
a_missing_user_is_named(void **state)
{
	if (getuid() != 0)
		return;		/* nothing to see */
	run_start("-d", "nouser", getuid());
	assert_int_equal(run_wait(), 1);
	assert_non_null(strstr(run.text,
	    "no user _nobody_is_called_this: \"make install\""));
}

static void
no_child_outlives_the_parent(void **state)
{
	static const char	*names[] = {
		"boss 0", "boss 1", "worker 0", "worker 1"
	};
	pid_t			 pids[nitems(names)];
	uint64_t		 end;
	size_t			 i;

	run_up("-d", "none");
	for (i = 0; i < nitems(names); i++)
		pids[i] = pid_of(names[i]);
	kill(run.parent, SIGKILL);
	assert_int_equal(run_wait(), 1000 + SIGKILL);
	end = clock_ms() + 1000;
	for (i = 0; i < nitems(names); i++)
		while (is_there(pids[i])) {
			assert_true(clock_ms() < end);
			poll(NULL, 0, 10);
		}
}

static void
an_end_is_orderly(void **state)
{
	run_up("-d", "none");
	kill(run.parent, SIGTERM);
	seen("boss 0 says goodbye\n");
	seen("boss 1 says goodbye\n");
	assert_int_equal(run_wait(), 0);
	assert_null(strstr(run.text, "does not end"));
	assert_null(strstr(run.text, "ended:"));
	assert_non_null(strstr(run.text, "parent down\n"));
}

static void
who_does_not_end_is_killed(void **state)
{
	run_up("-d", "deaf");
	kill(run.parent, SIGINT);
	seen("boss 0 (pid ");
	seen("does not end: killed\n");
	assert_int_equal(run_wait(), 0);
}

static void
a_second_interrupt_does_not_wait(void **state)
{
	run_up("-d", "deaf");
	kill(run.parent, SIGINT);
	seen("ends at signal 2\n");
	kill(run.parent, SIGINT);
	assert_int_equal(run_wait(), 0);
	assert_null(strstr(run.text, "does not end"));
}

static void
who_hangs_is_aborted(void **state)
{
	run_up("-d", "none");
	kill(pid_of("worker 1"), SIGSTOP);
	expect("does not answer: aborted\n");
	expect("ended: killed by signal ");
	expect("worker 1 serves ");
	run_end();
}

static void
hup_and_usr1_reach_the_parent_only(void **state)
{
	run_up("-d", "none");
	kill(-run.pid, SIGHUP);
	expect("parent reload\n");
	kill(-run.pid, SIGUSR1);
	expect("parent reopen\n");
	command("boss 0 h 2 1\n");
	expect("boss 0 heard worker 1\n");
	run_end();
}

static void
a_full_queue_is_told_and_refused(void **state)
{
	run_up("-d", "none");
	command("boss 0 x 2 1\n");
	expect("boss 0 xoff\n");
	command("worker 1 F 1 0\n");
	expect("worker 1 congested boss 0 1\n");
	/* A header, 16 bytes, comes with each KiB. */
	expect("worker 1 flood stops at 3840 KiB\n");
	command("boss 0 X 2 1\n");
	expect("worker 1 congested boss 0 0\n");
	command("worker 1 h 1 0\n");
	expect("worker 1 heard boss 0\n");
	run_end();
}

static void
a_daemon_detaches_when_it_is_up(void **state)
{
	pid_t	 worker;
	int	 status;

	run_up(NULL, "none");
	assert_int_equal(waitpid(run.pid, &status, 0), run.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_not_equal(run.parent, run.pid);
	assert_int_not_equal(getsid(run.parent), getsid(0));
	worker = pid_of("worker 0");
	command("worker 0 l 0 0\n");
	command("boss 0 h 2 1\n");
	expect("boss 0 heard worker 1\n");
	kill(run.parent, SIGTERM);
	while (run_more(WAIT_MS))
		;
	assert_false(is_there(worker));
	run.pid = run.parent = 0;
}

static void
a_daemon_that_cannot_start_says_why(void **state)
{
	run_start(NULL, "exit", getuid());
	assert_int_equal(run_wait(), 1);
	assert_non_null(strstr(run.text, "fatal: cannot start like this\n"));
	assert_non_null(strstr(run.text, "1 could not start\n"));
}

static int
test_main(void)
{
#define CASE(name)	cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest	 tests[] = {
		CASE(all_talk_to_all),
		CASE(a_descriptor_is_passed),
		CASE(an_ordinary_user_can_start_it),
		CASE(children_are_not_root),
		CASE(a_wrong_type_ends_the_sender),
		CASE(a_wrong_size_ends_the_sender),
		CASE(an_unwanted_descriptor_ends_the_sender),
		CASE(a_bad_value_ends_the_sender),
		CASE(a_bad_message_to_the_parent_ends_the_sender),
		CASE(a_better_that_is_wrong_is_fatal),
		CASE(nobody_can_have_a_better_ended),
		CASE(a_killed_child_comes_back_with_new_pipes),
		CASE(a_forbidden_call_is_named),
		CASE(a_status_is_told),
		CASE(a_child_told_by_a_signal_stops_in_order),
		CASE(who_always_dies_ends_the_daemon),
		CASE(who_refuses_to_start_ends_the_daemon_at_once),
		CASE(a_missing_user_is_named),
		CASE(no_child_outlives_the_parent),
		CASE(an_end_is_orderly),
		CASE(who_does_not_end_is_killed),
		CASE(a_second_interrupt_does_not_wait),
		CASE(who_hangs_is_aborted),
		CASE(hup_and_usr1_reach_the_parent_only),
		CASE(a_full_queue_is_told_and_refused),
		CASE(a_daemon_detaches_when_it_is_up),
		CASE(a_daemon_that_cannot_start_says_why),
	};

	signal(SIGPIPE, SIG_IGN);
	self_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}

int
main(int argc, char *argv[])
{
	struct proc_options	 opts;
	const char		*mode = "none";
	int			 ch;

	memset(&opts, 0, sizeof(opts));
	opts.argc = argc;
	opts.argv = argv;
	if (argc == 1)
		return (test_main());
	while ((ch = getopt(argc, argv, "dI:P:T:vx:")) != -1) {
		switch (ch) {
		case 'd':
			opts.foreground = 1;
			break;
		case 'I':
			opts.instance = strtonum(optarg, 0,
			    PROC_INSTANCES_MAX - 1, NULL);
			break;
		case 'P':
			mode = optarg;
			break;
		case 'T':
			opts.test = optarg;
			break;
		case 'v':
			opts.verbose++;
			break;
		case 'x':
			opts.child = optarg;
			break;
		default:
			return (1);
		}
	}
	proc_daemon(&opts, mode);
}
