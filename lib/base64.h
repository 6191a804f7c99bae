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


#ifndef BASE64_H
#define BASE64_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * Base 64 as RFC 4648 has it, strictly: section 4 with its padding, and
 * section 5 ("url and filename safe") without.  One text for one value and
 * the other way round: no white space, no other alphabet's letters, no
 * padding too many or too few, no stray bits behind the last byte.
 */

/* Characters that encode n bytes, without the NUL. */
#define BASE64_LEN(n)		(((n) + 2) / 3 * 4)
#define BASE64URL_LEN(n)	((n) / 3 * 4 + ((n) % 3 * 4 + 2) / 3)
/* The most bytes that n characters hold, in both alphabets. */
#define BASE64_BYTES(n)		((n) / 4 * 3 + (n) % 4 * 3 / 4)

/*
 * base64_encode, base64url_encode: write the text of the bytes and a NUL.
 * Returns the length of the text, or -1 if dst (of so many bytes, the NUL
 * among them) is too small; then it holds nothing of use.
 */
ssize_t	base64_encode(char *, size_t, const uint8_t *, size_t);
ssize_t	base64url_encode(char *, size_t, const uint8_t *, size_t);

/*
 * base64_decode, base64url_decode: write the bytes of a text of that length;
 * no NUL is added or needed.  dst may be the text itself.  Returns how many
 * bytes there are, or -1 if the text is not strict or they do not fit; then
 * dst may have been written to.
 */
ssize_t	base64_decode(uint8_t *, size_t, const char *, size_t);
ssize_t	base64url_decode(uint8_t *, size_t, const char *, size_t);

#endif /* BASE64_H */
