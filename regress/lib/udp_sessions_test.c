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

/* link: lib/udp_sessions.c lib/udp_key.c lib/udp_rank.c lib/addr.c lib/mux.c
 * lib/mux_frame.c lib/mux_output.c lib/mux_queue.c lib/mux_dgram.c
 * lib/mux_stream.c lib/mux_credit.c lib/mux_input.c lib/mux_table.c
 * lib/meter.c lib/clock.c */
/* libs: libevent */

/*
 * Sessions of a UDP socket: who shares one, who makes room, when they end.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <event2/event.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "udp_key.h"
#include "udp_rank.h"
#include "udp_sessions.h"

#define WAIT_PASSES	20000
#define MAX		4
#define IDLE_MS		200

static struct event_base	*base;
static struct mux_budget	 budget;
static struct mux		*near, *far;
static struct udp_sessions	*us;
static struct sockaddr_in	 us_addr;
static int			 us_fd;

/* What the owner was told. */
static int	 begins, ends, idles, refuse, later, refusals, patient;
static int	 unwelcome, strange, waits;
static uint16_t	 code;
static struct udp_session *last;

/* The far end: an echo, with a mark before. */
static int	 opened, mute, deny;
static struct mux_stream *far_last;

static int
far_datagram(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	uint8_t	 buf[2000];

	assert_true(n + 1 <= sizeof(buf));
	buf[0] = '<';
	memcpy(buf + 1, p, n);
	if (!mute)
		assert_int_equal(mux_dgram_send(s, buf, n + 1), 0);
	return (1);
}

static const struct mux_stream_ops far_ops = { .datagram = far_datagram };

static void
far_open(struct mux *m, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	opened++;
	far_last = s;
	if (deny) {
		mux_reset(s, MUX_CODE_NODE_OFFLINE, "offline");
		return;
	}
	mux_stream_own(s, &far_ops, NULL);
	mux_accept(s);
}

static const struct mux_ops near_mux_ops, far_mux_ops = { .open = far_open };

static int
on_begin(struct udp_session *s, void *arg)
{
	static const struct mux_open	 open = { .kind = MUX_KIND_UDP };

	begins++;
	last = s;
	assert_ptr_equal(arg, &budget);
	if (refuse)
		return (-1);
	return (later ? 0 : udp_session_open(s, near, &open));
}

static void
on_end(struct udp_session *s, void *arg, uint16_t why, const char *text)
{
	ends++;
	idles += text == NULL;
	code = why;
	assert_null(udp_session_stream(s));
}

static void
on_waits(struct udp_session *s, void *arg)
{
	assert_null(udp_session_stream(s));
	assert_true(udp_session_waits(s));
	waits++;
}

static int
on_refused(struct udp_session *s, void *arg, uint16_t why, const char *text)
{
	assert_null(udp_session_stream(s));
	assert_true(udp_session_waits(s));
	refusals++;
	return (patient);
}

static int
on_welcome(const struct sockaddr *sa, void *arg)
{
	assert_int_equal(sa->sa_family, AF_INET);
	assert_ptr_equal(arg, &budget);
	strange += unwelcome;
	return (!unwelcome);
}

static const struct udp_sessions_ops ops = {
	on_begin, on_end, on_waits, on_refused, on_welcome
};

static struct mux *
mux_make(const struct mux_ops *mo, int dialer)
{
	struct mux_hello	 hello = { .version = 1 };
	struct mux_config	 cfg = { .ops = mo, .dialer = dialer,
				    .streams_max = 100,
				    .link_budget = 64 << 20,
				    .budget = &budget };
	struct mux		*m;

	assert_non_null(m = mux_new(&cfg));
	assert_int_equal(mux_send_hello(m, &hello), 0);
	return (m);
}

static int
setup(void **state)
{
	socklen_t	 len = sizeof(us_addr);

	base = event_base_new();
	memset(&budget, 0, sizeof(budget));
	budget.limit = 256 << 20;
	near = mux_make(&near_mux_ops, 1);
	far = mux_make(&far_mux_ops, 0);
	begins = ends = idles = refuse = later = opened = mute = 0;
	refusals = patient = deny = unwelcome = strange = waits = 0;
	code = 0;
	/* All addresses: answers have to come from the right one. */
	us_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memset(&us_addr, 0, sizeof(us_addr));
	us_addr.sin_family = AF_INET;
	udp_key_socket(us_fd, AF_INET);
	assert_int_equal(bind(us_fd, (struct sockaddr *)&us_addr, len), 0);
	getsockname(us_fd, (struct sockaddr *)&us_addr, &len);
	us = udp_sessions_new(base, us_fd, MAX, IDLE_MS, &ops, &budget);
	assert_non_null(us);
	return (0);
}

static int
teardown(void **state)
{
	udp_sessions_free(us);
	assert_int_equal(begins - refuse, ends);
	mux_free(near, "");
	mux_free(far, "");
	close(us_fd);
	event_base_free(base);
	assert_int_equal(budget.used, 0);
	return (0);
}

static void
pass(void)
{
	uint8_t	 buf[MUX_FRAME_MAX];
	size_t	 n;

	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	while ((n = mux_output(near, buf, sizeof(buf), 0)) > 0)
		assert_int_equal(mux_input(far, buf, n, 0), 0);
	while ((n = mux_output(far, buf, sizeof(buf), 0)) > 0)
		assert_int_equal(mux_input(near, buf, n, 0), 0);
}

#define WAIT(cond) do {							\
	int	 left_ = WAIT_PASSES, ok_;				\
									\
	while (!(ok_ = (cond)) && left_-- > 0) {			\
		pass();							\
		usleep(100);						\
	}								\
	assert_true(ok_);						\
} while (0)

/* A program that speaks to 127.0.0.<to>, from whom alone it hears. */
static int
client(int to)
{
	struct sockaddr_in	 sin = us_addr;
	int			 fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + to);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)),
	    0);
	return (fd);
}

static int
hears(int fd, const char *text)
{
	char	 buf[100];
	ssize_t	 n;

	if ((n = recv(fd, buf, sizeof(buf), 0)) == -1)
		return (0);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(buf, text, n);
	return (1);
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

static void
a_session_for_each_source(void **state)
{
	int	 a = client(1), b = client(1), c = client(2);

	say(a, "a");
	say(b, "b");
	say(c, "c");
	say(a, "a2");
	WAIT(hears(a, "<a"));
	WAIT(hears(b, "<b"));
	/* From 127.0.0.2, or it would not be heard. */
	WAIT(hears(c, "<c"));
	WAIT(hears(a, "<a2"));
	assert_int_equal(opened, 3);
	assert_int_equal(udp_sessions_count(us), 3);
	/* No bytes are a datagram, too. */
	say(a, "");
	WAIT(hears(a, "<"));
	close(a);
	close(b);
	close(c);
}

static void
one_program_that_speaks_to_two_addresses(void **state)
{
	struct sockaddr_in	 sin = us_addr, from;
	socklen_t		 len = sizeof(from);
	char			 buf[10];
	int			 fd, i;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	for (i = 1; i <= 2; i++) {
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + i);
		assert_int_equal(sendto(fd, "x", 1, 0,
		    (struct sockaddr *)&sin, sizeof(sin)), 1);
		WAIT(recvfrom(fd, buf, sizeof(buf), 0,
		    (struct sockaddr *)&from, &len) == 2);
		assert_int_equal(from.sin_addr.s_addr, sin.sin_addr.s_addr);
	}
	assert_int_equal(opened, 2);
	close(fd);
}

static void
idle_counts_from_the_last_in_either_direction(void **state)
{
	int	 a = client(1), i;

	mute = 1;
	say(a, "a");
	WAIT(opened == 1 && mux_stream_in(far_last) == 1);
	/* Only the far end speaks, longer than the limit in all. */
	for (i = 0; i < 8; i++) {
		assert_int_equal(mux_dgram_send(far_last, "x", 1), 0);
		WAIT(hears(a, "x"));
		usleep(IDLE_MS * 1000 / 5);
	}
	assert_int_equal(ends, 0);
	WAIT(ends == 1);
	assert_int_equal(idles, 1);
	/* And then another one begins. */
	mute = 0;
	say(a, "b");
	WAIT(hears(a, "<b"));
	assert_int_equal(opened, 2);
	close(a);
}

static void
the_one_idle_longest_makes_room(void **state)
{
	int	 fd[MAX + 1], i;

	for (i = 0; i < MAX; i++) {
		fd[i] = client(1);
		say(fd[i], "x");
		WAIT(hears(fd[i], "<x"));
	}
	say(fd[0], "y");
	WAIT(hears(fd[0], "<y"));
	assert_int_equal(ends, 0);
	fd[MAX] = client(1);
	say(fd[MAX], "x");
	WAIT(hears(fd[MAX], "<x"));
	assert_int_equal(ends, 1);
	assert_int_equal(code, MUX_CODE_LIMIT);
	assert_int_equal(udp_sessions_count(us), MAX);
	/* Not the first one, which has spoken since. */
	say(fd[0], "z");
	WAIT(hears(fd[0], "<z"));
	assert_int_equal(begins, MAX + 1);
	for (i = 0; i <= MAX; i++)
		close(fd[i]);
}

/* It has got an answer, and goes on: that takes a source that is there. */
static void
converse(int fd)
{
	say(fd, "x");
	WAIT(hears(fd, "<x"));
	say(fd, "y");
	WAIT(hears(fd, "<y"));
}

static void
made_up_sources_push_out_each_other(void **state)
{
	int	 live[MAX - 1], fd, i;

	for (i = 0; i < MAX - 1; i++)
		converse(live[i] = client(1));
	/* Each is answered, but does not hear it. */
	for (i = 0; i < 3 * MAX; i++) {
		fd = client(1);
		say(fd, "x");
		WAIT(hears(fd, "<x"));
		close(fd);
	}
	assert_int_equal(udp_sessions_count(us), MAX);
	assert_int_equal(ends, 3 * MAX - 1);
	for (i = 0; i < MAX - 1; i++) {
		say(live[i], "z");
		WAIT(hears(live[i], "<z"));
		close(live[i]);
	}
	assert_int_equal(begins, MAX - 1 + 3 * MAX);
}

/* As a device that sends its log, when nothing was ever sent to it. */
static void
one_that_goes_on_unanswered_stays(void **state)
{
	uint64_t	 until = clock_ms() + UDP_RANK_STEADY_MS;
	int		 a = client(1), fd, i;

	mute = 1;
	udp_sessions_set_idle(us, 60000);
	say(a, "log");
	WAIT(opened == 1);
	while (clock_ms() <= until)
		usleep(10000);
	say(a, "log");
	WAIT(mux_stream_in(far_last) == 6);
	for (i = 2; i < 4 * MAX; i++) {
		say(fd = client(1), "x");
		WAIT(opened == i);
		close(fd);
	}
	say(a, "log");
	for (i = 0; i < 100; i++)
		pass();
	assert_int_equal(opened, 4 * MAX - 1);
	close(a);
}

/* When all of them go on, the one that has been quiet longest does. */
static void
the_quietest_of_those_that_are_there_makes_room(void **state)
{
	int	 live[MAX + 1], i;

	for (i = 0; i <= MAX; i++)
		converse(live[i] = client(1));
	assert_int_equal(udp_sessions_count(us), MAX);
	assert_int_equal(ends, 1);
	for (i = 1; i <= MAX; i++) {
		say(live[i], "z");
		WAIT(hears(live[i], "<z"));
	}
	assert_int_equal(begins, MAX + 1);
	for (i = 0; i <= MAX; i++)
		close(live[i]);
}

static void
nobody_makes_room_for_one_that_may_not_come(void **state)
{
	int	 fd[MAX], a = client(1), i;

	for (i = 0; i < MAX; i++) {
		say(fd[i] = client(1), "x");
		WAIT(hears(fd[i], "<x"));
	}
	unwelcome = 1;
	for (i = 1; i <= 3; i++) {
		say(a, "x");
		WAIT(strange == i);
	}
	assert_int_equal(begins, MAX);
	assert_int_equal(ends, 0);
	/* Those that are there are not asked about again. */
	for (i = 0; i < MAX; i++) {
		say(fd[i], "y");
		WAIT(hears(fd[i], "<y"));
		close(fd[i]);
	}
	assert_int_equal(strange, 3);
	close(a);
}

static void
what_comes_before_the_stream_waits(void **state)
{
	static const struct mux_open	 open = { .kind = MUX_KIND_UDP };
	char				 text[16];
	int				 a = client(1), i;

	later = 1;
	for (i = 0; i < UDP_SESSION_WAITING + 2; i++) {
		snprintf(text, sizeof(text), "%d", i);
		say(a, text);
	}
	/* The first began it; the owner hears of each of the others. */
	WAIT(begins == 1 && waits == UDP_SESSION_WAITING + 1);
	for (i = 0; i < 10; i++)
		pass();
	assert_int_equal(opened, 0);
	assert_int_equal(udp_session_open(last, near, &open), 0);
	for (i = 2; i < UDP_SESSION_WAITING + 2; i++) {
		snprintf(text, sizeof(text), "<%d", i);
		WAIT(hears(a, text));
	}
	say(a, "one more");
	WAIT(hears(a, "<one more"));
	assert_int_equal(waits, UDP_SESSION_WAITING + 1);
	close(a);
}

static void
refused_or_reset(void **state)
{
	int	 a = client(1);

	refuse = 1;
	say(a, "x");
	WAIT(begins == 1);
	assert_int_equal(udp_sessions_count(us), 0);
	assert_int_equal(ends, 0);
	refuse = 0;
	begins = 0;
	say(a, "y");
	WAIT(hears(a, "<y"));
	mux_reset(far_last, MUX_CODE_REFUSED, "nobody");
	WAIT(ends == 1);
	assert_int_equal(code, MUX_CODE_REFUSED);
	say(a, "z");
	WAIT(hears(a, "<z"));
	mux_dgram_end(far_last);
	WAIT(ends == 2);
	assert_int_equal(udp_sessions_count(us), 0);
	close(a);
}

static void
not_accepted_is_asked_again_with_all_that_waits(void **state)
{
	static const struct mux_open	 open = { .kind = MUX_KIND_UDP };
	int				 a = client(1);

	deny = patient = 1;
	say(a, "x");
	WAIT(refusals == 1);
	assert_int_equal(ends, 0);
	say(a, "y");
	WAIT(udp_sessions_count(us) == 1);
	deny = 0;
	pass();
	assert_int_equal(udp_session_open(last, near, &open), 0);
	WAIT(hears(a, "<x"));
	WAIT(hears(a, "<y"));
	/* Once it was accepted nothing waits. */
	assert_false(udp_session_waits(last));
	mux_reset(far_last, MUX_CODE_NODE_GONE, "gone");
	WAIT(ends == 1);
	assert_int_equal(refusals, 1);
	deny = 1;
	patient = 0;
	say(a, "z");
	WAIT(ends == 2);
	assert_int_equal(refusals, 2);
	assert_int_equal(code, MUX_CODE_NODE_OFFLINE);
	close(a);
}

static void
paused(void **state)
{
	int	 a = client(1), i;

	udp_sessions_pause(us, 1);
	say(a, "x");
	for (i = 0; i < 100; i++)
		pass();
	assert_int_equal(begins, 0);
	udp_sessions_pause(us, 0);
	WAIT(hears(a, "<x"));
	close(a);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(a_session_for_each_source),
		TEST(one_program_that_speaks_to_two_addresses),
		TEST(idle_counts_from_the_last_in_either_direction),
		TEST(the_one_idle_longest_makes_room),
		TEST(made_up_sources_push_out_each_other),
		TEST(one_that_goes_on_unanswered_stays),
		TEST(the_quietest_of_those_that_are_there_makes_room),
		TEST(nobody_makes_room_for_one_that_may_not_come),
		TEST(what_comes_before_the_stream_waits),
		TEST(refused_or_reset),
		TEST(not_accepted_is_asked_again_with_all_that_waits),
		TEST(paused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
