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

/* link: lib/udp_rank.c */

/*
 * Which of the sources that speak to a UDP socket makes room: floods of
 * sources that are made up, of several kinds, and who is there meanwhile.
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "udp_rank.h"

#define MAX	64

static struct udp_ranks	 ranks;
static struct udp_rank	 slots[MAX];
static int		 used[MAX];	/* by whom; 0: free */
static int		 n;
static uint64_t		 now;

static int
begin(void **state)
{
	udp_ranks_begin(&ranks, MAX);
	memset(used, 0, sizeof(used));
	n = 0;
	now = 1000;
	return (0);
}

static int
find(int who)
{
	int	 i;

	for (i = 0; i < MAX && used[i] != who; i++)
		continue;
	return (i < MAX ? i : -1);
}

/* A datagram from a source. */
static void
speak(int who)
{
	struct udp_rank	*r;
	int		 i;

	if ((i = find(who)) != -1) {
		udp_rank_spoke(&ranks, &slots[i], now);
		return;
	}
	if (n == MAX) {
		assert_non_null(r = udp_ranks_least(&ranks));
		udp_rank_remove(&ranks, r);
		used[r - slots] = 0;
		n--;
	}
	i = find(0);
	used[i] = who;
	udp_rank_add(&ranks, &slots[i], now);
	n++;
}

static void
answer(int who)
{
	assert_int_not_equal(find(who), -1);
	udp_rank_answered(&ranks, &slots[find(who)]);
}

/* How many of these are there. */
static int
there(int from, int to)
{
	int	 i, sum = 0;

	for (i = from; i < to; i++)
		sum += find(i) != -1;
	return (sum);
}

/* These converse, those only speak. */
static void
converse(int from, int to)
{
	int	 i;

	for (i = from; i < to; i++) {
		speak(i);
		answer(i);
		speak(i);
	}
}

static void
go_on(int from, int to)
{
	int	 i;

	for (i = from; i < to; i++)
		speak(i);
	now += UDP_RANK_STEADY_MS;
	for (i = from; i < to; i++)
		speak(i);
}

static void
new_ones_make_room_for_each_other(void **state)
{
	int	 i;

	converse(1, 21);
	go_on(101, 121);
	for (i = 1000; i < 9000; i++) {
		speak(i);
		/* What answers everybody does not make it a conversation. */
		answer(i);
	}
	assert_int_equal(there(1, 21), 20);
	assert_int_equal(there(101, 121), 20);
	assert_int_equal(there(8976, 9000), 24);
}

/* A source has to go on for a while: two datagrams at once are not enough. */
static void
a_burst_is_not_steady(void **state)
{
	int	 i;

	go_on(101, 121);
	for (i = 1000; i < 9000; i++) {
		speak(i);
		speak(i);
		if (i % 100 == 0)
			now++;
	}
	assert_int_equal(there(101, 121), 20);
}

/* Whoever is there can tell a lie only from where it is. */
static void
steady_ones_do_not_push_out_proven_ones(void **state)
{
	int	 i;

	converse(1, 41);
	for (i = 1000; i < 1400; i += 4)
		go_on(i, i + 4);
	assert_int_equal(there(1, 41), 40);
	assert_int_equal(there(1000, 1016), 16);
}

static void
nor_those_that_were_there_before_them(void **state)
{
	int	 i;

	go_on(101, 141);
	for (i = 1000; i < 1400; i += 4)
		go_on(i, i + 4);
	assert_int_equal(there(101, 141), 40);
}

static void
nor_proven_ones_the_quarter_of_the_steady(void **state)
{
	go_on(101, 165);
	assert_int_equal(there(101, 165), MAX);
	converse(1001, 2001);
	assert_int_equal(there(101, 165), MAX / 4);
	assert_int_equal(there(101, 117), MAX / 4);
	/* The last of the others are those who spoke last. */
	assert_int_equal(there(1953, 2001), MAX - MAX / 4);
}

static void
an_eighth_is_for_who_comes(void **state)
{
	converse(1, MAX + 1);
	go_on(101, 101 + MAX / 8);
	assert_int_equal(there(1, MAX + 1), MAX - MAX / 8);
	assert_int_equal(there(101, 101 + MAX / 8), MAX / 8);
	/* Of those who converse the quietest went. */
	assert_int_equal(there(1, 1 + MAX / 8), 0);
}

static void
quiet_is_who_neither_speaks_nor_is_spoken_to(void **state)
{
	converse(1, MAX + 1);
	speak(1);
	answer(2);
	converse(101, 103);
	assert_int_equal(there(1, 3), 2);
	assert_int_equal(there(3, 5), 0);
	assert_int_equal(there(5, MAX + 1), MAX - 4);
}

static void
a_steady_one_can_be_proven(void **state)
{
	go_on(1, 2);
	assert_int_equal(slots[find(1)].grade, UDP_STEADY);
	answer(1);
	assert_int_equal(slots[find(1)].grade, UDP_STEADY);
	speak(1);
	assert_int_equal(slots[find(1)].grade, UDP_PROVEN);
	now += UDP_RANK_STEADY_MS;
	speak(1);
	assert_int_equal(slots[find(1)].grade, UDP_PROVEN);
	assert_int_equal(ranks.grades[UDP_NEW].n, 0);
	assert_int_equal(ranks.grades[UDP_STEADY].n, 0);
	assert_int_equal(ranks.grades[UDP_PROVEN].n, 1);
}

/* Where there is one place there is somebody to leave it. */
static void
room_for_one(void **state)
{
	struct udp_rank	 r;

	udp_ranks_begin(&ranks, 1);
	udp_rank_add(&ranks, &r, now);
	assert_ptr_equal(udp_ranks_least(&ranks), &r);
	udp_rank_spoke(&ranks, &r, now + UDP_RANK_STEADY_MS);
	assert_ptr_equal(udp_ranks_least(&ranks), &r);
	udp_rank_answered(&ranks, &r);
	udp_rank_spoke(&ranks, &r, now);
	assert_ptr_equal(udp_ranks_least(&ranks), &r);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
#define TEST(f)	cmocka_unit_test_setup(f, begin)
		TEST(new_ones_make_room_for_each_other),
		TEST(a_burst_is_not_steady),
		TEST(steady_ones_do_not_push_out_proven_ones),
		TEST(nor_those_that_were_there_before_them),
		TEST(nor_proven_ones_the_quarter_of_the_steady),
		TEST(an_eighth_is_for_who_comes),
		TEST(quiet_is_who_neither_speaks_nor_is_spoken_to),
		TEST(a_steady_one_can_be_proven),
		TEST(room_for_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
