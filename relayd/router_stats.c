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
 * Figures from the listeners: asked for when an administrator wants to see
 * some, and not before, so that they cost nothing otherwise.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "router.h"

/* One question to all listeners. */
struct stats_round {
	TAILQ_ENTRY(stats_round)	 entry;
	uint64_t			 ask;
	uint64_t			 until_ms;
	uint64_t			 missing;	/* 1 << instance */
	void				 (*done)(uint32_t);
	uint32_t			 arg;
};

static TAILQ_HEAD(stats_rounds, stats_round) rounds =
				    TAILQ_HEAD_INITIALIZER(rounds);
static struct listener_stats	 latest[PROC_INSTANCES_MAX];
static uint64_t			 next_ask;
static uint64_t			 done_ms;	/* of the last round */

#define RECENT_MS	1000

static void	stats_done(struct stats_round *);

void
stats_ask(void (*done)(uint32_t), uint32_t arg)
{
	struct stats_round	*r;
	struct ctl_id		 ask;
	int			 i;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("stats");
	r->ask = ask.id = ++next_ask;
	r->until_ms = router_ms() + STATS_MS;
	r->done = done;
	r->arg = arg;
	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		if (proc_send(router_listener(i), IMSG_STATS_ASK, 0, -1, &ask,
		    sizeof(ask)) == 0)
			r->missing |= 1ULL << i;
	TAILQ_INSERT_TAIL(&rounds, r, entry);
	if (r->missing == 0)
		stats_done(r);
	else
		router_wake();
}

/* One that is on its way will do: a question costs a line of each stream. */
void
stats_ask_recent(void (*done)(uint32_t), uint32_t arg)
{
	struct stats_round	*r, *last;

	if (done_ms != 0 && router_ms() - done_ms < RECENT_MS)
		done(arg);
	else if ((last = TAILQ_LAST(&rounds, stats_rounds)) == NULL)
		stats_ask(done, arg);
	else {
		if ((r = malloc(sizeof(*r))) == NULL)
			fatal("stats");
		*r = *last;
		r->done = done;
		r->arg = arg;
		TAILQ_INSERT_TAIL(&rounds, r, entry);
	}
}

static void
stats_done(struct stats_round *r)
{
	done_ms = router_ms();
	TAILQ_REMOVE(&rounds, r, entry);
	r->done(r->arg);
	free(r);
}

int
stats_recv(struct proc_peer *peer, struct imsg *imsg)
{
	struct stats_round	*r, *tmp;
	struct listener_stats	 st;
	int			 found = 0, i = proc_peer_instance(peer);

	if (imsg_get_data(imsg, &st, sizeof(st)) == -1)
		return (-1);
	latest[i] = st;
	TAILQ_FOREACH_SAFE(r, &rounds, entry, tmp) {
		if (r->ask != st.ask)
			continue;
		found = 1;
		r->missing &= ~(1ULL << i);
		if (r->missing == 0)
			stats_done(r);
	}
	if (!found)
		log_debug("listener %d: figures come too late", i);
	return (0);
}

void
stats_listener_down(int i)
{
	struct stats_round	*r, *tmp;

	memset(&latest[i], 0, sizeof(latest[i]));
	TAILQ_FOREACH_SAFE(r, &rounds, entry, tmp) {
		if ((r->missing & 1ULL << i) == 0)
			continue;
		r->missing &= ~(1ULL << i);
		if (r->missing == 0)
			stats_done(r);
	}
}

int
stats_expire(uint64_t now)
{
	struct stats_round	*r;

	while ((r = TAILQ_FIRST(&rounds)) != NULL && now >= r->until_ms) {
		log_debug("figures: not all listeners have answered");
		stats_done(r);
	}
	return (r != NULL);
}

void
stats_sum(struct listener_stats *sum)
{
	int	 i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		sum->connections += latest[i].connections;
		sum->accepted += latest[i].accepted;
		sum->handshakes_failed += latest[i].handshakes_failed;
		sum->refused += latest[i].refused;
		sum->buffered += latest[i].buffered;
		sum->credit += latest[i].credit;
		sum->lost += latest[i].lost;
	}
}

int
stats_of(int i, struct listener_stats *st)
{
	if (latest[i].ask == 0)
		return (-1);
	*st = latest[i];
	return (0);
}
