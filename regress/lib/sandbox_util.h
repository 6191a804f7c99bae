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


#ifndef SANDBOX_UTIL_H
#define SANDBOX_UTIL_H

#include <sys/types.h>

#include "sandbox_internal.h"

#define NOBODY		65534

/* What came of it: an errno, 0 for possible, or which call was forbidden. */
#define FORBIDDEN(nr)	(100000 + (nr))
#define SIGNALLED(sig)	(10000 + (sig))

/* The paths that the next sandbox leaves open. */
extern struct sandbox_path	 paths[4];
extern size_t			 npaths;

/*
 * Do this as that user, in the sandbox of that profile (-1: none), in a
 * process of its own.  What call returns is its outcome, too.
 */
int	 outcome(int, uid_t, int (*)(const void *), const void *);
/* Is it to be had here?  Asked first outside of any sandbox. */
int	 has_landlock(void);

#endif /* SANDBOX_UTIL_H */
