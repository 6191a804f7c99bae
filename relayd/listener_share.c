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
 * Limits of bandwidth, as far as this listener has a share in them: of the
 * user, the node and the published port that a stream rests on.  Router says
 * how much of each is ours and hears whether that held anybody up.  A stream
 * on which there is no limit has no flows, and costs nothing.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "listener.h"
#include "log.h"
#include "meter.h"

#define SHARE_USE_MS	1000	/* router is told so often */
#define OWES_PART	4	/* of a second: new streams wait then */

/* In the table while a stream rests on it, or router has set a limit. */
struct share {
	RB_ENTRY(share)	 by_id;
	struct meter_id	 id;
	struct meter	 way[WAYS];
	uint64_t	 told[WAYS];	/* of what they used */
	uint32_t	 refs;		/* streams */
	int		 set;		/* router has said something */
	int		 full;
	int		 busy;		/* it was used when we told last, or
					   router does not know that not */
};

/* Of a stream that rests on a limit: one a direction. */
struct share_flows {
	struct meter_flow	 way[WAYS];
};

static int	share_cmp(struct share *, struct share *);
static struct share *share_get(const struct meter_id *);
static void	share_tidy(struct share *);
static int	shares_limited(struct share *const *);
static int	record_flows(struct stream_record *);
static void	share_apply(const struct share *);
static void	shares_tell_later(void);
static void	shares_wake(void *);
static void	shares_tick(evutil_socket_t, short, void *);
static void	shares_tell(evutil_socket_t, short, void *);
static int	share_tell(struct share *, uint32_t);

static RB_HEAD(share_table, share) shares = RB_INITIALIZER(&shares);
RB_GENERATE_STATIC(share_table, share, by_id, share_cmp)

static struct meters	 meters;
static struct event	*tick, *teller;
static uint64_t		 told_ms;

static int
share_cmp(struct share *a, struct share *b)
{
	if (a->id.what != b->id.what)
		return (a->id.what < b->id.what ? -1 : 1);
	return (strcmp(a->id.id, b->id.id));
}

static struct share *
share_get(const struct meter_id *id)
{
	struct share	 key, *s;

	key.id = *id;
	if ((s = RB_FIND(share_table, &shares, &key)) != NULL)
		return (s);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->id = *id;
	RB_INSERT(share_table, &shares, s);
	return (s);
}

static void
share_tidy(struct share *s)
{
	if (s->refs > 0 || s->set)
		return;
	RB_REMOVE(share_table, &shares, s);
	free(s);
}

static int
shares_limited(struct share *const *on)
{
	int	 i;

	for (i = 0; i < STREAM_METERS; i++) {
		if (on[i] != NULL && (on[i]->way[WAY_OUT].rate != 0 ||
		    on[i]->way[WAY_IN].rate != 0))
			return (1);
	}
	return (0);
}

void
shares_init(void)
{
	tick = evtimer_new(proc_base(), shares_tick, NULL);
	teller = evtimer_new(proc_base(), shares_tell, NULL);
	if (tick == NULL || teller == NULL)
		fatal("event");
	meters_init(&meters, shares_wake, NULL);
}

/* ---- streams ---- */

/* Make, or forget, the flows of a stream.  1 if that is a change. */
static int
record_flows(struct stream_record *r)
{
	struct meter	*on[STREAM_METERS];
	int		 i, way, limited = shares_limited(r->shares);

	if (limited == (r->flows != NULL))
		return (0);
	if (!limited) {
		for (way = 0; way < WAYS; way++)
			meter_end(&r->flows->way[way]);
		free(r->flows);
		r->flows = NULL;
		return (1);
	}
	if ((r->flows = calloc(1, sizeof(*r->flows))) == NULL) {
		log_warnx("no memory: a stream has no limit");
		return (0);
	}
	for (way = 0; way < WAYS; way++) {
		for (i = 0; i < STREAM_METERS; i++)
			on[i] = r->shares[i] == NULL ? NULL :
			    &r->shares[i]->way[way];
		meter_flow_init(&r->flows->way[way], &meters, on,
		    STREAM_METERS);
	}
	return (1);
}

int
record_limit(struct stream_record *r, const struct route *route,
    const char **why)
{
	static const char *const full[] = { "",
		"the user's traffic of this month is used up",
		"the node's traffic of this month is used up",
		"the port's traffic of this month is used up"
	};
	const struct meter_id	*id;
	struct share		*s;
	int			 i;

	if (records_full()) {
		*why = "the relay is busy";
		return (-1);
	}
	for (i = 0; i < STREAM_METERS; i++) {
		id = &route->meters[i];
		if (id->what == 0)
			continue;
		if ((s = r->shares[i]) == NULL) {
			if ((s = share_get(id)) == NULL) {
				*why = "no memory";
				return (-1);
			}
			r->shares[i] = s;
			s->refs++;
		}
		if (s->full) {
			*why = full[id->what];
			return (-1);
		}
	}
	(void)record_flows(r);
	return (0);
}

struct meter_flow *
record_flow(const struct stream_record *r, int way)
{
	return (r->flows == NULL ? NULL : &r->flows->way[way]);
}

int
record_owes(const struct stream_record *r)
{
	struct meter	*m;
	int		 i;

	for (i = 0; i < STREAM_METERS; i++) {
		if (r->shares[i] == NULL)
			continue;
		m = &r->shares[i]->way[WAY_OUT];
		if (meter_debt(&meters, m, clock_us()) > m->rate / OWES_PART)
			return (1);
	}
	return (0);
}

void
record_unlimit(struct stream_record *r)
{
	int	 i;

	if (r->flows != NULL) {
		for (i = 0; i < WAYS; i++)
			meter_end(&r->flows->way[i]);
		free(r->flows);
		r->flows = NULL;
	}
	for (i = 0; i < STREAM_METERS; i++) {
		if (r->shares[i] == NULL)
			continue;
		r->shares[i]->refs--;
		share_tidy(r->shares[i]);
		r->shares[i] = NULL;
	}
}

/* Limits came or went: on the streams that there are, too. */
static void
share_apply(const struct share *s)
{
	struct stream_record	*r = NULL;
	int			 i;

	while ((r = record_next(r)) != NULL) {
		for (i = 0; i < STREAM_METERS; i++) {
			if (r->shares[i] == s)
				break;
		}
		if (i == STREAM_METERS || r->ops->meter == NULL)
			continue;
		/* What carries it lets go of the old ones first. */
		if (r->flows != NULL && !shares_limited(r->shares))
			r->ops->meter(r, NULL, NULL);
		if (record_flows(r) && r->flows != NULL)
			r->ops->meter(r, &r->flows->way[WAY_OUT],
			    &r->flows->way[WAY_IN]);
	}
}

/* ---- router ---- */

int
share_recv_set(struct proc_peer *peer, struct imsg *imsg)
{
	struct share_set	 set;
	struct share		*s;
	int			 i, was, is = 0;

	if (imsg_get_data(imsg, &set, sizeof(set)) == -1 ||
	    set.meter.what < METER_USER || set.meter.what > METER_PORT ||
	    memchr(set.meter.id, '\0', sizeof(set.meter.id)) == NULL)
		return (-1);
	if ((s = share_get(&set.meter)) == NULL) {
		log_warnx("no memory for a limit");
		return (0);
	}
	was = s->way[WAY_OUT].rate != 0 || s->way[WAY_IN].rate != 0;
	for (i = 0; i < WAYS; i++) {
		meter_set(&meters, &s->way[i], set.rate[i], clock_us());
		is |= s->way[i].rate != 0;
	}
	s->full = set.full != 0;
	s->set = is || s->full;
	if (is != was) {
		share_apply(s);
		/* Who says nothing keeps an equal part from the others. */
		s->busy = is;
		shares_tell_later();
	}
	/* Who waits may have to wait no longer, or not so long. */
	if (evtimer_pending(tick, NULL))
		event_active(tick, EV_TIMEOUT, 1);
	share_tidy(s);
	return (0);
}

static void
shares_tell_later(void)
{
	const struct timeval	 later = { SHARE_USE_MS / 1000,
				    SHARE_USE_MS % 1000 * 1000 };

	if (listener_prefork > 1 && !evtimer_pending(teller, NULL)) {
		told_ms = listener_ms();
		evtimer_add(teller, &later);
	}
}

static void
shares_wake(void *arg)
{
	const struct timeval	 soon = { 0, METER_TICK_US };

	evtimer_add(tick, &soon);
	shares_tell_later();
}

static void
shares_tick(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv;
	uint64_t	 us;

	if ((us = meter_run(&meters, clock_us())) == 0)
		return;
	tv.tv_sec = us / 1000000;
	tv.tv_usec = us % 1000000;
	evtimer_add(tick, &tv);
}

/* 1 if there was something to tell. */
static int
share_tell(struct share *s, uint32_t ms)
{
	struct share_use	 use;
	int			 i, any = 0;

	memset(&use, 0, sizeof(use));
	use.meter = s->id;
	use.ms = ms;
	for (i = 0; i < WAYS; i++) {
		/* What is given back may be more than what was taken. */
		if (s->way[i].used > s->told[i])
			use.used[i] = s->way[i].used - s->told[i];
		s->told[i] = s->way[i].used;
		use.lack[i] = meter_lack(&s->way[i]);
		any |= use.used[i] > 0 || use.lack[i] > 0;
	}
	if (any || s->busy)
		(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_SHARE_USE, 0,
		    -1, &use, sizeof(use));
	s->busy = any;
	return (any);
}

/* Until nobody uses any more, and router knows that, too. */
static void
shares_tell(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval	 tv = { SHARE_USE_MS / 1000,
				    SHARE_USE_MS % 1000 * 1000 };
	struct share		*s;
	uint64_t		 now = listener_ms();
	int			 any = 0;

	RB_FOREACH(s, share_table, &shares) {
		if (s->set)
			any |= share_tell(s, now - told_ms);
	}
	told_ms = now;
	if (any)
		evtimer_add(teller, &tv);
}

/* A new router divides anew: it hears of every limit that we know. */
void
shares_announce(void)
{
	struct share_use	 use;
	struct share		*s;

	RB_FOREACH(s, share_table, &shares) {
		if (!s->set)
			continue;
		memset(&use, 0, sizeof(use));
		use.meter = s->id;
		(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_SHARE_USE, 0,
		    -1, &use, sizeof(use));
		s->busy = 1;
	}
	shares_tell_later();
}
