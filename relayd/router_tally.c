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
 * What users, nodes and published ports carry, and what they may.  Streams
 * tell how much they carried; auth adds that up by the month, and says how
 * much is allowed.  A limit of bandwidth is divided among the listeners by
 * what they need of it; a quota that is used up ends streams.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "month.h"
#include "router.h"

#define FLUSH_MS	1000	/* what was counted goes to auth */
#define IDLE_MS		60000	/* a limit outlives its last use by that */
#define LOOK_MS		15000	/* for the next month, while one is full */
#define SPARE		16	/* a share is a 16th of an equal one at least */

/* What a listener has of a limit. */
struct tally_share {
	uint64_t		 rate[WAYS];	/* that it was told */
	uint64_t		 need[WAYS];	/* as it said last, bytes/s */
	uint32_t		 lack[WAYS];
	int			 heard;		/* it has said what it needs */
};

_Static_assert(PROC_INSTANCES_MAX <= 64, "a bit each");

/* The table by id owns it. */
struct tally {
	RB_ENTRY(tally)		 by_id;
	TAILQ_ENTRY(tally)	 due;
	struct meter_id		 id;
	uint32_t		 refs;
	uint64_t		 idle_ms;	/* since when, without refs */
	int			 known;		/* auth has said: */
	char			 name[CTL_EMAIL_LEN];
	uint64_t		 rate, quota, used;
	uint32_t		 month;
	int			 full;
	int			 counting;	/* in the list of those due */
	uint64_t		 in, out;	/* not yet told to auth */
	uint64_t		 told;		/* listeners with streams that
						   rest on it: 1 << instance */
	struct tally_share	*shares;	/* of each; NULL: no limit */
};

static int	tally_cmp(struct tally *, struct tally *);
static struct tally *tally_find(const struct meter_id *);
static void	tally_ask(struct tally *);
static void	tally_free(struct tally *);
static int	tally_flush_one(struct tally *);
static void	tallies_later(uint32_t);
static void	tallies_tick(evutil_socket_t, short, void *);
static int	tallies_sweep(uint64_t);
static void	tally_month(struct tally *);
static void	tally_fill(struct tally *);
static void	tally_send(struct tally *, int);
static void	tally_send_all(struct tally *);
static void	tally_divide(struct tally *);
static void	tally_divide_way(const struct tally *, int, uint64_t *);

RB_HEAD(tally_table, tally);
RB_PROTOTYPE_STATIC(tally_table, tally, by_id, tally_cmp)

static struct tally_table	 tallies = RB_INITIALIZER(&tallies);
static TAILQ_HEAD(, tally)	 dues = TAILQ_HEAD_INITIALIZER(dues);
static uint32_t			 nidle, nfull;
static struct event		*timer;

static int
tally_cmp(struct tally *a, struct tally *b)
{
	if (a->id.what != b->id.what)
		return (a->id.what < b->id.what ? -1 : 1);
	return (strcmp(a->id.id, b->id.id));
}

RB_GENERATE_STATIC(tally_table, tally, by_id, tally_cmp)

/* ---- the table ---- */

static struct tally *
tally_find(const struct meter_id *id)
{
	struct tally	 key;

	key.id = *id;
	return (RB_FIND(tally_table, &tallies, &key));
}

static void
tally_ask(struct tally *t)
{
	(void)proc_send(router_auth(), IMSG_METER_ASK, 0, -1, &t->id,
	    sizeof(t->id));
}

struct tally *
tally_ref(uint32_t what, const char *id)
{
	struct meter_id	 key;
	struct tally	*t;

	memset(&key, 0, sizeof(key));
	key.what = what;
	strlcpy(key.id, id, sizeof(key.id));
	if ((t = tally_find(&key)) != NULL) {
		if (t->refs++ == 0)
			nidle--;
		return (t);
	}
	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal("tally");
	t->id = key;
	t->refs = 1;
	RB_INSERT(tally_table, &tallies, t);
	tally_ask(t);
	return (t);
}

struct tally *
tally_again(struct tally *t)
{
	if (t != NULL)
		t->refs++;
	return (t);
}

/*
 * It stays for a while: a limit is not to begin anew with everyone who comes
 * and goes, nor a listener to be told of it each time.
 */
void
tally_unref(struct tally *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	t->idle_ms = router_ms();
	nidle++;
	tallies_later(LOOK_MS);
}

static void
tally_free(struct tally *t)
{
	struct share_set	 none;
	int			 i;

	memset(&none, 0, sizeof(none));
	none.meter = t->id;
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (t->told & 1ULL << i && (t->rate != 0 || t->full))
			(void)proc_send(router_listener(i), IMSG_SHARE, 0, -1,
			    &none, sizeof(none));
	}
	nfull -= t->full;
	nidle--;
	RB_REMOVE(tally_table, &tallies, t);
	free(t->shares);
	free(t);
}

void
tally_changed(uint32_t what, const char *id)
{
	struct meter_id	 key;
	struct tally	*t;

	memset(&key, 0, sizeof(key));
	key.what = what;
	strlcpy(key.id, id, sizeof(key.id));
	if ((t = tally_find(&key)) != NULL)
		tally_ask(t);
}

const struct meter_id *
tally_id(const struct tally *t)
{
	return (&t->id);
}

/* ---- counting ---- */

void
tally_count(struct tally *t, uint64_t in, uint64_t out)
{
	if (t == NULL || (in == 0 && out == 0))
		return;
	if (!t->counting) {
		TAILQ_INSERT_TAIL(&dues, t, due);
		t->counting = 1;
		t->refs++;
		tallies_later(FLUSH_MS);
	}
	t->in += in;
	t->out += out;
	t->used += in + out;
	tally_month(t);
	tally_fill(t);
}

/* 0, or -1: auth takes nothing now. */
static int
tally_flush_one(struct tally *t)
{
	struct proc_peer	*auth = router_auth();
	struct traffic		 msg;

	if (auth == NULL || proc_queued(auth) > PROC_QUEUE_HIGH)
		return (-1);
	memset(&msg, 0, sizeof(msg));
	msg.meter = t->id;
	msg.in = t->in;
	msg.out = t->out;
	if (proc_send(auth, IMSG_TRAFFIC, 0, -1, &msg, sizeof(msg)) == -1)
		return (-1);
	t->in = t->out = 0;
	t->counting = 0;
	TAILQ_REMOVE(&dues, t, due);
	tally_unref(t);
	return (0);
}

void
tallies_flush(void)
{
	struct tally	*t;

	while ((t = TAILQ_FIRST(&dues)) != NULL) {
		if (tally_flush_one(t) == -1)
			break;
	}
}

static void
tallies_later(uint32_t ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };
	struct timeval	 now, at;

	if (timer == NULL && (timer = evtimer_new(proc_base(), tallies_tick,
	    NULL)) == NULL)
		fatalx("no memory for events");
	if (evtimer_pending(timer, &at)) {
		evutil_gettimeofday(&now, NULL);
		evutil_timersub(&at, &now, &at);
		if (at.tv_sec < tv.tv_sec || (at.tv_sec == tv.tv_sec &&
		    at.tv_usec < tv.tv_usec))
			return;
	}
	evtimer_add(timer, &tv);
}

/* Forget those that nobody has used for long; 1 if there are more. */
static int
tallies_sweep(uint64_t now)
{
	struct tally	*t, *tmp;

	if (nidle == 0 && nfull == 0)
		return (0);
	RB_FOREACH_SAFE(t, tally_table, &tallies, tmp) {
		tally_month(t);
		if (t->refs == 0 && now - t->idle_ms >= IDLE_MS)
			tally_free(t);
	}
	return (nidle > 0 || nfull > 0);
}

static void
tallies_tick(evutil_socket_t fd, short what, void *arg)
{
	static uint64_t	 looked;
	uint64_t	 now = router_ms();

	tallies_flush();
	if (now - looked >= LOOK_MS) {
		looked = now;
		(void)tallies_sweep(now);
	}
	if (!TAILQ_EMPTY(&dues))
		tallies_later(FLUSH_MS);
	else if (nidle > 0 || nfull > 0)
		tallies_later(LOOK_MS);
}

/* ---- quotas ---- */

/* Auth counts by its own clock and is asked when we see a new month. */
static void
tally_month(struct tally *t)
{
	if (!t->known || t->month == month_of(time(NULL)))
		return;
	t->month = month_of(time(NULL));
	t->used = t->in + t->out;
	tally_ask(t);
	tally_fill(t);
}

/* It is used up, or is so no longer. */
static void
tally_fill(struct tally *t)
{
	static const char *const texts[] = { "",
		"the user's traffic of this month is used up",
		"the node's traffic of this month is used up",
		"the port's traffic of this month is used up"
	};
	static const char *const names[] = METER_NAMES;
	int			 full = t->quota != 0 && t->used >= t->quota;
	uint32_t		 n;

	if (!t->known || full == t->full)
		return;
	t->full = full;
	tally_send_all(t);
	if (!full) {
		nfull--;
		log_info("%s %s: is let in again", names[t->id.what],
		    t->name);
		return;
	}
	nfull++;
	tallies_later(LOOK_MS);
	n = streams_end(t, MUX_CODE_LIMIT, texts[t->id.what]);
	log_info("%s %s: all of its %llu bytes of this month are used: %u "
	    "stream%s ended", names[t->id.what], t->name,
	    (unsigned long long)t->quota, n, n == 1 ? "" : "s");
}

int
tally_recv_meter(struct proc_peer *peer, struct imsg *imsg)
{
	struct meter_info	 info;
	struct tally		*t;
	uint64_t		 rate;

	if (imsg_get_data(imsg, &info, sizeof(info)) == -1 ||
	    info.meter.what < METER_USER || info.meter.what > METER_PORT ||
	    !ROUTER_STR(info.meter.id) || !ROUTER_STR(info.name))
		return (-1);
	if ((t = tally_find(&info.meter)) == NULL)
		return (0);
	rate = t->rate;
	t->known = 1;
	strlcpy(t->name, info.name, sizeof(t->name));
	t->rate = info.rate;
	t->quota = info.quota;
	t->month = info.month;
	/* What it has not been told of yet counts, too. */
	t->used = info.used + t->in + t->out;
	tally_fill(t);
	if (rate != t->rate)
		tally_divide(t);
	return (0);
}

/* Its configuration or its store has changed, or it is a new one. */
int
tally_recv_again(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_end	 end;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	tallies_auth_up();
	return (0);
}

void
tallies_auth_up(void)
{
	struct tally	*t;

	RB_FOREACH(t, tally_table, &tallies)
		tally_ask(t);
	tallies_later(FLUSH_MS);
}

/* ---- shares ---- */

/* A listener is about to have streams that rest on this. */
void
tally_tell(struct tally *t, int listener)
{
	if (t == NULL || t->told & 1ULL << listener)
		return;
	t->told |= 1ULL << listener;
	if (t->rate != 0)
		tally_divide(t);
	else if (t->full)
		tally_send(t, listener);
}

static void
tally_send(struct tally *t, int listener)
{
	struct share_set	 set;
	int			 i;

	memset(&set, 0, sizeof(set));
	set.meter = t->id;
	for (i = 0; i < WAYS && t->shares != NULL; i++)
		set.rate[i] = t->shares[listener].rate[i];
	set.full = t->full;
	(void)proc_send(router_listener(listener), IMSG_SHARE, 0, -1, &set,
	    sizeof(set));
}

static void
tally_send_all(struct tally *t)
{
	int	 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (t->told & 1ULL << i)
			tally_send(t, i);
	}
}

/*
 * Of one direction: who is not held up gets what it used and a bit; the rest
 * is for those who are, by how many streams wait there.  What nobody needs is
 * for all alike.
 */
static void
tally_divide_way(const struct tally *t, int way, uint64_t *rate)
{
	const struct tally_share *s;
	uint64_t		 equal, sum = 0, lack = 0, n = 0, rest;
	int			 i;

	equal = t->rate / router_prefork;
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		s = &t->shares[i];
		rate[i] = 0;
		if ((t->told & 1ULL << i) == 0)
			continue;
		n++;
		lack += s->lack[way];
		rate[i] = equal / SPARE + 1;
		if (!s->heard)
			rate[i] = equal + 1;
		else if (s->lack[way] == 0)
			rate[i] += s->need[way] + s->need[way] / 4;
		sum += rate[i];
	}
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		s = &t->shares[i];
		if ((t->told & 1ULL << i) == 0)
			continue;
		if (sum > t->rate) {
			/* Rounded down, yet never "no limit". */
			rate[i] = (uint64_t)((double)rate[i] / sum * t->rate);
			if (rate[i] == 0)
				rate[i] = 1;
			continue;
		}
		rest = t->rate - sum;
		if (lack == 0)
			rate[i] += rest / n;
		else
			rate[i] += (uint64_t)((double)rest * s->lack[way] /
			    lack);
	}
}

/* Tell those first that get less, so that it is never too much in all. */
static void
tally_divide(struct tally *t)
{
	uint64_t		 rate[WAYS][PROC_INSTANCES_MAX];
	struct tally_share	*s;
	int			 i, way, less, more, pass;

	if (t->shares == NULL && t->rate != 0 && (t->shares =
	    calloc(PROC_INSTANCES_MAX, sizeof(*t->shares))) == NULL)
		fatal("tally");
	if (t->shares == NULL)
		return;
	for (way = 0; way < WAYS; way++) {
		if (t->rate != 0)
			tally_divide_way(t, way, rate[way]);
		else
			memset(rate[way], 0, sizeof(rate[way]));
	}
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < PROC_INSTANCES_MAX; i++) {
			s = &t->shares[i];
			if ((t->told & 1ULL << i) == 0)
				continue;
			for (way = less = more = 0; way < WAYS; way++) {
				less |= rate[way][i] < s->rate[way] ||
				    s->rate[way] == 0;
				/* Not for every little bit. */
				more |= rate[way][i] > s->rate[way] +
				    s->rate[way] / 32;
			}
			if (pass == 0 ? !less : !more)
				continue;
			for (way = 0; way < WAYS; way++)
				s->rate[way] = rate[way][i];
			tally_send(t, i);
		}
	}
}

int
tally_recv_use(struct proc_peer *peer, struct imsg *imsg)
{
	struct tally_share	*s;
	struct share_set	 none;
	struct share_use	 use;
	struct tally		*t;
	double			 need;
	int			 way, i = proc_peer_instance(peer);

	if (imsg_get_data(imsg, &use, sizeof(use)) == -1 ||
	    use.meter.what < METER_USER || use.meter.what > METER_PORT ||
	    !ROUTER_STR(use.meter.id))
		return (-1);
	if ((t = tally_find(&use.meter)) == NULL) {
		/* A limit of a router before us, on nobody now. */
		memset(&none, 0, sizeof(none));
		none.meter = use.meter;
		(void)proc_send(peer, IMSG_SHARE, 0, -1, &none, sizeof(none));
		return (0);
	}
	if ((t->told & 1ULL << i) == 0) {
		t->told |= 1ULL << i;
		tally_send(t, i);
	}
	/* Without a limit there is nothing to divide. */
	if (t->shares == NULL)
		return (0);
	s = &t->shares[i];
	s->heard = use.ms > 0;
	for (way = 0; way < WAYS; way++) {
		s->lack[way] = use.lack[way];
		need = use.ms == 0 ? 0 : (double)use.used[way] * 1000 / use.ms;
		/* Whatever it says, others are not to have less for it. */
		s->need[way] = need < t->rate ? (uint64_t)need : t->rate;
	}
	if (t->rate != 0)
		tally_divide(t);
	return (0);
}

void
tallies_listener_down(int listener)
{
	struct tally	*t;

	RB_FOREACH(t, tally_table, &tallies) {
		if ((t->told & 1ULL << listener) == 0)
			continue;
		t->told &= ~(1ULL << listener);
		if (t->shares == NULL)
			continue;
		memset(&t->shares[listener], 0, sizeof(*t->shares));
		if (t->rate != 0)
			tally_divide(t);
	}
}
