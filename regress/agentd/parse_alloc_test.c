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
 * agentd.conf without memory: each allocation of the parser fails in turn.
 */

/* link: regress/lib/nth_alloc.c regress/lib/parse_nth.c
 * agentd/parse.y agentd/config*.c agentd/backend*.c
 * agentd/proxy_policy.c libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp
 * jansson pthread */
/* flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../lib/parse_nth.h"
#include "agentd.h"
#include "log.h"

static int
parse(const char *file)
{
	struct agentd_conf	*conf = config_new();
	int			 ret;

	ret = parse_config(file, conf);
	config_free(conf);
	return (ret);
}

static void
each_allocation_fails(void **state)
{
	assert_in_range(parse_nth("regress/agentd/conf/rules.in", parse), 20,
	    5000);
	assert_in_range(parse_nth("etc/examples/agentd.conf", parse), 1, 5000);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(each_allocation_fails),
	};

	log_init("agentd", LOG_STYLE_TERMINAL, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
