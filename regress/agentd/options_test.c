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
 * The command line: files that it names are found again at a reload, when the
 * daemon is in "/".
 */

/* link: agentd/options.c agentd/config*.c agentd/backend.c agentd/parse.y
 * agentd/proxy_policy.c regress/lib/tls_util.c libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp
 * jansson pthread */

#include "compat.h"

#include <sys/stat.h>

#include <getopt.h>
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
#include "agentd.h"
#include "log.h"
#include "token.h"

static char	 dir[] = "/tmp/options.XXXXXX";

static void
file_make(const char *name, const char *text)
{
	FILE	*f;

	assert_non_null(f = fopen(name, "w"));
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(name, 0600), 0);
}

static int
setup(void **state)
{
	struct token	 t;
	char		 text[TOKEN_LEN + 1];

	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return (-1);
	token_make(&t);
	token_format(&t, text);
	file_make("token", text);
	file_make("ca.pem", tls_util_cert(NULL, "ca.example", TLS_UTIL_P256,
	    -60, 3600)->pem);
	file_make("agentd.conf", "relay \"wss://relay.example\"\n");
	return (0);
}

static int
teardown(void **state)
{
	char	 cmd[64];

	tls_util_free();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd) == 0 ? 0 : -1);
}

static void
relative_names_last(void **state)
{
	struct proc_options	 opt = { 0 };
	struct agentd_conf	*conf;
	char			 line[] = "agentd -f agentd.conf --name pi "
				    "--token-file token --ca ca.pem";
	char			*argv[16] = { NULL }, *p = line;
	int			 argc = 0;

	while (argc < 15 && (argv[argc] = strsep(&p, " ")) != NULL)
		argc++;
	assert_int_equal(options_parse(argc, argv, &opt), 0);
	options_environment();
	assert_non_null(conf = options_load());
	config_free(conf);
	assert_int_equal(chdir("/"), 0);
	assert_non_null(conf = options_load());
	assert_string_equal(conf->relays[0], "wss://relay.example");
	assert_string_equal(conf->name, "pi");
	assert_non_null(conf->token);
	assert_non_null(conf->ca_pem);
	config_free(conf);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(relative_names_last),
	};

	log_init("agentd", LOG_STYLE_TERMINAL, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, setup, teardown));
}
