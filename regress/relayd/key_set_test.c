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

/* link: relayd/key_set.c */
/* libs: libcrypto */

/*
 * Private keys: those of the configuration, and for a while those of the ones
 * before; each is freed once, and not before its time.
 */

#include "compat.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "key_set.h"

#define NKEYS	12

static struct {
	char	 text[512];
	size_t	 len;
	uint8_t	 id[EVTLS_KEYID_LEN];
} made[NKEYS];

static struct key_set	 current;
static struct retired_keys retired;
static int		 freed;		/* EVP_PKEYs that are no more */

static void
on_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	freed++;
}

static int
setup(void **state)
{
	struct key_set	 one;
	EVP_PKEY	*pkey;
	BIO		*bio;
	int		 i, n;

	for (i = 0; i < NKEYS; i++) {
		assert_non_null(pkey = EVP_EC_gen("P-256"));
		assert_non_null(bio = BIO_new(BIO_s_mem()));
		assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL,
		    NULL, 0, NULL, NULL), 1);
		n = BIO_read(bio, made[i].text, sizeof(made[i].text));
		assert_true(n > 0);
		made[i].len = n;
		BIO_free(bio);
		EVP_PKEY_free(pkey);
		memset(&one, 0, sizeof(one));
		assert_int_equal(key_set_load(&one, made[i].text,
		    made[i].len), 0);
		memcpy(made[i].id, one.keys[0].id, sizeof(made[i].id));
		key_set_clear(&one);
	}
	return (CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_EVP_PKEY, 0, NULL,
	    NULL, NULL, on_free) == -1);
}

/* A reload: these two are the configuration's now. */
static void
configure(int a, int b, uint64_t until)
{
	struct key_set	 next;

	memset(&next, 0, sizeof(next));
	assert_int_equal(key_set_load(&next, made[a].text, made[a].len), 0);
	assert_int_equal(key_set_load(&next, made[b].text, made[b].len), 0);
	retired_keys_add(&retired, &current, &next, until);
	assert_int_equal(current.n, 0);
	current = next;
}

static int
is_current(int i)
{
	return (key_set_find(&current, made[i].id) != NULL);
}

static int
is_retired(int i)
{
	return (retired_keys_find(&retired, made[i].id) != NULL);
}

static int
begin(void **state)
{
	key_set_clear(&current);
	assert_int_equal(retired_keys_end(&retired, UINT64_MAX), UINT64_MAX);
	assert_int_equal(retired.n, 0);
	freed = 0;
	return (0);
}

static void
all_of_a_second_are_there(void **state)
{
	int	 i;

	for (i = 0; i < NKEYS; i++)
		configure(0, i, 1000 + i);
	assert_true(is_current(0));
	assert_true(is_current(NKEYS - 1));
	assert_false(is_retired(0));
	assert_false(is_retired(NKEYS - 1));
	for (i = 1; i < NKEYS - 1; i++) {
		assert_true(is_retired(i));
		assert_false(is_current(i));
	}
}

static void
each_goes_at_its_time(void **state)
{
	int	 n;

	configure(0, 1, 0);
	configure(0, 2, 500);
	configure(0, 3, 400);		/* the limit was lowered */
	configure(0, 4, 900);
	n = freed;
	assert_int_equal(retired_keys_end(&retired, 399), 400);
	assert_int_equal(freed, n);
	assert_int_equal(retired_keys_end(&retired, 400), 500);
	assert_int_equal(freed, n + 1);
	assert_true(is_retired(1));
	assert_false(is_retired(2));
	assert_true(is_retired(3));
	assert_int_equal(retired_keys_end(&retired, 899), 900);
	assert_int_equal(freed, n + 2);
	assert_int_equal(retired_keys_end(&retired, 900), UINT64_MAX);
	assert_int_equal(freed, n + 3);
	assert_int_equal(retired.n, 0);
	assert_true(is_current(0));
	assert_true(is_current(4));
}

static void
one_that_comes_back_is_retired_anew(void **state)
{
	configure(0, 1, 0);
	configure(0, 2, 500);
	assert_true(is_retired(1));
	configure(0, 1, 600);
	assert_false(is_retired(1));
	assert_true(is_current(1));
	configure(0, 2, 700);
	assert_true(is_retired(1));
	assert_int_equal(retired_keys_end(&retired, 600), 700);
	assert_true(is_retired(1));
}

/* Twice in a configuration, as certificates may share a key. */
static void
one_that_is_there_twice(void **state)
{
	configure(1, 1, 0);
	configure(2, 2, 500);
	assert_int_equal(retired.n, 1);
	assert_int_equal(freed, 1);
	assert_int_equal(retired_keys_end(&retired, 500), UINT64_MAX);
	assert_int_equal(freed, 2);
}

static void
each_is_freed_once(void **state)
{
	int	 i;

	for (i = 0; i < 50; i++)
		configure(i % NKEYS, (i + i / 3) % NKEYS, 1000 + i);
	key_set_clear(&current);
	assert_int_equal(retired_keys_end(&retired, 2000), UINT64_MAX);
	assert_int_equal(freed, 100);
}

/* The ones that were there longest give way. */
static void
no_more_than_so_many(void **state)
{
	struct key_set	 old, none;
	uint32_t	 i, n;

	memset(&none, 0, sizeof(none));
	for (i = 0; i < RETIRED_KEYS_MAX + 5; i++) {
		memset(&old, 0, sizeof(old));
		assert_int_equal(key_set_load(&old, made[0].text,
		    made[0].len), 0);
		memcpy(old.keys[0].id, &i, sizeof(i));
		retired_keys_add(&retired, &old, &none, 1000);
	}
	assert_int_equal(retired.n, RETIRED_KEYS_MAX);
	assert_int_equal(freed, 5);
	for (i = 0; i < RETIRED_KEYS_MAX; i++) {
		memcpy(&n, retired.keys[i].key.id, sizeof(n));
		assert_int_equal(n, i + 5);
	}
}

static void
what_is_no_key(void **state)
{
	struct key_set	 set;
	int		 i;

	memset(&set, 0, sizeof(set));
	assert_int_equal(key_set_load(&set, "x", 1), -1);
	assert_int_equal(key_set_load(&set, made[0].text,
	    made[0].len / 2), -1);
	assert_int_equal(set.n, 0);
	for (i = 0; i < CERTS_MAX; i++)
		assert_int_equal(key_set_load(&set, made[0].text,
		    made[0].len), 0);
	assert_int_equal(key_set_load(&set, made[0].text, made[0].len), -1);
	key_set_clear(&set);
	assert_int_equal(set.n, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
#define TEST(f)	cmocka_unit_test_setup_teardown(f, begin, begin)
		TEST(all_of_a_second_are_there),
		TEST(each_goes_at_its_time),
		TEST(one_that_comes_back_is_retired_anew),
		TEST(one_that_is_there_twice),
		TEST(each_is_freed_once),
		TEST(no_more_than_so_many),
		TEST(what_is_no_key),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, setup, NULL));
}
