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

/* Datagrams for syslogd and the journal, and what becomes of them. */

/* link: lib/log_sink.c */

#include "compat.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "log_sink.h"

static char		 dir[] = "/tmp/log_sink_test.XXXXXX";
static struct sockaddr_un sun;

static int
receiver(void)
{
	int	 fd;

	unlink(sun.sun_path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return (fd);
}

/* The next datagram, or "". */
static const char *
next(int fd)
{
	static char	 buf[LOG_SINK_LINE + 1];
	ssize_t		 n;

	n = recv(fd, buf, sizeof(buf) - 1, 0);
	buf[n > 0 ? n : 0] = '\0';
	return (buf);
}

static void
say(struct log_sink *s, const char *text)
{
	const struct log_record	 r = { LOG_INFO, "router", 7, text };

	log_sink_send(s, &r);
}

static void
names(void **state)
{
	enum log_dest	 dest;
	int		 f;

	assert_int_equal(log_dest_parse("syslog", &dest), 0);
	assert_int_equal(dest, LOG_DEST_SYSLOG);
	assert_int_equal(log_dest_parse("journal", &dest), 0);
	assert_int_equal(dest, LOG_DEST_JOURNAL);
	assert_int_equal(log_dest_parse("stderr", &dest), 0);
	assert_int_equal(dest, LOG_DEST_STDERR);
	assert_int_equal(log_dest_parse("", &dest), -1);
	assert_int_equal(log_dest_parse("syslogd", &dest), -1);
	assert_int_equal(log_facility_parse("daemon", &f), 0);
	assert_int_equal(f, LOG_DAEMON);
	assert_int_equal(log_facility_parse("local7", &f), 0);
	assert_int_equal(f, LOG_LOCAL7);
	assert_int_equal(log_facility_parse("local8", &f), -1);
	assert_int_equal(log_facility_parse("kern", &f), -1);
}

static void
as_rfc_3164(void **state)
{
	const struct log_record	 r = { LOG_WARNING, "auth", 12, "no %s" };
	char			 buf[256];
	size_t			 n;

	setenv("TZ", "UTC", 1);
	tzset();
	n = log_sink_syslog(buf, sizeof(buf), "relayd", LOG_LOCAL1, 34,
	    1767323045, &r);
	assert_string_equal(buf, "<140>Jan  2 03:04:05 relayd[34]: "
	    "auth[12]: no %s");
	assert_int_equal(n, strlen(buf));
	/* Cut where there is no room. */
	n = log_sink_syslog(buf, 40, "relayd", LOG_LOCAL1, 34, 1767323045, &r);
	assert_int_equal(n, 39);
	assert_string_equal(buf, "<140>Jan  2 03:04:05 relayd[34]: auth[1");
}

static void
as_the_journal_wants(void **state)
{
	const struct log_record	 r = { LOG_INFO, "listener 1", 12, "a=b" };
	char			 buf[256];
	size_t			 n;

	n = log_sink_journal(buf, sizeof(buf), "relayd", LOG_DAEMON, 34, &r);
	assert_string_equal(buf, "PRIORITY=6\nSYSLOG_FACILITY=3\n"
	    "SYSLOG_IDENTIFIER=relayd\nSYSLOG_PID=34\n"
	    "CULVERT_PROCESS=listener 1\nCULVERT_PID=12\n"
	    "MESSAGE=listener 1[12]: a=b\n");
	assert_int_equal(n, strlen(buf));
	/* Cut, it is a whole field still. */
	n = log_sink_journal(buf, 139, "relayd", LOG_DAEMON, 34, &r);
	assert_int_equal(n, 138);
	assert_int_equal(buf[n - 1], '\n');
}

static void
arrives(void **state)
{
	struct log_sink	*s;
	int		 fd = receiver();

	s = log_sink_new(LOG_DEST_SYSLOG, "relayd", LOG_DAEMON, sun.sun_path);
	assert_non_null(s);
	say(s, "hello");
	assert_non_null(strstr(next(fd), "]: router[7]: hello"));
	log_sink_free(s);
	s = log_sink_new(LOG_DEST_JOURNAL, "relayd", LOG_DAEMON,
	    sun.sun_path);
	say(s, "hello");
	assert_non_null(strstr(next(fd), "\nMESSAGE=router[7]: hello\n"));
	log_sink_free(s);
	close(fd);
}

static void
finds_a_new_syslogd(void **state)
{
	struct log_sink	*s;
	int		 fd;

	unlink(sun.sun_path);
	s = log_sink_new(LOG_DEST_SYSLOG, "relayd", LOG_DAEMON, sun.sun_path);
	say(s, "lost");
	fd = receiver();
	sleep(1);		/* it does not look more often */
	say(s, "one");
	assert_non_null(strstr(next(fd), "took nothing: 1 lines are lost"));
	assert_non_null(strstr(next(fd), "router[7]: one"));
	/* Started again: nothing is lost. */
	close(fd);
	fd = receiver();
	say(s, "two");
	assert_non_null(strstr(next(fd), "router[7]: two"));
	log_sink_free(s);
	close(fd);
}

static void
never_waits(void **state)
{
	struct log_sink	*s;
	char		 text[32];
	int		 i, fd = receiver(), n = 0;

	s = log_sink_new(LOG_DEST_SYSLOG, "relayd", LOG_DAEMON, sun.sun_path);
	/* It stands still.  If we did, too, this would never end. */
	for (i = 0; i < 20000; i++)
		say(s, "x");
	while (next(fd)[0] != '\0')
		n++;
	assert_true(n > 0 && n < 20000);
	say(s, "again");
	snprintf(text, sizeof(text), "nothing: %d lines", 20000 - n);
	assert_non_null(strstr(next(fd), text));
	assert_non_null(strstr(next(fd), "router[7]: again"));
	log_sink_free(s);
	close(fd);
}

static int
setup(void **state)
{
	if (mkdtemp(dir) == NULL)
		return (-1);
	sun.sun_family = AF_UNIX;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/log", dir);
	return (0);
}

static int
teardown(void **state)
{
	unlink(sun.sun_path);
	return (rmdir(dir));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(as_rfc_3164),
		cmocka_unit_test(as_the_journal_wants),
		cmocka_unit_test(arrives),
		cmocka_unit_test(finds_a_new_syslogd),
		cmocka_unit_test(never_waits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, setup, teardown));
}
