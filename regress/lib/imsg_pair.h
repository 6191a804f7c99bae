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

#ifndef IMSG_PAIR_H
#define IMSG_PAIR_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "imsg.h"

/*
 * For tests of messages: two ends of a socket pair, what is written to one of
 * them as it is, and what comes out of the other.
 */

#define FD_MARK		0x80000000U	/* in a length: a descriptor comes */

extern struct imsgbuf	 left, right;
extern int		 sv[2];		/* theirs; -1: the test closed it */

/* For cmocka: both are new, and may pass descriptors. */
int	 pair_setup(void **);
int	 pair_teardown(void **);

/* How many descriptors this process has. */
int	 fdcount(void);
/* A descriptor that can be told from others: a file of that size. */
int	 mkfd(off_t);
off_t	 fdid(int);

/* Send raw bytes, or a header, to the right, with so many copies of fd. */
void	 raw(const void *, size_t, int, size_t);
void	 raw_hdr(uint32_t, uint32_t, int, size_t);

/* The next message there is this, without a descriptor; there is none yet;
   there is an error, and it stays. */
void	 expect(uint32_t, const void *, size_t);
void	 expect_none(void);
void	 expect_fail(int);

#endif /* IMSG_PAIR_H */
