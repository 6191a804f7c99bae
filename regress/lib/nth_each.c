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

#include <sys/mman.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "flood.h"
#include "nth_each.h"

/* Seen by the test and by the process it watches. */
static struct shared {
	unsigned int	 at, seen;
} *shared;

unsigned int
nth_at(void)
{
	return (shared->at);
}

void
nth_seen(unsigned int n)
{
	shared->seen = n;
}

unsigned int
nth_each(void (*scenario)(void))
{
	unsigned int	 ended = 0, lived = 0, n;
	const char	*from = getenv("NTH_FROM");
	int		 status;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	flood_may_end = 1;
	shared->at = from != NULL ? atoi(from) : 1;
	for (; ; shared->at++) {
		shared->seen = shared->at;	/* if it ends in between */
		status = flood_apart(scenario);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			lived++;
		else if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
			ended++;
		else
			fail_msg("at %u: status %#x", shared->at, status);
		if (shared->seen < shared->at)
			break;
	}
	n = shared->at - 1;
	printf("# %u that failed, %u times it ended\n", n, ended);
	assert_true(lived > 0);
	munmap(shared, sizeof(*shared));
	return (n);
}
