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

/* link: lib/proxyproto.c lib/addr.c */

/*
 * A header in front of something: its cut at any byte must not change the
 * answer, and what is taken comes out again the same when it is built.
 */

/* max_len: 300 */
/* max_len_cuts: 120 */

#include "compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proxyproto.h"

static void
again(const struct proxyproto *p)
{
	uint8_t			 buf[PROXYPROTO_BUILD_MAX];
	struct proxyproto	 q;
	size_t			 len;

	len = proxyproto_build(buf, p->version, p->datagram, &p->src,
	    &p->dst);
	if (len == 0 || len > sizeof(buf) ||
	    proxyproto_parse(buf, len, &q) != (ssize_t)len ||
	    memcmp(p, &q, sizeof(q)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxyproto	 p, q;
	uint8_t			*buf;
	ssize_t			 whole, n;
	size_t			 i;

	buf = fuzz_copy(data, size);
	whole = proxyproto_parse(buf, size, &p);
	free(buf);
	if (whole > (ssize_t)size || whole > PROXYPROTO_V2_MAX ||
	    (whole == 0 && size >= PROXYPROTO_V2_MAX))
		abort();
	for (i = 0; fuzz_cuts() && i < size && i < PROXYPROTO_V2_MAX; i++) {
		/* A buffer of its own: one byte too far is found. */
		buf = fuzz_copy(data, i);
		n = proxyproto_parse(buf, i, &q);
		free(buf);
		if (whole > 0 && i >= (size_t)whole) {
			if (n != whole || memcmp(&p, &q, sizeof(p)) != 0)
				abort();
			break;
		}
		if (n != 0 && (n != -1 || whole != -1))
			abort();
	}
	if (whole > 0)
		again(&p);
	return (0);
}
