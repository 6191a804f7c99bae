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


/* link: lib/notify.c */

/* What a service manager hears. */

#include "compat.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "notify.h"

static int	 warned;

void
log_warn(const char *fmt, ...)
{
	warned++;
}

void
log_warnx(const char *fmt, ...)
{
	warned++;
}

void
log_debug(const char *fmt, ...)
{
}

static int
manager(const char *path, size_t len)
{
	struct sockaddr_un	 sun;
	int			 fd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	memcpy(sun.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun,
	    offsetof(struct sockaddr_un, sun_path) + len), 0);
	return (fd);
}

static void
expect(int fd, const char *want)
{
	char	 buf[64];
	ssize_t	 n;

	n = recv(fd, buf, sizeof(buf), 0);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, n);
}

static void
a_socket_with_a_path(void **state)
{
	char	 path[64];
	int	 fd;

	snprintf(path, sizeof(path), "/tmp/notify.%d", (int)getpid());
	fd = manager(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	notify_open();
	assert_null(getenv("NOTIFY_SOCKET"));
	notify_send("READY=1");
	notify_send("STOPPING=1");
	expect(fd, "READY=1");
	expect(fd, "STOPPING=1");
	close(fd);
	unlink(path);
	/* It has gone: nobody minds. */
	notify_send("STOPPING=1");
	assert_int_equal(warned, 0);
}

static void
a_socket_without_one(void **state)
{
	char	 name[64], env[64];
	int	 fd;

	snprintf(name, sizeof(name), "%cnotify.%d", '\0', (int)getpid());
	snprintf(env, sizeof(env), "@notify.%d", (int)getpid());
	fd = manager(name, strlen(env));
	setenv("NOTIFY_SOCKET", env, 1);
	notify_open();
	notify_send("READY=1");
	expect(fd, "READY=1");
	close(fd);
}

static void
no_manager(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	notify_open();
	notify_send("READY=1");
	assert_int_equal(warned, 0);
}

static void
names_that_are_none(void **state)
{
	char	 name[256];

	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	notify_open();
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_open();
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	notify_open();
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_int_equal(warned, 3);
	warned = 0;
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(no_manager),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(a_socket_with_a_path),
		cmocka_unit_test(a_socket_without_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
