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


#ifndef PAIRCODE_H
#define PAIRCODE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Pairing codes: short, for people to read aloud and to type, and good for one
 * pairing only.  Nobody keeps one but by its hash.
 */

#define PAIRCODE_LEN	8		/* of 32 letters and digits: 40 bits */
#define PAIRCODE_HASH	32		/* SHA-256 */

/* A new one. */
void	paircode_make(char[PAIRCODE_LEN + 1]);
/*
 * The hash of a code, or a token, without white space (that of Unicode, as
 * far as the text is UTF-8) at its ends.  0, 1 if nothing is left of it, or
 * -1 if libcrypto fails.
 */
int	paircode_hash(const char *, size_t, uint8_t[PAIRCODE_HASH]);
/*
 * What a person may have typed as the code that paircode_make made: in any
 * case, with o for 0, i or l for 1, in groups.  0, or -1: it is none.
 */
int	paircode_fold(const char *, size_t, char[PAIRCODE_LEN + 1]);

#endif /* PAIRCODE_H */
