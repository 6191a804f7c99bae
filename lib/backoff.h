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

#ifndef BACKOFF_H
#define BACKOFF_H

/*
 * Full-jitter exponential backoff: each delay is a random time between 0
 * and a ceiling that doubles from min to max.  Pure but for arc4random.
 */
struct backoff {
	unsigned int	 min_ms, max_ms;
	unsigned int	 ceiling_ms;
};

/* From and up to so many ms. */
void		 backoff_init(struct backoff *, unsigned int, unsigned int);
/* The next delay, ms. */
unsigned int	 backoff_next(struct backoff *);
/* It worked: begin at min again. */
void		 backoff_reset(struct backoff *);

#endif /* BACKOFF_H */
