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

/* link: lib/mux.c lib/mux_output.c lib/mux_table.c lib/mux_stream.c
   lib/mux_credit.c lib/mux_input.c
   lib/mux_queue.c lib/meter.c lib/mux_dgram.c lib/mux_frame.c
   lib/mux_splice.c
   regress/lib/mux_peer.c regress/lib/dgram_peer.c */
/* flags: -Wl,--wrap=malloc */

/*
 * Datagram streams: the memory they take, and what they do without; two that
 * are spliced.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dgram_peer.h"
#include "mux_internal.h"
#include "mux_splice.h"

static struct peer	 far;
static int		 malloc_left = -1;	/* until it fails; -1: never */

void	*__real_malloc(size_t);
void	*__wrap_malloc(size_t);

void *
__wrap_malloc(size_t n)
{
	if (malloc_left == 0)
		return (NULL);
	if (malloc_left > 0)
		malloc_left--;
	return (__real_malloc(n));
}

/* A link with this budget is up, with one stream of ours, id 1. */
static void
ours_budget(size_t limit)
{
	memset(&saw, 0, sizeof(saw));
	peer_init(&t, 1);
	t.cfg.link_budget = limit;
	peer_start(&t);
	peer_hello(&t);
	peer_expect(&t, MUX_CONTROL, 0);
	assert_int_equal(peer_send_hello(&t, 0), 0);
	assert_non_null(saw.s = mux_open_stream(t.m, udp(), &dgram_ops, NULL));
	peer_expect(&t, MUX_OPEN, 1);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 0), 0);
}

static void
memory_is_reserved_while_it_is_needed(void **state)
{
	int	 i;

	ours_budget(16 << 20);
	assert_int_equal(t.budget.used, MUX_DGRAM_BASE);
	assert_int_equal(mux_dgram_send(saw.s, big, 4000), 0);
	assert_int_equal(t.budget.used, MUX_DGRAM_BASE);
	for (i = 0; i < 100; i++)
		assert_int_equal(mux_dgram_send(saw.s, big, 60000), 0);
	assert_in_range(t.budget.used, 3 * 60000, MUX_DGRAM_QUEUE);
	peer_flush(&t);
	assert_int_equal(t.budget.used, MUX_DGRAM_BASE);
	saw.refuse = 1;
	assert_int_equal(data(MUX_PART, big, 16000), 0);
	assert_int_equal(data(0, big, 16000), 0);
	assert_in_range(t.budget.used, 32000, 65536);
	mux_dgram_drop(saw.s);
	assert_int_equal(t.budget.used, MUX_DGRAM_BASE);
	peer_free(&t);
}

static void
scarce_memory(void **state)
{
	uint64_t	 in, out;
	size_t		 n;
	int		 i;

	/* From half on a stream has less, though enough for the largest. */
	ours_budget(2 * MUX_DGRAM_SCARCE - 1);
	for (i = 0; i < 100; i++)
		assert_int_equal(mux_dgram_send(saw.s, big, 10000), 0);
	assert_in_range(t.budget.used, MUX_DGRAM_SCARCE / 2,
	    MUX_DGRAM_SCARCE);
	assert_int_equal(mux_dgram_send(saw.s, big, MUX_DGRAM_MAX), 0);
	for (n = 0; peer_next(&t) == MUX_DATA; n += t.n)
		continue;
	assert_true(n >= MUX_DGRAM_MAX);
	peer_free(&t);
	/* With none at all what fits into the base still goes. */
	ours_budget(MUX_DGRAM_BASE);
	assert_null(mux_open_stream(t.m, udp(), &dgram_ops, NULL));
	for (i = 0; i < 20; i++)
		assert_int_equal(mux_dgram_send(saw.s, big, 1500), 0);
	assert_int_equal(mux_dgram_send(saw.s, big, 9000), -1);
	mux_dgram_lost(saw.s, &in, &out);
	assert_int_equal(out, 21);
	assert_int_equal(mux_dgram_send(saw.s, "last", 4), 0);
	expect("last", 4, 0);
	/* One in parts is given up as a whole, and the next one is not. */
	assert_int_equal(data(MUX_PART, big, 8000), 0);
	assert_int_equal(data(MUX_PART, big, 8000), 0);
	assert_int_equal(data(0, big, 8000), 0);
	assert_int_equal(saw.count, 0);
	mux_dgram_lost(saw.s, &in, &out);
	assert_int_equal(in, 1);
	assert_int_equal(data(0, "next", 4), 0);
	assert_int_equal(saw.count, 1);
	/* Too long is too long. */
	for (i = 0; i < 4; i++)
		assert_int_equal(data(MUX_PART, big, MUX_DATA_MAX - 3), 0);
	assert_int_equal(data(0, big, 4), -1);
	peer_error(&t, "datagram too long");
}

static void
no_memory(void **state)
{
	uint8_t		 frame[MUX_HEAD_LEN + 1] = { 0 };
	uint64_t	 in, out;
	int		 i;

	mux_head_put(frame, MUX_DATA, 0, 1);
	mux_queue_trim();
	ours(1);
	malloc_left = 0;
	assert_int_equal(mux_dgram_send(saw.s, "x", 1), -1);
	malloc_left = -1;
	mux_dgram_lost(saw.s, &in, &out);
	assert_int_equal(out, 1);
	peer_quiet(&t);
	assert_int_equal(mux_dgram_send(saw.s, "y", 1), 0);
	expect("y", 1, 0);
	/* While a long one is cut up. */
	for (i = 0; i < 3; i++) {
		assert_int_equal(mux_dgram_send(saw.s, big, MUX_DGRAM_MAX),
		    0);
		assert_int_equal(mux_dgram_send(saw.s, "z", 1), 0);
		mux_queue_trim();
		malloc_left = i;
		assert_int_equal(peer_next(&t), MUX_DATA);
		malloc_left = -1;
		assert_true(t.n == 1 || t.n == MUX_DATA_MAX);
		peer_flush(&t);
	}
	/* While one comes. */
	saw.refuse = 1;
	mux_queue_trim();
	malloc_left = 0;
	assert_int_equal(mux_input(t.m, frame, sizeof(frame), 0), 0);
	malloc_left = -1;
	mux_dgram_lost(saw.s, &in, &out);
	assert_int_equal(in, 1);
	assert_int_equal(saw.resets, 0);
	peer_free(&t);
}

/* ---- Splices ------------------------------------------------------------ */

static void
splice_closed(struct mux_splice *sp, void *arg, uint16_t code,
    const char *text)
{
	uint64_t	*n = arg;

	mux_splice_bytes(sp, &n[0], &n[1]);
	n[2] = code;
	n[3]++;
}

static const struct mux_splice_ops splice_ops = { NULL, splice_closed };

static void
splice_carries_on_whole(void **state)
{
	struct peer	*p;
	uint64_t	 n[4] = { 0 };
	uint8_t		 buf[MUX_OPEN_MAX];
	ssize_t		 len;
	int		 i;

	theirs(0);
	/* Some come before it is known where to. */
	saw.refuse = 1;
	assert_int_equal(data(0, "early", 5), 0);
	assert_int_equal(data(0, "", 0), 0);
	peer_up(&far, 1);
	assert_null(mux_splice_new(saw.s, far.m, &(struct mux_open){
	    .kind = MUX_KIND_TCP }, &splice_ops, n));
	assert_non_null(mux_splice_new(saw.s, far.m, udp(), &splice_ops, n));
	peer_expect(&far, MUX_OPEN, 1);
	peer_expect(&far, MUX_DATA, 1);
	assert_int_equal(far.n, 5);
	peer_expect(&far, MUX_DATA, 1);
	assert_int_equal(far.n, 0);
	assert_int_equal(peer_credit(&far, MUX_ACCEPT, 1, 0), 0);
	peer_expect(&t, MUX_ACCEPT, 1);
	/* A long one leaves only once it is whole. */
	for (i = 0; i < 4; i++) {
		peer_quiet(&far);
		assert_int_equal(data(i < 3 ? MUX_PART : 0, big, 10000), 0);
	}
	for (p = &far, i = 0; i < 3; i++) {
		peer_expect(p, MUX_DATA, 1);
		assert_int_equal(p->head.flags, i < 2 ? MUX_PART : 0);
	}
	assert_int_equal(peer_frame(&far, MUX_DATA, 0, 1, "back", 4), 0);
	expect("back", 4, 0);
	assert_int_equal(data(MUX_FIN, "", 0), 0);
	peer_expect(&far, MUX_DATA, 1);
	assert_int_equal(far.head.flags, MUX_FIN);
	assert_int_equal(n[3], 0);
	assert_int_equal(peer_frame(&far, MUX_DATA, MUX_FIN, 1, "", 0), 0);
	expect("", 0, MUX_FIN);
	assert_int_equal(n[3], 1);
	assert_int_equal(n[0], 40005);
	assert_int_equal(n[1], 4);
	assert_int_equal(n[2], 0);
	/* All of it, and the end, before it is known where to. */
	len = mux_open_put(buf, sizeof(buf), udp());
	assert_int_equal(peer_frame(&t, MUX_OPEN, 0, 3, buf, len), 0);
	assert_int_equal(peer_frame(&t, MUX_DATA, MUX_FIN, 3, "all", 3), 0);
	saw.s = t.st[1].s;
	assert_non_null(mux_splice_new(saw.s, far.m, udp(), &splice_ops, n));
	peer_expect(&far, MUX_OPEN, 3);
	peer_expect(&far, MUX_DATA, 3);
	assert_int_equal(far.n, 3);
	peer_expect(&far, MUX_DATA, 3);
	assert_int_equal(far.head.flags, MUX_FIN);
	assert_int_equal(peer_reset(&far, 3, MUX_CODE_REFUSED, ""), 0);
	peer_expect(&t, MUX_RESET, 3);
	assert_int_equal(n[2], MUX_CODE_REFUSED);
	peer_free(&t);
	peer_free(&far);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_reserved_while_it_is_needed),
		cmocka_unit_test(scarce_memory),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(splice_carries_on_whole),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, dgram_setup, NULL));
}
