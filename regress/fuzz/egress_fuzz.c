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
 * What a hostile proxy may answer, and what people may write: the first byte
 * says which.
 *
 * link: lib/egress.c lib/egress_http.c lib/egress_socks.c lib/relay_url.c
 * link: lib/http.c lib/http_host.c lib/http_field.c lib/base64.c lib/addr.c
 * link: lib/log.c
 */

/* max_len: 512 */

#include "compat.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "egress.h"
#include "egress_http.h"
#include "egress_socks.h"
#include "fuzz.h"

static void	fuzz_url(const char *);
static void	fuzz_http(const uint8_t *, size_t);
static void	fuzz_socks(const uint8_t *, size_t);

/* What is accepted has one form, and a list that can't be read past. */
static void
fuzz_url(const char *s)
{
	struct egress	 e, again;
	const char	*errstr = NULL;
	char		 name[EGRESS_NAME_MAX];

	(void)egress_bypass(s, "relay.example.org", 443);
	(void)egress_bypass(s, "192.0.2.1", 8443);
	if (egress_parse(s, &e, &errstr) == -1) {
		must(errstr != NULL);
		return;
	}
	must(egress_check(&e) == 0);
	egress_redact(&e);
	egress_name(&e, name);
	must(egress_parse(name, &again, &errstr) == 0);
	must(memcmp(&e, &again, sizeof(e)) == 0);
	(void)egress_bypass(s, e.host, 443);
	must(egress_bypass(e.host, e.host, 443));
}

/* The same answer for every cut, and no more than it says it takes. */
static void
fuzz_http(const uint8_t *data, size_t size)
{
	struct connect_answer	 a, b;
	enum connect_end	 whole, part = CONNECT_MORE;
	size_t			 n, step = size / 64 + 1;

	whole = connect_answer((const char *)data, size, size & 1, &a);
	for (n = 0; n < size && part == CONNECT_MORE; n += step)
		part = connect_answer((const char *)data, n, size & 1, &b);
	if (part != CONNECT_MORE) {
		must(part == whole);
		must(strcmp(a.why, b.why) == 0 && a.used == b.used);
	}
	must(whole != CONNECT_OK || (a.used > 0 && a.used <= size));
	must(whole != CONNECT_FAILED || a.why[0] != '\0');
	must(whole != CONNECT_MORE || size <= CONNECT_HEAD_MAX);
}

static void
fuzz_socks(const uint8_t *data, size_t size)
{
	static const char *const urls[] = {
		"socks5://p", "socks5h://p", "socks5h://me:secret@p"
	};
	struct egress		 e;
	struct socks		 s;
	enum socks_end		 end = SOCKS_MORE;
	const char		*errstr;
	size_t			 n, off, want;

	must(egress_parse(urls[size % nitems(urls)], &e, &errstr) == 0);
	must(socks_init(&s, &e, size & 4 ? "192.0.2.1" : "r", NULL, 443) ==
	    0);
	for (off = 0; off < size && end == SOCKS_MORE; off += want) {
		(void)socks_output(&s, &n);
		must(n <= SOCKS_OUT_MAX);
		socks_sent(&s, n);
		want = socks_want(&s);
		must(want > 0 && want <= 257);
		if (want > size - off)
			want = size - off;
		end = socks_input(&s, data + off, want);
	}
	must(end == SOCKS_MORE || socks_want(&s) == 0);
	must(end != SOCKS_FAILED || s.why[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	*s;

	if (size == 0)
		return (0);
	switch (data[0]) {
	case 'u':
		must((s = malloc(size)) != NULL);
		memcpy(s, data + 1, size - 1);
		s[size - 1] = '\0';
		fuzz_url(s);
		free(s);
		break;
	case 'h':
		fuzz_http(data + 1, size - 1);
		break;
	default:
		fuzz_socks(data + 1, size - 1);
		break;
	}
	return (0);
}
