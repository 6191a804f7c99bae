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
 * Ends: close, shutdown, reset, half-close, and owners that judge for
 * themselves.
 */

/* link: regress/lib/evtls_sides.c lib/evtls.c lib/evtls_input.c
 * lib/evtls_output.c lib/evtls_buf.c lib/evtls_tls.c lib/evtls_libtls.c
 * lib/evtls_libtls_key.c lib/tls_guard.c lib/tls_record.c lib/aead.c
 * lib/aead_mb.c lib/evtls_record.c lib/base64.c regress/lib/tls_util.c */
/* libs: libevent libtls libssl libcrypto ipsec_mb */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "evtls.h"
#include "evtls_internal.h"
#include "evtls_sides.h"

static void
close_sends_all_and_tells(void **state)
{
	cl.send = 3 * 1024 * 1024;
	cl.close_after = 1;
	sides_standard(ec, 1);
	sides_until_closed(&sv);
	assert_int_equal(sv.got, cl.send);
	assert_int_equal(sv.why, EVTLS_EOF);
	assert_string_equal(sv.text, "closed by peer");
	assert_int_equal(cl.closed, 0);
	side_free(&sv);
	sides_until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_CLOSED);
}

static void
close_sends_all_and_tells_plain(void **state)
{
	cl.send = 3 * 1024 * 1024;
	cl.close_after = 1;
	sides_connect(NULL, NULL, NULL, 1);
	sides_until_closed(&sv);
	assert_int_equal(sv.got, cl.send);
	assert_int_equal(sv.why, EVTLS_EOF);
	side_free(&sv);
	sides_until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_CLOSED);
}

/* What the other side still has to say arrives. */
static void
half_close(void)
{
	cl.send = 100000;
	sv.send = 3 * 1024 * 1024;
	sides_until_ready();
	evtls_pause(sv.c);
	evtls_shutdown(cl.c);
	while (cl.got < sv.send && !cl.closed && !sv.closed)
		sides_pass();
	sides_idle(30);
	assert_int_equal(cl.got, sv.send);
	assert_int_equal(cl.closed + sv.closed, 0);
	evtls_resume(sv.c);
	sides_until_closed(&sv);
	assert_int_equal(sv.got, cl.send);
	assert_int_equal(sv.why, EVTLS_EOF);
	assert_int_equal(cl.closed, 0);
	evtls_close(sv.c);
	side_free(&sv);
	sides_until_closed(&cl);
}

static void
shutdown_goes_on_reading(void **state)
{
	sides_standard(ec, 1);
	half_close();
	assert_int_equal(cl.why, EVTLS_CUT);	/* as we freed it */
}

static void
shutdown_goes_on_reading_tls12(void **state)
{
	sides_standard(ec, 1);
	SSL_set_max_proto_version(cl.c->ssl, TLS1_2_VERSION);
	half_close();
	assert_int_equal(cl.why, EVTLS_CUT);
}

static void
shutdown_goes_on_reading_plain(void **state)
{
	sides_connect(NULL, NULL, NULL, 1);
	half_close();
	assert_int_equal(cl.why, EVTLS_EOF);
}

/* ---- an owner that judges for itself ---- */

static int	eofs, timeouts, taking;

static size_t
judge_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	struct side	*s = arg;

	if (!taking)
		return (0);
	s->got += len;
	return (len);
}

static void
judge_eof(struct evtls *c, void *arg)
{
	eofs++;
}

static void
judge_timeout(struct evtls *c, void *arg)
{
	timeouts++;
}

static const struct evtls_ops judge_ops = {
	.ready = side_ready, .input = judge_input, .output = side_output,
	.closed = side_closed, .eof = judge_eof, .timeout = judge_timeout
};

/* The end is told once, what came before it is still there, and so is he. */
static void
judge_half_close(void)
{
	eofs = timeouts = taking = 0;
	sides_until_ready();
	evtls_set_ops(sv.c, &judge_ops, &sv);
	cl.send = 5000;
	evtls_want_output(cl.c);
	evtls_shutdown(cl.c);
	while (eofs == 0 && !sv.closed)
		sides_pass();
	sides_idle(30);
	assert_int_equal(eofs, 1);
	assert_int_equal(cl.closed + sv.closed, 0);
	assert_true(evtls_left(sv.c));
	assert_false(evtls_broken(sv.c));
	sv.send = 300000;
	evtls_want_output(sv.c);
	while (cl.got < sv.send && !cl.closed && !sv.closed)
		sides_pass();
	taking = 1;
	assert_true(evtls_again(sv.c));
	while (sv.got < cl.send && !sv.closed)
		sides_pass();
	assert_int_equal(sv.got, cl.send);
	assert_false(evtls_again(sv.c));
	evtls_pause(sv.c);
	evtls_resume(sv.c);
	sides_idle(30);
	assert_int_equal(eofs, 1);
	assert_int_equal(cl.closed + sv.closed, 0);
	evtls_close(sv.c);
	sides_until_closed(&cl);
	assert_int_equal(cl.got, sv.send);
	assert_int_equal(cl.why, EVTLS_EOF);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_CLOSED);
}

static void
owner_hears_of_the_end(void **state)
{
	sides_standard(ec, 1);
	judge_half_close();
}

static void
owner_hears_of_the_end_plain(void **state)
{
	sides_connect(NULL, NULL, NULL, 1);
	judge_half_close();
}

static void
owner_hears_of_the_deadline(void **state)
{
	sides_standard(ec, 1);
	sides_until_ready();
	timeouts = 0;
	evtls_set_ops(sv.c, &judge_ops, &sv);
	evtls_deadline(sv.c, 20);
	while (timeouts == 0 && !sv.closed)
		sides_pass();
	sides_idle(50);
	assert_int_equal(timeouts, 1);
	assert_int_equal(cl.closed + sv.closed, 0);
}

/* Who is gone after the end that he told is noticed by what he is sent. */
static void
owner_hears_of_the_end_and_more(void **state)
{
	sides_connect(NULL, NULL, NULL, 1);
	sides_until_ready();
	eofs = taking = 0;
	evtls_set_ops(sv.c, &judge_ops, &sv);
	evtls_shutdown(cl.c);
	while (eofs == 0 && !sv.closed)
		sides_pass();
	side_free(&cl);
	sv.send = 20 * 1024 * 1024;
	evtls_want_output(sv.c);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_ERROR);
}

static void
abort_shows(void **state)
{
	sides_connect(NULL, NULL, NULL, 1);
	sides_until_ready();
	evtls_abort(sv.c);
	sv.c = NULL;
	sides_until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_ERROR);
}

/* However much comes behind what is left, it can be left as well. */
static void
left_and_more(void **state)
{
	sides_connect(NULL, NULL, NULL, 1);
	sides_until_ready();
	taking = 0;
	evtls_set_ops(sv.c, &judge_ops, &sv);
	cl.send = 4 * 1024 * 1024;
	evtls_want_output(cl.c);
	while (evtls_buffered(sv.c) < 10000 && !sv.closed)
		sides_pass();
	evtls_pause(sv.c);
	sides_idle(20);
	evtls_resume(sv.c);
	while (evtls_buffered(sv.c) < EVTLS_BATCH && !sv.closed)
		sides_pass();
	assert_int_equal(sv.closed, 0);
	evtls_pause(sv.c);
	taking = 1;
	evtls_resume(sv.c);
	while (sv.got < cl.send && !sv.closed)
		sides_pass();
	assert_int_equal(sv.got, cl.send);
}

static void
shutdown_then_close(void **state)
{
	cl.send = 1000;
	cl.close_after = 1;
	sides_standard(ec, 1);
	evtls_shutdown(cl.c);
	sides_until_closed(&sv);
	assert_int_equal(sv.got, cl.send);
	assert_int_equal(sv.why, EVTLS_EOF);
	side_free(&sv);
	sides_until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_CLOSED);
}

/* An answer in the middle of an upload must arrive. */
static void
close_does_not_reset(void **state)
{
	cl.send = 64 * 1024 * 1024;
	sv.send = 1000;
	sv.close_after = 1;
	sides_standard(ec, 1);
	sides_until_closed(&cl);
	assert_int_equal(cl.got, 1000);
	assert_int_equal(cl.why, EVTLS_EOF);
}

/* But who sends on and on is not read on and on. */
static void
close_drains_a_little(void **state)
{
	static uint8_t	 buf[65536];
	size_t		 sent = 0, got = 0;
	ssize_t		 n;
	int		 fds[2];

	sides_tcp(fds);
	sv.send = 1000;
	sv.close_after = 1;
	sv.c = evtls_accept(sides_base, fds[1], NULL, &side_ops, &sv);
	assert_non_null(sv.c);
	evtls_want_output(sv.c);
	while (!sv.closed) {
		while (sent < 256 * 1024 * 1024 && (n = send(fds[0], buf,
		    sizeof(buf), MSG_NOSIGNAL)) > 0)
			sent += n;
		if ((n = recv(fds[0], buf, sizeof(buf), 0)) > 0)
			got += n;
		event_base_loop(sides_base, sv.sent == 0 ? EVLOOP_ONCE :
		    EVLOOP_NONBLOCK);
	}
	assert_int_equal(sv.why, EVTLS_CLOSED);
	assert_int_equal(got, 1000);
	/* With all that the kernel keeps on both sides. */
	assert_true(sent < 32 * 1024 * 1024);
	close(fds[0]);
}

static void
close_before_the_handshake(void **state)
{
	sides_standard(ec, 0);
	evtls_close(sv.c);
	assert_int_equal(sv.closed, 0);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_CLOSED);
	side_free(&sv);
	sides_until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_ERROR);
}

/* A peer that never reads can't hold us. */
static void
close_is_bounded(void **state)
{
	struct timespec	t0, t1;

	sv.send = 64 * 1024 * 1024;
	sides_standard(ec, 1);
	while (cl.inputs == 0)
		sides_pass();
	evtls_pause(cl.c);
	sides_idle(20);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	evtls_close(sv.c);
	sides_until_closed(&sv);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	assert_int_equal(sv.why, EVTLS_CLOSED);
	assert_true(t1.tv_sec - t0.tv_sec <= 5);
}

static void
cut_is_not_eof(void **state)
{
	sides_standard(ec, 1);
	sides_until_ready();
	side_free(&cl);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_CUT);
	assert_string_equal(sv.text, "connection cut");
}

static void
reset_is_told(void **state)
{
	struct linger	l = { 1, 0 };

	sides_standard(ec, 1);
	sides_until_ready();
	setsockopt(evtls_fd(cl.c), SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	side_free(&cl);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_ERROR);
	assert_string_equal(sv.text, strerror(ECONNRESET));
}

static void
plain_eof(void **state)
{
	sides_connect(NULL, NULL, NULL, 0);
	sides_until_ready();
	side_free(&cl);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_EOF);
}

/* close_notify behind data that the owner takes only later. */
static void
eof_waits_for_the_paused(void **state)
{
	cl.send = 100000;
	cl.close_after = 1;
	sv.hold = 1;
	sides_standard(ec, 0);
	while (sv.inputs == 0)
		sides_pass();
	sides_idle(30);
	assert_int_equal(sv.closed, 0);
	side_free(&cl);
	sides_idle(30);
	assert_int_equal(sv.closed, 0);
	evtls_resume(sv.c);
	sides_until_closed(&sv);
	assert_int_equal(sv.got, 100000);
	assert_int_equal(sv.why, EVTLS_EOF);
}

/* While what came before is not read. */
static void
ends_of_the_paused_can_be_told(void **state)
{
	struct linger	 l = { 1, 0 };
	int		 i;

	for (i = 0; i < 2; i++) {
		sides_connect(NULL, NULL, NULL, 1);
		sides_until_ready();
		evtls_pause(sv.c);
		assert_true(evtls_paused(sv.c));
		cl.send = 100000;
		evtls_want_output(cl.c);
		while (cl.sent < cl.send)
			sides_pass();
		assert_false(evtls_ended(sv.c));
		if (i == 0)
			evtls_shutdown(cl.c);
		else {
			setsockopt(evtls_fd(cl.c), SOL_SOCKET, SO_LINGER, &l,
			    sizeof(l));
			side_free(&cl);
		}
		while (!evtls_ended(sv.c))
			sides_idle(1);
		assert_int_equal(evtls_broken(sv.c), i);
		assert_int_equal(sv.got, 0);
		sides_again(state);
	}
}

/* ---- a send that fails while its owner is about to pause ---- */

static struct event	*pauser;

static void
pause_now(evutil_socket_t fd, short what, void *arg)
{
	evtls_pause(sv.c);
}

static size_t
output_and_pause(struct evtls *c, void *arg, uint8_t *buf, size_t n)
{
	/* It comes before whatever the failure brings about. */
	event_active(pauser, EV_TIMEOUT, 1);
	return (side_output(c, arg, buf, n));
}

static void
a_failed_send_outlives_a_pause(void **state)
{
	struct evtls_ops	 ops = side_ops;
	int			 fds[2];

	ops.output = output_and_pause;
	pauser = event_new(sides_base, -1, 0, pause_now, NULL);
	assert_non_null(pauser);
	sides_pair(fds);
	sv.send = 1000;
	sv.c = evtls_accept(sides_base, fds[1], NULL, &ops, &sv);
	assert_non_null(sv.c);
	assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
	evtls_want_output(sv.c);
	while (sv.sent == 0)
		event_base_loop(sides_base, EVLOOP_ONCE);
	assert_int_equal(sv.closed, 0);
	/* The peer is there, and says nothing. */
	evtls_resume(sv.c);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_ERROR);
	event_free(pauser);
	close(fds[0]);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		SIDES_CASE(close_sends_all_and_tells),
		SIDES_CASE(close_sends_all_and_tells_plain),
		SIDES_CASE(shutdown_goes_on_reading),
		SIDES_CASE(shutdown_goes_on_reading_tls12),
		SIDES_CASE(shutdown_goes_on_reading_plain),
		SIDES_CASE(shutdown_then_close),
		SIDES_CASE(owner_hears_of_the_end),
		SIDES_CASE(owner_hears_of_the_end_plain),
		SIDES_CASE(owner_hears_of_the_deadline),
		SIDES_CASE(owner_hears_of_the_end_and_more),
		SIDES_CASE(abort_shows),
		SIDES_CASE(left_and_more),
		SIDES_CASE(close_does_not_reset),
		SIDES_CASE(close_drains_a_little),
		SIDES_CASE(close_before_the_handshake),
		SIDES_CASE(close_is_bounded),
		SIDES_CASE(cut_is_not_eof),
		SIDES_CASE(reset_is_told),
		SIDES_CASE(plain_eof),
		SIDES_CASE(eof_waits_for_the_paused),
		SIDES_CASE(ends_of_the_paused_can_be_told),
		SIDES_CASE(a_failed_send_outlives_a_pause),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, sides_begin, sides_end));
}
