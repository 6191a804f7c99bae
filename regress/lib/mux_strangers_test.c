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
 * lib/mux_credit.c lib/mux_input.c lib/mux_queue.c lib/meter.c
 * lib/mux_dgram.c lib/mux_frame.c regress/lib/mux_peer.c */

/*
 * Streams that nobody logged in for leave room for those of users, and those
 * of users for the owner's.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mux_internal.h"
#include "mux_peer.h"

static struct peer	 t;

static const struct mux_stream_ops ops;	/* none */

/* A link that such streams count on; its peer takes so many streams. */
static void
up(int dialer, uint32_t streams, size_t budget)
{
	struct mux_hello	 h = { .version = 1, .streams = streams };
	uint8_t			 buf[MUX_CONTROL_MAX];
	ssize_t			 n;

	peer_init(&t, dialer);
	t.cfg.strangers = 1;
	t.cfg.streams_max = 10000;
	t.budget.limit = (size_t)1 << 40;
	t.cfg.link_budget = budget;
	peer_start(&t);
	peer_hello(&t);
	peer_expect(&t, MUX_CONTROL, 0);
	n = mux_hello_put(buf, sizeof(buf), &h);
	assert_int_equal(peer_frame(&t, MUX_CONTROL, 0, 0, buf, n), 0);
	peer_quiet(&t);
}

static struct mux_stream *
one(const char *user, uint16_t kind)
{
	struct mux_open	 o;

	memset(&o, 0, sizeof(o));
	o.kind = kind;
	strlcpy(o.user, user, sizeof(o.user));
	return (mux_open_stream(t.m, &o, &ops, NULL));
}

static struct mux_stream *
stranger(void)
{
	return (one("", MUX_KIND_TCP));
}

static struct mux_stream *
user(void)
{
	return (one("you@example.org", MUX_KIND_TCP));
}

static struct mux_stream *
guest(void)
{
	return (one("friend@example.org", MUX_KIND_TCP));
}

static void
up_with_owner(uint32_t streams, size_t budget)
{
	up(1, streams, budget);
	t.m->cfg.owner = "you@example.org";
}

static void
of_the_streams_that_the_peer_takes(void **state)
{
	struct mux_stream	*s[6];
	int			 i;

	up(1, 8, (size_t)1 << 40);
	assert_non_null(user());
	for (i = 0; i < 6; i++)
		assert_non_null(s[i] = stranger());
	assert_null(stranger());
	assert_non_null(user());
	assert_null(stranger());
	/* One that goes, whoever ends it, makes room for one. */
	mux_reset(s[0], MUX_CODE_CANCEL, NULL);
	assert_non_null(s[0] = stranger());
	assert_null(stranger());
	while (peer_next(&t) != 0)
		;
	assert_int_equal(peer_reset(&t, mux_stream_id(s[1]),
	    MUX_CODE_REFUSED, NULL), 0);
	assert_non_null(stranger());
	assert_null(stranger());
	peer_free(&t);
}

static void
of_4096_if_the_peer_does_not_say(void **state)
{
	int	 i;

	up(1, 0, (size_t)1 << 40);
	for (i = 0; i < 3072; i++)
		assert_non_null(stranger());
	assert_null(stranger());
	assert_non_null(user());
	peer_free(&t);
}

static void
as_many_as_there_are_where_that_is_one(void **state)
{
	up(1, 1, (size_t)1 << 40);
	assert_non_null(stranger());
	assert_null(stranger());
	peer_free(&t);
}

/* Half of it goes in whole windows, the next quarter in small ones. */
static void
of_the_windows_that_there_may_be(void **state)
{
	int	 i;

	up(1, 100000, 16 << 20);
	for (i = 0; i < 32 + 64; i++)
		assert_non_null(stranger());
	assert_null(stranger());
	assert_null(one("", MUX_KIND_UDP));
	for (i = 0; i < 64; i++)
		assert_non_null(user());
	assert_null(user());
	peer_free(&t);
}

/* The far end takes what comes; datagrams wait for it, within bounds. */
static void
of_what_datagrams_may_take(void **state)
{
	static uint8_t		 big[60000];
	struct mux_stream	*s;
	int			 i, j;

	up(1, 100000, 16 << 20);
	for (i = 0; i < 300 && (s = one("", MUX_KIND_UDP)) != NULL; i++) {
		for (j = 0; j < 3; j++)
			(void)mux_dgram_send(s, big, sizeof(big));
	}
	assert_true(t.m->reserved < (13 << 20));
	for (i = 0; i < 32; i++)
		assert_non_null(user());
	peer_free(&t);
}

static void
of_windows_at_the_other_end(void **state)
{
	int	 i, id = 1;

	up(0, 0, 1 << 20);
	for (i = 0; i < 12; i++, id += 2)
		assert_int_equal(peer_open(&t, id, 0), 0);
	assert_int_equal(t.nst, 12);
	assert_int_equal(peer_open(&t, id, 0), 0);
	assert_int_equal(t.nst, 12);
	peer_expect(&t, MUX_RESET, id);
	peer_free(&t);
}

static void
guests_leave_an_eighth_of_the_streams(void **state)
{
	struct mux_stream	*s[14];
	int			 i;

	up_with_owner(16, (size_t)1 << 40);
	for (i = 0; i < 14; i++)
		assert_non_null(s[i] = guest());
	assert_null(guest());
	assert_null(one("friend@example.org", MUX_KIND_UDP));
	/* Strangers find as many as they always did, if there are any. */
	assert_non_null(stranger());
	assert_non_null(user());
	assert_null(user());
	mux_reset(s[0], MUX_CODE_CANCEL, NULL);
	assert_null(guest());
	assert_non_null(user());
	mux_reset(s[1], MUX_CODE_CANCEL, NULL);
	assert_non_null(guest());
	assert_null(guest());
	peer_free(&t);
}

/* Those that nobody logged in for are somebody else, too. */
static void
strangers_and_guests_leave_it_together(void **state)
{
	int	 i;

	up_with_owner(16, (size_t)1 << 40);
	for (i = 0; i < 12; i++)
		assert_non_null(stranger());
	assert_null(stranger());
	assert_non_null(guest());
	assert_non_null(guest());
	assert_null(guest());
	assert_non_null(user());
	assert_non_null(user());
	assert_null(user());
	peer_free(&t);
}

/* Half of it goes in whole windows, the rest in small ones. */
static void
guests_leave_an_eighth_of_the_windows(void **state)
{
	int	 i;

	up_with_owner(100000, 16 << 20);
	for (i = 0; i < 32 + 96; i++)
		assert_non_null(guest());
	assert_null(guest());
	assert_null(one("friend@example.org", MUX_KIND_UDP));
	for (i = 0; i < 32; i++)
		assert_non_null(user());
	assert_null(user());
	peer_free(&t);
}

static void
the_owner_alone_has_all(void **state)
{
	int	 i;

	up_with_owner(16, (size_t)1 << 40);
	for (i = 0; i < 16; i++)
		assert_non_null(user());
	assert_null(user());
	peer_free(&t);
}

static void
on_other_links_all_are_alike(void **state)
{
	int	 i;

	up(1, 100, (size_t)1 << 40);
	t.m->cfg.strangers = 0;
	for (i = 0; i < 100; i++)
		assert_non_null(stranger());
	/* As many as the peer takes. */
	assert_null(stranger());
	assert_null(user());
	peer_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_streams_that_the_peer_takes),
		cmocka_unit_test(of_4096_if_the_peer_does_not_say),
		cmocka_unit_test(as_many_as_there_are_where_that_is_one),
		cmocka_unit_test(of_the_windows_that_there_may_be),
		cmocka_unit_test(of_what_datagrams_may_take),
		cmocka_unit_test(of_windows_at_the_other_end),
		cmocka_unit_test(guests_leave_an_eighth_of_the_streams),
		cmocka_unit_test(strangers_and_guests_leave_it_together),
		cmocka_unit_test(guests_leave_an_eighth_of_the_windows),
		cmocka_unit_test(the_owner_alone_has_all),
		cmocka_unit_test(on_other_links_all_are_alike),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_strangers", tests, NULL,
	    NULL));
}
