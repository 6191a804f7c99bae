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

#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "listener.h"
#include "rpc_share.h"

#define SHARES		8	/* of all memory: what one may always have */
#define FREE_FOR_ALL	2	/* of it: so much goes to who comes first */
#define WHO_LEN		64

struct rpc_share {
	RB_ENTRY(rpc_share)	 by_who;
	uint8_t			 who[WHO_LEN];
	uint32_t		 refs;
	size_t			 held;
};

RB_HEAD(share_tree, rpc_share);

static int	share_cmp(struct rpc_share *, struct rpc_share *);

RB_PROTOTYPE_STATIC(share_tree, rpc_share, by_who, share_cmp)

_Static_assert(sizeof(struct addr_key) < WHO_LEN &&
    sizeof(((struct session *)NULL)->user_id) < WHO_LEN,
    "who it is does not fit");

static struct share_tree	 shares = RB_INITIALIZER(&shares);
static size_t			 held, max, min_share;

static int
share_cmp(struct rpc_share *a, struct rpc_share *b)
{
	return (memcmp(a->who, b->who, sizeof(a->who)));
}

RB_GENERATE_STATIC(share_tree, rpc_share, by_who, share_cmp)

void
rpc_share_conf(uint64_t memory, size_t one)
{
	max = memory < SIZE_MAX ? memory : SIZE_MAX;
	min_share = one;
}

struct rpc_share *
rpc_share_of(const struct conn *c)
{
	struct rpc_share	 key, *s;
	struct addr_key		 addr;

	memset(key.who, 0, sizeof(key.who));
	if (c->session != NULL) {
		key.who[0] = 'u';
		strlcpy((char *)key.who + 1, c->session->user_id,
		    sizeof(key.who) - 1);
	} else {
		addr_key((const struct sockaddr *)&c->peer, &addr);
		key.who[0] = 'a';
		memcpy(key.who + 1, &addr, sizeof(addr));
	}
	if ((s = RB_FIND(share_tree, &shares, &key)) == NULL) {
		if ((s = calloc(1, sizeof(*s))) == NULL)
			return (NULL);
		memcpy(s->who, key.who, sizeof(s->who));
		RB_INSERT(share_tree, &shares, s);
	}
	return (rpc_share_ref(s));
}

struct rpc_share *
rpc_share_ref(struct rpc_share *s)
{
	if (s != NULL)
		s->refs++;
	return (s);
}

void
rpc_share_unref(struct rpc_share *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	RB_REMOVE(share_tree, &shares, s);
	free(s);
}

int
rpc_hold(struct rpc_share *s, size_t n)
{
	size_t	 share = max / SHARES;

	if (held > max || max - held < n)
		return (-1);
	if (share < min_share)
		share = min_share;
	if (s != NULL && s->held > 0 && s->held + n > share &&
	    held + n > max / FREE_FOR_ALL)
		return (-1);
	rpc_take(s, n);
	return (0);
}

void
rpc_take(struct rpc_share *s, size_t n)
{
	held += n;
	if (s != NULL)
		s->held += n;
}

void
rpc_release(struct rpc_share *s, size_t n)
{
	held -= n < held ? n : held;
	if (s != NULL)
		s->held -= n < s->held ? n : s->held;
}
