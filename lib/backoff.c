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

#include <stdlib.h>

#include "backoff.h"

void
backoff_init(struct backoff *b, unsigned int min_ms, unsigned int max_ms)
{
	b->min_ms = min_ms == 0 ? 1 : min_ms;
	b->max_ms = max_ms < b->min_ms ? b->min_ms : max_ms;
	b->ceiling_ms = b->min_ms;
}

unsigned int
backoff_next(struct backoff *b)
{
	unsigned int	 ceiling = b->ceiling_ms;

	if (ceiling > b->max_ms / 2)
		b->ceiling_ms = b->max_ms;
	else
		b->ceiling_ms = ceiling * 2;
	/* Full jitter: a thousand nodes that lost one relay come apart. */
	return (arc4random_uniform(ceiling) + 1);
}

void
backoff_reset(struct backoff *b)
{
	b->ceiling_ms = b->min_ms;
}
