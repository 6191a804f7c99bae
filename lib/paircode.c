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

#include <openssl/evp.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "paircode.h"

/* No i, l, o and u: they are taken for others, or make words. */
static const char	 letters[] = "0123456789abcdefghjkmnpqrstvwxyz";

static size_t	space_front(const unsigned char *, size_t);
static size_t	space_back(const unsigned char *, size_t);
static int	is_space(uint32_t);

void
paircode_make(char code[PAIRCODE_LEN + 1])
{
	size_t	 i;

	for (i = 0; i < PAIRCODE_LEN; i++)
		code[i] = letters[arc4random_uniform(sizeof(letters) - 1)];
	code[i] = '\0';
}

/* White space in the sense of Unicode: what its users' programs strip. */
static int
is_space(uint32_t c)
{
	return ((c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) ||
	    c == 0x85 || c == 0xa0 || c == 0x1680 ||
	    (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
	    c == 0x202f || c == 0x205f || c == 0x3000);
}

/* The bytes of a space that the text begins with, or 0. */
static size_t
space_front(const unsigned char *s, size_t len)
{
	uint32_t	 c;

	if (len >= 1 && s[0] < 0x80)
		return (is_space(s[0]) ? 1 : 0);
	if (len < 2 || (s[1] & 0xc0) != 0x80)
		return (0);
	if ((s[0] & 0xe0) == 0xc0) {
		c = (s[0] & 0x1f) << 6 | (s[1] & 0x3f);
		return (c >= 0x80 && is_space(c) ? 2 : 0);
	}
	if (len < 3 || (s[2] & 0xc0) != 0x80 || (s[0] & 0xf0) != 0xe0)
		return (0);
	c = (s[0] & 0x0f) << 12 | (s[1] & 0x3f) << 6 | (s[2] & 0x3f);
	return (c >= 0x800 && is_space(c) ? 3 : 0);
}

/* That it ends with. */
static size_t
space_back(const unsigned char *s, size_t len)
{
	size_t	 n;

	for (n = 1; n <= 3 && n <= len; n++) {
		if ((s[len - n] & 0xc0) != 0x80)
			return (space_front(s + len - n, n) == n ? n : 0);
	}
	return (0);
}

int
paircode_hash(const char *text, size_t len, uint8_t hash[PAIRCODE_HASH])
{
	const unsigned char	*s = (const unsigned char *)text;
	unsigned int		 hashlen = PAIRCODE_HASH;
	size_t			 n;

	while ((n = space_front(s, len)) > 0) {
		s += n;
		len -= n;
	}
	while ((n = space_back(s, len)) > 0)
		len -= n;
	memset(hash, 0, PAIRCODE_HASH);
	if (len == 0)
		return (1);
	return (EVP_Digest(s, len, hash, &hashlen, EVP_sha256(), NULL) == 1 ?
	    0 : -1);
}

int
paircode_fold(const char *text, size_t len, char code[PAIRCODE_LEN + 1])
{
	size_t	 i, n = 0;
	int	 c;

	for (i = 0; i < len; i++) {
		c = tolower((unsigned char)text[i]);
		if (c == ' ' || c == '-' || (c >= '\t' && c <= '\r'))
			continue;
		if (c == 'o')
			c = '0';
		else if (c == 'i' || c == 'l')
			c = '1';
		if (c == '\0' || strchr(letters, c) == NULL ||
		    n == PAIRCODE_LEN)
			return (-1);
		code[n++] = c;
	}
	code[n] = '\0';
	return (n == PAIRCODE_LEN ? 0 : -1);
}
