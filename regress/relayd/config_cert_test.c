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
 * A certificate whose names can't be read, for want of memory, is not one
 * without names: relayd would not know what it is called.
 */

/* link: regress/lib/tls_util.c relayd/parse.y relayd/config*.c libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp
 * jansson pthread */
/* flags: -Wl,--wrap=X509_get_ext_d2i */

#include "compat.h"

#include <sys/stat.h>

#include <openssl/x509.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../lib/tls_util.h"
#include "config.h"
#include "log.h"

void	*__real_X509_get_ext_d2i(const X509 *, int, int *, int *);
void	*__wrap_X509_get_ext_d2i(const X509 *, int, int *, int *);

static int	 lacking;
static char	 dir[] = "/tmp/config_cert.XXXXXX";

void *
__wrap_X509_get_ext_d2i(const X509 *x, int nid, int *crit, int *idx)
{
	if (!lacking)
		return (__real_X509_get_ext_d2i(x, nid, crit, idx));
	if (crit != NULL)
		*crit = 0;
	return (NULL);
}

static void
put(const char *name, const char *text)
{
	char	 path[64];
	FILE	*f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_non_null(f = fopen(path, "w"));
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static int
load(int *names)
{
	struct relayd_conf	*conf;
	struct own_name		*n;
	char			 path[64];
	int			 r;

	*names = 0;
	snprintf(path, sizeof(path), "%s/conf", dir);
	assert_non_null(conf = parse_config(path));
	r = config_load(conf);
	TAILQ_FOREACH(n, &conf->names, entry)
		++*names;
	config_free(conf);
	return (r);
}

static void
names_are_needed(void **state)
{
	struct tls_util_cert	*ca, *cert;
	char			 text[256], path[64], *key;
	const char *const	 files[] = { "cert", "key", "conf" };
	size_t			 i;
	int			 names;

	assert_non_null(mkdtemp(dir));
	ca = tls_util_cert(NULL, "ca", TLS_UTIL_P256, -10, 1000);
	cert = tls_util_cert(ca, "relay.test", TLS_UTIL_P256, -10, 1000);
	key = tls_util_key_pem(cert);
	put("cert", cert->pem);
	put("key", key);
	free(key);
	snprintf(text, sizeof(text), "state \"%s\"\ncontrol \"%s/sock\"\n"
	    "certificate \"%s/cert\" key \"%s/key\"\n"
	    "listen on 127.0.0.1 port 8443 tls\n", dir, dir, dir, dir);
	put("conf", text);
	assert_int_equal(load(&names), 0);
	assert_int_equal(names, 1);
	lacking = 1;
	assert_int_equal(load(&names), -1);
	for (i = 0; i < nitems(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	rmdir(dir);
	tls_util_free();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(names_are_needed),
	};

	log_init("relayd", LOG_STYLE_TERMINAL, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
