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
 * Bridges to backends that speak TLS: tunnel says which stream each is of,
 * and may be somebody else's.
 */

/* link: agentd/proxy_bridge.c libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb */

#include "compat.h"

#include <sys/socket.h>

#include <event2/event.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "proxy.h"

static struct event_base	*base;

/* ---- proc ---- */

struct event_base *
proc_base(void)
{
	return (base);
}

struct proc_peer *
proc_peer(int kind, int instance)
{
	return (NULL);
}

int
proc_send(struct proc_peer *p, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	return (-1);
}

/* ---- a backend ---- */

static void
nothing(struct evtls *c, void *arg)
{
}

static size_t
no_bytes(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	return (0);
}

static void
closed(struct evtls *c, void *arg, enum evtls_why why, const char *text)
{
}

static const struct evtls_ops ops = {
	.ready = nothing, .input = no_bytes, .output = no_bytes,
	.closed = closed
};

static struct evtls *
backend(int *far)
{
	struct evtls	*c;
	int		 sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    sv), 0);
	*far = sv[1];
	c = evtls_accept(base, sv[0], NULL, &ops, NULL);
	assert_non_null(c);
	return (c);
}

static void
a_stream_has_one_bridge(void **state)
{
	int	 far[2], fd;
	char	 c;

	assert_true((fd = bridge_new(7, backend(&far[0]))) != -1);
	assert_int_equal(bridge_new(7, backend(&far[1])), -1);
	/* The first one is as it was, the second backend is left. */
	assert_int_equal(read(far[1], &c, 1), 0);
	assert_int_equal(read(far[0], &c, 1), -1);
	assert_int_equal(bridge_cancel(7), 1);
	assert_int_equal(bridge_cancel(7), 0);
	close(fd);
	close(far[0]);
	close(far[1]);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(a_stream_has_one_bridge),
	};

	log_init("bridge", LOG_STYLE_TERMINAL, 0);
	if ((base = event_base_new()) == NULL)
		return (1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
