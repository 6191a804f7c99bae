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
 * Sockets that accept outlive the listeners that have them: what one does to
 * its own is not to hurt the next.
 */

/* link: relayd/listen.c libculvert.a */
/* libs: libevent */

#include "compat.h"

#include <sys/socket.h>

#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "listen.h"

static int
reach(const struct sockaddr_in *sin)
{
	int	 fd, ret;

	assert_true((fd = socket(AF_INET, SOCK_STREAM, 0)) != -1);
	ret = connect(fd, (const struct sockaddr *)sin, sizeof(*sin));
	close(fd);
	return (ret);
}

static void
one_that_was_shut_down_accepts_again(void **state)
{
	struct sockaddr_storage	 ss;
	struct sockaddr_in	*sin = (struct sockaddr_in *)&ss;
	socklen_t		 len = sizeof(ss);
	int			 fd;

	memset(&ss, 0, sizeof(ss));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* A port that is free, and then by its number: so it stays ours. */
	assert_true((fd = listen_socket(&ss, SOCK_STREAM)) != -1);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	close(fd);
	assert_true((fd = listen_socket(&ss, SOCK_STREAM)) != -1);
	assert_int_equal(reach(sin), 0);
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	assert_int_equal(reach(sin), -1);
	listen_again(fd);
	assert_int_equal(reach(sin), 0);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(one_that_was_shut_down_accepts_again),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
