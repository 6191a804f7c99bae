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

#include <stddef.h>
#include <string.h>

#include "http_body.h"

size_t
http_chunk(char *buf, size_t n, int last)
{
	static const char	 digits[] = "0123456789abcdef";
	static const char	 end[] = "\r\n0\r\n\r\n";
	size_t			 left = n, endlen = last ? sizeof(end) - 1 : 2;
	int			 i;

	if (n == 0) {
		/* An empty chunk would end the body. */
		if (!last)
			return (0);
		memcpy(buf, end + 2, sizeof(end) - 3);
		return (sizeof(end) - 3);
	}
	/* Zeros in front are fine: RFC 9112, 7.1. */
	for (i = HTTP_CHUNK_FRONT - 3; i >= 0; i--) {
		buf[i] = digits[left & 0xf];
		left >>= 4;
	}
	buf[HTTP_CHUNK_FRONT - 2] = '\r';
	buf[HTTP_CHUNK_FRONT - 1] = '\n';
	memcpy(buf + HTTP_CHUNK_FRONT + n, end, endlen);
	return (HTTP_CHUNK_FRONT + n + endlen);
}
