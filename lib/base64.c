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


#include "compat.h"

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "base64.h"

static ssize_t	encode(const char *, int, char *, size_t, const uint8_t *,
		    size_t);
static int	quantum(const uint8_t *, const unsigned char *, size_t,
		    uint32_t *);
static ssize_t	decode(const uint8_t *, uint8_t *, size_t, const char *,
		    size_t);

static const char std_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789-_";

/*
 * The alphabets, the other way round.  A letter's place is kept plus one, so
 * that what the initialiser leaves out, zero, is no letter.
 */
#define COMMON								\
	['A'] =  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13,	\
	        14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,	\
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,	\
	        40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,	\
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62

static const uint8_t std_values[256] = { COMMON, ['+'] = 63, ['/'] = 64 };
static const uint8_t url_values[256] = { COMMON, ['-'] = 63, ['_'] = 64 };

static ssize_t
encode(const char *chars, int padded, char *dst, size_t dstsize,
    const uint8_t *src, size_t len)
{
	size_t		 need, n = 0;
	uint32_t	 v;

	/* Also keeps the sums below from wrapping. */
	if (len / 3 >= dstsize / 4 + 1)
		return (-1);
	need = padded ? BASE64_LEN(len) : BASE64URL_LEN(len);
	if (need >= dstsize)
		return (-1);

	for (; len >= 3; len -= 3, src += 3) {
		v = (uint32_t)src[0] << 16 | (uint32_t)src[1] << 8 | src[2];
		dst[n++] = chars[v >> 18];
		dst[n++] = chars[v >> 12 & 0x3f];
		dst[n++] = chars[v >> 6 & 0x3f];
		dst[n++] = chars[v & 0x3f];
	}
	if (len > 0) {
		v = (uint32_t)src[0] << 16;
		if (len == 2)
			v |= (uint32_t)src[1] << 8;
		dst[n++] = chars[v >> 18];
		dst[n++] = chars[v >> 12 & 0x3f];
		if (len == 2)
			dst[n++] = chars[v >> 6 & 0x3f];
		while (n < need)
			dst[n++] = '=';
	}
	dst[n] = '\0';
	return ((ssize_t)n);
}

/* Up to four letters, as the top bits of a 24-bit number. */
static int
quantum(const uint8_t *values, const unsigned char *src, size_t n, uint32_t *v)
{
	size_t	 i;

	for (*v = 0, i = 0; i < n; i++) {
		if (values[src[i]] == 0)
			return (-1);
		*v |= (uint32_t)(values[src[i]] - 1) << (18 - 6 * i);
	}
	return (0);
}

/* The text without its padding. */
static ssize_t
decode(const uint8_t *values, uint8_t *dst, size_t dstsize, const char *text,
    size_t len)
{
	const unsigned char	*src = (const unsigned char *)text;
	size_t			 n = 0;
	uint32_t		 v;

	if (len % 4 == 1 || BASE64_BYTES(len) > dstsize)
		return (-1);
	for (; len >= 4; len -= 4, src += 4) {
		if (quantum(values, src, 4, &v) == -1)
			return (-1);
		dst[n++] = v >> 16;
		dst[n++] = v >> 8 & 0xff;
		dst[n++] = v & 0xff;
	}
	if (len > 0) {
		if (quantum(values, src, len, &v) == -1)
			return (-1);
		/* Bits that no byte holds must be zero: one text a value. */
		if ((v & (len == 2 ? 0xffff : 0xff)) != 0)
			return (-1);
		dst[n++] = v >> 16;
		if (len == 3)
			dst[n++] = v >> 8 & 0xff;
	}
	return ((ssize_t)n);
}

ssize_t
base64_encode(char *dst, size_t dstsize, const uint8_t *src, size_t len)
{
	return (encode(std_chars, 1, dst, dstsize, src, len));
}

ssize_t
base64url_encode(char *dst, size_t dstsize, const uint8_t *src, size_t len)
{
	return (encode(url_chars, 0, dst, dstsize, src, len));
}

ssize_t
base64_decode(uint8_t *dst, size_t dstsize, const char *src, size_t len)
{
	if (len % 4 != 0)
		return (-1);
	if (len > 0 && src[len - 1] == '=') {
		len--;
		if (src[len - 1] == '=')
			len--;
	}
	return (decode(std_values, dst, dstsize, src, len));
}

ssize_t
base64url_decode(uint8_t *dst, size_t dstsize, const char *src, size_t len)
{
	return (decode(url_values, dst, dstsize, src, len));
}
