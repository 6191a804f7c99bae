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

#ifndef LOG_LIMIT_H
#define LOG_LIMIT_H

#include <stdint.h>

/*
 * How often one kind of line is logged: what strangers cause must not fill
 * the disk.  Pure: time from the caller, ms of a clock that only goes
 * forward.
 */
struct log_limit {
	uint32_t	 burst;		/* lines at once... */
	uint32_t	 ms;		/* ...then one in so many ms */
	uint64_t	 empty;		/* when all of the burst is back */
	uint64_t	 dropped;	/* since the last one that was let by */
};

/*
 * 1: log it, and *dropped (unless NULL) is how many were not since the last
 * one; 0: do not.
 */
int	log_limit_may(struct log_limit *, uint64_t, uint64_t *);

#endif /* LOG_LIMIT_H */
