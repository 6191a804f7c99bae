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

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "router.h"
#include "router_fake.h"
#include "router_pair_steps.h"

const struct addr_key	 here = { { 192, 0, 2, 1 }, 4, { 0 } };

const struct addr_key	 there = { { 192, 0, 2, 2 }, 4, { 0 } };

int
setup(void **state)
{
	struct relayd_rpc	 rpc;

	memset(&rpc, 0, sizeof(rpc));
	rpc.session_s = 3600;
	rpc.pair_s = 120;
	rpc.pending = 64;
	rpc.nodes = RPC_NODES_ANY;
	rpc_conf_begin();
	rpc_conf_end(&rpc);
	return (fake_setup(state));
}

int
teardown(void **state)
{
	fake_down(L, 0);
	fake_down(L, 1);
	fake_run(60);
	fake_down(A, 0);
	fake_clear();
	return (pair_count() == 0 && nodes_live() == 0 ? 0 : -1);
}

void
hash(uint8_t *h, int c)
{
	memset(h, c, RPC_HASH_LEN);
}

void
node_up(uint64_t id, int listener, uint32_t conn)
{
	link_new(id, listener, conn, DOOR_NODE, "bob", "pi");
}

void
node_down(uint64_t id, int listener, uint32_t conn)
{
	struct link_down	 down;

	memset(&down, 0, sizeof(down));
	down.session = id;
	assert_int_equal(fake_say(L, listener, IMSG_LINK_DOWN, conn, &down,
	    sizeof(down)), 0);
}

uint32_t
offer(uint64_t session, const char *name, int listener, uint32_t conn, int c)
{
	struct pair_offered	 answer;
	struct pair_offer	 o;
	uint32_t		 id;

	memset(&o, 0, sizeof(o));
	o.session = session;
	strlcpy(o.rpc_node, name, sizeof(o.rpc_node));
	hash(o.hash, c);
	assert_int_equal(fake_say(L, listener, IMSG_PAIR_OFFER, conn, &o,
	    sizeof(o)), 0);
	assert_true(fake_took(L, listener, IMSG_PAIR_OFFERED, &id, &answer,
	    sizeof(answer)));
	assert_int_equal(id, conn);
	return (answer.code);
}

int
ask_from(const struct addr_key *from, int c, struct pair_answer *a)
{
	struct pair_ask	 msg;
	uint32_t	 id;

	memset(&msg, 0, sizeof(msg));
	hash(msg.hash, c);
	hash(msg.token, c + 100);
	msg.from = *from;
	assert_int_equal(fake_say(L, 0, IMSG_PAIR_ASK, 99, &msg,
	    sizeof(msg)), 0);
	if (!fake_took(L, 0, IMSG_PAIR_ANSWER, &id, a, sizeof(*a)))
		return (-1);
	assert_int_equal(id, 99);
	return (a->code);
}

int
attempt(int c, struct pair_answer *a)
{
	return (ask_from(&here, c, a));
}

void
bought(uint32_t code, struct pair_answer *a)
{
	struct pair_bought	 b;
	struct pair_buy		 buy;
	uint32_t		 id;

	assert_true(fake_took(A, 0, IMSG_PAIR_BUY, &id, &buy, sizeof(buy)));
	memset(&b, 0, sizeof(b));
	b.code = code;
	b.expires_at = 1000;
	strlcpy(b.node, "pi", sizeof(b.node));
	assert_int_equal(fake_say(A, 0, IMSG_PAIR_BOUGHT, id, &b, sizeof(b)),
	    0);
	assert_true(fake_took(L, 0, IMSG_PAIR_ANSWER, &id, a, sizeof(*a)));
}
