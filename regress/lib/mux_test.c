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
   lib/mux_queue.c lib/meter.c
   lib/mux_dgram.c lib/mux_frame.c regress/lib/mux_peer.c */

/*
 * The rules of the link: hello, ids, what ends it.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_internal.h"
#include "mux_peer.h"

static struct peer	 t;

static void
hello_goes_first(void **state)
{
	struct mux_hello h;
	struct seen	*st;

	peer_init(&t, 1);
	peer_start(&t);
	assert_non_null(st = peer_stream(&t));
	mux_send_goaway(t.m, &(struct mux_goaway){ .delay = 7 });
	peer_quiet(&t);
	peer_hello(&t);
	peer_expect(&t, MUX_CONTROL, 0);
	assert_int_equal(mux_hello_get(t.p, t.n, &h), 0);
	assert_int_equal(h.version, 1);
	assert_int_equal(h.credit, MUX_CREDIT_EARLY);
	peer_expect(&t, MUX_CONTROL, 0);
	assert_int_equal(mux_control_what(t.p, t.n), MUX_CONTROL_GOAWAY);
	peer_expect(&t, MUX_OPEN, 1);
	peer_quiet(&t);
	assert_int_equal(mux_send_hello(t.m, &h), -1);
	peer_free(&t);
}

static void
first_frame_is_hello(void **state)
{
	peer_init(&t, 1);
	peer_start(&t);
	assert_int_equal(peer_open(&t, 2, 0), -1);
	peer_error(&t, "no hello");
	peer_init(&t, 1);
	peer_start(&t);
	assert_int_equal(peer_frame(&t, MUX_CONTROL, 0, 0, "\2", 1), -1);
	peer_error(&t, "no hello");
	peer_init(&t, 1);
	peer_start(&t);
	assert_int_equal(peer_frame(&t, MUX_CONTROL, 0, 2, "\1", 1), -1);
	peer_error(&t, "no hello");
}

static void
second_hello_refused(void **state)
{
	peer_up(&t, 1);
	assert_int_equal(t.hellos, 1);
	assert_int_equal(peer_send_hello(&t, 0), -1);
	peer_error(&t, "second hello");
}

static void
hello_of_another_version(void **state)
{
	peer_init(&t, 1);
	peer_start(&t);
	assert_int_equal(peer_frame(&t, MUX_CONTROL, 0, 0,
	    "\1\1\0\4\0\0\0\2", 8), -1);
	peer_error(&t, "version");
	peer_init(&t, 1);
	peer_start(&t);
	assert_int_equal(peer_frame(&t, MUX_CONTROL, 0, 0, "\1\1\0\4", 4),
	    -1);
	peer_error(&t, "malformed hello");
	peer_init(&t, 1);
	peer_start(&t);
	assert_int_equal(peer_send_hello(&t, MUX_CREDIT_MAX + 1), -1);
	peer_error(&t, "malformed hello");
}

static void
unknown_control_skipped(void **state)
{
	peer_up(&t, 1);
	assert_int_equal(peer_frame(&t, MUX_CONTROL, 0, 0, "\77zz", 3), 0);
	assert_int_equal(peer_frame(&t, MUX_CONTROL, 0, 0, "", 0), 0);
	assert_int_equal(peer_frame(&t, MUX_CONTROL, 0, 7, "\1", 1), 0);
	peer_quiet(&t);
	peer_free(&t);
}

static void
goaway_told_and_replaced(void **state)
{
	struct mux_goaway g;

	peer_up(&t, 1);
	assert_int_equal(peer_frame(&t, MUX_CONTROL, 0, 0,
	    "\2\1\0\4\0\0\1\0\2\0\2\nx", 13), 0);
	assert_int_equal(t.goaways, 1);
	assert_int_equal(t.goaway.delay, 256);
	assert_string_equal(t.goaway.text, "?x");
	memset(&g, 0, sizeof(g));
	g.delay = 1;
	assert_int_equal(mux_send_goaway(t.m, &g), 0);
	g.delay = 2;
	assert_int_equal(mux_send_goaway(t.m, &g), 0);
	peer_expect(&t, MUX_CONTROL, 0);
	assert_int_equal(mux_goaway_get(t.p, t.n, &g), 0);
	assert_int_equal(g.delay, 2);
	peer_quiet(&t);
	assert_int_equal(peer_frame(&t, MUX_CONTROL, 0, 0, "\2\1", 2), -1);
	peer_error(&t, "malformed goaway");
}

static void
malformed_frames(void **state)
{
	static const struct {
		uint8_t		 type;
		uint8_t		 flags;
		size_t		 n;
		const char	*payload;
		const char	*error;
	} cases[] = {
		{ 7, 0, 0, "", "malformed frame" },
		{ MUX_CREDIT, MUX_FIN, 4, "\0\0\0\1", "malformed frame" },
		{ MUX_DATA, 4, 1, "d", "malformed frame" },
		{ MUX_DATA, MUX_PART, 1, "d", "part of no datagram" },
		{ MUX_CREDIT, 0, 4, "\0\0\0\0", "malformed credit" },
		{ MUX_CREDIT, 0, 3, "\0\0\0", "malformed credit" },
		{ MUX_CREDIT, 0, 5, "\0\0\0\0\1", "malformed credit" },
		{ MUX_ACCEPT, 0, 0, "", "malformed accept" },
		{ MUX_RESET, 0, 1, "\0", "malformed reset" },
	};
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		peer_up(&t, 0);
		assert_int_equal(peer_open(&t, 1, 0), 0);
		assert_int_equal(peer_frame(&t, cases[i].type, cases[i].flags,
		    1, cases[i].payload, cases[i].n), -1);
		peer_error(&t, cases[i].error);
	}
	peer_up(&t, 0);
	assert_int_equal(peer_frame(&t, MUX_OPEN, 0, 1, "\1", 1), -1);
	peer_error(&t, "malformed open");
	peer_up(&t, 0);
	assert_int_equal(peer_open(&t, 1, 0), 0);
	assert_int_equal(peer_data(&t, 1, MUX_DATA_MAX + 1, 0), -1);
	peer_error(&t, "frame too long");
	peer_up(&t, 0);
	assert_int_equal(mux_input(t.m, (const uint8_t *)"\3", 1, 0), -1);
	peer_error(&t, "malformed frame");
}

static void
peer_ids_rise(void **state)
{
	const uint32_t	 bad[] = { 0, 2, 3, 5, MUX_ID_MAX + 2, UINT32_MAX };
	size_t		 i;

	for (i = 0; i < nitems(bad); i++) {
		peer_up(&t, 0);
		assert_int_equal(peer_open(&t, 5, 0), 0);
		assert_int_equal(peer_open(&t, bad[i], 0), -1);
		peer_error(&t, "stream id");
	}
	peer_up(&t, 1);
	assert_int_equal(peer_open(&t, 1, 0), -1);
	peer_error(&t, "stream id");
	peer_up(&t, 0);
	assert_int_equal(peer_open(&t, MUX_ID_MAX, 0), 0);
	peer_free(&t);
}

static void
our_ids_run_out(void **state)
{
	struct seen	*st;

	peer_up(&t, 1);
	t.m->next_id = MUX_ID_MAX - 2;
	assert_non_null(st = peer_stream(&t));
	assert_int_equal(mux_stream_id(st->s), MUX_ID_MAX - 2);
	assert_non_null(st = peer_stream(&t));
	assert_int_equal(mux_stream_id(st->s), MUX_ID_MAX);
	assert_null(peer_stream(&t));
	assert_null(peer_stream(&t));
	peer_free(&t);
}

static void
frames_for_streams_gone_are_a_race(void **state)
{
	struct seen	*st;

	peer_up(&t, 1);
	st = peer_stream(&t);
	peer_expect(&t, MUX_OPEN, 1);
	mux_reset(st->s, MUX_CODE_CANCEL, NULL);
	peer_expect(&t, MUX_RESET, 1);
	assert_int_equal(peer_open(&t, 4, 0), 0);
	assert_int_equal(peer_reset(&t, 4, 0, NULL), 0);
	/* 2 was skipped, which makes it gone as well */
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 5), 0);
	assert_int_equal(peer_credit(&t, MUX_CREDIT, 1, 5), 0);
	assert_int_equal(peer_data(&t, 1, 10, 0), 0);
	assert_int_equal(peer_reset(&t, 1, 0, NULL), 0);
	assert_int_equal(peer_data(&t, 4, 10, 1), 0);
	assert_int_equal(peer_data(&t, 2, 10, 1), 0);
	peer_quiet(&t);
	peer_free(&t);
}

static void
frames_for_streams_never_opened(void **state)
{
	const uint32_t	 bad[] = { 0, 3, 6, 7, UINT32_MAX };
	size_t		 i;

	for (i = 0; i < nitems(bad); i++) {
		peer_up(&t, 1);
		peer_stream(&t);
		peer_expect(&t, MUX_OPEN, 1);
		assert_int_equal(peer_open(&t, 4, 0), 0);
		assert_int_equal(peer_credit(&t, MUX_CREDIT, bad[i], 1), -1);
		peer_error(&t, "no such stream");
	}
	/* Ours, but its OPEN has not left. */
	peer_up(&t, 1);
	peer_stream(&t);
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 1), -1);
	peer_error(&t, "no such stream");
}

static void
stream_nobody_takes_is_reset(void **state)
{
	uint16_t	 code;
	char		 text[MUX_TEXT_MAX + 1];

	peer_up(&t, 0);
	t.disown = 1;
	assert_int_equal(peer_open(&t, 1, 0), 0);
	peer_expect(&t, MUX_RESET, 1);
	assert_int_equal(mux_reset_get(t.p, t.n, &code, text), 0);
	assert_int_equal(code, MUX_CODE_UNSUPPORTED);
	peer_free(&t);
}

static void
open_that_is_no_text_fails(void **state)
{
	struct mux_open	 o;
	struct mux_stream_ops ops;

	peer_up(&t, 1);
	memset(&o, 0, sizeof(o));
	memset(&ops, 0, sizeof(ops));
	strlcpy(o.host, "a\nb", sizeof(o.host));
	assert_null(mux_open_stream(t.m, &o, &ops, NULL));
	assert_int_equal(t.budget.used, 0);
	/* and took no id */
	assert_int_equal(mux_stream_id(peer_stream(&t)->s), 1);
	peer_free(&t);
}

static void
on_reset_open_and_reset(struct seen *st)
{
	/* On the way out nothing can be opened; others may be reset. */
	assert_null(peer_stream(st->peer));
	if (st->other != NULL && st->other->s != NULL) {
		mux_reset(st->other->s, 0, "too");
		st->other->s = NULL;
	}
}

static void
free_resets_all(void **state)
{
	struct seen	*a, *b, *c;

	peer_up(&t, 1);
	a = peer_stream(&t);
	b = peer_stream(&t);
	c = peer_stream(&t);
	peer_flush(&t);
	mux_reset(c->s, 0, "still to be sent");
	a->on_reset = on_reset_open_and_reset;
	a->other = b;
	mux_free(t.m, "link down");
	assert_int_equal(a->reset, 1);
	assert_int_equal(a->code, MUX_CODE_NODE_GONE);
	assert_string_equal(a->text, "link down");
	assert_int_equal(b->reset, 0);
	assert_int_equal(c->reset, 0);
	assert_int_equal(t.budget.used, 0);
	mux_free(NULL, NULL);
}

static void
end_resets_both_ends(void **state)
{
	struct seen	*a, *b, *c;
	uint16_t	 code;
	char		 text[MUX_TEXT_MAX + 1];

	peer_up(&t, 1);
	a = peer_stream(&t);
	b = peer_stream(&t);
	c = peer_stream(&t);
	peer_flush(&t);
	/* One that has ended well, but was not told. */
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 5, 1), 0);
	c->take = 0;
	peer_give(c, 0, 1);
	assert_int_equal(peer_data(&t, 5, 10, 1), 0);
	peer_expect_data(&t, 5, 0, 1);
	mux_drain(c->s, 10);
	a->on_reset = on_reset_open_and_reset;
	a->other = b;
	mux_end(t.m, MUX_CODE_KILLED, "revoked");
	assert_int_equal(a->code, MUX_CODE_KILLED);
	assert_string_equal(a->text, "revoked");
	assert_int_equal(b->reset, 0);
	assert_int_equal(c->done, 1);
	assert_int_equal(c->reset, 0);
	assert_null(peer_stream(&t));
	/* Too late to come in. */
	assert_int_equal(peer_open(&t, 2, 0), 0);
	peer_expect(&t, MUX_RESET, 2);
	peer_expect(&t, MUX_RESET, 1);
	assert_int_equal(mux_reset_get(t.p, t.n, &code, text), 0);
	assert_int_equal(code, MUX_CODE_KILLED);
	peer_expect(&t, MUX_RESET, 3);
	peer_quiet(&t);
	peer_free(&t);
}

static void
stats_count_payload(void **state)
{
	struct mux_stats st;
	struct seen	*a;

	peer_up(&t, 1);
	a = peer_stream(&t);
	peer_flush(&t);
	peer_give(a, 1000, 0);
	peer_flush(&t);
	a->take = 20;
	assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 1), 0);
	assert_int_equal(peer_data(&t, 1, 100, 0), 0);
	mux_get_stats(t.m, &st);
	assert_int_equal(st.out, 1000);
	assert_int_equal(st.in, 100);
	assert_int_equal(st.queued, 80);
	assert_int_equal(st.streams, 1);
	assert_int_equal(mux_stream_in(a->s), 100);
	assert_int_equal(mux_stream_out(a->s), 1000);
	mux_reset(a->s, 0, NULL);
	mux_get_stats(t.m, &st);
	assert_int_equal(st.queued, 0);
	assert_int_equal(st.streams, 0);
	peer_free(&t);
}

static void
table_of_many_streams(void **state)
{
	struct mux_stream_ops ops;
	struct mux_stream *s[5000];
	struct mux_open	 o;
	int		 i;

	peer_init(&t, 1);
	t.budget.limit = t.cfg.link_budget = (size_t)1 << 40;
	peer_start(&t);
	t.m->peer_streams = 5000;
	memset(&o, 0, sizeof(o));
	memset(&ops, 0, sizeof(ops));
	for (i = 0; i < 5000; i++)
		assert_non_null(s[i] = mux_open_stream(t.m, &o, &ops, NULL));
	for (i = 0; i < 5000; i++)
		assert_ptr_equal(mux_table_find(t.m, 2 * i + 1), s[i]);
	assert_null(mux_table_find(t.m, 2));
	for (i = 0; i < 5000; i += 2)
		mux_reset(s[i], 0, NULL);
	for (i = 0; i < 5000; i++)
		assert_ptr_equal(mux_table_find(t.m, 2 * i + 1),
		    i % 2 == 0 ? NULL : s[i]);
	for (i = 1; i < 5000; i += 2)
		mux_reset(s[i], 0, NULL);
	/* Large tables do not outlive their streams. */
	assert_null(t.m->table);
	peer_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_goes_first),
		cmocka_unit_test(first_frame_is_hello),
		cmocka_unit_test(second_hello_refused),
		cmocka_unit_test(hello_of_another_version),
		cmocka_unit_test(unknown_control_skipped),
		cmocka_unit_test(goaway_told_and_replaced),
		cmocka_unit_test(malformed_frames),
		cmocka_unit_test(peer_ids_rise),
		cmocka_unit_test(our_ids_run_out),
		cmocka_unit_test(frames_for_streams_gone_are_a_race),
		cmocka_unit_test(frames_for_streams_never_opened),
		cmocka_unit_test(stream_nobody_takes_is_reset),
		cmocka_unit_test(open_that_is_no_text_fails),
		cmocka_unit_test(free_resets_all),
		cmocka_unit_test(end_resets_both_ends),
		cmocka_unit_test(stats_count_payload),
		cmocka_unit_test(table_of_many_streams),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux", tests, NULL, NULL));
}
