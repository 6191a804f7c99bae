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

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hello_bytes.h"

static uint32_t	 seed = 1;

uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return ((seed >> 8) % n);
}

void
put(struct bytes *o, const void *p, size_t n)
{
	assert_true(n <= sizeof(o->b) - o->n);
	if (n > 0)
		memcpy(o->b + o->n, p, n);
	o->n += n;
}

void
put_number(struct bytes *o, int size, size_t v)
{
	uint8_t	 byte;

	while (--size >= 0) {
		byte = v >> 8 * size & 0xff;
		put(o, &byte, 1);
	}
}

/* A number of this size, and so many bytes. */
void
put_vector(struct bytes *o, int size, const void *p, size_t n)
{
	put_number(o, size, n);
	put(o, p, n);
}

/* In records of so many bytes. */
void
put_records(struct bytes *o, const struct bytes *message, size_t each)
{
	size_t	 i, n;

	o->n = 0;
	for (i = 0; i < message->n; i += n) {
		n = message->n - i < each ? message->n - i : each;
		put(o, "\x16\x03\x01", 3);
		put_vector(o, 2, message->b + i, n);
	}
}
