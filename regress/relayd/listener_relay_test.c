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
 * Streams that another listener, which somebody else owns, has to a node whose
 * link is here: they end with the log-in that they rest on, whatever it does.
 */

/* link: regress/lib/far_link.c regress/lib/flood.c
 * regress/relayd/hostile.c regress/relayd/listener_robot.c
 * regress/relayd/listener_world.c
 * relayd/[a-z]*.c relayd/parse.y sql.c libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp
 * sqlite3 jansson crypt */
/* flags: -Wl,--wrap=main,--wrap=proc_parent,--wrap=proc_upgrade
 *	-Wl,--wrap=crypt_r */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hostile.h"
#include "listener_world.h"
#include "msg.h"
#include "msg_link.h"

#define OURS	77		/* sessions of clients */
#define THEIRS	78

static void
ticket(uint64_t id, uint64_t client)
{
	struct ticket	 t;

	memset(&t, 0, sizeof(t));
	t.ticket = id;
	t.from = 1;
	t.conn = world_node_conn;
	t.session = world_node_session;
	t.client = client;
	world_say(PROC_ROUTER, IMSG_TICKET, 0, -1, &t, sizeof(t));
}

static void
over(uint64_t client, uint32_t ms)
{
	struct session_over	 o;

	memset(&o, 0, sizeof(o));
	o.session = client;
	o.ms = ms;
	world_say(PROC_ROUTER, IMSG_SESSION_OVER, 0, -1, &o, sizeof(o));
	world_run();
}

/* The node accepts, and leaves them open. */
static void
streams(uint64_t by, int n)
{
	while (n-- > 0)
		far_stream(&world_peer, MUX_KIND_TCP, "", "127.0.0.1", 22, by,
		    "hello", 5);
}

static void
they_end_with_their_log_in(void **state)
{
	uint32_t	 was;

	ticket(1, OURS);
	ticket(2, OURS);
	ticket(3, THEIRS);
	was = world_node.opened;
	streams(1, 2);
	streams(2, 1);
	streams(3, 1);
	assert_int_equal(world_node.opened - was, 4);
	assert_int_equal(world_peer.reset, 0);
	over(OURS, 0);
	assert_int_equal(world_peer.reset, 3);
	assert_int_equal(world_node.reset, 3);
	/* Once more is a race, and of nobody, too. */
	over(OURS, 0);
	over(4711, 0);
	assert_int_equal(world_peer.reset, 3);
	over(THEIRS, 0);
	assert_int_equal(world_peer.reset, 4);
}

static void
they_have_their_time(void **state)
{
	uint32_t	 was = world_peer.reset;

	ticket(4, OURS);
	streams(4, 2);
	over(OURS, 300);
	assert_int_equal(world_peer.reset, was);
	usleep(400000);
	world_run();
	assert_int_equal(world_peer.reset, was + 2);
}

static int
begin(void **state)
{
	world_begin();
	world_node.lazy = 1;
	return (0);
}

static int
end(void **state)
{
	world_end();
	return (0);
}

int
hostile_tests(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(they_end_with_their_log_in),
		cmocka_unit_test(they_have_their_time),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, begin, end));
}
