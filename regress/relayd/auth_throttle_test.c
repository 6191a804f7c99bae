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


/* link: relayd/auth_throttle.c lib/addr.c */

#include "compat.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_throttle.h"

#define TOKEN		"abcdefghij12"
#define START		1000000ULL

static const struct sockaddr *
v4(unsigned int n)
{
	static struct sockaddr_in	 sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(40000 + n % 1000);
	sin.sin_addr.s_addr = htonl(0x0a000000 + n);
	return ((struct sockaddr *)&sin);
}

static const struct sockaddr *
v6(const char *text)
{
	static struct sockaddr_in6	 sin6;

	memset(&sin6, 0, sizeof(sin6));
	sin6.sin6_family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, text, &sin6.sin6_addr), 1);
	return ((struct sockaddr *)&sin6);
}

/* A guess: 1 if it was looked at. */
static int
guess(struct throttle *t, const struct sockaddr *sa, const char *token,
    uint64_t now)
{
	if (throttle_wait(t, sa, token, now) > 0)
		return (0);
	throttle_failed(t, sa, token, now);
	return (1);
}

static void
one_source_reaches_few_in_a_minute(void **state)
{
	struct throttle	*t = throttle_new(100);
	int		 i, n = 0;

	for (i = 0; i < 10000; i++)
		n += guess(t, v4(1), TOKEN, START + i * 6);
	assert_in_range(n, THROTTLE_NETWORK, 2 * THROTTLE_NETWORK);
	/* Somebody else is let in. */
	assert_int_equal(throttle_wait(t, v4(2), TOKEN, START + 60000), 0);
	throttle_free(t);
}

static void
a_source_that_changes_tokens_reaches_no_more(void **state)
{
	struct throttle	*t = throttle_new(100);
	char		 token[16];
	int		 i, n = 0;

	for (i = 0; i < 10000; i++) {
		snprintf(token, sizeof(token), "%012d", i);
		n += guess(t, v4(1), token, START);
	}
	assert_int_equal(n, THROTTLE_NETWORK);
	throttle_free(t);
}

static void
many_sources_reach_few_at_one_token(void **state)
{
	struct throttle	*t = throttle_new(10000);
	int		 i, n = 0;

	for (i = 0; i < 10000; i++)
		n += guess(t, v4(1 + i % 1000), TOKEN, START + i * 6);
	assert_in_range(n, 1, 200);
	/* A newcomer gets its chance; so do other tokens. */
	assert_int_equal(throttle_wait(t, v4(5000), TOKEN, START + 60000), 0);
	assert_int_equal(throttle_wait(t, v4(5001), "other", START + 60000),
	    0);
	throttle_free(t);
}

static void
a_flood_at_once_leaves_a_newcomer_waiting_a_second(void **state)
{
	struct throttle	*t = throttle_new(10000);
	int		 i, n = 0;

	for (i = 0; i < 10000; i++)
		n += guess(t, v4(1 + i % 1000), TOKEN, START);
	assert_in_range(n, 1, THROTTLE_STRANGERS + THROTTLE_SUSPECTS);
	assert_int_equal(throttle_wait(t, v4(5000), TOKEN, START + 1000), 0);
	throttle_free(t);
}

static void
the_network_it_came_from_last_is_not_kept_out(void **state)
{
	struct throttle	*t = throttle_new(10000);
	int		 i;

	throttle_passed(t, v4(7), TOKEN, START);
	for (i = 0; i < 10000; i++)
		if (i % 1000 != 6)
			guess(t, v4(1 + i % 1000), TOKEN, START);
	assert_int_equal(throttle_wait(t, v4(7), TOKEN, START), 0);
	/* Its own failures count all the same. */
	for (i = 0; i < THROTTLE_NETWORK; i++)
		assert_true(guess(t, v4(7), TOKEN, START));
	assert_false(guess(t, v4(7), TOKEN, START));
	throttle_free(t);
}

static void
the_wait_it_says_is_long_enough_and_not_too_long(void **state)
{
	struct throttle	*t = throttle_new(100);
	uint32_t	 wait;

	while (guess(t, v4(1), TOKEN, START))
		;
	wait = throttle_wait(t, v4(1), TOKEN, START);
	assert_in_range(wait, 1, 6);
	assert_int_not_equal(throttle_wait(t, v4(1), TOKEN, START + wait *
	    1000 - 1000), 0);
	assert_int_equal(throttle_wait(t, v4(1), TOKEN, START + wait * 1000),
	    0);
	throttle_free(t);
}

static void
success_is_never_counted(void **state)
{
	struct throttle	*t = throttle_new(100);
	int		 i;

	for (i = 0; i < 1000; i++) {
		assert_int_equal(throttle_wait(t, v4(1), TOKEN, START), 0);
		throttle_passed(t, v4(1), TOKEN, START);
	}
	throttle_free(t);
}

static void
ipv6_is_counted_by_64_bits(void **state)
{
	struct throttle	*t = throttle_new(100);

	while (guess(t, v6("2001:db8::1"), TOKEN, START))
		;
	assert_int_not_equal(throttle_wait(t, v6("2001:db8::2:3:4:5"),
	    TOKEN, START), 0);
	assert_int_equal(throttle_wait(t, v6("2001:db8:0:1::1"), TOKEN,
	    START), 0);
	throttle_free(t);
}

static void
mapped_ipv4_is_ipv4(void **state)
{
	struct throttle	*t = throttle_new(100);

	while (guess(t, v4(1), TOKEN, START))
		;
	assert_int_not_equal(throttle_wait(t, v6("::ffff:10.0.0.1"), TOKEN,
	    START), 0);
	assert_int_equal(throttle_wait(t, v6("::ffff:10.0.0.2"), TOKEN,
	    START), 0);
	throttle_free(t);
}

static void
memory_is_bounded_and_the_least_recent_forgotten(void **state)
{
	struct throttle	*t = throttle_new(50);
	unsigned int	 i;

	while (guess(t, v4(0), TOKEN, START))
		;
	for (i = 1; i < 100000; i++) {
		guess(t, v4(i), "zzzzzzzzzzzz", START + i);
		guess(t, v4(i), "yyyyyyyyyyyy", START + i);
	}
	assert_int_equal(throttle_wait(t, v4(0), TOKEN, START), 0);
	throttle_free(t);
	/* Room for one is little, but no trouble. */
	t = throttle_new(1);
	for (i = 0; i < 100; i++)
		guess(t, v4(i), TOKEN, START);
	throttle_free(t);
	throttle_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(one_source_reaches_few_in_a_minute),
		cmocka_unit_test(a_source_that_changes_tokens_reaches_no_more),
		cmocka_unit_test(many_sources_reach_few_at_one_token),
		cmocka_unit_test(
		    a_flood_at_once_leaves_a_newcomer_waiting_a_second),
		cmocka_unit_test(
		    the_network_it_came_from_last_is_not_kept_out),
		cmocka_unit_test(
		    the_wait_it_says_is_long_enough_and_not_too_long),
		cmocka_unit_test(success_is_never_counted),
		cmocka_unit_test(ipv6_is_counted_by_64_bits),
		cmocka_unit_test(mapped_ipv4_is_ipv4),
		cmocka_unit_test(
		    memory_is_bounded_and_the_least_recent_forgotten),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
