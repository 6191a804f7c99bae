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
 * Signatures while libcrypto has no memory: none is made then, and none is
 * taken for good.
 */

/* link: lib/token.c */
/* libs: libcrypto */

#include "compat.h"

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
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "token.h"

static unsigned int	 fail_at, calls;

static int
fails(void)
{
	return (fail_at != 0 && ++calls == fail_at);
}

static void *
some_malloc(size_t n, const char *file, int line)
{
	return (fails() ? NULL : malloc(n));
}

static void *
some_realloc(void *p, size_t n, const char *file, int line)
{
	return (fails() ? NULL : realloc(p, n));
}

static void
some_free(void *p, const char *file, int line)
{
	free(p);
}

static void
each_allocation_fails(void **state)
{
	struct token_challenge	 c = { "relay.example", "bm9uY2U",
				    "/api/nodes/ws", "porch" };
	struct token		 t;
	uint8_t			 pub[TOKEN_PUBLIC_LEN], sig[TOKEN_SIG_LEN];
	uint8_t			 no[TOKEN_SIG_LEN], other[TOKEN_PUBLIC_LEN];
	unsigned int		 at, failed = 0;
	int			 n;

	memset(&t, 7, sizeof(t));
	assert_int_equal(token_public(&t, pub), 0);
	assert_int_equal(token_sign(&t, &c, sig), 0);
	assert_int_equal(token_verify(pub, &c, sig), 1);
	memset(no, 1, sizeof(no));
	for (at = 1; ; at++) {
		fail_at = at;
		calls = 0;
		n = token_public(&t, other);
		if (n == 0)
			assert_memory_equal(other, pub, sizeof(pub));
		else
			failed++;
		if (calls < at)
			break;
	}
	assert_int_equal(n, 0);
	for (at = 1; ; at++) {
		fail_at = at;
		calls = 0;
		n = token_sign(&t, &c, no);
		if (n == 0)
			assert_memory_equal(no, sig, sizeof(sig));
		else
			failed++;
		if (calls < at)
			break;
	}
	assert_int_equal(n, 0);
	no[0] ^= 1;
	for (at = 1; ; at++) {
		fail_at = at;
		calls = 0;
		n = token_verify(pub, &c, sig);
		failed += n == 0;
		if (calls < at)
			break;
		calls = 0;
		assert_int_equal(token_verify(pub, &c, no), 0);
	}
	assert_int_equal(n, 1);
	fail_at = 0;
	assert_true(failed > 5);
	ERR_clear_error();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(each_allocation_fails),
	};

	if (CRYPTO_set_mem_functions(some_malloc, some_realloc, some_free) !=
	    1)
		return (1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
