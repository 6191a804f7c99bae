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
 * Penalties for failed log-ins.  Each bucket is the time at which it will be
 * empty again: a failure adds its share of a minute, and there is room while
 * that time is less than a full bucket away.
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "auth_throttle.h"

#define MINUTE_MS	60000
#define KEY_TOKEN	't'

/* A network or a token. */
struct throttle_key {
	uint8_t		 kind;			/* 4, 6, KEY_TOKEN */
	uint8_t		 id[16];
};

struct entry {
	RB_ENTRY(entry)		 node;
	TAILQ_ENTRY(entry)	 recent;	/* the least recent first */
	struct throttle_key	 key;
	uint64_t		 failures;	/* network: empty at, ms */
	uint64_t		 suspect;	/* network: until, ms */
	uint64_t		 strangers;	/* token: likewise */
	uint64_t		 suspects;
	struct throttle_key	 good;		/* token: it logged in from */
};

RB_HEAD(entry_tree, entry);

struct throttle {
	struct entry_tree	 tree;		/* owns the entries */
	TAILQ_HEAD(, entry)	 recent;
	size_t			 count;
	size_t			 max;
};

static int		 entry_cmp(const struct entry *, const struct entry *);
static void		 key_network(struct throttle_key *,
			    const struct sockaddr *);
static void		 key_token(struct throttle_key *, const char *);
static struct entry	*entry_find(struct throttle *,
			    const struct throttle_key *);
static struct entry	*entry_get(struct throttle *,
			    const struct throttle_key *);
static void		 entry_free(struct throttle *, struct entry *);
static uint32_t		 bucket_wait(uint64_t, unsigned int, uint64_t);
static void		 bucket_add(uint64_t *, unsigned int, uint64_t);

RB_GENERATE_STATIC(entry_tree, entry, node, entry_cmp)

static int
entry_cmp(const struct entry *a, const struct entry *b)
{
	return (memcmp(&a->key, &b->key, sizeof(a->key)));
}

static void
key_network(struct throttle_key *k, const struct sockaddr *sa)
{
	struct addr_key	 net;

	addr_key(sa, &net);
	memset(k, 0, sizeof(*k));
	k->kind = net.family;
	memcpy(k->id, net.addr, sizeof(k->id));
}

static void
key_token(struct throttle_key *k, const char *token_id)
{
	memset(k, 0, sizeof(*k));
	k->kind = KEY_TOKEN;
	memcpy(k->id, token_id, strnlen(token_id, sizeof(k->id)));
}

struct throttle *
throttle_new(size_t max)
{
	struct throttle	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	RB_INIT(&t->tree);
	TAILQ_INIT(&t->recent);
	t->max = max;
	return (t);
}

void
throttle_free(struct throttle *t)
{
	struct entry	*e;

	if (t == NULL)
		return;
	while ((e = TAILQ_FIRST(&t->recent)) != NULL)
		entry_free(t, e);
	free(t);
}

static void
entry_free(struct throttle *t, struct entry *e)
{
	RB_REMOVE(entry_tree, &t->tree, e);
	TAILQ_REMOVE(&t->recent, e, recent);
	t->count--;
	free(e);
}

static struct entry *
entry_find(struct throttle *t, const struct throttle_key *k)
{
	struct entry	 want;

	want.key = *k;
	return (RB_FIND(entry_tree, &t->tree, &want));
}

/* Found or made, and now the most recent; NULL without memory. */
static struct entry *
entry_get(struct throttle *t, const struct throttle_key *k)
{
	struct entry	*e;

	if ((e = entry_find(t, k)) != NULL) {
		TAILQ_REMOVE(&t->recent, e, recent);
		TAILQ_INSERT_TAIL(&t->recent, e, recent);
		return (e);
	}
	if (t->count >= t->max && (e = TAILQ_FIRST(&t->recent)) != NULL)
		entry_free(t, e);
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return (NULL);
	e->key = *k;
	RB_INSERT(entry_tree, &t->tree, e);
	TAILQ_INSERT_TAIL(&t->recent, e, recent);
	t->count++;
	return (e);
}

/* Seconds until there is room again for one of so many a minute, or 0. */
static uint32_t
bucket_wait(uint64_t empty_at, unsigned int limit, uint64_t now)
{
	uint64_t	 share = MINUTE_MS / limit, level;

	if (empty_at <= now)
		return (0);
	level = empty_at - now;
	if (level <= (limit - 1) * share)
		return (0);
	return ((level - (limit - 1) * share + 999) / 1000);
}

static void
bucket_add(uint64_t *empty_at, unsigned int limit, uint64_t now)
{
	if (*empty_at < now)
		*empty_at = now;
	*empty_at += MINUTE_MS / limit;
}

uint32_t
throttle_wait(struct throttle *t, const struct sockaddr *sa,
    const char *token_id, uint64_t now)
{
	struct throttle_key	 nk, tk;
	struct entry		*net, *token;
	uint32_t		 wait;

	key_network(&nk, sa);
	key_token(&tk, token_id);
	net = entry_find(t, &nk);
	if (net != NULL && (wait = bucket_wait(net->failures,
	    THROTTLE_NETWORK, now)) > 0)
		return (wait);
	if ((token = entry_find(t, &tk)) == NULL ||
	    memcmp(&token->good, &nk, sizeof(nk)) == 0)
		return (0);
	if (net != NULL && net->suspect > now)
		return (bucket_wait(token->suspects, THROTTLE_SUSPECTS, now));
	wait = bucket_wait(token->strangers, THROTTLE_STRANGERS, now);
	/* Next time it stands in the other queue, and leaves this one free. */
	if (wait > 0 && (net = entry_get(t, &nk)) != NULL)
		net->suspect = now + MINUTE_MS;
	return (wait);
}

void
throttle_failed(struct throttle *t, const struct sockaddr *sa,
    const char *token_id, uint64_t now)
{
	struct throttle_key	 nk, tk;
	struct entry		*net, *token;

	key_network(&nk, sa);
	key_token(&tk, token_id);
	if ((token = entry_get(t, &tk)) != NULL) {
		net = entry_find(t, &nk);
		if (net != NULL && net->suspect > now)
			bucket_add(&token->suspects, THROTTLE_SUSPECTS, now);
		else
			bucket_add(&token->strangers, THROTTLE_STRANGERS,
			    now);
	}
	if ((net = entry_get(t, &nk)) != NULL) {
		bucket_add(&net->failures, THROTTLE_NETWORK, now);
		net->suspect = now + MINUTE_MS;
	}
}

void
throttle_passed(struct throttle *t, const struct sockaddr *sa,
    const char *token_id, uint64_t now)
{
	struct throttle_key	 nk, tk;
	struct entry		*token;

	key_network(&nk, sa);
	key_token(&tk, token_id);
	if ((token = entry_get(t, &tk)) != NULL)
		token->good = nk;
}

size_t
throttle_memory(const struct throttle *t, size_t *n)
{
	*n = t->count;
	return (sizeof(*t) + t->count * sizeof(struct entry));
}
