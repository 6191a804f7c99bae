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
 * Questions about sites: what listeners ask and what we want to know again
 * goes to auth as its pipe takes it, and is answered in time, somehow.
 * Revocations wait for the answers that they need.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "router_site_internal.h"
#include "ws.h"

#define WAITS_MAX	1024	/* questions that wait, per listener */
#define WAIT_MS		5000	/* then one is answered, somehow */

/* Something is revoked: when all is known that it ends, it ends. */
struct site_job {
	TAILQ_ENTRY(site_job)	 entry;
	uint32_t		 id;
	uint32_t		 auth_id;
	uint32_t		 pending;
	struct revoke		 revoke;
};

static int	wait_cmp(struct site_wait *, struct site_wait *);
static struct site_wait *wait_new(int, const struct site_ask *);
static void	wait_free(struct site_wait *);
static void	wait_fail(struct site_wait *);
static void	job_told(uint32_t);
static void	job_end(struct site_job *);

RB_HEAD(site_wait_table, site_wait);
RB_PROTOTYPE_STATIC(site_wait_table, site_wait, by_id, wait_cmp)

static struct site_wait_table	 waits = RB_INITIALIZER(&waits);
static TAILQ_HEAD(, site_wait)	 waits_by_age =
				    TAILQ_HEAD_INITIALIZER(waits_by_age);
static TAILQ_HEAD(, site_wait)	 unsent = TAILQ_HEAD_INITIALIZER(unsent);
static uint32_t			 nwaits[PROC_INSTANCES_MAX];
static TAILQ_HEAD(, site_job)	 jobs = TAILQ_HEAD_INITIALIZER(jobs);
static uint32_t			 last_wait, last_job;

static int
wait_cmp(struct site_wait *a, struct site_wait *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

RB_GENERATE_STATIC(site_wait_table, site_wait, by_id, wait_cmp)

/* ---- questions ---- */

static struct site_wait *
wait_new(int listener, const struct site_ask *ask)
{
	struct site_wait	*w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		fatal("site");
	w->listener = listener;
	w->ask = *ask;
	w->until_ms = router_ms() + WAIT_MS;
	do
		w->id = ++last_wait;
	while (w->id == 0 || RB_INSERT(site_wait_table, &waits, w) != NULL);
	TAILQ_INSERT_TAIL(&waits_by_age, w, by_age);
	TAILQ_INSERT_TAIL(&unsent, w, unsent);
	router_wake();
	return (w);
}

struct site_wait *
site_wait_find(uint32_t id)
{
	struct site_wait	*w, key;

	key.id = id;
	w = RB_FIND(site_wait_table, &waits, &key);
	return (w != NULL && w->sent ? w : NULL);
}

static void
wait_free(struct site_wait *w)
{
	struct router_site	*site;

	if (!w->sent) {
		TAILQ_REMOVE(&unsent, w, unsent);
		if (w->ours &&
		    (site = sites_find(w->listener, &w->ask)) != NULL)
			site->look = 0;
	}
	if (!w->ours)
		nwaits[w->listener]--;
	RB_REMOVE(site_wait_table, &waits, w);
	TAILQ_REMOVE(&waits_by_age, w, by_age);
	free(w);
}

void
site_wait_end(struct site_wait *w)
{
	job_told(w->job);
	wait_free(w);
}

/* There is no answer. */
static void
wait_fail(struct site_wait *w)
{
	struct site	 s;

	if (!w->ours) {
		memset(&s, 0, sizeof(s));
		s.code = MUX_CODE_INTERNAL;
		s.passthrough = w->ask.passthrough;
		strlcpy(s.host, w->ask.host, sizeof(s.host));
		(void)proc_send(router_listener(w->listener), IMSG_SITE,
		    w->their_id, -1, &s, sizeof(s));
	}
	site_wait_end(w);
}

int
site_waits_send(void)
{
	struct proc_peer	*auth = router_auth();
	struct router_site	*site;
	struct site_wait	*w;

	while (auth != NULL && (w = TAILQ_FIRST(&unsent)) != NULL) {
		if (proc_queued(auth) > PROC_QUEUE_HIGH ||
		    proc_send(auth, IMSG_SITE_ASK, w->id, -1, &w->ask,
		    sizeof(w->ask)) == -1)
			return (1);
		TAILQ_REMOVE(&unsent, w, unsent);
		w->sent = 1;
		if (w->ours &&
		    (site = sites_find(w->listener, &w->ask)) != NULL)
			site->look = 0;
	}
	return (!TAILQ_EMPTY(&unsent));
}

void
site_wait_ask(int listener, const struct site_ask *ask, uint32_t their_id)
{
	struct site_wait	*w;

	w = wait_new(listener, ask);
	w->their_id = their_id;
	if (nwaits[listener]++ >= WAITS_MAX)
		wait_fail(w);
	else
		(void)site_waits_send();
}

void
site_wait_check(struct router_site *site, uint32_t job)
{
	struct site_wait	*w;
	struct site_ask		 ask;

	/* One question that is yet to be sent is enough. */
	if (site->look && job == 0)
		return;
	memset(&ask, 0, sizeof(ask));
	strlcpy(ask.host, site->s.host, sizeof(ask.host));
	ask.passthrough = site->s.passthrough;
	w = wait_new(site->listener, &ask);
	w->ours = 1;
	w->job = job;
	site->look = 1;
}

/* ---- revocations ---- */

static void
job_told(uint32_t id)
{
	struct site_job	*j;

	if (id == 0)
		return;
	TAILQ_FOREACH(j, &jobs, entry) {
		if (j->id == id)
			break;
	}
	if (j != NULL && --j->pending == 0)
		job_end(j);
}

static void
job_end(struct site_job *j)
{
	TAILQ_REMOVE(&jobs, j, entry);
	end_start(REVOKE_SITE, j->revoke.id, WS_CLOSE_POLICY, j->revoke.text,
	    end_revoked, j->auth_id);
	free(j);
}

void
sites_revoke(const struct revoke *r, uint32_t auth_id)
{
	struct site_job	*j;

	if ((j = calloc(1, sizeof(*j))) == NULL)
		fatal("site");
	do
		j->id = ++last_job;
	while (j->id == 0);
	j->auth_id = auth_id;
	j->revoke = *r;
	TAILQ_INSERT_TAIL(&jobs, j, entry);
	if ((j->pending = sites_check(r->id, j->id)) == 0)
		job_end(j);
}

/* ---- peers ---- */

/* It forgets who revokes what, and its successor is asked about all. */
void
site_waits_auth_down(void)
{
	struct site_wait	*w, *tmp;
	struct site_job		*j;

	while ((j = TAILQ_FIRST(&jobs)) != NULL) {
		TAILQ_REMOVE(&jobs, j, entry);
		free(j);
	}
	TAILQ_FOREACH_SAFE(w, &waits_by_age, by_age, tmp) {
		if (w->ours) {
			site_wait_end(w);
			continue;
		}
		if (w->sent)
			TAILQ_INSERT_TAIL(&unsent, w, unsent);
		w->sent = 0;
	}
}

void
site_waits_listener_down(int listener)
{
	struct site_wait	*w, *tmp;

	TAILQ_FOREACH_SAFE(w, &waits_by_age, by_age, tmp) {
		if (w->listener == listener)
			site_wait_end(w);
	}
}

int
sites_tick(uint64_t now)
{
	struct site_wait	*w;

	(void)site_waits_send();
	while ((w = TAILQ_FIRST(&waits_by_age)) != NULL &&
	    now >= w->until_ms) {
		log_debug("site %s: no answer in time", w->ask.host);
		wait_fail(w);
	}
	return (w != NULL);
}

size_t
site_waits_memory(void)
{
	struct site_wait	*w;
	size_t			 bytes = 0;

	RB_FOREACH(w, site_wait_table, &waits)
		bytes += sizeof(*w);
	return (bytes);
}
