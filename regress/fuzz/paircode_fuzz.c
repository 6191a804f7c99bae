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

/* link: lib/paircode.c */
/* libs: libcrypto */
/* max_len: 64 */

/*
 * Pairing codes as they are typed and sent: white space at the ends does not
 * count, and what was folded stays as it is.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "paircode.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char	 front[] = " ", back[] = "\t\343\200\200";
	char			 code[PAIRCODE_LEN + 1];
	char			 again[PAIRCODE_LEN + 1];
	uint8_t			 hash[PAIRCODE_HASH], same[PAIRCODE_HASH];
	char			*text = fuzz_copy(data, size), *wide;
	size_t			 n = size + sizeof(front) + sizeof(back) - 2;
	int			 ret;

	ret = paircode_hash(text, size, hash);
	must(ret == 0 || ret == 1);
	must((wide = malloc(n)) != NULL);
	memcpy(wide, front, sizeof(front) - 1);
	memcpy(wide + sizeof(front) - 1, text, size);
	memcpy(wide + n - (sizeof(back) - 1), back, sizeof(back) - 1);
	must(paircode_hash(wide, n, same) == ret);
	must(memcmp(hash, same, sizeof(hash)) == 0);
	if (paircode_fold(text, size, code) == 0) {
		must(strlen(code) == PAIRCODE_LEN);
		must(paircode_fold(code, PAIRCODE_LEN, again) == 0);
		must(strcmp(code, again) == 0);
	}
	free(text);
	free(wide);
	return (0);
}
