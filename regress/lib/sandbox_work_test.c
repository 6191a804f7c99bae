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
 * What each kind of process must still be able to do in its sandbox.
 */

/* link: regress/lib/sandbox_util.c lib/sandbox_linux.c
 *     lib/sandbox_calls_linux.c lib/sandbox_landlock_linux.c
 *     lib/sandbox_seccomp_linux.c */
/* libs: libseccomp sqlite3 pthread -lresolv */

#include "compat.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "sandbox_util.h"

static char	 folder[] = "/tmp/sandbox_test.XXXXXX";

/* The least that any process does. */
static int
base_works(const void *arg)
{
	struct epoll_event	 ee;
	struct pollfd		 pfd;
	struct sigaction	 sa;
	struct timespec		 ts = { 0, 1000 };
	struct rlimit		 rl;
	struct tm		 tm;
	char			 buf[32], *big;
	time_t			 now;
	int			 n, p[2];
	const int		*fds = arg;

	p[0] = fds[0];
	p[1] = fds[1];
	if (write(p[1], "ab", 2) != 2 || ioctl(p[0], FIONREAD, &n) == -1 ||
	    n != 2)
		return (1);
	pfd.fd = p[0];
	pfd.events = POLLIN;
	if (poll(&pfd, 1, 0) != 1 || epoll_wait(fds[2], &ee, 1, 0) != 1)
		return (2);
	if (read(p[0], buf, sizeof(buf)) != 2)
		return (3);
	if (fcntl(p[0], F_SETFL, fcntl(p[0], F_GETFL) | O_NONBLOCK) == -1 ||
	    fcntl(p[0], F_SETFD, FD_CLOEXEC) == -1)
		return (4);
	if ((n = fcntl(p[0], F_DUPFD_CLOEXEC, 0)) == -1 || close(n) == -1)
		return (5);
	/* Large enough to be mapped, then moved. */
	if ((big = malloc(1 << 20)) == NULL ||
	    (big = realloc(big, 1 << 24)) == NULL)
		return (6);
	memset(big, 1, 1 << 24);
	free(big);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_IGN;
	if (sigaction(SIGUSR1, &sa, NULL) == -1 ||
	    nanosleep(&ts, NULL) == -1 || getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return (7);
	arc4random_buf(buf, sizeof(buf));
	now = time(NULL);
	if (localtime_r(&now, &tm) == NULL || isatty(p[0]))
		return (8);
	/* A library may look for a file; it is only told no. */
	return (fopen("/nonexistent", "r") == NULL ? 0 : 9);
}

static void
each_process_can_do_the_least(void **state)
{
	struct epoll_event	 ee = { .events = EPOLLIN };
	unsigned int		 profile;
	int			 fds[3];

	tzset();
	assert_int_equal(pipe(fds), 0);
	fds[2] = epoll_create1(0);
	assert_int_equal(epoll_ctl(fds[2], EPOLL_CTL_ADD, fds[0], &ee), 0);
	for (profile = 0; profile < SANDBOX_PROFILES; profile++) {
		assert_int_equal(outcome(profile, getuid(), base_works, fds),
		    0);
		if (getuid() == 0)
			assert_int_equal(outcome(profile, NOBODY, base_works,
			    fds), 0);
	}
	close(fds[0]);
	close(fds[1]);
	close(fds[2]);
}

/* Sockets are passed to it: it accepts, asks, sets, and reads. */
static int
listener_works(const void *arg)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);
	const int		*lfd = arg;
	char			 c;
	int			 fd, on = 1, ms = 1000, error;

	if ((fd = accept4(*lfd, (struct sockaddr *)&ss, &len,
	    SOCK_CLOEXEC)) == -1)
		return (1);
	len = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1)
		return (2);
	len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return (3);
	len = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return (4);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms,
	    sizeof(ms)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == -1)
		return (5);
	if (recv(fd, &c, 1, 0) != 1 || send(fd, &c, 1, MSG_NOSIGNAL) != 1)
		return (6);
	shutdown(fd, SHUT_WR);
	close(fd);
	return (0);
}

static void
a_listener_can_serve(void **state)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);
	int			 fd, lfd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	lfd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(lfd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(lfd, 1), 0);
	assert_int_equal(getsockname(lfd, (struct sockaddr *)&sin, &len), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)),
	    0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(outcome(SANDBOX_LISTENER, getuid(), listener_works,
	    &lfd), 0);
	close(fd);
	close(lfd);
}

static int
router_works(const void *arg)
{
	struct ucred	 cred;
	socklen_t	 len = sizeof(cred);
	int		 sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return (1);
	if (getsockopt(sv[0], SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return (2);
	return (cred.uid == getuid() ? 0 : 3);
}

static void
a_router_can_make_pairs_and_ask_who(void **state)
{
	assert_int_equal(outcome(SANDBOX_ROUTER, getuid(), router_works,
	    NULL), 0);
}

static void *
resolve(void *arg)
{
	struct addrinfo	 hints, *res = NULL;

	/* A server that is not there is enough to see the calls made. */
	res_init();
	_res.nscount = 1;
	_res.retry = 1;
	_res.retrans = 1;
	_res.nsaddr_list[0].sin_family = AF_INET;
	_res.nsaddr_list[0].sin_port = htons(9);
	_res.nsaddr_list[0].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_ADDRCONFIG;
	if (getaddrinfo("nowhere.example.", "http", &hints, &res) == 0)
		freeaddrinfo(res);
	if (getaddrinfo("localhost", "80", &hints, &res) != 0)
		return (NULL);
	freeaddrinfo(res);
	return (arg);
}

static int
proxy_works(const void *arg)
{
	struct sockaddr_in	 sin;
	pthread_t		 thread;
	void			*found = NULL;
	char			 name[IF_NAMESIZE];
	int			 fd, one = 1;

	if (pthread_create(&thread, NULL, resolve, &one) != 0)
		return (1);
	if (pthread_join(thread, &found) != 0 || found != &one)
		return (2);
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(9);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1)
		return (3);
	/* As for fe80::1%lo, where a name server may be. */
	if (if_nametoindex("lo") == 0 || if_indextoname(if_nametoindex("lo"),
	    name) == NULL)
		return (7);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == -1)
		return (4);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 &&
	    errno != ECONNREFUSED && errno != EINPROGRESS)
		return (5);
	return (open("/etc/hosts", O_RDONLY) == -1 ? 6 : 0);
}

static void
a_proxy_can_resolve_in_threads_and_connect(void **state)
{
	paths[0].path = "/etc";
	paths[0].access = SANDBOX_READ;
	npaths = 1;
	assert_int_equal(outcome(SANDBOX_PROXY, getuid(), proxy_works, NULL),
	    0);
	assert_int_equal(outcome(SANDBOX_CLIENT, getuid(), proxy_works, NULL),
	    0);
	if (getuid() == 0)
		assert_int_equal(outcome(SANDBOX_PROXY, NOBODY, proxy_works,
		    NULL), 0);
	npaths = 0;
}

/* What a store goes through; opened from inside the sandbox. */
static int
store_works(const void *arg)
{
	static const char	*sql[] = {
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL",
		"CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)",
		"BEGIN IMMEDIATE",
		"INSERT INTO t (b) WITH RECURSIVE n(i) AS (SELECT 1 UNION "
		    "ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT "
		    "hex(randomblob(64)) FROM n",
		"COMMIT",
		"PRAGMA wal_checkpoint(TRUNCATE)",
		"PRAGMA quick_check",
		"DELETE FROM t WHERE a % 2",
		"VACUUM",
		"PRAGMA journal_mode = DELETE",
		"UPDATE t SET b = 'x'",
	};
	sqlite3			*db;
	char			 path[64], other[64];
	size_t			 i;

	snprintf(path, sizeof(path), "%s/store.db", (const char *)arg);
	snprintf(other, sizeof(other), "%s/backup.db", (const char *)arg);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		return (1);
	for (i = 0; i < nitems(sql); i++)
		if (sqlite3_exec(db, sql[i], NULL, NULL, NULL) != SQLITE_OK)
			return (10 + i);
	if (sqlite3_close(db) != SQLITE_OK)
		return (2);
	/* Nothing beside its folder. */
	if (open("/tmp/sandbox_test", O_WRONLY | O_CREAT, 0600) != -1)
		return (3);
	if (rename(path, other) == -1)
		return (5);
	if (rename(other, "/tmp/sandbox_test") != -1)
		return (6);
	return (unlink(other) == -1 ? 4 : 0);
}

static void
a_store_can_be_kept(void **state)
{
	uid_t	 uid = getuid() == 0 ? NOBODY : getuid();

	if (!has_landlock())
		return;		/* nothing to see */
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chown(folder, uid, -1), 0);
	paths[0].path = folder;
	paths[0].access = SANDBOX_READ | SANDBOX_WRITE | SANDBOX_CREATE;
	npaths = 1;
	assert_int_equal(outcome(SANDBOX_AUTH, uid, store_works, folder), 0);
	npaths = 0;
	assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(each_process_can_do_the_least),
		cmocka_unit_test(a_listener_can_serve),
		cmocka_unit_test(a_router_can_make_pairs_and_ask_who),
		cmocka_unit_test(a_proxy_can_resolve_in_threads_and_connect),
		cmocka_unit_test(a_store_can_be_kept),
	};

	has_landlock();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
