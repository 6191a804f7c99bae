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
 * Bytes both ways, bounds on what is buffered, owners that free a connection
 * or hand it on.
 */

/* link: regress/lib/evtls_sides.c lib/evtls.c lib/evtls_input.c
 * lib/evtls_output.c lib/evtls_buf.c lib/evtls_tls.c lib/evtls_libtls.c
 * lib/evtls_libtls_key.c lib/tls_guard.c lib/tls_record.c lib/aead.c
 * lib/aead_mb.c lib/evtls_record.c lib/base64.c regress/lib/tls_util.c */
/* libs: libevent libtls libssl libcrypto ipsec_mb */

#include "compat.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "evtls.h"
#include "evtls_internal.h"
#include "evtls_sides.h"

#define MANY	(10 * 1024 * 1024)

/* ---- Bytes ---- */

static void
until_exchanged(void)
{
	while ((cl.got < sv.send || sv.got < cl.send) && !cl.closed &&
	    !sv.closed)
		sides_pass();
	assert_int_equal(cl.got, sv.send);
	assert_int_equal(sv.got, cl.send);
	assert_int_equal(cl.closed + sv.closed, 0);
	assert_int_equal(evtls_buffered(cl.c) + evtls_buffered(sv.c), 0);
	assert_true(cl.most <= EVTLS_SEALED + EVTLS_BATCH);
	assert_true(sv.most <= EVTLS_SEALED + EVTLS_BATCH);
}

static void
both_ways_tls13(void **state)
{
	cl.send = sv.send = MANY;
	sides_standard(ec, 1);
	until_exchanged();
}

static void
both_ways_tls12(void **state)
{
	cl.send = sv.send = MANY;
	sides_standard(ec, 1);
	SSL_set_max_proto_version(cl.c->ssl, TLS1_2_VERSION);
	until_exchanged();
}

static void
both_ways_plain(void **state)
{
	char	buf[100];

	cl.send = sv.send = MANY;
	sides_connect(NULL, NULL, NULL, 1);
	until_exchanged();
	evtls_describe(sv.c, buf, sizeof(buf));
	assert_string_equal(buf, "plain");
	assert_false(evtls_is_tls(sv.c));
	assert_null(evtls_servername(sv.c));
}

static void
both_ways_full_batches(void **state)
{
	cl.send = sv.send = MANY;
	cl.chunk = sv.chunk = EVTLS_BATCH;
	sides_standard(rsa, 0);
	until_exchanged();
}

static void
both_ways_byte_by_byte(void **state)
{
	cl.send = sv.send = 20000;
	cl.chunk = sv.chunk = 0;
	sides_standard(ec, 0);
	until_exchanged();
}

static void
pauses_lose_nothing(void **state)
{
	cl.send = sv.send = 2 * 1024 * 1024;
	cl.pauses = sv.pauses = 1;
	sides_standard(ec, 0);
	until_exchanged();
}

static void
pauses_lose_nothing_plain(void **state)
{
	cl.send = sv.send = 2 * 1024 * 1024;
	cl.pauses = sv.pauses = 1;
	sides_connect(NULL, NULL, NULL, 0);
	until_exchanged();
}

static void
parts_may_be_taken(void **state)
{
	cl.send = sv.send = 2 * 1024 * 1024;
	cl.nibble = sv.nibble = cl.pauses = 1;
	sides_standard(ec, 0);
	until_exchanged();
}

static void
parts_may_be_taken_plain(void **state)
{
	cl.send = sv.send = 2 * 1024 * 1024;
	cl.nibble = sv.nibble = cl.pauses = 1;
	sides_connect(NULL, NULL, NULL, 0);
	until_exchanged();
}

static void
a_batch_may_be_left(void **state)
{
	int	 passes = 0;

	cl.send = sv.send = 10 * EVTLS_BATCH;
	cl.keep = sv.keep = EVTLS_BATCH;
	sides_standard(ec, 0);
	/* What is less than a batch at the end stays. */
	for (; cl.got < 9 * EVTLS_BATCH || sv.got < 9 * EVTLS_BATCH; passes++)
		sides_pass();
	assert_int_equal(cl.closed + sv.closed, 0);
	/* Behind nearly a batch the rest of a record doesn't come by bytes. */
	assert_true(passes < 1000);
}

static void
more_than_a_batch_may_not(void **state)
{
	cl.send = 4 * EVTLS_BATCH;
	sv.keep = 2 * EVTLS_BATCH;
	sides_standard(ec, 0);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_ERROR);
	assert_string_equal(sv.text, "too much input was left");
}

static void
small_output_leaves_at_once(void **state)
{
	sides_standard(ec, 1);
	sides_until_ready();
	cl.send = 5;
	evtls_want_output(cl.c);
	/* The whole way there in one pass of the loop, and one behind. */
	event_base_loop(sides_base, EVLOOP_NONBLOCK);
	event_base_loop(sides_base, EVLOOP_NONBLOCK);
	assert_int_equal(sv.got, 5);
	assert_int_equal(sv.inputs, 1);
}

static void
slow_reader_is_bounded(void **state)
{
	size_t	sent;
	int	i;

	sv.send = 64 * 1024 * 1024;
	sv.chunk = EVTLS_BATCH;
	sides_standard(ec, 1);
	while (cl.inputs == 0)
		sides_pass();
	evtls_pause(cl.c);
	sides_idle(50);
	sent = sv.sent;
	sides_idle(50);
	assert_int_equal(sv.sent, sent);
	assert_true(sent < sv.send);
	assert_true(evtls_buffered(sv.c) > 0);
	assert_true(evtls_buffered(sv.c) <= EVTLS_SEALED);
	assert_true(evtls_buffered(cl.c) <= EVTLS_SEALED + EVTLS_BATCH);
	for (i = 0; i < 20; i++) {
		evtls_resume(cl.c);
		sides_pass();
		evtls_pause(cl.c);
		side_note(&cl);
		side_note(&sv);
	}
	assert_true(cl.most <= EVTLS_SEALED + EVTLS_BATCH);
	assert_true(sv.most <= EVTLS_SEALED);
}

static void
free_in(enum where where, int tls)
{
	cl.send = sv.send = 100000;
	sv.free_in = where;
	if (where == IN_CLOSED)
		cl.free_in = IN_OUTPUT;
	if (tls)
		sides_standard(ec, 0);
	else
		sides_connect(NULL, NULL, NULL, 0);
	sides_until_closed(&sv);
	assert_null(sv.c);
	sides_until_closed(&cl);
}

static void
free_in_ready(void **state)
{
	free_in(IN_READY, 1);
}

static void
free_in_input(void **state)
{
	free_in(IN_INPUT, 1);
}

static void
free_in_output(void **state)
{
	free_in(IN_OUTPUT, 1);
}

/* What was given before, in the same pass, has got there. */
static void
free_behind_output(void **state)
{
	int	 tls;

	for (tls = 0; tls < 2; tls++) {
		sv.send = 5000;
		sv.free_in = BEHIND_OUTPUT;
		if (tls)
			sides_standard(ec, 0);
		else
			sides_connect(NULL, NULL, NULL, 0);
		sides_until_closed(&cl);
		assert_null(sv.c);
		assert_int_equal(cl.got, 5000);
		assert_int_equal(cl.why, tls ? EVTLS_CUT : EVTLS_EOF);
		sides_again(state);
	}
}

static void
free_in_closed(void **state)
{
	free_in(IN_CLOSED, 1);
}

static void
free_in_ready_plain(void **state)
{
	free_in(IN_READY, 0);
}

static void
free_in_input_plain(void **state)
{
	free_in(IN_INPUT, 0);
}

static void
free_in_output_plain(void **state)
{
	free_in(IN_OUTPUT, 0);
}

static void
free_in_closed_plain(void **state)
{
	free_in(IN_CLOSED, 0);
}

/* ---- Owners ---- */

static char	taken[100];

static size_t
second_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	assert_true(len < sizeof(taken));
	memcpy(taken, buf, len);
	taken[len] = '\0';
	return (len);
}

static const struct evtls_ops second_ops = {
	.ready = side_ready, .input = second_input, .output = side_output,
	.closed = side_closed
};

static size_t
first_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	assert_int_equal(len, 9);
	evtls_set_ops(c, &second_ops, arg);
	return (4);
}

static size_t
waiting_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	sv.inputs++;
	return (0);
}

static const struct evtls_ops first_ops = {
	.ready = side_ready, .input = first_input, .output = side_output,
	.closed = side_closed
};
static const struct evtls_ops waiting_ops = {
	.ready = side_ready, .input = waiting_input, .output = side_output,
	.closed = side_closed
};

static void
next_owner(const struct evtls_ops *first, const char *gets)
{
	int	fds[2];

	taken[0] = '\0';
	sides_pair(fds);
	sv.c = evtls_accept(sides_base, fds[1], NULL, first, &sv);
	assert_int_equal(write(fds[0], "headframe", 9), 9);
	if (first == &waiting_ops) {
		while (sv.inputs == 0)
			sides_pass();
		evtls_set_ops(sv.c, &second_ops, &sv);
	}
	while (taken[0] == '\0')
		sides_pass();
	assert_string_equal(taken, gets);
	assert_int_equal(evtls_buffered(sv.c), 0);
	close(fds[0]);
}

static void
next_owner_gets_what_is_left(void **state)
{
	next_owner(&first_ops, "frame");
}

static void
next_owner_gets_what_was_left(void **state)
{
	next_owner(&waiting_ops, "headframe");
}

static void
resume_shows_what_was_left(void **state)
{
	int	fds[2];

	sides_pair(fds);
	sv.c = evtls_accept(sides_base, fds[1], NULL, &waiting_ops, &sv);
	assert_int_equal(write(fds[0], "headframe", 9), 9);
	while (sv.inputs == 0)
		sides_pass();
	assert_int_equal(evtls_buffered(sv.c), 9);
	evtls_pause(sv.c);
	evtls_resume(sv.c);
	sides_idle(10);
	assert_int_equal(sv.inputs, 2);
	close(fds[0]);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		SIDES_CASE(both_ways_tls13),
		SIDES_CASE(both_ways_tls12),
		SIDES_CASE(both_ways_plain),
		SIDES_CASE(both_ways_full_batches),
		SIDES_CASE(both_ways_byte_by_byte),
		SIDES_CASE(pauses_lose_nothing),
		SIDES_CASE(pauses_lose_nothing_plain),
		SIDES_CASE(parts_may_be_taken),
		SIDES_CASE(parts_may_be_taken_plain),
		SIDES_CASE(a_batch_may_be_left),
		SIDES_CASE(more_than_a_batch_may_not),
		SIDES_CASE(small_output_leaves_at_once),
		SIDES_CASE(slow_reader_is_bounded),
		SIDES_CASE(free_in_ready),
		SIDES_CASE(free_in_input),
		SIDES_CASE(free_in_output),
		SIDES_CASE(free_behind_output),
		SIDES_CASE(free_in_closed),
		SIDES_CASE(free_in_ready_plain),
		SIDES_CASE(free_in_input_plain),
		SIDES_CASE(free_in_output_plain),
		SIDES_CASE(free_in_closed_plain),
		SIDES_CASE(next_owner_gets_what_is_left),
		SIDES_CASE(next_owner_gets_what_was_left),
		SIDES_CASE(resume_shows_what_was_left),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, sides_begin, sides_end));
}
