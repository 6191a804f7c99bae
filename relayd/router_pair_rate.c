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
 * How often somebody has tried to pair in the last minute, by address; and
 * how often in vain, by listener: one that was broken into has no end of
 * addresses.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "router.h"

#define RATES_MAX	16384		/* addresses */
#define RATE_TIMES_MAX	(1024 * 1024)	/* attempts, of all of them */
#define RATE_MS		60000		/* the window */
/*
 * At one listener.  Codes of agentd's are of 40 bits: while there are a
 * thousand of them, who guesses as often as this finds one in most of a year.
 * Strangers need a hundred addresses to have others refused, with the rate
 * that is the default.
 */
#define WRONG_MAX	3000		/* attempts in vain, in the window */
#define MADE_MAX	16384		/* new codes, likewise */

/* Attempts from one address in the last minute. */
struct rate {
	RB_ENTRY(rate)	 by_key;
	TAILQ_ENTRY(rate) entry;	/* longest quiet first */
	struct addr_key	 key;
	uint64_t	*at;		/* a ring */
	uint32_t	 size, first, n;
};

RB_HEAD(rate_tree, rate);

static int	rate_cmp(struct rate *, struct rate *);
static uint32_t	bucket_wait(uint64_t, uint32_t);
static void	bucket_add(uint64_t *, uint32_t);
static uint32_t	wrong_max(void);

RB_PROTOTYPE_STATIC(rate_tree, rate, by_key, rate_cmp)

static struct rate_tree		 rates = RB_INITIALIZER(&rates);
static TAILQ_HEAD(rate_list, rate) rate_list =
				    TAILQ_HEAD_INITIALIZER(rate_list);
static uint32_t			 nrates, ntimes;
/* When all of it is a window ago, us, of each listener. */
static uint64_t			 wrong[PROC_INSTANCES_MAX];
static uint64_t			 made[PROC_INSTANCES_MAX];

static int
rate_cmp(struct rate *a, struct rate *b)
{
	return (memcmp(&a->key, &b->key, sizeof(a->key)));
}

RB_GENERATE_STATIC(rate_tree, rate, by_key, rate_cmp)

static void
rate_free(struct rate *r)
{
	RB_REMOVE(rate_tree, &rates, r);
	TAILQ_REMOVE(&rate_list, r, entry);
	nrates--;
	ntimes -= r->size;
	free(r->at);
	free(r);
}

static void
rate_expire(struct rate *r, uint64_t now)
{
	while (r->n > 0 && now - r->at[r->first] >= RATE_MS) {
		r->first = (r->first + 1) % r->size;
		r->n--;
	}
}

static int
rate_grow(struct rate *r)
{
	uint32_t	 size = r->size == 0 ? 8 : r->size * 2, i;
	uint64_t	*at;

	if (size > router_rpc.pair_rate)
		size = router_rpc.pair_rate;
	if ((at = calloc(size, sizeof(*at))) == NULL)
		return (-1);
	for (i = 0; i < r->n; i++)
		at[i] = r->at[(r->first + i) % r->size];
	free(r->at);
	ntimes += size - r->size;
	r->at = at;
	r->size = size;
	r->first = 0;
	return (0);
}

/* ---- by listener ---- */

/* Seconds until there is room for one of so many in the window, or 0. */
static uint32_t
bucket_wait(uint64_t empty_at, uint32_t max)
{
	uint64_t	 now = router_ms() * 1000, one = RATE_MS * 1000 / max;
	uint64_t	 full = one * (max - 1);

	if (empty_at <= now + full)
		return (0);
	return ((empty_at - now - full) / 1000000 + 1);
}

static void
bucket_add(uint64_t *empty_at, uint32_t max)
{
	uint64_t	 now = router_ms() * 1000;

	if (*empty_at < now)
		*empty_at = now;
	*empty_at += RATE_MS * 1000 / max;
}

/* Who lets one address try more often than that means it. */
static uint32_t
wrong_max(void)
{
	return (router_rpc.pair_rate > WRONG_MAX ? router_rpc.pair_rate :
	    WRONG_MAX);
}

void
pair_wrong(int listener)
{
	static uint64_t	 said;

	bucket_add(&wrong[listener], wrong_max());
	if (bucket_wait(wrong[listener], wrong_max()) > 0 &&
	    router_may_log(&said))
		log_warnx("listener %d: too many wrong pairing codes: it has "
		    "to wait", listener);
}

int
pair_made(int listener)
{
	uint32_t	 max = router_part(MADE_MAX);

	if (bucket_wait(made[listener], max) > 0)
		return (-1);
	bucket_add(&made[listener], max);
	return (0);
}

/* ---- by both ---- */

/*
 * One more attempt from there.  0: it may be; or in how many seconds.  When
 * there are too many to remember, who was quiet for longest is forgotten.
 */
uint32_t
pair_rate(int listener, const struct addr_key *from)
{
	struct rate	 key, *r;
	uint64_t	 now = router_ms();
	uint32_t	 wait;

	if ((wait = bucket_wait(wrong[listener], wrong_max())) > 0)
		return (wait);
	if (router_rpc.pair_rate == 0)
		return (0);
	key.key = *from;
	if ((r = RB_FIND(rate_tree, &rates, &key)) == NULL) {
		if ((r = calloc(1, sizeof(*r))) == NULL)
			return (1);
		r->key = *from;
		RB_INSERT(rate_tree, &rates, r);
		nrates++;
	} else
		TAILQ_REMOVE(&rate_list, r, entry);
	TAILQ_INSERT_TAIL(&rate_list, r, entry);
	while (nrates > RATES_MAX || ntimes > RATE_TIMES_MAX) {
		if (TAILQ_FIRST(&rate_list) == r)
			break;
		rate_free(TAILQ_FIRST(&rate_list));
	}
	pair_arm();
	rate_expire(r, now);
	if (r->n >= router_rpc.pair_rate)
		return ((RATE_MS - (now - r->at[r->first])) / 1000 + 1);
	if (r->n == r->size && rate_grow(r) == -1)
		return (1);
	r->at[(r->first + r->n++) % r->size] = now;
	return (0);
}

int
pair_rate_tick(uint64_t now)
{
	struct rate	*r;

	while ((r = TAILQ_FIRST(&rate_list)) != NULL) {
		rate_expire(r, now);
		if (r->n > 0)
			return (1);
		rate_free(r);
	}
	return (0);
}

size_t
pair_rate_memory(uint32_t *n)
{
	*n = nrates;
	return (nrates * sizeof(struct rate) + ntimes * sizeof(uint64_t));
}
