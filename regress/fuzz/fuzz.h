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

#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What does not hold ends the run, and its input is kept. */
static inline void
must(int holds)
{
	if (!holds)
		abort();
}

/*
 * A copy of just that size, which the caller frees, so that AddressSanitizer
 * sees who reads or writes a byte too far.
 */
static inline void *
fuzz_copy(const void *data, size_t len)
{
	void	*copy;

	must((copy = calloc(1, len > 0 ? len : 1)) != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	return (copy);
}

/*
 * If an input is to be read in pieces as well, and compared with the whole:
 * some hundred parses in one.  fuzz.t runs a target that asks for this once
 * with FUZZ_CUTS in the environment and once, much faster, without.
 */
static inline int
fuzz_cuts(void)
{
	static int	 cuts = -1;

	if (cuts == -1)
		cuts = getenv("FUZZ_CUTS") != NULL;
	return (cuts);
}

#endif
