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

#ifndef AUTH_STORE_ROWS_H
#define AUTH_STORE_ROWS_H

#include <stddef.h>

#include "auth_sqlite.h"

/*
 * For tests of the store: one in a folder of its own, and rows for it.
 */

extern struct store	*store;
/* Where it is culvert.db; each case is in it, and has its own. */
extern char		 rows_dir[64];

int	 rows_setup(void **);
int	 rows_teardown(void **);
#define ROWS_CASE(f) \
	cmocka_unit_test_setup_teardown(f, rows_setup, rows_teardown)
/* The same file by a new store, which is not open. */
void	 rows_reopen(void);

/* Run SQL on the file behind the store's back. */
void	 rows_sql(const char *);
/* The first column of the first row; and what it must be. */
void	 rows_sql_get(const char *, char *, size_t);
void	 rows_assert(const char *, const char *);

/* One of each, not in the store: of this email address, id, name. */
void	 rows_user(struct store_user *, const char *);
void	 rows_token(struct store_token *, const struct store_user *,
	    const char *);
void	 rows_node(struct store_node *, const struct store_token *,
	    const char *);
/* An open store with one of each. */
void	 rows_fill(struct store_user *, struct store_token *,
	    struct store_node *);

#endif /* AUTH_STORE_ROWS_H */
