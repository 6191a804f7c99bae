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
 * Token buckets, and turns at them.  All sums are whole bytes: what a rate
 * leaves of a byte is carried on.
 */

#include "compat.h"

#include <string.h>

#include "meter.h"

#define SECOND		1000000ULL	/* us */
#define GAP_MAX		(1000 * SECOND)	/* of time at once */
#define MINIMUM(a, b)	((a) < (b) ? (a) : (b))
#define MAXIMUM(a, b)	((a) > (b) ? (a) : (b))

static uint64_t	meter_share(const struct meter *, uint64_t);
static uint64_t	meter_burst(const struct meter *);
static void	meter_fill(struct meters *, struct meter *);
static uint32_t	flow_turn(const struct meter_flow *);
static int	flow_may(struct meter_flow *, uint32_t);
static void	flow_pay(struct meter_flow *, uint32_t);
static uint64_t	flow_lacks(struct meter_flow *, uint32_t);
static void	flow_wait(struct meter_flow *, uint32_t);
static void	flow_leave(struct meter_flow *);
static void	flow_now(struct meter_flow *, uint64_t);

/* What a rate is in so many us. */
static uint64_t
meter_share(const struct meter *m, uint64_t us)
{
	return (m->rate / SECOND * us + m->rate % SECOND * us / SECOND);
}

static uint64_t
meter_burst(const struct meter *m)
{
	return (MAXIMUM(meter_share(m, METER_BURST_US), METER_BURST_MIN));
}

static void
meter_fill(struct meters *all, struct meter *m)
{
	uint64_t	 us, sum, burst = meter_burst(m);

	if (all->now <= m->at)
		return;
	us = MINIMUM(all->now - m->at, GAP_MAX);
	m->at = all->now;
	sum = m->rate * (us % SECOND) + m->part;
	m->part = sum % SECOND;
	m->level += m->rate * (us / SECOND) + sum / SECOND;
	if (m->level >= (int64_t)burst) {
		m->level = burst;
		m->part = 0;
	}
}

void
meters_init(struct meters *all, void (*wake)(void *), void *arg)
{
	memset(all, 0, sizeof(*all));
	TAILQ_INIT(&all->ring);
	all->wake = wake;
	all->arg = arg;
}

void
meter_set(struct meters *all, struct meter *m, uint64_t rate, uint64_t now)
{
	all->now = MAXIMUM(all->now, now);
	if (rate > METER_RATE_MAX)
		rate = METER_RATE_MAX;
	if (rate == m->rate)
		return;
	if (m->rate == 0) {
		/* Nothing was counted until now. */
		m->rate = rate;
		m->level = meter_burst(m);
		m->part = 0;
		m->at = all->now;
		return;
	}
	meter_fill(all, m);
	m->rate = rate;
	m->level = MINIMUM(m->level, (int64_t)meter_burst(m));
}

uint32_t
meter_lack(struct meter *m)
{
	uint32_t	 n = m->lack_max;

	m->lack_max = 0;
	return (n);
}

uint64_t
meter_debt(struct meters *all, struct meter *m, uint64_t now)
{
	all->now = MAXIMUM(all->now, now);
	if (m->rate == 0)
		return (0);
	meter_fill(all, m);
	return (m->level < 0 ? -m->level : 0);
}

/* ---- flows ---- */

void
meter_flow_init(struct meter_flow *f, struct meters *all,
    struct meter *const *on, size_t n)
{
	size_t		 i;

	memset(f, 0, sizeof(*f));
	f->all = all;
	for (i = 0; i < n && f->n < METER_ON_MAX; i++) {
		if (on[i] != NULL)
			f->on[f->n++] = on[i];
	}
}

static void
flow_now(struct meter_flow *f, uint64_t now)
{
	unsigned int	 i;

	f->all->now = MAXIMUM(f->all->now, now);
	for (i = 0; i < f->n; i++)
		meter_fill(f->all, f->on[i]);
}

uint32_t
meter_window(const struct meter_flow *f, uint32_t rtt)
{
	uint64_t	 n, least = UINT32_MAX;
	unsigned int	 i;

	for (i = 0; i < f->n; i++) {
		if (f->on[i]->rate == 0)
			continue;
		n = meter_share(f->on[i], METER_WINDOW_US + 2 *
		    (uint64_t)MINIMUM(rtt, 10 * SECOND));
		least = MINIMUM(least, MAXIMUM(n, METER_WINDOW_MIN));
	}
	return (least);
}

/* What it gets in one turn, at most: so much is in each bucket some time. */
static uint32_t
flow_turn(const struct meter_flow *f)
{
	uint64_t	 n, least = METER_TURN_MAX;
	unsigned int	 i;

	for (i = 0; i < f->n; i++) {
		if (f->on[i]->rate == 0)
			continue;
		n = meter_share(f->on[i], METER_TICK_US);
		least = MINIMUM(least, MAXIMUM(n, METER_TURN_MIN));
	}
	return (MINIMUM(least, f->want));
}

/* So many bytes are there, and nobody waits for them. */
static int
flow_may(struct meter_flow *f, uint32_t n)
{
	unsigned int	 i;

	for (i = 0; i < f->n; i++) {
		if (f->on[i]->rate != 0 && (f->on[i]->waiting > 0 ||
		    f->on[i]->level < (int64_t)n))
			return (0);
	}
	return (1);
}

static void
flow_pay(struct meter_flow *f, uint32_t n)
{
	unsigned int	 i;

	for (i = 0; i < f->n; i++) {
		f->on[i]->used += n;
		if (f->on[i]->rate != 0)
			f->on[i]->level -= n;
	}
}

static void
flow_wait(struct meter_flow *f, uint32_t n)
{
	int		 idle = TAILQ_EMPTY(&f->all->ring);
	unsigned int	 i;

	if (f->want == 0) {
		TAILQ_INSERT_TAIL(&f->all->ring, f, turn);
		for (i = 0; i < f->n; i++)
			f->on[i]->waiting++;
	}
	f->want += n;
	if (idle && f->all->wake != NULL)
		f->all->wake(f->all->arg);
}

static void
flow_leave(struct meter_flow *f)
{
	unsigned int	 i;

	TAILQ_REMOVE(&f->all->ring, f, turn);
	for (i = 0; i < f->n; i++)
		f->on[i]->waiting--;
}

uint32_t
meter_want(struct meter_flow *f, uint32_t n, uint64_t now)
{
	if (n == 0)
		return (0);
	flow_now(f, now);
	if (f->want == 0 && flow_may(f, n)) {
		flow_pay(f, n);
		return (n);
	}
	flow_wait(f, n);
	return (0);
}

/*
 * As long as all streams that are open could use what they began with within
 * a burst, it is paid for when it is used.
 */
uint32_t
meter_begin(struct meter_flow *f, uint32_t n, uint64_t now)
{
	struct meter	*m;
	unsigned int	 i;

	flow_now(f, now);
	for (i = 0; i < f->n; i++) {
		m = f->on[i];
		if (m->rate != 0 && (m->level <= 0 || m->waiting > 0 ||
		    m->loose + n > meter_burst(m)))
			return (meter_want(f, n, now));
	}
	meter_lend(f, n);
	return (n);
}

void
meter_lend(struct meter_flow *f, uint32_t n)
{
	unsigned int	 i;

	f->loose += n;
	for (i = 0; i < f->n; i++)
		f->on[i]->loose += n;
}

void
meter_gift(struct meter_flow *f, uint32_t n)
{
	f->gift += n;
}

void
meter_came(struct meter_flow *f, uint32_t n, uint64_t now)
{
	uint32_t	 gift = MINIMUM(n, f->gift);
	unsigned int	 i;

	f->gift -= gift;
	n -= gift;
	if ((n = MINIMUM(n, f->loose)) == 0)
		return;
	flow_now(f, now);
	f->loose -= n;
	for (i = 0; i < f->n; i++)
		f->on[i]->loose -= n;
	flow_pay(f, n);
}

void
meter_back(struct meter_flow *f, uint32_t n)
{
	struct meter	*m;
	unsigned int	 i;

	n -= MINIMUM(n, f->loose + f->gift);
	for (i = 0; i < f->n; i++) {
		m = f->on[i];
		m->used -= MINIMUM(m->used, n);
		if (m->rate != 0)
			m->level = MINIMUM(m->level + (int64_t)n,
			    (int64_t)meter_burst(m));
	}
}

void
meter_end(struct meter_flow *f)
{
	unsigned int	 i;

	if (f->want > 0)
		flow_leave(f);
	for (i = 0; i < f->n; i++)
		f->on[i]->loose -= f->loose;
	f->want = f->loose = f->gift = 0;
}

/*
 * Streams that wait take all there is at each run, so between two runs
 * datagrams get half at most.
 */
int
meter_pass(struct meter_flow *f, uint32_t n, uint64_t now)
{
	struct meter	*m;
	uint64_t	 most;
	unsigned int	 i;

	flow_now(f, now);
	for (i = 0; i < f->n; i++) {
		m = f->on[i];
		most = meter_burst(m);
		if (m->rate != 0 && (m->level < (int64_t)MINIMUM(n, most) ||
		    (m->waiting > 0 && m->half < n)))
			break;
	}
	if (i < f->n) {
		/* That counts as much as a flow that has to wait. */
		f->on[i]->lack_max = MAXIMUM(f->on[i]->lack_max, 1);
		return (0);
	}
	for (i = 0; i < f->n; i++)
		f->on[i]->half -= MINIMUM(f->on[i]->half, n);
	flow_pay(f, n);
	return (1);
}

/* ---- turns ---- */

/*
 * Which of its meters have too little for a turn of n bytes: whoever comes
 * later in the ring leaves those alone, so that it gets there.  Returns 0 if
 * none has, else how long it will take in us (1: who waits there knows).
 */
static uint64_t
flow_lacks(struct meter_flow *f, uint32_t n)
{
	struct meter	*m;
	uint64_t	 us = 0;
	unsigned int	 i;

	for (i = 0; i < f->n; i++) {
		m = f->on[i];
		if (m->rate == 0)
			continue;
		meter_fill(f->all, m);
		if (m->run != f->all->run) {
			m->run = f->all->run;
			m->lack = 0;
			m->half = m->level > 0 ? m->level / 2 : 0;
		}
		if (m->lack > 0)
			us = MAXIMUM(us, 1);
		else if (m->level < (int64_t)n)
			us = MAXIMUM(us, (uint64_t)(n - m->level) * SECOND /
			    m->rate + 1);
		else
			continue;
		m->lack++;
		m->lack_max = MAXIMUM(m->lack_max, m->lack);
	}
	return (us);
}

uint64_t
meter_run(struct meters *all, uint64_t now)
{
	struct meter_flow	*f, *next;
	uint64_t		 us, wait = UINT64_MAX;
	uint32_t		 n;

	all->now = MAXIMUM(all->now, now);
	all->run++;
	for (f = TAILQ_FIRST(&all->ring); f != NULL; f = next) {
		next = TAILQ_NEXT(f, turn);
		n = flow_turn(f);
		if ((us = flow_lacks(f, n)) > 0) {
			if (us > 1)
				wait = MINIMUM(wait, us);
			continue;
		}
		flow_pay(f, n);
		f->want -= n;
		if (f->want == 0)
			flow_leave(f);
		else {
			TAILQ_REMOVE(&all->ring, f, turn);
			TAILQ_INSERT_TAIL(&all->ring, f, turn);
			if (next == NULL)
				next = f;
		}
		f->give(f->arg, n);
	}
	if (TAILQ_EMPTY(&all->ring))
		return (0);
	return (MINIMUM(MAXIMUM(wait, METER_TICK_US), SECOND));
}
