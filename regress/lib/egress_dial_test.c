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
 * link: lib/egress_dial.c lib/egress_http.c lib/egress_socks.c
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

#define TURNS_MAX	4

/* What it hears, of which the beginning counts, and says. */
struct turn {
	const char	*hears;
	size_t		 nhears;
	const char	*says;
	size_t		 nsays;
};
#define TURN(h, s)	{ (h), sizeof(h) - 1, (s), sizeof(s) - 1 }

struct conn {
	struct turn	 turns[TURNS_MAX];
	enum { ECHO_AFTER, CLOSE_AFTER, SILENT_AFTER } then;
};

static const struct name {
	const char	*name;
	const char	*addrs[4];
} names[] = {
	{ "two.test", { "192.0.2.1", "192.0.2.2" } },
	{ "proxy.test", { "127.0.0.9", "127.0.0.1" } },
};

struct result {
	int		 calls, fd;
	enum dial_error	 error;
	char		 text[256];
};

static struct event_base	*base;
static int			 listener = -1;
static uint16_t			 port;
static const struct conn	*script;
static int			 nscript, nplayed, bad;
static pthread_t		 thread;
static pthread_mutex_t		 lock = PTHREAD_MUTEX_INITIALIZER;

int	__real_getaddrinfo(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);
int	__wrap_getaddrinfo(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);

int
__wrap_getaddrinfo(const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
	size_t	 i, j;

	if ((hints->ai_flags & AI_NUMERICHOST) || strstr(host, ".test") == NULL)
		return (__real_getaddrinfo(host, service, hints, res));
	for (i = 0; i < nitems(names); i++) {
		if (strcmp(host, names[i].name) != 0)
			continue;
		for (j = 0; names[i].addrs[j] != NULL; j++) {
			if (__real_getaddrinfo(names[i].addrs[j], service,
			    hints, res) != 0)
				abort();
			while (*res != NULL)
				res = &(*res)->ai_next;
		}
		return (0);
	}
	return (EAI_NONAME);
}

/* ---- the proxy ---- */

static int
play_turn(int fd, const struct turn *t)
{
	char	 buf[2048];
	size_t	 n = 0, i;
	ssize_t	 got;

	while (n < t->nhears) {
		if ((got = read(fd, buf + n, t->nhears - n)) <= 0)
			return (-1);
		n += got;
	}
	if (memcmp(buf, t->hears, t->nhears) != 0) {
		pthread_mutex_lock(&lock);
		bad++;
		pthread_mutex_unlock(&lock);
		return (-1);
	}
	/* Byte by byte: whoever reads must put it together. */
	for (i = 0; i < t->nsays; i++) {
		if (send(fd, t->says + i, 1, MSG_NOSIGNAL) != 1)
			return (-1);
		usleep(500);
	}
	return (0);
}

static void *
play_conn(void *arg)
{
	const struct conn	*c;
	char			 buf[256];
	ssize_t			 n;
	int			 i, fd = (int)(intptr_t)arg;

	pthread_mutex_lock(&lock);
	c = nplayed < nscript ? &script[nplayed] : NULL;
	nplayed++;
	pthread_mutex_unlock(&lock);
	for (i = 0; c != NULL && i < TURNS_MAX; i++) {
		if (c->turns[i].hears == NULL)
			break;
		if (play_turn(fd, &c->turns[i]) == -1)
			goto done;
	}
	if (c == NULL || c->then == CLOSE_AFTER)
		goto done;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		if (c->then == ECHO_AFTER && write(fd, buf, n) != n)
			break;
	}
 done:
	close(fd);
	return (NULL);
}

static void *
play(void *arg)
{
	pthread_t	 t;
	int		 fd;

	while ((fd = accept(listener, NULL, NULL)) != -1) {
		if (pthread_create(&t, NULL, play_conn,
		    (void *)(intptr_t)fd) != 0)
			abort();
		pthread_detach(t);
	}
	return (NULL);
}

static int
setup(void **state)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);

	if ((base = event_base_new()) == NULL || dial_init(base) == -1)
		return (-1);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(listener, 64) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sin, &len) == -1)
		return (-1);
	port = ntohs(sin.sin_port);
	return (pthread_create(&thread, NULL, play, NULL));
}

static void
plays(const struct conn *conns, int n)
{
	pthread_mutex_lock(&lock);
	script = conns;
	nscript = n;
	nplayed = bad = 0;
	pthread_mutex_unlock(&lock);
}
#define PLAYS(conns)	plays((conns), nitems(conns))

/* ---- the dial ---- */

static void
done(void *arg, int fd, enum dial_error error, const char *text)
{
	struct result	*r = arg;

	r->calls++;
	r->fd = fd;
	r->error = error;
	strlcpy(r->text, text, sizeof(r->text));
}

static struct egress_dial *
begin(struct result *r, const char *url, const char *host, int helper,
    unsigned int ms)
{
	struct egress_dial_config	 conf;
	struct egress_dial		*d;
	struct egress			 e;
	const char			*errstr;
	char				 text[128];

	memset(&e, 0, sizeof(e));
	if (helper != -1) {
		e.kind = EGRESS_HELPER;
		strlcpy(e.host, url, sizeof(e.host));
	} else if (url != NULL) {
		snprintf(text, sizeof(text), "%s:%u", url, port);
		assert_int_equal(egress_parse(text, &e, &errstr), 0);
	}
	memset(&conf, 0, sizeof(conf));
	conf.base = base;
	conf.egress = &e;
	conf.helper = helper;
	conf.host = host;
	conf.port = url == NULL ? port : 443;
	conf.agent = "test/1";
	conf.timeout_ms = ms;
	conf.done = done;
	conf.arg = r;
	memset(r, 0, sizeof(*r));
	r->fd = -1;
	d = egress_dial_new(&conf);
	assert_non_null(d);
	/* It has its own copy. */
	memset(&e, 0xff, sizeof(e));
	assert_int_equal(r->calls, 0);
	return (d);
}

/* The loop ends by itself: nothing may be left in it. */
static void
dial(struct result *r, const char *url, const char *host, unsigned int ms)
{
	begin(r, url, host, -1, ms);
	event_base_dispatch(base);
	assert_int_equal(r->calls, 1);
	assert_int_equal(r->fd == -1, r->error != DIAL_OK);
	assert_int_equal(bad, 0);
}

/* What is behind it answers, and nothing of that was lost. */
static void
echoes(int fd)
{
	char	 buf[8] = "";
	size_t	 n = 0;
	ssize_t	 got;

	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(write(fd, "hello", 5), 5);
	while (n < 5 && (got = read(fd, buf + n, 5 - n)) > 0)
		n += got;
	assert_string_equal(buf, "hello");
	close(fd);
}

static void
fails(const struct result *r, enum dial_error error, const char *why)
{
	assert_int_equal(r->fd, -1);
	assert_int_equal(r->error, error);
	if (strstr(r->text, why) == NULL)
		fail_msg("%s: %s", why, r->text);
}

#define CONNECT_RELAY	"CONNECT relay.test:443 HTTP/1.1\r\n"
#define SOCKS_HELLO	TURN("\5\1\0", "\5\0")
#define SOCKS_DONE	"\5\0\0\1\0\0\0\0\0\0"

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
		cmocka_unit_test(helper_that_fails),
		cmocka_unit_test(helpers_are_bounded),
		cmocka_unit_test(helper_given_up),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, setup, NULL));
}
