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
 * Messages of the rpc door's WebSockets, and what those who are shown them
 * may do meanwhile.
 */

/* link: regress/lib/evtls_none.c relayd/rpc_ws.c relayd/rpc_share.c
 * libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb */

#include "compat.h"

#include <sys/socket.h>

#include <event2/event.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "evtls.h"
#include "listener.h"
#include "rpc_share.h"
#include "rpc_ws.h"
#include "ws.h"
#include "../lib/evtls_none.h"

#define PART	600

static struct event_base	*base;
static struct rpc_ws		*rpc;
static char			 seen[2 * PART];
static size_t			 nseen;
static int			 large, over;

/* ---- of the listener ---- */

struct event_base *
proc_base(void)
{
	return (base);
}

uint64_t
listener_ms(void)
{
	return (1);
}

/* ---- who is shown messages: closes, and reads on ---- */

static void
on_message(void *arg, const char *text, size_t len)
{
	rpc_ws_close(rpc, WS_CLOSE_INTERNAL);
	assert_true(nseen + len <= sizeof(seen));
	memcpy(seen + nseen, text, len);
	nseen += len;
}

static void
on_too_large(void *arg, const char *head, size_t len)
{
	large = 1;
	on_message(arg, head, len);
}

static void
on_drained(void *arg)
{
}

static void
on_over(void *arg, const char *why)
{
	over = 1;
	rpc_ws_free(rpc);
}

static const struct rpc_ws_ops ops = {
	on_message, on_too_large, on_drained, on_over
};

/* A piece of a message, as a client sends it. */
static void
say(int fd, int opcode, int fin)
{
	uint8_t	 frame[8 + PART] = { 0 };

	frame[0] = (fin ? 0x80 : 0) | opcode;
	frame[1] = 0x80 | 126;
	frame[2] = PART >> 8;
	frame[3] = PART & 0xff;
	memset(frame + 8, opcode == WS_TEXT ? 'a' : 'b', PART);
	assert_int_equal(write(fd, frame, sizeof(frame)), sizeof(frame));
}

static void
run(size_t limit)
{
	struct rpc_share	*share;
	struct evtls		*c;
	struct conn		 who;
	int			 fds[2], i;

	nseen = 0;
	large = over = 0;
	memset(&who, 0, sizeof(who));
	who.peer.ss_family = AF_INET;
	rpc_share_conf(1024 * 1024, 4096);
	assert_non_null(base = event_base_new());
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fds), 0);
	assert_non_null(c = evtls_accept(base, fds[0], NULL, &evtls_none,
	    NULL));
	assert_non_null(share = rpc_share_of(&who));
	assert_non_null(rpc = rpc_ws_new(c, 60000, &ops, NULL, share));
	rpc_ws_limit(rpc, limit);
	say(fds[1], WS_TEXT, 0);
	say(fds[1], 0, 1);
	for (i = 0; i < 1000 && nseen == 0; i++)
		event_base_loop(base, EVLOOP_ONCE);
	close(fds[1]);
	for (i = 0; i < 1000 && !over; i++)
		event_base_loop(base, EVLOOP_ONCE);
	assert_true(over);
	rpc_share_unref(share);
	event_base_free(base);
}

static void
message_stays_while_it_closes(void **state)
{
	run(2 * PART);
	assert_int_equal(large, 0);
	assert_int_equal(nseen, 2 * PART);
	assert_int_equal(seen[0], 'a');
	assert_int_equal(seen[2 * PART - 1], 'b');
}

static void
head_of_a_long_one_stays_while_it_closes(void **state)
{
	run(PART + 1);
	assert_int_equal(large, 1);
	assert_int_equal(nseen, RPC_WS_HEAD_LEN);
	assert_int_equal(seen[0], 'a');
	assert_int_equal(seen[nseen - 1], 'a');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_stays_while_it_closes),
		cmocka_unit_test(head_of_a_long_one_stays_while_it_closes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
