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


/* link: lib/tls_record.c lib/aead.c lib/aead_mb.c regress/lib/record_sides.c
 * regress/lib/tls_peer.c */
/* libs: libcrypto ipsec_mb */
/* flags: -Wl,--wrap=calloc,--wrap=HMAC,--wrap=EVP_CIPHER_CTX_new
 *	-Wl,--wrap=EVP_CipherInit_ex,--wrap=EVP_CIPHER_CTX_ctrl
 *	-Wl,--wrap=EVP_EncryptUpdate,--wrap=EVP_EncryptFinal_ex
 *	-Wl,--wrap=EVP_DecryptUpdate,--wrap=aead_mb_start */

/*
 * Records of TLS 1.3 when libcrypto fails, at each of its calls, and when a
 * key has sealed as much as it may: then the calls do nothing, or it would
 * take long.
 */

#include "compat.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record_sides.h"
#include "tls_peer.h"
#include "tls_record.h"

void		*__real_calloc(size_t, size_t);
unsigned char	*__real_HMAC(const EVP_MD *, const void *, int,
		    const unsigned char *, size_t, unsigned char *,
		    unsigned int *);
EVP_CIPHER_CTX	*__real_EVP_CIPHER_CTX_new(void);
int		 __real_EVP_CipherInit_ex(EVP_CIPHER_CTX *,
		    const EVP_CIPHER *, ENGINE *, const unsigned char *,
		    const unsigned char *, int);
int		 __real_EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *, int, int,
		    void *);
int		 __real_EVP_EncryptUpdate(EVP_CIPHER_CTX *, unsigned char *,
		    int *, const unsigned char *, int);
int		 __real_EVP_EncryptFinal_ex(EVP_CIPHER_CTX *, unsigned char *,
		    int *);
int		 __real_EVP_DecryptUpdate(EVP_CIPHER_CTX *, unsigned char *,
		    int *, const unsigned char *, int);
void		*__wrap_calloc(size_t, size_t);
unsigned char	*__wrap_HMAC(const EVP_MD *, const void *, int,
		    const unsigned char *, size_t, unsigned char *,
		    unsigned int *);
EVP_CIPHER_CTX	*__wrap_EVP_CIPHER_CTX_new(void);
int		 __wrap_EVP_CipherInit_ex(EVP_CIPHER_CTX *,
		    const EVP_CIPHER *, ENGINE *, const unsigned char *,
		    const unsigned char *, int);
int		 __wrap_EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *, int, int,
		    void *);
int		 __wrap_EVP_EncryptUpdate(EVP_CIPHER_CTX *, unsigned char *,
		    int *, const unsigned char *, int);
int		 __wrap_EVP_EncryptFinal_ex(EVP_CIPHER_CTX *, unsigned char *,
		    int *);
int		 __wrap_EVP_DecryptUpdate(EVP_CIPHER_CTX *, unsigned char *,
		    int *, const unsigned char *, int);

int		 __wrap_aead_mb_start(void);

static unsigned int	 calls, fail_at;	/* 0: none fails */
static int		 ours;			/* not the peer's */
static int		 idle;			/* nothing is done, but well */

static int
fails(void)
{
	if (!ours || ++calls != fail_at)
		return (0);
	ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
	return (1);
}

/* Its calls don't fail. */
int
__wrap_aead_mb_start(void)
{
	return (0);
}

/* It tells libcrypto nothing. */
static int
calloc_fails(void)
{
	return (ours && ++calls == fail_at);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return (calloc_fails() ? NULL : __real_calloc(n, size));
}

unsigned char *
__wrap_HMAC(const EVP_MD *md, const void *key, int len, const unsigned char *p,
    size_t n, unsigned char *out, unsigned int *outlen)
{
	return (fails() ? NULL : __real_HMAC(md, key, len, p, n, out,
	    outlen));
}

EVP_CIPHER_CTX *
__wrap_EVP_CIPHER_CTX_new(void)
{
	return (fails() ? NULL : __real_EVP_CIPHER_CTX_new());
}

int
__wrap_EVP_CipherInit_ex(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher,
    ENGINE *e, const unsigned char *key, const unsigned char *iv, int enc)
{
	if (idle)
		return (1);
	return (fails() ? 0 : __real_EVP_CipherInit_ex(ctx, cipher, e, key,
	    iv, enc));
}

int
__wrap_EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *ctx, int type, int arg, void *ptr)
{
	if (idle)
		return (1);
	return (fails() ? 0 : __real_EVP_CIPHER_CTX_ctrl(ctx, type, arg,
	    ptr));
}

int
__wrap_EVP_EncryptUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *n,
    const unsigned char *in, int len)
{
	if (idle)
		return (1);
	return (fails() ? 0 : __real_EVP_EncryptUpdate(ctx, out, n, in, len));
}

int
__wrap_EVP_EncryptFinal_ex(EVP_CIPHER_CTX *ctx, unsigned char *out, int *n)
{
	if (idle)
		return (1);
	return (fails() ? 0 : __real_EVP_EncryptFinal_ex(ctx, out, n));
}

int
__wrap_EVP_DecryptUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *n,
    const unsigned char *in, int len)
{
	return (fails() ? 0 : __real_EVP_DecryptUpdate(ctx, out, n, in, len));
}

/* ---- Each call fails ---- */

static uint8_t	 secret[TLS_RECORD_SECRET_MAX] = "not that secret";

/* Open one; whether it went well. */
static int
opens(const uint8_t *p, size_t n)
{
	static uint8_t		 out[TLS_RECORD_ROOM];
	enum tls_record_what	 what;

	ours = 1;
	what = tls_record_open(r, p, n, out, &took, &gave);
	ours = 0;
	assert_int_equal(ERR_peek_error(), 0);
	if (what == TLS_RECORD_DATA)
		return (1);
	assert_int_equal(what, TLS_RECORD_ERROR);
	if (tls_record_alert(r) == BAD_MAC)
		assert_non_null(strstr(tls_record_error(r), "changed"));
	else {
		assert_int_equal(tls_record_alert(r), INTERNAL);
		assert_string_equal(tls_record_error(r),
		    "no memory for a key");
	}
	assert_int_equal(tls_record_open(r, p, n, out, &took, &gave),
	    TLS_RECORD_ERROR);
	return (0);
}

/*
 * Seal some; whether it went well.  If not, then never again: the numbers
 * might begin anew under the old key.
 */
static int
seals(void)
{
	ssize_t	 n;
	int	 i;

	ours = 1;
	n = tls_record_seal(r, wire, plain, 100);
	ours = 0;
	assert_int_equal(ERR_peek_error(), 0);
	for (i = 0; n == -1 && i < 3; i++) {
		assert_int_equal(tls_record_seal(r, wire, plain, 1), -1);
		assert_int_equal(tls_record_say(r, wire, 0), -1);
		tls_record_rekey(r);
	}
	return (n != -1);
}

static void
scenario(uint16_t suite)
{
	static const uint8_t	 new_key[] = { KEY_UPDATE, 0, 0, 1, 1 };
	uint8_t			 in[3][200];
	size_t			 n[3];

	tls_peer_begin(&to_us, suite, secret);
	n[0] = tls_peer_seal(&to_us, in[0], PEER_DATA, "before", 6, 0);
	n[1] = tls_peer_seal(&to_us, in[1], PEER_HANDSHAKE, new_key, 5, 0);
	tls_peer_next(&to_us);
	n[2] = tls_peer_seal(&to_us, in[2], PEER_DATA, "behind", 6, 0);
	calls = 0;
	ours = 1;
	r = tls_record_new(suite, 0, secret, secret,
	    tls_peer_secret_len(suite));
	ours = 0;
	assert_int_equal(ERR_peek_error(), 0);
	if (r != NULL && seals() && opens(in[0], n[0]) &&
	    opens(in[1], n[1]) && seals() && opens(in[2], n[2]) && seals())
		assert_true(fail_at == 0 || calls < fail_at);
	else
		assert_true(calls >= fail_at);
	tls_record_free(r);
	r = NULL;
}

static void
each_call_fails(void **state)
{
	size_t	 i;

	for (i = 0; i < nitems(suites); i++) {
		for (fail_at = 1; ; fail_at++) {
			scenario(suites[i]);
			if (calls < fail_at)
				break;
			/* The next connection knows nothing of it. */
			record_begin(suites[i], 0);
			assert_well();
			record_seal(3000);
			tls_record_free(r);
			r = NULL;
		}
		assert_true(fail_at > 30);
	}
	fail_at = 0;
}

/* ---- A key that is used up ---- */

static void
a_key_has_an_end(void **state)
{
	static uint8_t	 out[3 * RECORD(TLS_RECORD_MAX)];
	const size_t	 n = 2 * TLS_RECORD_MAX + 1;
	size_t		 at;

	record_begin(0x1301, 0);
	record_seal(1);
	idle = 1;
	while (++from_us.number < TLS_RECORD_KEY_MAX - 1) {
		if (tls_record_seal(r, out, plain, 1) != RECORD(1))
			fail();
	}
	idle = 0;
	/* The number is that of the first that was not sealed. */
	from_us.number--;
	record_seal(1);
	/* In the midst of a batch: one more before the change. */
	assert_int_equal(tls_record_seal(r, out, plain, n),
	    n + 3 * TLS_RECORD_OVERHEAD + RECORD(5));
	assert_true(n + 3 * TLS_RECORD_OVERHEAD + RECORD(5) <=
	    tls_record_sealed(n));
	at = record_peer_opens(out, TLS_RECORD_MAX + 1);
	at += record_peer_opens(out + at, 6);
	assert_int_equal(plain[0], KEY_UPDATE);
	assert_int_equal(plain[4], 0);
	tls_peer_next(&from_us);
	at += record_peer_opens(out + at, TLS_RECORD_MAX + 1);
	at += record_peer_opens(out + at, 2);
	record_seal(5);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_teardown(each_call_fails, record_end),
		cmocka_unit_test_teardown(a_key_has_an_end, record_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
