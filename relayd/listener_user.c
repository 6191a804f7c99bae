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

/*
 * The users who have links at this listener: what streams may reserve is
 * shared by them, and none is to have it all.
 */

#include "compat.h"

#include <sys/tree.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "listener.h"

struct user {
	RB_ENTRY(user)		 by_id;
	char			 id[USER_ID_LEN + 4];
	struct mux_holder	 holder;
};

static int	user_cmp(struct user *, struct user *);
static void	user_gone(struct mux_holder *);

static RB_HEAD(user_table, user) users = RB_INITIALIZER(&users);
RB_GENERATE_STATIC(user_table, user, by_id, user_cmp)

static int
user_cmp(struct user *a, struct user *b)
{
	return (strcmp(a->id, b->id));
}

struct mux_holder *
user_hold(const char *id)
{
	struct user	*u, key;

	strlcpy(key.id, id, sizeof(key.id));
	if ((u = RB_FIND(user_table, &users, &key)) == NULL) {
		if ((u = calloc(1, sizeof(*u))) == NULL)
			return (NULL);
		strlcpy(u->id, id, sizeof(u->id));
		u->holder.gone = user_gone;
		RB_INSERT(user_table, &users, u);
	}
	u->holder.links++;
	return (&u->holder);
}

void
user_release(struct mux_holder *h)
{
	if (--h->links == 0)
		user_gone(h);
}

static void
user_gone(struct mux_holder *h)
{
	struct user	*u = (struct user *)((char *)h -
			    offsetof(struct user, holder));

	RB_REMOVE(user_table, &users, u);
	free(u);
}
