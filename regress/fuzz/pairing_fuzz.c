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

/* link: lib/pairing.c */
/* max_len: 300 */

/*
 * What a node and the relay say of a pairing code: what is read is written
 * again as it was.  The first byte says whose it is.
 */

#include "compat.h"

#include <string.h>

#include "fuzz.h"
#include "pairing.h"

static void
ask(const uint8_t *p, size_t n)
{
	uint8_t		 hash[32], again[PAIRING_ASK_LEN];
	uint32_t	 seconds;

	if (pairing_ask_get(p, n, hash, &seconds) == -1)
		return;
	pairing_ask_put(again, hash, seconds);
	must(n == sizeof(again) && memcmp(again, p, n) == 0);
}

static void
answer(const uint8_t *p, size_t n)
{
	uint8_t		 result, again[PAIRING_ANSWER_MAX];
	int64_t		 end;
	char		 url[256];

	if (pairing_answer_get(p, n, &result, &end, url) == -1)
		return;
	must(pairing_answer_put(again, result, end, url) == n);
	must(memcmp(again, p, n) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t	*copy;

	if (size == 0)
		return (0);
	copy = fuzz_copy(data + 1, size - 1);
	if (data[0] & 1)
		ask(copy, size - 1);
	else
		answer(copy, size - 1);
	free(copy);
	return (0);
}
