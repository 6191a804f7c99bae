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

#ifndef HELLO_BYTES_H
#define HELLO_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Messages of TLS, put together byte by byte. */

struct bytes {
	uint8_t	 b[128 * 1024];
	size_t	 n;
};

/* Any number below that one; the same in each run. */
uint32_t	 rnd(uint32_t);

void		 put(struct bytes *, const void *, size_t);
/* A number of this size; the same of bytes, and they. */
void		 put_number(struct bytes *, int, size_t);
void		 put_vector(struct bytes *, int, const void *, size_t);
/* Instead of what is there: a message in records of so many bytes. */
void		 put_records(struct bytes *, const struct bytes *, size_t);

#endif /* HELLO_BYTES_H */
