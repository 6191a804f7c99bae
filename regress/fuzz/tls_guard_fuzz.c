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

/* link: lib/tls_guard.c */

/*
 * The beginning of a client's TLS: cuts do not change the verdict.
 */

#include "compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "tls_guard.h"

static int
feed(const uint8_t *data, size_t size, size_t step)
{
	struct tls_guard	 g;
	uint8_t			*buf;
	size_t			 i, n;
	int			 r = 0;

	memset(&g, 0, sizeof(g));
	for (i = 1; i < size && r == 0; i += n) {
		n = size - i < step ? size - i : step;
		/* A buffer of its own: one byte too far is found. */
		if ((buf = malloc(n)) == NULL)
			abort();
		memcpy(buf, data + i, n);
		r = tls_guard_feed(&g, buf, n, data[0] & 1);
		free(buf);
	}
	return (r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t	 step;

	for (step = 1; step < 64; step = step * 3 + 1) {
		if (feed(data, size, step) != feed(data, size, 65536))
			abort();
	}
	return (0);
}
