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
 * What users, nodes and published ports carry in a month, and what they may.
 * Router tells how much came since it told last; what it told is added up
 * here and written together, so that somebody's last seconds may be lost with
 * us, but nothing is ever counted twice.
 */

#include "compat.h"

#include <sys/tree.h>

#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "log.h"
#include "month.h"
#include "msg_conf.h"

#define TRAFFIC_MS	2000		/* what was told waits at most so */
#define TRAFFIC_RETRY_MS 10000		/* after trouble */
#define TRAFFIC_MAX	200000		/* that wait */

/* Told, and not yet in the store. */
struct traffic_sum {
	RB_ENTRY(traffic_sum)	 by_id;
	uint32_t		 month;
	struct meter_id		 id;
	uint64_t		 in, out;
};

RB_HEAD(traffic_sums, traffic_sum);

static int	sum_cmp(struct traffic_sum *, struct traffic_sum *);
static struct traffic_sum *sum_find(uint32_t, const struct meter_id *);
static void	traffic_add(uint64_t *, uint64_t);
static int	meter_get(const struct meter_id *, struct meter_info *);
static void	meter_send(const struct meter_info *);
static void	traffic_watch(const struct meter_info *, uint64_t);

static struct traffic_sums	 sums = RB_INITIALIZER(&sums);
static size_t			 nsums;
static uint64_t			 due;		/* ms, to be written */

static int
sum_cmp(struct traffic_sum *a, struct traffic_sum *b)
{
	if (a->month != b->month)
		return (a->month < b->month ? -1 : 1);
	if (a->id.what != b->id.what)
		return (a->id.what < b->id.what ? -1 : 1);
	return (strcmp(a->id.id, b->id.id));
}

RB_GENERATE_STATIC(traffic_sums, traffic_sum, by_id, sum_cmp)

static struct traffic_sum *
sum_find(uint32_t month, const struct meter_id *id)
{
	struct traffic_sum	 key;

	key.month = month;
	key.id = *id;
	return (RB_FIND(traffic_sums, &sums, &key));
}

/* At the end of what is counted it stays there, and does not begin anew. */
static void
traffic_add(uint64_t *to, uint64_t n)
{
	if (*to > INT64_MAX || n > INT64_MAX - *to)
		*to = INT64_MAX;
	else
		*to += n;
}

/* ---- what is allowed ---- */

void
auth_limit_effective(uint32_t what, const struct store_limit *l,
    uint64_t *rate, uint64_t *month)
{
	*rate = l->rate;
	*month = l->month;
	if (what == METER_USER && !l->has_rate)
		*rate = auth_bandwidth.user_rate;
	if (what == METER_USER && !l->has_month)
		*month = auth_bandwidth.user_month;
	if (what == METER_NODE && !l->has_rate)
		*rate = auth_bandwidth.node_rate;
	if (what == METER_NODE && !l->has_month)
		*month = auth_bandwidth.node_month;
}

enum store_result
auth_traffic_of(uint32_t month, uint32_t what, const char *id, uint64_t *in,
    uint64_t *out)
{
	struct traffic_sum	*sum;
	enum store_result	 r;
	struct meter_id		 key;

	memset(&key, 0, sizeof(key));
	key.what = what;
	strlcpy(key.id, id, sizeof(key.id));
	r = store_traffic_find(auth_store, month, what, id, in, out);
	if (r == STORE_OK && (sum = sum_find(month, &key)) != NULL) {
		traffic_add(in, sum->in);
		traffic_add(out, sum->out);
	}
	return (r);
}

/* 0, or -1: nobody of this id, or the store does not say. */
static int
meter_get(const struct meter_id *id, struct meter_info *info)
{
	struct store_limit	 l;
	enum store_result	 r;
	uint64_t		 in, out;

	memset(info, 0, sizeof(*info));
	info->meter = *id;
	info->month = month_of(auth_wall());
	r = store_limit_find(auth_store, id->what, id->id, &l);
	if (r == STORE_OK)
		r = auth_traffic_of(info->month, id->what, id->id, &in, &out);
	if (r != STORE_OK) {
		if (r != STORE_NONE)
			auth_trouble("limits of bandwidth are not known");
		return (-1);
	}
	strlcpy(info->name, l.name, sizeof(info->name));
	auth_limit_effective(id->what, &l, &info->rate, &info->quota);
	info->used = in + out;
	return (0);
}

void
auth_limit_figures(uint32_t what, const char *id, uint64_t *rate,
    uint64_t *quota, uint64_t *used)
{
	struct meter_info	 info;
	struct meter_id		 key;

	*rate = *quota = *used = 0;
	memset(&key, 0, sizeof(key));
	key.what = what;
	strlcpy(key.id, id, sizeof(key.id));
	if (meter_get(&key, &info) == -1)
		return;
	*rate = info.rate;
	*quota = info.quota;
	*used = info.used;
}

static void
meter_send(const struct meter_info *info)
{
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_METER, 0, -1, info,
	    sizeof(*info));
}

void
auth_limit_changed(uint32_t what, const char *id)
{
	struct meter_info	 info;
	struct meter_id		 key;

	memset(&key, 0, sizeof(key));
	key.what = what;
	strlcpy(key.id, id, sizeof(key.id));
	if (meter_get(&key, &info) == 0)
		meter_send(&info);
}

void
auth_limits_changed(void)
{
	struct conf_end	 msg;

	memset(&msg, 0, sizeof(msg));
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_METERS_AGAIN, 0, -1,
	    &msg, sizeof(msg));
}

int
auth_recv_meter_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct meter_info	 info;
	struct meter_id		 id;

	if (imsg_get_data(imsg, &id, sizeof(id)) == -1 ||
	    id.what < METER_USER || id.what > METER_PORT ||
	    memchr(id.id, '\0', sizeof(id.id)) == NULL)
		return (-1);
	if (meter_get(&id, &info) == 0)
		meter_send(&info);
	return (0);
}

/* ---- what is carried ---- */

/* A line in the log when most of a quota is used, and when all is. */
static void
traffic_watch(const struct meter_info *info, uint64_t before)
{
	static const char *const names[] = METER_NAMES;
	uint64_t		 most = info->quota - info->quota / 5;
	struct audit_event	 e;

	if (before < most && info->used >= most && info->used < info->quota)
		log_info("%s %s: 80%% of this month's %llu bytes are used",
		    names[info->meter.what], info->name,
		    (unsigned long long)info->quota);
	if (before >= info->quota || info->used < info->quota)
		return;
	log_warnx("%s %s: this month's %llu bytes are used up",
	    names[info->meter.what], info->name,
	    (unsigned long long)info->quota);
	memset(&e, 0, sizeof(e));
	e.what = AUDIT_QUOTA;
	strlcpy(info->meter.what == METER_USER ? e.email : e.node, info->name,
	    info->meter.what == METER_USER ? sizeof(e.email) :
	    sizeof(e.node));
	strlcpy(e.text, "the traffic of this month is used up",
	    sizeof(e.text));
	auth_audit(&e);
}

int
auth_recv_traffic(struct proc_peer *peer, struct imsg *imsg)
{
	struct meter_info	 info;
	struct traffic		 t;
	struct traffic_sum	*sum;
	uint32_t		 month = month_of(auth_wall());

	if (imsg_get_data(imsg, &t, sizeof(t)) == -1 ||
	    t.meter.what < METER_USER || t.meter.what > METER_PORT ||
	    memchr(t.meter.id, '\0', sizeof(t.meter.id)) == NULL ||
	    t.meter.id[0] == '\0')
		return (-1);
	if ((sum = sum_find(month, &t.meter)) == NULL) {
		if (nsums >= TRAFFIC_MAX ||
		    (sum = calloc(1, sizeof(*sum))) == NULL) {
			auth_trouble("traffic is not counted");
			return (0);
		}
		sum->month = month;
		sum->id = t.meter;
		RB_INSERT(traffic_sums, &sums, sum);
		if (nsums++ == 0)
			due = auth_mono() + TRAFFIC_MS;
	}
	traffic_add(&sum->in, t.in);
	traffic_add(&sum->out, t.out);
	if (meter_get(&t.meter, &info) == -1 || info.quota == 0)
		return (0);
	traffic_watch(&info, info.used - t.in - t.out);
	meter_send(&info);
	return (0);
}

/* ---- to the store ---- */

/* As much as goes into one transaction; how many. */
static enum store_result
traffic_write(size_t *n)
{
	struct traffic_sum	*sum;
	enum store_result	 r;

	*n = 0;
	if ((r = store_begin(auth_store)) != STORE_OK)
		return (r);
	RB_FOREACH(sum, traffic_sums, &sums) {
		if (*n == AUTH_BATCH)
			break;
		r = store_traffic_add(auth_store, sum->month, sum->id.what,
		    sum->id.id, sum->in, sum->out);
		if (r != STORE_OK) {
			store_rollback(auth_store);
			return (r);
		}
		(*n)++;
	}
	return (store_commit(auth_store));
}

/* Write all that goes into one batch.  1 if there is more. */
static int
traffic_flush(void)
{
	struct traffic_sum	*sum;
	size_t			 n;

	if (nsums == 0)
		return (0);
	if (traffic_write(&n) != STORE_OK) {
		auth_trouble("traffic is counted in memory");
		due = auth_mono() + TRAFFIC_RETRY_MS;
		return (0);
	}
	while (n-- > 0 && (sum = RB_MIN(traffic_sums, &sums)) != NULL) {
		RB_REMOVE(traffic_sums, &sums, sum);
		nsums--;
		free(sum);
	}
	return (nsums > 0);
}

int
auth_traffic_tick(void)
{
	if (nsums == 0 || auth_mono() < due)
		return (0);
	return (traffic_flush());
}

void
auth_traffic_stop(void)
{
	while (traffic_flush())
		;
}
