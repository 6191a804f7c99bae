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
#include "router_site_internal.h"
#include "ws.h"

#define SITES_MAX	4096	/* with a session, per listener */
#define SITES_LOOK	64	/* of them, for one that nobody uses */

TAILQ_HEAD(sites_by_age, router_site);

static int	site_cmp(struct router_site *, struct router_site *);
static struct router_site *site_new(int, const struct site *);
static int	site_room(int);
static void	site_forget(struct router_site *);
static void	site_over(struct router_site *, int);
static int	site_holds(const struct router_site *, const struct site *);
static int	site_is_open(const struct site *);
static void	sites_tell(const char *);

RB_HEAD(router_site_table, router_site);
RB_PROTOTYPE_STATIC(router_site_table, router_site, by_host, site_cmp)

static struct router_site_table	 sites = RB_INITIALIZER(&sites);
static struct sites_by_age	 ages[PROC_INSTANCES_MAX];
static uint32_t			 nsites[PROC_INSTANCES_MAX];
static int			 asked[PROC_INSTANCES_MAX];	/* ever */
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

RB_GENERATE_STATIC(router_site_table, router_site, by_host, site_cmp)

/* ---- sites with a session ---- */

struct router_site *
sites_find(int listener, const struct site_ask *ask)
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

uint32_t
sites_check(const char *node_id, uint32_t job)
{
	struct router_site	*site;
	uint32_t		 n = 0;

	RB_FOREACH(site, router_site_table, &sites) {
		if (node_id[0] != '\0' &&
		    strcmp(site->s.node_id, node_id) != 0)
			continue;
		site_wait_check(site, job);
		n++;
	}
	(void)site_waits_send();
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

/* Its successor is asked about all. */
void
sites_auth_down(void)
{
	struct router_session	*rs;

	site_waits_auth_down();
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
	asked[listener] = 0;
	site_waits_listener_down(listener);
}

size_t
sites_memory(size_t *n)
{
	struct router_site	*site;
	size_t			 bytes = site_waits_memory();

	*n = 0;
	RB_FOREACH(site, router_site_table, &sites) {
		(*n)++;
		bytes += sizeof(*site) + sizeof(*site->rs) +
		    sizeof(*site->rs->own);
	}
	return (bytes);
}

/* ---- messages ---- */

int
sites_recv_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct site_ask		 ask;
	int			 i = proc_peer_instance(peer);

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    !ROUTER_STR(ask.host) || ask.host[0] == '\0' ||
	    ask.passthrough > 1)
		return (-1);
	asked[i] = 1;
	site_wait_ask(i, &ask, imsg_get_id(imsg));
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
	if ((w = site_wait_find(imsg_get_id(imsg))) == NULL ||
	    strcmp(w->ask.host, s.host) != 0 ||
	    w->ask.passthrough != s.passthrough) {
		log_debug("auth tells of a site that nobody asks for");
		return (0);
	}
	/* What can't be read now has not changed. */
	if ((site = sites_find(w->listener, &w->ask)) != NULL &&
	    s.code != MUX_CODE_INTERNAL && !site_holds(site, &s)) {
		site_over(site, w->job == 0);
		site = NULL;
	}
	if (w->ours) {
		site_wait_end(w);
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
	site_wait_end(w);
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
