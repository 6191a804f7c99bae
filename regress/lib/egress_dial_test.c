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
 * Ways out on loopback: a proxy of ours, a thread that plays one line of a
 * table for each connection.  Names ending in .test are ours.
 *
 * link: regress/lib/egress_play.c lib/egress_dial.c lib/egress_http.c
 * link: lib/egress_socks.c
 * link: lib/egress_helper.c lib/egress.c lib/dial.c lib/resolve.c
 * link: lib/relay_url.c lib/http.c lib/http_host.c lib/http_field.c
 * link: lib/base64.c lib/addr.c lib/log.c lib/sandbox_linux.c
 * link: lib/sandbox_calls_linux.c lib/sandbox_landlock_linux.c
 * link: lib/sandbox_seccomp_linux.c
 * libs: libevent libseccomp pthread
 * flags: -Wl,--wrap=getaddrinfo
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <event2/event.h>
#include <netdb.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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

#include "egress_dial.h"
#include "egress_helper.h"
#include "egress_play.h"

/* ---- cases ---- */

static void
straight(void **state)
{
	static const struct conn	 conns[] = { { .then = ECHO_AFTER } };
	struct result			 r;

	PLAYS(conns);
	dial(&r, NULL, "127.0.0.1", 5000);
	assert_int_equal(r.error, DIAL_OK);
	echoes(r.fd);
	dial(&r, NULL, "127.0.0.9", 5000);
	fails(&r, DIAL_REFUSED, "127.0.0.9 port");
	assert_null(strstr(r.text, "proxy"));
}

static void
http(void **state)
{
	static const struct conn	 good[] = {
		{ { TURN(CONNECT_RELAY, "HTTP/1.1 100 Continue\r\n\r\n"
		    "HTTP/1.1 200 OK\r\nX: y\r\n\r\n") }, SILENT_AFTER } };
	static const struct conn	 denied[] = {
		{ { TURN(CONNECT_RELAY, "HTTP/1.1 407 x\r\n\r\n") },
		    SILENT_AFTER } };
	static const struct conn	 too_much[] = {
		{ { TURN(CONNECT_RELAY, "HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x") },
		    SILENT_AFTER } };
	static const struct conn	 closed[] = {
		{ { TURN(CONNECT_RELAY, "") }, CLOSE_AFTER } };
	static const struct conn	 silent[] = {
		{ { TURN(CONNECT_RELAY, "HTTP/1.1 2") }, SILENT_AFTER } };
	struct result			 r;

	PLAYS(good);
	dial(&r, "http://127.0.0.1", "relay.test", 5000);
	assert_int_equal(r.error, DIAL_OK);
	close(r.fd);
	PLAYS(denied);
	dial(&r, "http://127.0.0.1", "relay.test", 5000);
	fails(&r, DIAL_DENIED, "wants a user and a password");
	assert_memory_equal(r.text, "proxy http://127.0.0.1:", 23);
	PLAYS(denied);
	dial(&r, "http://me:secret@127.0.0.1", "relay.test", 5000);
	fails(&r, DIAL_DENIED, "does not accept this user");
	assert_null(strstr(r.text, "secret"));
	PLAYS(closed);
	dial(&r, "http://127.0.0.1", "relay.test", 5000);
	fails(&r, DIAL_UNREACHABLE, "without an answer");
	PLAYS(silent);
	dial(&r, "http://127.0.0.1", "relay.test", 300);
	fails(&r, DIAL_TIMEOUT, "no answer in time");
	/* Where it ends is not always where a read does: either will do. */
	PLAYS(too_much);
	dial(&r, "http://127.0.0.1", "relay.test", 5000);
	if (r.fd != -1)
		close(r.fd);
	else
		fails(&r, DIAL_UNREACHABLE, "out of turn");
}

static void
http_leaves_what_follows(void **state)
{
	static const struct conn	 conns[] = {
		{ { TURN("CONNECT 192.0.2.7:443 HTTP/1.1\r\n"
		    "Host: 192.0.2.7:443\r\nUser-Agent: test/1\r\n\r\n",
		    "HTTP/1.1 200 OK\r\n\r\n") }, ECHO_AFTER } };
	struct result			 r;

	PLAYS(conns);
	dial(&r, "http://127.0.0.1", "192.0.2.7", 5000);
	assert_int_equal(r.error, DIAL_OK);
	echoes(r.fd);
}

static void
no_proxy_there(void **state)
{
	struct result	 r;

	dial(&r, "socks5h://127.0.0.9", "relay.test", 5000);
	fails(&r, DIAL_REFUSED, "proxy socks5h://127.0.0.9:");
	dial(&r, "socks5://127.0.0.9", "two.test", 5000);
	fails(&r, DIAL_REFUSED, "Connection refused");
	dial(&r, "http://nowhere.test", "relay.test", 5000);
	fails(&r, DIAL_NO_HOST, "nowhere.test");
}

static void
second_address_of_a_proxy(void **state)
{
	static const struct conn	 conns[] = {
		{ { SOCKS_HELLO, TURN("\5\1\0\3\12relay.test\1\273",
		    SOCKS_DONE) }, ECHO_AFTER } };
	struct result			 r;

	PLAYS(conns);
	dial(&r, "socks5h://proxy.test", "relay.test", 5000);
	assert_int_equal(r.error, DIAL_OK);
	echoes(r.fd);
}

static void
socks_with_a_password(void **state)
{
	static const struct conn	 conns[] = {
		{ { TURN("\5\2\0\2", "\5\2"),
		    TURN("\1\2me\6secret", "\1\0"),
		    TURN("\5\1\0\3\12relay.test\1\273", SOCKS_DONE) },
		    ECHO_AFTER } };
	struct result			 r;

	PLAYS(conns);
	dial(&r, "socks5h://me:secret@127.0.0.1", "relay.test", 5000);
	assert_int_equal(r.error, DIAL_OK);
	echoes(r.fd);
}

/* Names are resolved here, and each address is asked for. */
static void
socks_by_addresses(void **state)
{
	static const struct conn	 second[] = {
		{ { SOCKS_HELLO, TURN("\5\1\0\1\300\0\2\1\1\273",
		    "\5\5") }, CLOSE_AFTER },
		{ { SOCKS_HELLO, TURN("\5\1\0\1\300\0\2\2\1\273",
		    SOCKS_DONE) }, ECHO_AFTER } };
	static const struct conn	 raced[] = {
		{ { SOCKS_HELLO, TURN("\5\1\0\1\300\0\2\1\1\273", "") },
		    SILENT_AFTER },
		{ { SOCKS_HELLO, TURN("\5\1\0\1\300\0\2\2\1\273",
		    SOCKS_DONE) }, ECHO_AFTER } };
	static const struct conn	 none[] = {
		{ { SOCKS_HELLO, TURN("\5\1\0\1\300\0\2\1\1\273",
		    "\5\4") }, CLOSE_AFTER },
		{ { SOCKS_HELLO, TURN("\5\1\0\1\300\0\2\2\1\273",
		    "\5\2") }, CLOSE_AFTER } };
	struct result			 r;

	PLAYS(second);
	dial(&r, "socks5://127.0.0.1", "two.test", 5000);
	assert_int_equal(r.error, DIAL_OK);
	echoes(r.fd);
	/* The first does not answer: the second does not wait for it. */
	PLAYS(raced);
	dial(&r, "socks5://127.0.0.1", "two.test", 20000);
	assert_int_equal(r.error, DIAL_OK);
	assert_int_equal(nplayed, 2);
	echoes(r.fd);
	PLAYS(none);
	dial(&r, "socks5://127.0.0.1", "two.test", 5000);
	fails(&r, DIAL_DENIED, "to 192.0.2.1: it can't reach the relay (4)");
	assert_non_null(strstr(r.text, "; to 192.0.2.2: its rules"));
	PLAYS(none);
	dial(&r, "socks5://127.0.0.1", "nowhere.test", 5000);
	fails(&r, DIAL_NO_HOST, "socks5h:// lets the proxy resolve it");
	assert_int_equal(nplayed, 0);
}

/* At any time, and nothing is heard of it. */
static void
given_up(void **state)
{
	static const char *const	 urls[] = {
		NULL, "http://127.0.0.1", "socks5://127.0.0.1",
		"socks5h://proxy.test"
	};
	static const struct conn	 conns[] = {
		{ { { "x", 1, "y", 1 } }, SILENT_AFTER },
		{ { { "x", 1, "y", 1 } }, SILENT_AFTER }
	};
	struct egress_dial		*d;
	struct timeval			 tv = { 0, 0 };
	struct result			 r;
	size_t				 i;
	int				 passes;

	for (i = 0; i < nitems(urls); i++) {
		for (passes = 0; passes < 6; passes++) {
			PLAYS(conns);
			d = begin(&r, urls[i], "two.test", -1, 20000);
			tv.tv_usec = passes * 5000;
			event_base_loopexit(base, &tv);
			if (passes > 0)
				event_base_dispatch(base);
			if (r.calls == 0)
				egress_dial_free(d);
			event_base_dispatch(base);
			if (r.fd != -1)
				close(r.fd);
		}
	}
	egress_dial_free(NULL);
}

/* ---- helpers ---- */

static char	 helper_path[64];

static int
helper_of(const char *text, pid_t *pid)
{
	int	 fd;

	strlcpy(helper_path, "/tmp/egress_dial_test.XXXXXX",
	    sizeof(helper_path));
	assert_int_not_equal(fd = mkstemp(helper_path), -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, 0700), 0);
	close(fd);
	assert_int_not_equal(fd = helper_fork(helper_path, NULL, NULL, -1,
	    pid), -1);
	return (fd);
}

static void
helper_over(int fd, pid_t pid)
{
	close(fd);
	(void)waitpid(pid, NULL, 0);
	unlink(helper_path);
}

static void
helped(struct result *r, const char *host, int helper)
{
	begin(r, helper_path, host, helper, 20000);
	event_base_dispatch(base);
	assert_int_equal(r->calls, 1);
}

static void
helper(void **state)
{
	struct result	 r;
	char		 buf[64] = "";
	pid_t		 pid;
	size_t		 n = 0;
	ssize_t		 got;
	int		 fd;

	fd = helper_of("#!/bin/sh\necho \"$# $1 $2\"; exec cat\n", &pid);
	helped(&r, "relay.test", fd);
	assert_int_equal(r.error, DIAL_OK);
	assert_int_equal(fcntl(r.fd, F_SETFL, 0), 0);
	while (n < 17 && (got = read(r.fd, buf + n, 17 - n)) > 0)
		n += got;
	assert_string_equal(buf, "2 relay.test 443\n");
	assert_int_equal(fcntl(r.fd, F_SETFL, O_NONBLOCK), 0);
	echoes(r.fd);
	/* What it could take for an option, or a shell for worse. */
	helped(&r, "-oProxyCommand", fd);
	fails(&r, DIAL_LOCAL, "Invalid argument");
	helped(&r, "$(id)", fd);
	fails(&r, DIAL_LOCAL, "Invalid argument");
	helped(&r, "2001:db8::1", fd);
	assert_int_equal(r.error, DIAL_OK);
	close(r.fd);
	helper_over(fd, pid);
}

/* What is written to its standard error when a helper has ended so. */
static void
helper_end(const char *script, const char *end)
{
	struct result	 r;
	char		 text[128] = "", want[128];
	pid_t		 pid;
	size_t		 n = 0;
	ssize_t		 got;
	int		 fd, p[2], saved;

	/* helper_of lends it ours. */
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_not_equal(saved = dup(STDERR_FILENO), -1);
	assert_int_not_equal(dup2(p[1], STDERR_FILENO), -1);
	fd = helper_of(script, &pid);
	assert_int_not_equal(dup2(saved, STDERR_FILENO), -1);
	close(saved);
	close(p[1]);
	helped(&r, "relay.test", fd);
	assert_int_equal(r.error, DIAL_OK);
	/* Nobody asks again: it is seen all the same. */
	snprintf(want, sizeof(want), "helper %s %s\n", helper_path, end);
	while (strchr(text, '\n') == NULL && (got = read(p[0], text + n,
	    sizeof(text) - 1 - n)) > 0)
		n += got;
	assert_string_equal(text, want);
	close(r.fd);
	close(p[0]);
	helper_over(fd, pid);
}

static void
helper_that_ends(void **state)
{
	helper_end("#!/bin/sh\nexit 3\n", "ended with status 3");
	helper_end("#!/bin/sh\nkill -9 $$\n", "was ended by signal 9");
}

static void
helper_that_fails(void **state)
{
	struct result	 r;
	char		 c;
	pid_t		 pid;
	int		 fd;

	fd = helper_of("#!/no/such/program\n", &pid);
	helped(&r, "relay.test", fd);
	fails(&r, DIAL_LOCAL, "No such file or directory");
	helper_over(fd, pid);

	/* It ends: so does the connection. */
	fd = helper_of("#!/bin/sh\nexit 1\n", &pid);
	helped(&r, "relay.test", fd);
	assert_int_equal(r.error, DIAL_OK);
	assert_int_equal(fcntl(r.fd, F_SETFL, 0), 0);
	assert_int_equal(read(r.fd, &c, 1), 0);
	close(r.fd);

	/* Nobody is there to start it. */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	helped(&r, "relay.test", fd);
	fails(&r, DIAL_LOCAL, "the process that starts it has ended");
	helper_over(fd, pid);
	helped(&r, "relay.test", open("/dev/null", O_RDWR));
	fails(&r, DIAL_LOCAL, "helper ");
}

static void
helpers_are_bounded(void **state)
{
	struct result	 r;
	char		 c;
	pid_t		 pid;
	int		 fd, i, fds[HELPER_MAX + 2];

	fd = helper_of("#!/bin/sh\nexec cat\n", &pid);
	for (i = 0; i < HELPER_MAX + 2; i++) {
		helped(&r, "relay.test", fd);
		assert_int_equal(r.error, DIAL_OK);
		fds[i] = r.fd;
	}
	/* The first two had to go, and no other. */
	for (i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fds[i], F_SETFL, 0), 0);
		assert_int_equal(read(fds[i], &c, 1), 0);
		close(fds[i]);
	}
	for (; i < HELPER_MAX + 2; i++)
		echoes(fds[i]);
	helper_over(fd, pid);
}

/* An answer that nobody waits for any more is not taken for another's. */
static void
helper_given_up(void **state)
{
	struct egress_dial	*d;
	struct result		 r;
	char			 buf[16] = "";
	pid_t			 pid;
	int			 fd;

	fd = helper_of("#!/bin/sh\necho $1\nexec cat\n", &pid);
	d = begin(&r, helper_path, "first.test", fd, 20000);
	egress_dial_free(d);
	helped(&r, "second.test", fd);
	assert_int_equal(r.error, DIAL_OK);
	assert_int_equal(fcntl(r.fd, F_SETFL, 0), 0);
	assert_true(read(r.fd, buf, sizeof(buf) - 1) > 0);
	assert_int_equal(buf[0], 's');
	close(r.fd);
	helper_over(fd, pid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(straight),
		cmocka_unit_test(http),
		cmocka_unit_test(http_leaves_what_follows),
		cmocka_unit_test(no_proxy_there),
		cmocka_unit_test(second_address_of_a_proxy),
		cmocka_unit_test(socks_with_a_password),
		cmocka_unit_test(socks_by_addresses),
		cmocka_unit_test(given_up),
		cmocka_unit_test(helper),
		cmocka_unit_test(helper_that_ends),
		cmocka_unit_test(helper_that_fails),
		cmocka_unit_test(helpers_are_bounded),
		cmocka_unit_test(helper_given_up),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, setup, NULL));
}
