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

#ifndef AUTH_STORE_STEPS_H
#define AUTH_STORE_STEPS_H

#include "auth_sqlite.h"

/*
 * Changes of every kind to a store, one after the other, and what its file
 * holds after each: for tests that break off somewhere between.  The file is
 * culvert.db in a folder of its own.
 */

extern struct store	*store;
/* A database with its tables and nothing in them. */
extern char		 steps_empty[256 * 1024];
extern size_t		 steps_empty_len;

/* For cmocka: runs through them once, to know. */
int		 steps_setup(void **);
int		 steps_teardown(void **);
/* A store that is not open, with no file (0), or with an empty database. */
void		 steps_fresh(int tables);
void		 steps_close(void);
/*
 * Open and make the changes; *done becomes how many were acknowledged, and
 * the first that was not ends it.  Returns what that one said.
 */
enum store_result steps_run(size_t *done);
/*
 * After a fault (its number is for whoever reads the failure): the file holds
 * so many changes, or the next one as well; the rest can be made, as if
 * nothing had been.  The store, if there is one, stays open.
 */
void		 steps_go_on(size_t done, unsigned int fault);
/* The file holds all of them. */
void		 steps_are_there(void);

#endif /* AUTH_STORE_STEPS_H */
