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

/* relayd.conf. */

/* link: regress/fuzz/conf_input.c lib/conflex*.c
 * lib/addr.c lib/log.c lib/log_sink.c lib/publish.c lib/rate.c
 * lib/relay_url.c lib/http.c lib/http_host.c lib/http_field.c
 * relayd/parse.y relayd/config*.c */
/* libs: libevent libtls libcrypto */
/* flags: -Wl,--wrap=fopen,--wrap=log_warn,--wrap=log_warnx */
/* corpus: regress/relayd/conf */
/* max_len: 128 */

#include "compat.h"

#include "conf_input.h"
#include "config.h"
#include "fuzz.h"

/* relayd/config.c wants these to load certificates, which is not done here. */
int
evtls_cert_keyid(const char *pem, uint8_t keyid[EVTLS_KEYID_LEN])
{
	return (-1);
}

int
evtls_cert_times(const char *pem, time_t *from, time_t *to)
{
	return (-1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct relayd_conf	*conf;

	if (size == 0)
		return (0);
	conf_input(data, size);
	if ((conf = parse_config("relayd.conf")) == NULL)
		return (0);
	must(conf->prefork >= 1 && conf->prefork <= PREFORK_MAX);
	must(conf->limits.head_bytes >= 512);
	must(conf->limits.head_bytes <= 65536);
	must(conf->limits.credit_total >= 1024 * 1024);
	config_free(conf);
	return (0);
}
