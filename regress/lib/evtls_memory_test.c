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
 * libtls without memory: what fails says nothing about why, and is said all
 * the same.
 */

/* link: regress/lib/tls_util.c libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp */
/* flags: -Wl,--wrap=tls_config_set_ciphers,--wrap=tls_config_set_ca_mem
 *	-Wl,--wrap=tls_configure,--wrap=tls_config_set_cert_mem
 *	-Wl,--wrap=EVP_get_digestbyname */

#include "compat.h"

#include <openssl/evp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tls.h>

#include <cmocka.h>

#include "evtls.h"
#include "tls_util.h"

int	 __wrap_tls_config_set_ciphers(struct tls_config *, const char *);
int	 __wrap_tls_config_set_ca_mem(struct tls_config *, const uint8_t *,
	    size_t);
int	 __wrap_tls_config_set_cert_mem(struct tls_config *, const uint8_t *,
	    size_t);
int	 __wrap_tls_configure(struct tls *, struct tls_config *);
int	 __real_tls_config_set_cert_mem(struct tls_config *, const uint8_t *,
	    size_t);

const EVP_MD	*__real_EVP_get_digestbyname(const char *);
const EVP_MD	*__wrap_EVP_get_digestbyname(const char *);

static int	 fails;		/* which of them */

const EVP_MD *
__wrap_EVP_get_digestbyname(const char *name)
{
	return (fails == 5 && strcmp(name, "SHA384") == 0 ? NULL :
	    __real_EVP_get_digestbyname(name));
}

int
__wrap_tls_config_set_ciphers(struct tls_config *config, const char *s)
{
	return (fails == 1 ? -1 : 0);
}

int
__wrap_tls_config_set_ca_mem(struct tls_config *config, const uint8_t *p,
    size_t n)
{
	return (fails == 2 ? -1 : 0);
}

int
__wrap_tls_config_set_cert_mem(struct tls_config *config, const uint8_t *p,
    size_t n)
{
	return (fails == 3 ? -1 : __real_tls_config_set_cert_mem(config, p,
	    n));
}

int
__wrap_tls_configure(struct tls *tls, struct tls_config *config)
{
	return (-1);
}

static void
each_is_said(void **state)
{
	struct tls_util_cert	*ca;
	char			 err[256];

	/* Not all of it is there: no certificate could be verified. */
	fails = 5;
	assert_int_equal(evtls_init(), -1);
	fails = 0;
	assert_int_equal(evtls_init(), 0);
	ca = tls_util_cert(NULL, "ca", TLS_UTIL_P256, -10, 1000);
	for (fails = 1; fails <= 4; fails++) {
		err[0] = '\0';
		assert_null(evtls_server_new((const char *const *)&ca->pem, 1,
		    &tls_util_signer, err, sizeof(err)));
		assert_non_null(strstr(err, "no memory"));
	}
	for (fails = 1; fails <= 2; fails++) {
		err[0] = '\0';
		assert_null(evtls_client_new(ca->pem, NULL, err,
		    sizeof(err)));
		assert_non_null(strstr(err, "no memory"));
	}
	tls_util_free();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(each_is_said),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
