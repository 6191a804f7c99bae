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
 * Dialling, and each allocation on the way fails in turn: then it is not
 * begun, or there is one end of it, and nothing is left of it.
 */

/* link: lib/dial.c lib/resolve.c regress/lib/nth_alloc.c */
/* libs: libevent pthread */
/* flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <event2/event.h>
#include <netdb.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dial.h"
#include "nth_alloc.h"

static struct event_base	*base;
static uint16_t			 port;
static int			 ends, connected;

static void
done(struct dial *d, void *arg, int fd, enum dial_error error,
    const char *text)
{
	ends++;
	assert_int_equal(fd == -1, error != DIAL_OK);
	assert_true(error == DIAL_OK || text[0] != '\0');
	if (fd != -1) {
		connected++;
		close(fd);
	}
}

/* 1: it connected. */
static int
dial(const char *host, uint16_t to, int dgram)
{
	struct dial_config	 cfg = { .base = base, .host = host,
				    .port = to, .timeout_ms = 30000,
				    .dgram = dgram, .done = done };

	ends = connected = 0;
	if (dial_new(&cfg) == NULL) {
		assert_int_equal(ends, 0);
		return (0);
	}
	event_base_dispatch(base);
	assert_int_equal(ends, 1);
	return (connected);
}

static void
each_fails(const char *host, uint16_t to, int dgram, int connects)
{
	unsigned int	 at;
	int		 r;

	for (at = 1; ; at++) {
		nth_alloc_fail(at);
		r = dial(host, to, dgram);
		if (nth_alloc_seen() < at)
			break;
		nth_alloc_fail(0);
		assert_in_range(at, 1, 100);
	}
	nth_alloc_fail(0);
	assert_true(at > 1);
	assert_int_equal(r, connects);
}

static void
each_allocation_fails(void **state)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);
	int			 fd = socket(AF_INET, SOCK_STREAM, 0);

	base = event_base_new();
	assert_non_null(base);
	assert_int_equal(dial_init(base), 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	port = ntohs(sin.sin_port);
	each_fails("127.0.0.1", port, 0, 1);
	each_fails("localhost", port, 0, 1);
	each_fails("127.0.0.1", port, 1, 1);
	close(fd);
	each_fails("127.0.0.1", port, 0, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(each_allocation_fails),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
