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
 * What router is told of streams: all of it in its order, however slowly it
 * reads, and no more than a listener can keep for it.
 *
 * link: relayd/listener_record.c imsg/imsg.c imsg/ibuf.c lib/log.c
 * lib/log_limit.c
 * libs: libevent
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "listener.h"

#define STREAMS_MAX	100000

struct proc_peer {
	int	 kind;
};

static struct proc_peer	 router;
static size_t		 pipe_len;	/* bytes in it, and how many go in */
static uint64_t		 up, down;	/* the last that it was told of */
static struct event_base *base;
static struct stream_owner owner;

struct conn_table	 conns = RB_INITIALIZER(&conns);
struct listener_counts	 counts;
struct mux_budget	 budget;

/* ---- what it is linked to ---- */

struct proc_peer *
proc_peer(int kind, int instance)
{
	return (&router);
}

int
proc_instance(void)
{
	return (0);
}

struct event_base *
proc_base(void)
{
	return (base);
}

size_t
proc_queued(const struct proc_peer *p)
{
	return (pipe_len);
}

int
proc_send(struct proc_peer *p, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	struct stream_down	 d;
	struct stream_up	 u;

	pipe_len += IMSG_HEADER_SIZE + len;
	if (type == IMSG_STREAM_UP) {
		assert_int_equal(len, sizeof(u));
		memcpy(&u, data, len);
		assert_int_equal(u.id, up + 1);
		up = u.id;
	} else if (type == IMSG_STREAM_DOWN) {
		assert_int_equal(len, sizeof(d));
		memcpy(&d, data, len);
		assert_int_equal(d.id, down + 1);
		assert_true(d.id <= up);
		down = d.id;
	}
	return (0);
}

int
proc_send_later(struct proc_peer *p, uint32_t type, uint32_t id,
    const void *data, size_t len)
{
	return (proc_send(p, type, id, -1, data, len));
}

void
record_unlimit(struct stream_record *r)
{
}

uint64_t
peers_lost(void)
{
	return (0);
}

/* What links are asked for statistics; there are none here. */
struct conn *
conn_table_RB_NEXT(struct conn *c)
{
	return (NULL);
}

struct conn *
conn_table_RB_MINMAX(struct conn_table *t, int which)
{
	return (NULL);
}

struct evtls *
link_conn(struct link *l)
{
	return (NULL);
}

struct mux *
link_mux(struct link *l)
{
	return (NULL);
}

uint32_t
link_rtt(const struct link *l)
{
	return (0);
}

size_t
evtls_buffered(const struct evtls *c)
{
	return (0);
}

void
mux_get_stats(const struct mux *m, struct mux_stats *stats)
{
}

/* ---- steps ---- */

static void
describe(const struct stream_record *r, struct stream_up *msg)
{
}

static void
bytes(const struct stream_record *r, uint64_t *in, uint64_t *out)
{
	*in = *out = 0;
}

static const struct stream_record_ops ops = {
	.describe = describe, .bytes = bytes
};

/* A stream comes and goes. */
static void
visit(void)
{
	struct stream_record	 r;

	memset(&r, 0, sizeof(r));
	record_new(&r, &owner, &ops);
	record_up(&r);
	record_down(&r, 0, NULL);
	record_end(&r);
}

static int
setup(void **state)
{
	base = event_base_new();
	assert_non_null(base);
	TAILQ_INIT(&owner.streams);
	return (0);
}

static int
teardown(void **state)
{
	event_base_free(base);
	return (0);
}

/* ---- tests ---- */

static void
all_is_told_in_its_order(void **state)
{
	uint64_t	 n = 0;

	while (!records_behind()) {
		visit();
		assert_true(++n < STREAMS_MAX);
	}
	assert_false(records_full());
	while (!records_full()) {
		visit();
		assert_true(++n < STREAMS_MAX);
	}
	/* Those that there are still may end. */
	visit();
	n++;
	assert_true(down < n);
	while (records_behind()) {
		pipe_len = 0;
		records_go_on();
	}
	assert_false(records_full());
	assert_int_equal(up, n);
	assert_int_equal(down, n);
}

static void
a_new_router_is_not_told_of_the_past(void **state)
{
	uint64_t	 before;

	pipe_len = 0;
	while (!records_full())
		visit();
	before = down;
	records_router_gone();
	assert_false(records_behind());
	assert_false(records_full());
	pipe_len = 0;
	records_go_on();
	assert_int_equal(down, before);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(all_is_told_in_its_order),
		cmocka_unit_test(a_new_router_is_not_told_of_the_past),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, setup, teardown));
}
