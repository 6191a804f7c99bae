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
 * Slots of a node at a listener, with a router that is this test.
 */

/* link: relayd/rpc_slot.c libculvert.a */
/* libs: libevent jansson */

#include "compat.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <imsg.h>

#include <err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "door_rpc.h"
#include "doors.h"

#define REQUESTS	100

struct proc_peer {
	int	 none;
};

struct relayd_rpc		 rpc_conf;

static struct proc_peer		 router;
static struct event_base	*base;
static struct rpc_load		*load;
static struct rpc_request	 requests[REQUESTS];
static struct rpc_slots		 said[REQUESTS];
static int			 nsaid, went, failed;
static struct imsgbuf		 in, out;

/* ---- what the slots are for ---- */

struct event_base *
proc_base(void)
{
	return (base);
}

struct proc_peer *
proc_peer(int kind, int instance)
{
	return (&router);
}

size_t
proc_queued(const struct proc_peer *p)
{
	return (0);
}

int
proc_send(struct proc_peer *p, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	assert_int_equal(type, IMSG_RPC_SLOTS);
	assert_int_equal(len, sizeof(said[0]));
	assert_true(nsaid < REQUESTS);
	memcpy(&said[nsaid++], data, len);
	return (0);
}

uint32_t
keep_router(void)
{
	return (1);
}

struct rpc_load *
rpc_client_load(const struct rpc_client *cl)
{
	return (load);
}

void
rpc_request_go_on(struct rpc_request *r)
{
	assert_int_equal(r->slot, RPC_SLOT_HAS);
	went++;
}

void
rpc_fail(struct rpc_request *r, const char *error)
{
	assert_string_equal(error, "too_many_pending");
	rpc_slot_free(r);
	failed++;
}

/* ---- what router does ---- */

static void
router_says(uint32_t what, uint32_t n)
{
	struct rpc_slots	 msg;
	struct imsg		 imsg;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.node_id, "n", sizeof(msg.node_id));
	msg.what = what;
	msg.n = n;
	msg.live = 1;
	if (imsg_compose(&out, IMSG_RPC_SLOTS, 0, 0, -1, &msg, sizeof(msg)) ==
	    -1 || imsgbuf_flush(&out) == -1 || imsgbuf_read(&in) != 1 ||
	    imsgbuf_get(&in, &imsg) != 1)
		err(1, "imsg");
	assert_int_equal(rpc_slots_recv(&router, &imsg), 0);
	imsg_free(&imsg);
}

/* The next that it hears. */
static void
router_hears(uint32_t what, uint32_t n)
{
	assert_true(nsaid > 0);
	assert_int_equal(said[0].what, what);
	assert_int_equal(said[0].n, n);
	memmove(said, said + 1, --nsaid * sizeof(said[0]));
}

static int
setup(void **state)
{
	int	 fds[2];

	rpc_conf.pending = 64;
	nsaid = went = failed = 0;
	memset(requests, 0, sizeof(requests));
	if ((base = event_base_new()) == NULL || socketpair(AF_UNIX,
	    SOCK_STREAM, 0, fds) == -1 || imsgbuf_init(&in, fds[0]) == -1 ||
	    imsgbuf_init(&out, fds[1]) == -1 ||
	    (load = rpc_load_ref("n")) == NULL)
		return (-1);
	router_hears(RPC_SLOTS_ASK, 1);
	return (0);
}

static int
teardown(void **state)
{
	int	 i;

	for (i = 0; i < REQUESTS; i++)
		rpc_slot_free(&requests[i]);
	rpc_load_unref(load);
	event_base_free(base);
	close(in.fd);
	close(out.fd);
	imsgbuf_clear(&in);
	imsgbuf_clear(&out);
	return (0);
}

static void
those_who_wait_keep_what_came_for_them(void **state)
{
	int	 i;

	router_says(RPC_SLOTS_GIVEN, 2);
	for (i = 0; i < 5; i++)
		assert_int_equal(rpc_slot_take(&requests[i]), i >= 2);
	router_hears(RPC_SLOTS_ASK, 1);
	/* Another listener asks before they were told. */
	router_says(RPC_SLOTS_GIVEN, 2);
	router_says(RPC_SLOTS_WANTED, 0);
	router_hears(RPC_SLOTS_UNUSED, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(went, 2);
	router_hears(RPC_SLOTS_ASK, 1);
	/* What nobody waits for goes. */
	router_says(RPC_SLOTS_GIVEN, 10);
	router_says(RPC_SLOTS_WANTED, 0);
	router_hears(RPC_SLOTS_UNUSED, 9);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(went, 3);
	assert_int_equal(failed, 0);
	assert_int_equal(nsaid, 0);
}

static void
there_are_no_more(void **state)
{
	int	 i;

	router_says(RPC_SLOTS_GIVEN, 1);
	for (i = 0; i < 3; i++)
		assert_int_equal(rpc_slot_take(&requests[i]), i >= 1);
	router_hears(RPC_SLOTS_ASK, 1);
	router_says(RPC_SLOTS_GIVEN, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(failed, 2);
	assert_int_equal(went, 0);
}

/* The limit is lower now: all goes, and what is in use when it is not. */
static void
less_than_before(void **state)
{
	router_says(RPC_SLOTS_GIVEN, 3);
	assert_int_equal(rpc_slot_take(&requests[0]), 0);
	router_says(RPC_SLOTS_WANTED, 1);
	router_hears(RPC_SLOTS_UNUSED, 2);
	rpc_slot_free(&requests[0]);
	router_hears(RPC_SLOTS_BACK, 1);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(those_who_wait_keep_what_came_for_them),
		TEST(there_are_no_more),
		TEST(less_than_before),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
