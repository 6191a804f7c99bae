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

#ifndef FNV_H
#define FNV_H

#include <stddef.h>
#include <stdint.h>

/*
 * The FNV-1a hash: whether two things of our own are the same.  It is no
 * defence against who wants them to seem so.
 */

#define FNV_INIT	0xcbf29ce484222325ULL

static inline uint64_t
fnv(uint64_t h, const void *data, size_t len)
{
	const uint8_t	*p = data;

	while (len-- > 0)
		h = (h ^ *p++) * 0x100000001b3ULL;
	return (h);
}

#endif /* FNV_H */
