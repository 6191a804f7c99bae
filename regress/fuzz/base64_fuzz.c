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


/* link: lib/base64.c */

/* max_len: 128 */

#include "compat.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "fuzz.h"


/* The input as text, then as bytes: there and back is the same, or nothing. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char	*in = (const char *)data;
	uint8_t		*bytes;
	char		*text;
	ssize_t		 n;

	must((bytes = malloc(size + 1)) != NULL);
	must((text = malloc(BASE64_LEN(size) + 1)) != NULL);

	n = base64_decode(bytes, BASE64_BYTES(size), in, size);
	if (n != -1) {
		must(base64_encode(text, size + 1, bytes, (size_t)n) ==
		    (ssize_t)size);
		must(memcmp(text, in, size) == 0);
	}
	n = base64url_decode(bytes, BASE64_BYTES(size), in, size);
	if (n != -1) {
		must(base64url_encode(text, size + 1, bytes, (size_t)n) ==
		    (ssize_t)size);
		must(memcmp(text, in, size) == 0);
	}

	n = base64_encode(text, BASE64_LEN(size) + 1, data, size);
	must(n == (ssize_t)BASE64_LEN(size));
	must(base64_decode(bytes, size, text, (size_t)n) == (ssize_t)size);
	must(memcmp(bytes, data, size) == 0);
	n = base64url_encode(text, BASE64URL_LEN(size) + 1, data, size);
	must(n == (ssize_t)BASE64URL_LEN(size));
	must(base64url_decode(bytes, size, text, (size_t)n) == (ssize_t)size);
	must(memcmp(bytes, data, size) == 0);

	free(text);
	free(bytes);
	return (0);
}
