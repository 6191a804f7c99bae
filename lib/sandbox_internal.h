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

#ifndef SANDBOX_INTERNAL_H
#define SANDBOX_INTERNAL_H

#include "sandbox.h"

/* Between the files that make the sandbox on Linux. */

/* What a profile may do beyond the least of them. */
#define SANDBOX_MAY_ACCEPT	0x001	/* accept connections */
#define SANDBOX_MAY_ASK		0x002	/* names and options of sockets */
#define SANDBOX_MAY_SET		0x004	/* set options of sockets */
#define SANDBOX_MAY_DIAL	0x008	/* make sockets, resolve, connect */
#define SANDBOX_MAY_THREAD	0x010
#define SANDBOX_MAY_OPEN	0x020	/* open files for reading */
#define SANDBOX_MAY_STORE	0x040	/* SQLite, in its folder */
#define SANDBOX_MAY_PAIR	0x080	/* socketpair */
#define SANDBOX_MAY_TTY		0x100
#define SANDBOX_MAY_PARENT	0x200	/* what starts and keeps the others */
#define SANDBOX_MAY_PLACE	0x400	/* name files that are open */
#define SANDBOX_MAY_APPEND	0x800	/* write to files it was handed */

/* System calls by what they are for; those of a parent first. */
enum sandbox_list {
	CALLS_BASE,			/* what every process does */
	CALLS_LOOK,			/* at files */
	CALLS_STORE,			/* SQLite, beyond looking */
	CALLS_ACCEPT,
	CALLS_ASK,
	CALLS_DIAL,
	CALLS_THREAD,
	CALLS_PARENT,			/* and children until they serve */
	CALLS_OF_PARENT,		/* all above */
	CALLS_FILES = CALLS_OF_PARENT,	/* refused where none may be opened */
	CALLS_PLACE,			/* a file that was opened before */
	CALLS_LISTS
};

/*
 * The calls of a list, and how many; one that this machine does not have is
 * negative.
 */
const int	*sandbox_list(enum sandbox_list, size_t *n);
/* The filter; 0, or -1 with errno. */
int		 sandbox_filter(unsigned int may);
/*
 * Landlock; 0, also where the kernel has none or an old one, which *missing
 * then tells; or -1 with errno.
 */
int		 sandbox_landlock(unsigned int may,
		    const struct sandbox_path *, size_t, const char **missing);

#endif /* SANDBOX_INTERNAL_H */
