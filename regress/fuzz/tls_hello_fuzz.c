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

/* link: lib/tls_hello.c lib/http.c lib/http_field.c lib/http_host.c */

/*
 * The first bytes of a connection: their cuts do not change the verdict, nor
 * do the records that a hello comes in, and no verdict stays out for ever.
 */

/* max_len: 600 */
/* max_len_cuts: 600 */

#include "compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tls_hello.h"

static int
same(const struct tls_hello *a, const struct tls_hello *b)
{
	return (a->verdict == b->verdict && a->alpn == b->alpn &&
	    strcmp(a->host, b->host) == 0);
}

/* The same message, each byte of it in a record of its own. */
static void
in_records(const uint8_t *data, size_t size, const struct tls_hello *whole)
{
	static const uint8_t	 head[] = { 22, 3, 3, 0, 1 };
	struct tls_hello	 h;
	size_t			 i, j, n;

	tls_hello_begin(&h);
	for (i = 0; i + 5 <= size; i += 5 + n) {
		n = (size_t)data[i + 3] << 8 | data[i + 4];
		if (n > size - i - 5)
			n = size - i - 5;
		for (j = 0; j < n; j++) {
			(void)tls_hello_feed(&h, head, sizeof(head));
			(void)tls_hello_feed(&h, data + i + 5 + j, 1);
		}
		if (h.verdict != TLS_HELLO_MORE)
			break;
	}
	/* Cut like that it may be too long. */
	if (!same(&h, whole) && (h.verdict != TLS_HELLO_BAD ||
	    h.wire < TLS_HELLO_WIRE_MAX))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_hello	 whole, h;
	uint8_t			*buf;
	size_t			 i, n, step;

	tls_hello_begin(&whole);
	buf = fuzz_copy(data, size);
	(void)tls_hello_feed(&whole, buf, size);
	free(buf);
	if (whole.verdict == TLS_HELLO_MORE && size >= TLS_HELLO_WIRE_MAX)
		abort();
	if ((whole.verdict == TLS_HELLO_FOUND) != (whole.host[0] != '\0') &&
	    whole.verdict != TLS_HELLO_BAD &&
	    whole.verdict != TLS_HELLO_MORE)
		abort();
	for (step = 1; fuzz_cuts() && step < 64; step = step * 3 + 1) {
		tls_hello_begin(&h);
		for (i = 0; i < size; i += n) {
			n = size - i < step ? size - i : step;
			/* A buffer of its own: one byte too far is found. */
			buf = fuzz_copy(data + i, n);
			(void)tls_hello_feed(&h, buf, n);
			free(buf);
		}
		if (!same(&h, &whole))
			abort();
	}
	if (fuzz_cuts() && (whole.verdict == TLS_HELLO_FOUND ||
	    whole.verdict == TLS_HELLO_NONE))
		in_records(data, size, &whole);
	return (0);
}
