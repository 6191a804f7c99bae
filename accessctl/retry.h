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

#ifndef RETRY_H
#define RETRY_H

#include <stdint.h>

#include "backoff.h"

/*
 * When the relay is tried again: after longer and longer pauses, at random, so
 * that many clients of a relay that was away do not all come at once; but soon
 * while somebody waits here.  Times are of clock_us.
 */
struct retry {
	struct backoff	 backoff;
	uint64_t	 tried;		/* the last attempt */
	uint64_t	 due;		/* the next */
	uint64_t	 not_before;	/* said the relay */
	uint64_t	 wanted_until;
};

void		 retry_init(struct retry *);
/* An attempt begins. */
void		 retry_begun(struct retry *);
/* It failed: the next comes in so many ms, no less than the relay says. */
unsigned int	 retry_next(struct retry *, unsigned int at_least);
/* The link stood since then: was that long enough for pauses to begin anew? */
void		 retry_stood(struct retry *, uint64_t since);
/*
 * Somebody waits, for so many ms at most.  1 if an attempt that has yet to
 * come should come sooner: in so many ms.  There is no more than one a second
 * because of that, and none before the relay's own time.
 */
int		 retry_wanted(struct retry *, unsigned int ms,
		    unsigned int *in);

#endif /* RETRY_H */
