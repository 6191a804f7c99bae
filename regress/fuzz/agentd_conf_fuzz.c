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

/* agentd.conf. */

/* link: regress/fuzz/conf_input.c agentd/parse.y agentd/config*.c
 * agentd/backend*.c agentd/proxy_policy.c libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp
 * jansson pthread */
/* flags: -Wl,--wrap=fopen,--wrap=log_warn,--wrap=log_warnx */
/* corpus: regress/agentd/conf */
/* max_len: 128 */

#include "compat.h"

#include "agentd.h"
#include "conf_input.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rule_entry	*e;
	struct agentd_conf	*conf;

	if (size == 0)
		return (0);
	conf_input(data, size);
	must((conf = config_new()) != NULL);
	if (parse_config("agentd.conf", conf) == 0) {
		must(conf->nrelays >= 0 && conf->nrelays <= RELAYS_MAX);
		TAILQ_FOREACH(e, &conf->rules, entry)
			must(e->rule.port_min <= e->rule.port_max);
	}
	config_free(conf);
	return (0);
}
