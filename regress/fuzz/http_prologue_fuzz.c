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

/* link: lib/http_prologue.c lib/http.c lib/http_field.c lib/http_host.c */

/*
 * What a node says first: a cut must not change the answer, and what is
 * taken comes out again the same when it is put, but for unknown flags.
 */

/* max_len: 256 */

#include "compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http_prologue.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_prologue	 p, q;
	uint8_t			*buf, out[HTTP_PROLOGUE_MAX];
	ssize_t			 whole, n;
	size_t			 i;

	buf = fuzz_copy(data, size);
	whole = http_prologue_get(buf, size, &p);
	free(buf);
	if (whole > (ssize_t)size || whole > HTTP_PROLOGUE_MAX ||
	    (whole == 0 && size >= HTTP_PROLOGUE_MAX))
		abort();
	for (i = 0; fuzz_cuts() && i < size && i < HTTP_PROLOGUE_MAX; i++) {
		/* A buffer of its own: one byte too far is found. */
		buf = fuzz_copy(data, i);
		n = http_prologue_get(buf, i, &q);
		free(buf);
		if (whole > 0 && i >= (size_t)whole) {
			if (n != whole || memcmp(&p, &q, sizeof(p)) != 0)
				abort();
		} else if (n != 0 && (n != -1 || whole != -1))
			abort();
	}
	if (whole > 0 && (http_prologue_put(out, sizeof(out), &p) != whole ||
	    (out[1] ^ data[1]) & 1 || out[0] != data[0] ||
	    memcmp(out + 2, data + 2, whole - 2) != 0))
		abort();
	return (0);
}
