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
 * Passwords: how many guesses reach a hash, and that there is one to compute
 * whether there is such a user or not.
 */

/* link: regress/relayd/auth_fake.c regress/relayd/hand.c
 *	relayd/auth_[a-z]*.c relayd/month.c relayd/nonce.c
 *	libculvert.a sql.c */
/* libs: libevent sqlite3 libcrypto crypt */
/* flags: -Wl,--wrap=crypt_r */

#include "compat.h"

#include <sys/socket.h>

#include <netinet/in.h>

#include <crypt.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth_fake.h"

#define GUESSES	10000

char	*__wrap_crypt_r(const char *, const char *, struct crypt_data *);

/* A quick one: it says which kind it was asked for, and the password. */
static struct {
	int	 yescrypt, bcrypt12, others;
} hashed;
static int	 nhashed, no_memory;

static enum auth_password	 came;
static int			 answers;

char *
__wrap_crypt_r(const char *key, const char *setting, struct crypt_data *data)
{
	const char	*end = strrchr(setting, '$');

	nhashed++;
	if (no_memory) {
		errno = ENOMEM;
		strlcpy(data->output, "*0", sizeof(data->output));
		return (data->output);
	}
	if (strncmp(setting, "$y$j9T$", 7) == 0)
		hashed.yescrypt++;
	else if (strncmp(setting, "$2b$12$", 7) == 0)
		hashed.bcrypt12++;
	else
		hashed.others++;
	snprintf(data->output, sizeof(data->output), "%.*s$%s",
	    (int)(end - setting), setting, key);
	return (data->output);
}

static void
done(void *arg, enum auth_password what, const struct store_user *u,
    uint32_t wait)
{
	came = what;
	answers++;
	assert_int_equal(what == PASSWORD_RIGHT, u != NULL);
}

/* From that address: whether it was looked at, and is right. */
static int
guess(uint32_t from, const char *email, const char *password)
{
	struct sockaddr_storage	 ss;
	struct sockaddr_in	*sin = (struct sockaddr_in *)&ss;
	uint32_t		 status, wait;

	memset(&ss, 0, sizeof(ss));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(0x0a000000 + from);
	memset(&hashed, 0, sizeof(hashed));
	answers = 0;
	if (auth_password_check(0, &ss, email, password, done, NULL, &status,
	    &wait) == -1) {
		assert_int_equal(status, 429);
		assert_true(wait > 0);
		return (0);
	}
	while (answers == 0)
		fake_run();
	return (came == PASSWORD_RIGHT);
}

static void
user(const char *email, const char *hash)
{
	struct store_user	 u;

	memset(&u, 0, sizeof(u));
	store_uuid(u.id);
	strlcpy(u.email, email, sizeof(u.email));
	u.enabled = 1;
	assert_int_equal(store_user_add(auth_store, &u, hash), STORE_OK);
}

static int
setup(void **state)
{
	if (fake_setup(state) == -1)
		return (-1);
	assert_int_equal(auth_password_init(), 0);
	user("yes@example.org", "$y$j9T$salt$right");
	return (0);
}

/* One hash, whoever is asked about. */
static void
one_is_hashed_for_all(void **state)
{
	static const char *const emails[] = {
		"yes@example.org", "twelve@example.org",
		"me@example.org",	/* has no password */
		"nobody@example.org"
	};
	size_t			 i;

	user("twelve@example.org", "$2b$12$saltsalt$right");
	for (i = 0; i < nitems(emails); i++) {
		assert_int_equal(guess(i, emails[i], "wrong"), 0);
		assert_int_equal(hashed.yescrypt + hashed.bcrypt12, 1);
		assert_int_equal(hashed.others, 0);
		assert_int_equal(guess(i, emails[i], "right"), i < 2);
		assert_int_equal(hashed.yescrypt + hashed.bcrypt12, 1);
		assert_int_equal(hashed.others, 0);
	}
}

/* Then nobody is wrong, nor right. */
static void
without_memory_nobody_is_told_a_thing(void **state)
{
	int	 i;

	no_memory = 1;
	for (i = 0; i < 100; i++) {
		assert_int_equal(guess(1, "yes@example.org", "right"), 0);
		assert_int_equal(came, PASSWORD_LATER);
	}
	no_memory = 0;
	assert_int_equal(guess(1, "yes@example.org", "right"), 1);
}

static void
one_source_reaches_few_hashes(void **state)
{
	int	 i;

	nhashed = 0;
	for (i = 0; i < GUESSES; i++) {
		assert_int_equal(guess(1, "yes@example.org", "wrong"), 0);
		fake_mono += 60000 / GUESSES;
	}
	assert_in_range(nhashed, 1, 20);
	/* Its owner is somewhere else. */
	assert_int_equal(guess(2, "yes@example.org", "right"), 1);
}

static void
many_sources_reach_few_hashes(void **state)
{
	int	 i;

	nhashed = 0;
	for (i = 0; i < GUESSES; i++) {
		assert_int_equal(guess(i % 1000, "yes@example.org", "wrong"),
		    0);
		fake_mono += 60000 / GUESSES;
	}
	assert_in_range(nhashed, 1, 200);
}

static int	 order[64], norder;

static void
in_turn(void *arg, enum auth_password what, const struct store_user *u,
    uint32_t wait)
{
	order[norder++] = *(int *)arg;
}

/* A password of nobody's, from somewhere else each time: status or 0. */
static uint32_t
queue(int *listener)
{
	static uint32_t		 from = 0xac100000;
	struct sockaddr_storage	 ss;
	struct sockaddr_in	*sin = (struct sockaddr_in *)&ss;
	uint32_t		 status, wait;
	char			 email[64];

	memset(&ss, 0, sizeof(ss));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(++from);
	snprintf(email, sizeof(email), "u%u@example.org", from);
	return (auth_password_check(*listener, &ss, email, "?", in_turn,
	    listener, &status, &wait) == 0 ? 0 : status);
}

/* A listener that somebody else owns has no end of passwords to look at. */
static void
listeners_take_turns(void **state)
{
	int	 hostile = 1, honest = 0, i;

	auth_prefork = 2;
	norder = 0;
	for (i = 0; i < AUTH_PASSWORDS / 2; i++)
		assert_int_equal(queue(&hostile), 0);
	assert_int_equal(queue(&hostile), 503);
	for (i = 0; i < 3; i++)
		assert_int_equal(queue(&honest), 0);
	while (norder < AUTH_PASSWORDS / 2 + 3)
		fake_run();
	for (i = 0; i < 6; i += 2)
		assert_int_equal(order[i] + order[i + 1], 1);
	/* All are done: there is room again. */
	assert_int_equal(queue(&hostile), 0);
	while (norder < AUTH_PASSWORDS / 2 + 4)
		fake_run();
	auth_prefork = PREFORK_MAX;
	for (i = 0; i < 4; i++)
		assert_int_equal(queue(&honest), 0);
	assert_int_equal(queue(&honest), 503);
	while (norder < AUTH_PASSWORDS / 2 + 8)
		fake_run();
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup, fake_teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(one_is_hashed_for_all),
		CASE(without_memory_nobody_is_told_a_thing),
		CASE(one_source_reaches_few_hashes),
		CASE(many_sources_reach_few_hashes),
		CASE(listeners_take_turns),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
