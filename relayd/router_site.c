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
 * Sites: what a host name leads to.  Auth knows; we add whether the node is
 * there, and for what needs no log-in a session of its owner's at the
 * listener that asks.  Whatever may have changed auth is asked about again,
 * and what leads elsewhere now ends.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "msg_site.h"
#include "router.h"
#include "ws.h"

#define WAITS_MAX	1024	/* questions that wait, per listener */
#define WAIT_MS		5000	/* then one is answered, somehow */
#define SITES_MAX	4096	/* with a session, per listener */
#define SITES_LOOK	64	/* of them, for one that nobody uses */

/* A site with a session at a listener.  The table owns it. */
struct router_site {
	RB_ENTRY(router_site)	 by_host;
	TAILQ_ENTRY(router_site) by_age;	/* last asked for: last */
	int			 listener;
	int			 look;		/* a question is not sent */
	struct site		 s;
	struct router_session	*rs;
};

/* A question for auth: a listener's, or whether a site is still so. */
struct site_wait {
	RB_ENTRY(site_wait)	 by_id;
	TAILQ_ENTRY(site_wait)	 by_age;
	TAILQ_ENTRY(site_wait)	 unsent;
	uint32_t		 id;
	int			 sent;
	int			 listener;
	int			 ours;
	uint32_t		 their_id;	/* the listener's */
	uint32_t		 job;		/* that waits for it, or 0 */
	uint64_t		 until_ms;
	struct site_ask		 ask;
};

/* Something is revoked: when all is known that it ends, it ends. */
struct site_job {
	TAILQ_ENTRY(site_job)	 entry;
	uint32_t		 id;
	uint32_t		 auth_id;
	uint32_t		 pending;
	struct revoke		 revoke;
};

TAILQ_HEAD(sites_by_age, router_site);

static int	site_cmp(struct router_site *, struct router_site *);
static int	wait_cmp(struct site_wait *, struct site_wait *);
static struct router_site *site_find(int, const struct site_ask *);
static struct router_site *site_new(int, const struct site *);
static int	site_room(int);
static void	site_forget(struct router_site *);
static void	site_over(struct router_site *, int);
static int	site_holds(const struct router_site *, const struct site *);
static int	site_is_open(const struct site *);
static void	site_check(struct router_site *, uint32_t);
static uint32_t	sites_check(const char *, uint32_t);
static struct site_wait *wait_new(int, const struct site_ask *);
static struct site_wait *wait_find(uint32_t);
static void	wait_free(struct site_wait *);
static void	wait_fail(struct site_wait *);
static int	waits_send(void);
static void	job_told(uint32_t);
static void	job_end(struct site_job *);
static void	sites_tell(const char *);

RB_HEAD(router_site_table, router_site);
RB_HEAD(site_wait_table, site_wait);
RB_PROTOTYPE_STATIC(router_site_table, router_site, by_host, site_cmp)
RB_PROTOTYPE_STATIC(site_wait_table, site_wait, by_id, wait_cmp)

static struct router_site_table	 sites = RB_INITIALIZER(&sites);
static struct sites_by_age	 ages[PROC_INSTANCES_MAX];
static uint32_t			 nsites[PROC_INSTANCES_MAX];
static struct site_wait_table	 waits = RB_INITIALIZER(&waits);
static TAILQ_HEAD(, site_wait)	 waits_by_age =
				    TAILQ_HEAD_INITIALIZER(waits_by_age);
static TAILQ_HEAD(, site_wait)	 unsent = TAILQ_HEAD_INITIALIZER(unsent);
static uint32_t			 nwaits[PROC_INSTANCES_MAX];
static int			 asked[PROC_INSTANCES_MAX];	/* ever */
static TAILQ_HEAD(, site_job)	 jobs = TAILQ_HEAD_INITIALIZER(jobs);
static uint32_t			 last_wait, last_job;
/* As auth has said; before that there may be anything. */
static uint32_t			 passthrough = 1;

static int
site_cmp(struct router_site *a, struct router_site *b)
{
	if (a->listener != b->listener)
		return (a->listener < b->listener ? -1 : 1);
	if (a->s.passthrough != b->s.passthrough)
		return (a->s.passthrough < b->s.passthrough ? -1 : 1);
	return (strcmp(a->s.host, b->s.host));
}

static int
wait_cmp(struct site_wait *a, struct site_wait *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

RB_GENERATE_STATIC(router_site_table, router_site, by_host, site_cmp)
RB_GENERATE_STATIC(site_wait_table, site_wait, by_id, wait_cmp)

/* ---- sites with a session ---- */

static struct router_site *
site_find(int listener, const struct site_ask *ask)
{
	struct router_site	 key;

	key.listener = listener;
	key.s.passthrough = ask->passthrough;
	strlcpy(key.s.host, ask->host, sizeof(key.s.host));
	return (RB_FIND(router_site_table, &sites, &key));
}

/* Anybody may come, so somebody has to answer for the streams. */
static int
site_is_open(const struct site *s)
{
	return (s->code == 0 && (s->passthrough ||
	    s->access == SITE_PUBLIC));
}

/* Make room for one more: 1, or 0. */
static int
site_room(int listener)
{
	struct router_site	*site;
	int			 look;

	if (nsites[listener] < SITES_MAX)
		return (1);
	for (look = 0; look < SITES_LOOK; look++) {
		site = TAILQ_FIRST(&ages[listener]);
		if (TAILQ_EMPTY(&site->rs->streams) &&
		    TAILQ_EMPTY(&site->rs->asks)) {
			site_over(site, 1);
			return (1);
		}
		/* The next time others are looked at. */
		TAILQ_REMOVE(&ages[listener], site, by_age);
		TAILQ_INSERT_TAIL(&ages[listener], site, by_age);
	}
	return (0);
}

static struct router_site *
site_new(int listener, const struct site *s)
{
	static uint64_t		 told;
	struct router_site	*site;
	struct session		 owner;

	if (!site_room(listener)) {
		if (router_may_log(&told))
			log_warnx("listener %d: too many sites in use, %s is "
			    "refused", listener, s->host);
		return (NULL);
	}
	if ((site = calloc(1, sizeof(*site))) == NULL)
		fatal("site");
	memset(&owner, 0, sizeof(owner));
	owner.listener = listener;
	owner.door = DOOR_HTTP;
	strlcpy(owner.user_id, s->user_id, sizeof(owner.user_id));
	strlcpy(owner.email, s->email, sizeof(owner.email));
	strlcpy(owner.node_id, s->node_id, sizeof(owner.node_id));
	strlcpy(owner.node, s->node, sizeof(owner.node));
	site->listener = listener;
	site->s = *s;
	site->rs = session_new_own(&owner, "", s->host);
	site->rs->site = site;
	if (nsites[listener]++ == 0)
		TAILQ_INIT(&ages[listener]);
	RB_INSERT(router_site_table, &sites, site);
	TAILQ_INSERT_TAIL(&ages[listener], site, by_age);
	return (site);
}

static void
site_forget(struct router_site *site)
{
	RB_REMOVE(router_site_table, &sites, site);
	TAILQ_REMOVE(&ages[site->listener], site, by_age);
	nsites[site->listener]--;
	site->rs->site = NULL;
	free(site);
}

/* It leads elsewhere now.  Unless a job is about to, end what is there. */
static void
site_over(struct router_site *site, int end)
{
	struct router_session	*rs = site->rs;

	rs->own->over = 1;
	site_forget(site);
	if (end)
		session_kill(rs, WS_CLOSE_POLICY, "the site has changed");
}

static int
site_holds(const struct router_site *site, const struct site *s)
{
	return (site_is_open(s) &&
	    strcmp(site->s.node_id, s->node_id) == 0 &&
	    strcmp(site->s.node, s->node) == 0 &&
	    strcmp(site->s.service, s->service) == 0 &&
	    strcmp(site->s.user_id, s->user_id) == 0 &&
	    strcmp(site->s.email, s->email) == 0);
}

void
site_limit(const struct router_site *site, struct ticket *t)
{
	t->kind = site->s.passthrough ? MUX_KIND_TLS : MUX_KIND_HTTP;
	t->exact = 1;
	strlcpy(t->host, site->s.service, sizeof(t->host));
}

void
site_session_gone(struct router_session *rs)
{
	if (rs->site != NULL)
		site_forget(rs->site);
}

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

static struct site_wait *
wait_find(uint32_t id)
{
	struct site_wait	 key;

	key.id = id;
	return (RB_FIND(site_wait_table, &waits, &key));
}

static void
wait_free(struct site_wait *w)
{
	struct router_site	*site;

	if (!w->sent) {
		TAILQ_REMOVE(&unsent, w, unsent);
		if (w->ours &&
		    (site = site_find(w->listener, &w->ask)) != NULL)
			site->look = 0;
	}
	if (!w->ours)
		nwaits[w->listener]--;
	RB_REMOVE(site_wait_table, &waits, w);
	TAILQ_REMOVE(&waits_by_age, w, by_age);
	free(w);
}

/* There is no answer. */
static void
wait_fail(struct site_wait *w)
{
	struct site	 s;

	if (w->ours) {
		job_told(w->job);
		wait_free(w);
		return;
	}
	memset(&s, 0, sizeof(s));
	s.code = MUX_CODE_INTERNAL;
	s.passthrough = w->ask.passthrough;
	strlcpy(s.host, w->ask.host, sizeof(s.host));
	(void)proc_send(router_listener(w->listener), IMSG_SITE, w->their_id,
	    -1, &s, sizeof(s));
	wait_free(w);
}

/* As auth's pipe takes them.  1: there are more. */
static int
waits_send(void)
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
		    (site = site_find(w->listener, &w->ask)) != NULL)
			site->look = 0;
	}
	return (!TAILQ_EMPTY(&unsent));
}

/* Is it still so?  One question that is yet to be sent is enough. */
static void
site_check(struct router_site *site, uint32_t job)
{
	struct site_wait	*w;
	struct site_ask		 ask;

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

/* Those of this node, "": of any; how many questions that is. */
static uint32_t
sites_check(const char *node_id, uint32_t job)
{
	struct router_site	*site;
	uint32_t		 n = 0;

	RB_FOREACH(site, router_site_table, &sites) {
		if (node_id[0] != '\0' &&
		    strcmp(site->s.node_id, node_id) != 0)
			continue;
		site_check(site, job);
		n++;
	}
	(void)waits_send();
	return (n);
}

/* Who has asked for nothing goes by nothing. */
static void
sites_tell(const char *node_id)
{
	static uint64_t		 told;
	struct sites_changed	 msg;
	int			 i;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.node_id, node_id, sizeof(msg.node_id));
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (router_listener(i) != NULL && asked[i] &&
		    proc_send(router_listener(i), IMSG_SITES_CHANGED, 0, -1,
		    &msg, sizeof(msg)) == -1 && router_may_log(&told))
			log_warnx("listener %d takes nothing: it may go by "
			    "old sites for a minute", i);
	}
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

/* What it ends has been told so already. */
void
sites_end(const struct router_end *e, uint32_t what, const char *id)
{
	struct router_site	*site, *tmp;

	if (what != REVOKE_USER && what != REVOKE_NODE && what != REVOKE_SITE)
		return;
	RB_FOREACH_SAFE(site, router_site_table, &sites, tmp) {
		if (end_match(e, site->rs))
			site_over(site, 0);
	}
	sites_tell(what == REVOKE_USER ? "" : id);
}

/* ---- peers ---- */

void
sites_auth_up(void)
{
	(void)sites_check("", 0);
}

/* It forgets who revokes what, and its successor is asked about all. */
void
sites_auth_down(void)
{
	struct router_session	*rs;
	struct site_wait	*w, *tmp;
	struct site_job		*j;

	while ((j = TAILQ_FIRST(&jobs)) != NULL) {
		TAILQ_REMOVE(&jobs, j, entry);
		free(j);
	}
	TAILQ_FOREACH_SAFE(w, &waits_by_age, by_age, tmp) {
		if (w->ours) {
			wait_free(w);
			continue;
		}
		if (w->sent)
			TAILQ_INSERT_TAIL(&unsent, w, unsent);
		w->sent = 0;
	}
	RB_FOREACH(rs, router_sessions, &router_sessions) {
		if (rs->own != NULL && rs->own->over)
			session_kill(rs, WS_CLOSE_POLICY,
			    "the site has changed");
	}
}

/* It need not look at hellos where there is nothing to be found. */
void
sites_listener_up(int listener)
{
	struct passthrough	 msg = { .any = passthrough };

	(void)proc_send(router_listener(listener), IMSG_PASSTHROUGH, 0, -1,
	    &msg, sizeof(msg));
}

/* Its sessions are dropped by who has them. */
void
sites_listener_down(int listener)
{
	struct site_wait	*w, *tmp;

	asked[listener] = 0;
	TAILQ_FOREACH_SAFE(w, &waits_by_age, by_age, tmp) {
		if (w->listener != listener)
			continue;
		job_told(w->job);
		wait_free(w);
	}
}

int
sites_tick(uint64_t now)
{
	struct site_wait	*w;

	(void)waits_send();
	while ((w = TAILQ_FIRST(&waits_by_age)) != NULL &&
	    now >= w->until_ms) {
		log_debug("site %s: no answer in time", w->ask.host);
		wait_fail(w);
	}
	return (w != NULL);
}

size_t
sites_memory(size_t *n)
{
	struct router_site	*site;
	struct site_wait	*w;
	size_t			 bytes = 0;

	*n = 0;
	RB_FOREACH(site, router_site_table, &sites) {
		(*n)++;
		bytes += sizeof(*site) + sizeof(*site->rs) +
		    sizeof(*site->rs->own);
	}
	RB_FOREACH(w, site_wait_table, &waits)
		bytes += sizeof(*w);
	return (bytes);
}

/* ---- messages ---- */

int
sites_recv_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct site_wait	*w;
	struct site_ask		 ask;
	int			 i = proc_peer_instance(peer);

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    !ROUTER_STR(ask.host) || ask.host[0] == '\0' ||
	    ask.passthrough > 1)
		return (-1);
	asked[i] = 1;
	w = wait_new(i, &ask);
	w->their_id = imsg_get_id(imsg);
	if (nwaits[i]++ >= WAITS_MAX)
		wait_fail(w);
	else
		(void)waits_send();
	return (0);
}

static int
site_valid(const struct site *s)
{
	return (ROUTER_STR(s->host) && ROUTER_STR(s->node) &&
	    ROUTER_STR(s->node_id) && ROUTER_STR(s->service) &&
	    ROUTER_STR(s->user_id) && ROUTER_STR(s->email) &&
	    s->code <= UINT16_MAX && s->passthrough <= 1 &&
	    s->session == 0 && (s->code != 0 || (s->node[0] != '\0' &&
	    s->node_id[0] != '\0' && s->user_id[0] != '\0' &&
	    s->access >= SITE_PRIVATE && s->access <= SITE_BASIC)));
}

int
sites_recv_answer(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_site	*site;
	struct site_wait	*w;
	struct site		 s;

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1 || !site_valid(&s))
		return (-1);
	if ((w = wait_find(imsg_get_id(imsg))) == NULL || !w->sent ||
	    strcmp(w->ask.host, s.host) != 0 ||
	    w->ask.passthrough != s.passthrough) {
		log_debug("auth tells of a site that nobody asks for");
		return (0);
	}
	/* What can't be read now has not changed. */
	if ((site = site_find(w->listener, &w->ask)) != NULL &&
	    s.code != MUX_CODE_INTERNAL && !site_holds(site, &s)) {
		site_over(site, w->job == 0);
		site = NULL;
	}
	if (w->ours) {
		job_told(w->job);
		wait_free(w);
		return (0);
	}
	if (site_is_open(&s) && site == NULL &&
	    (site = site_new(w->listener, &s)) == NULL)
		s.code = MUX_CODE_INTERNAL;
	if (site_is_open(&s)) {
		s.session = site->rs->s.session;
		TAILQ_REMOVE(&ages[w->listener], site, by_age);
		TAILQ_INSERT_TAIL(&ages[w->listener], site, by_age);
	}
	s.online = s.code == 0 && node_find(s.node_id) != NULL;
	(void)proc_send(router_listener(w->listener), IMSG_SITE, w->their_id,
	    -1, &s, sizeof(s));
	wait_free(w);
	return (0);
}

int
sites_recv_changed(struct proc_peer *peer, struct imsg *imsg)
{
	struct sites_changed	 msg;
	int			 i;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    !ROUTER_STR(msg.node_id) || msg.passthrough > 1)
		return (-1);
	if (msg.passthrough != passthrough) {
		passthrough = msg.passthrough;
		for (i = 0; i < PROC_INSTANCES_MAX; i++)
			if (router_listener(i) != NULL)
				sites_listener_up(i);
	}
	(void)sites_check(msg.node_id, 0);
	sites_tell(msg.node_id);
	return (0);
}
