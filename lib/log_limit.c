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

/* A bucket of lines, kept as the time at which it will be empty. */

#include "compat.h"

#include <stddef.h>

#include "log_limit.h"

int
log_limit_may(struct log_limit *l, uint64_t now, uint64_t *dropped)
{
	if (l->empty < now)
		l->empty = now;
	if (l->empty - now > (uint64_t)(l->burst - 1) * l->ms) {
		l->dropped++;
		return (0);
	}
	l->empty += l->ms;
	if (dropped != NULL)
		*dropped = l->dropped;
	l->dropped = 0;
	return (1);
}
