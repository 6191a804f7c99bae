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
#include <string.h>

#include "clock.h"
#include "retry.h"

#define BACKOFF_MIN_MS	500
#define BACKOFF_MAX_MS	30000
#define WANTED_MS	1000	/* between attempts if somebody waits... */
#define WANTED_MAX_MS	2000	/* ...at the least, and at the most */
#define STOOD_MS	60000	/* a link that was good: begin at min again */

void
retry_init(struct retry *r)
{
	memset(r, 0, sizeof(*r));
	backoff_init(&r->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
}

void
retry_begun(struct retry *r)
{
	r->tried = clock_us();
}

unsigned int
retry_next(struct retry *r, unsigned int at_least)
{
	uint64_t	 now = clock_us();
	unsigned int	 ms = backoff_next(&r->backoff);

	if (now < r->wanted_until && ms > WANTED_MAX_MS)
		ms = WANTED_MS + arc4random_uniform(WANTED_MAX_MS -
		    WANTED_MS + 1);
	if (ms < at_least)
		ms = at_least + arc4random_uniform(at_least / 2 + 1);
	r->not_before = now + at_least * 1000ULL;
	r->due = now + ms * 1000ULL;
	return (ms);
}

void
retry_stood(struct retry *r, uint64_t since)
{
	if (clock_us() - since > STOOD_MS * 1000ULL)
		backoff_reset(&r->backoff);
}

int
retry_wanted(struct retry *r, unsigned int ms, unsigned int *in)
{
	uint64_t	 now = clock_us(), at;

	if (r->wanted_until < now + ms * 1000ULL)
		r->wanted_until = now + ms * 1000ULL;
	if (now < r->not_before || r->due <= now + WANTED_MS * 1000ULL)
		return (0);
	at = now + arc4random_uniform(WANTED_MS) * 1000ULL;
	if (at < r->tried + WANTED_MS * 1000ULL)
		at = r->tried + WANTED_MS * 1000ULL;
	if (at >= r->due)
		return (0);
	r->due = at;
	*in = (at - now) / 1000;
	return (1);
}
