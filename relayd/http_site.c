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
 * Sites as far as this listener has asked about them.  Bounded, and made of
 * what auth and router have said: a listener that knows nothing asks, and
 * one that is told that something has changed asks again.
 */

#include "compat.h"

#include <sys/socket.h>
#include <sys/tree.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <event2/event.h>
#include <imsg.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "door_pass.h"
#include "http_backend.h"
#include "http_site.h"
#include "listener.h"
#include "log.h"

#define SITES_MAX	4096	/* that are remembered */
#define ASKED_MAX	1024	/* and not answered */
#define SITE_OLD_MS	60000
#define SITE_FAILED_MS	1000	/* then who could not be asked is again */
#define NAMES_MAX	1024

/* The table by name owns it. */
struct site_entry {
	RB_ENTRY(site_entry)	 by_name;
	TAILQ_ENTRY(site_entry)	 by_age;	/* oldest answer first */
	struct site		 site;
	int			 passthrough;
	uint32_t		 id;		/* of the question */
	int			 asked;		/* router has it */
	int			 known;		/* there is an answer... */
	int			 stale;		/* ...which may be wrong now */
	uint64_t		 at_ms;
	uint64_t		 failed_ms;	/* there was no answer; 0 */
	struct stream_owner	 owner;		/* with router's session */
	TAILQ_HEAD(, site_wait)	 waiting;
	int			 going;		/* they are being told */
	LIST_HEAD(, site_use)	 uses;
};

struct names {
	char	*name[NAMES_MAX];
	size_t	 n;
};

static int	site_cmp(struct site_entry *, struct site_entry *);
static struct site_entry *site_get(const char *, int);
static struct site_entry *site_new(const char *, int);
static void	site_free(struct site_entry *);
static int	site_busy(const struct site_entry *);
static int	site_room(void);
static int	site_ask(struct site_entry *);
static void	site_doubt(struct site_entry *);
static void	site_answer(struct site_entry *, const struct site *);
static void	site_go_on(struct site_entry *);
static void	site_again(evutil_socket_t, short, void *);
static void	site_again_later(void);
static int	site_same(const struct site *, const struct site *);
static void	site_end(struct site_entry *, const char *);
static void	names_clear(struct names *);

static RB_HEAD(site_table, site_entry) sites = RB_INITIALIZER(&sites);
RB_GENERATE_STATIC(site_table, site_entry, by_name, site_cmp)
static TAILQ_HEAD(, site_entry)	 by_age = TAILQ_HEAD_INITIALIZER(by_age);
static uint32_t			 nsites, nasked, last_ask;
static struct event		*again;
static char			 domain[DOMAIN_LEN];
static struct names		 names, next_names;

static int
site_cmp(struct site_entry *a, struct site_entry *b)
{
	int	 diff = strcmp(a->site.host, b->site.host);

	return (diff != 0 ? diff : a->passthrough - b->passthrough);
}

/* ---- names ---- */

static void
names_clear(struct names *l)
{
	while (l->n > 0)
		free(l->name[--l->n]);
}

void
site_conf_begin(void)
{
	names_clear(&next_names);
}

int
site_recv_conf_name(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_name	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    memchr(c.name, '\0', sizeof(c.name)) == NULL)
		return (-1);
	/* Of names beyond that auth is asked, that is all. */
	if (strchr(c.name, '*') != NULL || next_names.n == NAMES_MAX)
		return (0);
	if ((next_names.name[next_names.n] = strdup(c.name)) == NULL)
		fatal("configuration");
	next_names.n++;
	return (0);
}

void
site_conf_end(const struct conf_begin *begin)
{
	names_clear(&names);
	names = next_names;
	next_names.n = 0;
	strlcpy(domain, begin->domain, sizeof(domain));
}

/* Is it one label below that name?  1; 0: it is not below it; -1: deeper. */
static int
below(const char *host, const char *name)
{
	size_t		 len = strlen(host), n = strlen(name);
	const char	*dot;

	if (n == 0 || len < n + 2 || strcmp(host + len - n, name) != 0 ||
	    host[len - n - 1] != '.')
		return (0);
	dot = strchr(host, '.');
	return (dot == host + len - n - 1 ? 1 : -1);
}

enum site_host
site_host(const char *host)
{
	struct in_addr	 in;
	size_t		 i;

	if (strchr(host, '.') == NULL || strcmp(host, domain) == 0 ||
	    strchr(host, ':') != NULL || inet_pton(AF_INET, host, &in) == 1)
		return (SITE_HOST_OWN);
	for (i = 0; i < names.n; i++) {
		if (strcmp(host, names.name[i]) == 0)
			return (SITE_HOST_PERHAPS);
	}
	if (below(host, domain) == 1 || below(host, "localhost") == 1)
		return (SITE_HOST_SITE);
	return (domain[0] == '\0' ? SITE_HOST_PERHAPS : SITE_HOST_OTHER);
}

/* ---- entries ---- */

static struct site_entry *
site_get(const char *host, int passthrough)
{
	static struct site_entry	 key;

	if (strlcpy(key.site.host, host, sizeof(key.site.host)) >=
	    sizeof(key.site.host))
		return (NULL);
	key.passthrough = passthrough;
	return (RB_FIND(site_table, &sites, &key));
}

static struct site_entry *
site_new(const char *host, int passthrough)
{
	struct site_entry	*e;

	if (!site_room() || (e = calloc(1, sizeof(*e))) == NULL)
		return (NULL);
	if (strlcpy(e->site.host, host, sizeof(e->site.host)) >=
	    sizeof(e->site.host)) {
		free(e);
		return (NULL);
	}
	e->passthrough = passthrough;
	TAILQ_INIT(&e->waiting);
	LIST_INIT(&e->uses);
	TAILQ_INIT(&e->owner.streams);
	SLIST_INIT(&e->owner.routes);
	e->owner.routed = passthrough ? passes_routed : http_backend_routed;
	RB_INSERT(site_table, &sites, e);
	TAILQ_INSERT_TAIL(&by_age, e, by_age);
	nsites++;
	return (e);
}

static void
site_free(struct site_entry *e)
{
	if (e->asked)
		nasked--;
	owner_end(&e->owner);
	RB_REMOVE(site_table, &sites, e);
	TAILQ_REMOVE(&by_age, e, by_age);
	nsites--;
	free(e);
}

static int
site_busy(const struct site_entry *e)
{
	return (e->going || !TAILQ_EMPTY(&e->waiting) ||
	    !LIST_EMPTY(&e->uses) ||
	    !TAILQ_EMPTY(&e->owner.streams));
}

/* For one more; the oldest answer that nobody needs makes way. */
static int
site_room(void)
{
	struct site_entry	*e;

	if (nsites < SITES_MAX)
		return (1);
	TAILQ_FOREACH(e, &by_age, by_age) {
		if (!site_busy(e)) {
			site_free(e);
			return (1);
		}
	}
	return (0);
}

/*
 * 0, or -1: not now.  A router that is away is asked when it is back; one that
 * has too much to read would never answer.
 */
static int
site_ask(struct site_entry *e)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct site_ask		 ask;

	if (e->asked)
		return (0);
	if (nasked >= ASKED_MAX)
		return (-1);
	memset(&ask, 0, sizeof(ask));
	strlcpy(ask.host, e->site.host, sizeof(ask.host));
	ask.passthrough = e->passthrough;
	do
		e->id = ++last_ask;
	while (e->id == 0);
	if (proc_send(router, IMSG_SITE_ASK, e->id, -1, &ask,
	    sizeof(ask)) == -1 && router != NULL)
		return (-1);
	e->asked = 1;
	nasked++;
	return (0);
}

/* What is known of it may be wrong. */
static void
site_doubt(struct site_entry *e)
{
	e->stale = 1;
	if (!site_busy(e))
		site_free(e);
	else if (site_ask(e) == -1)
		site_again_later();
}

enum site_find
site_find(const char *host, int passthrough, struct site_wait *w,
    const struct site **site)
{
	struct site_entry	*e;

	*site = NULL;
	if ((e = site_get(host, passthrough)) == NULL &&
	    (e = site_new(host, passthrough)) == NULL)
		return (SITE_BUSY);
	if (e->known && !e->stale && listener_ms() - e->at_ms < SITE_OLD_MS) {
		if (e->site.code != 0)
			return (SITE_NONE);
		*site = &e->site;
		return (SITE_FOUND);
	}
	if (e->failed_ms != 0 &&
	    listener_ms() - e->failed_ms < SITE_FAILED_MS)
		return (SITE_BUSY);
	if (site_ask(e) == -1) {
		if (!site_busy(e))
			site_free(e);
		return (SITE_BUSY);
	}
	if (w->on != NULL)
		site_unwait(w);
	w->on = e;
	TAILQ_INSERT_TAIL(&e->waiting, w, entry);
	return (SITE_WAIT);
}

void
site_unwait(struct site_wait *w)
{
	if (w->on == NULL)
		return;
	TAILQ_REMOVE(&w->on->waiting, w, entry);
	w->on = NULL;
}

void
site_use(const struct site *site, struct site_use *u,
    void (*end)(struct site_use *, const char *))
{
	struct site_entry	*e;

	e = (struct site_entry *)(void *)(__DECONST(char *, site) -
	    offsetof(struct site_entry, site));
	u->on = e;
	u->end = end;
	LIST_INSERT_HEAD(&e->uses, u, entry);
}

void
site_release(struct site_use *u)
{
	if (u->on == NULL)
		return;
	LIST_REMOVE(u, entry);
	u->on = NULL;
}

const struct site *
site_used(const struct site_use *u)
{
	return (u->on == NULL ? NULL : &u->on->site);
}

struct stream_owner *
site_owner(const struct site_use *u)
{
	return (u->on == NULL ? NULL : &u->on->owner);
}

int
site_ready(const struct site_use *u)
{
	return (u->on != NULL && u->on->owner.session != 0 && !u->on->stale);
}

void
site_refresh(const struct site_use *u)
{
	if (u->on != NULL)
		(void)site_ask(u->on);
}

/* ---- from router ---- */

/* Whether it still is the same to whom rests on it. */
static int
site_same(const struct site *a, const struct site *b)
{
	return (a->code == b->code && a->access == b->access &&
	    a->passthrough == b->passthrough &&
	    a->own_domain == b->own_domain &&
	    strcmp(a->node_id, b->node_id) == 0 &&
	    strcmp(a->node, b->node) == 0 &&
	    strcmp(a->service, b->service) == 0 &&
	    strcmp(a->user_id, b->user_id) == 0);
}

/* Whoever uses it ends, now. */
static void
site_end(struct site_entry *e, const char *why)
{
	struct site_use	*u;

	while ((u = LIST_FIRST(&e->uses)) != NULL) {
		LIST_REMOVE(u, entry);
		u->on = NULL;
		u->end(u, why);
	}
}

/* What is in use and may be wrong is asked about until there is an answer. */
static void
site_again(evutil_socket_t fd, short what, void *arg)
{
	struct site_entry	*e;

	RB_FOREACH(e, site_table, &sites) {
		if (e->stale && site_busy(e) && site_ask(e) == -1)
			site_again_later();
	}
}

static void
site_again_later(void)
{
	const struct timeval	 tv = { SITE_FAILED_MS / 1000, 0 };

	if (again == NULL && (again = evtimer_new(proc_base(), site_again,
	    NULL)) == NULL)
		fatal("event");
	if (!evtimer_pending(again, NULL))
		evtimer_add(again, &tv);
}

/* Whoever waits goes on; one may leave with another, e may not. */
static void
site_go_on(struct site_entry *e)
{
	struct site_wait	*w;

	e->going = 1;
	while ((w = TAILQ_FIRST(&e->waiting)) != NULL) {
		site_unwait(w);
		w->go(w);
	}
	e->going = 0;
}

static void
site_answer(struct site_entry *e, const struct site *s)
{
	/*
	 * It can't be looked up now.  Who is there may stay: that it has
	 * changed is not known, and is told when it is.
	 */
	if (s->code == MUX_CODE_INTERNAL) {
		e->failed_ms = listener_ms();
		site_go_on(e);
		site_again_later();
		return;
	}
	e->failed_ms = 0;
	if (e->known && !site_same(&e->site, s))
		site_end(e, "the site has changed");
	e->site = *s;
	e->known = 1;
	e->stale = 0;
	e->at_ms = listener_ms();
	TAILQ_REMOVE(&by_age, e, by_age);
	TAILQ_INSERT_TAIL(&by_age, e, by_age);
	if (s->session == 0)
		owner_end(&e->owner);
	else if (s->session != e->owner.session) {
		owner_begin(&e->owner, s->session, 0);
		/* Of a new router: those that there are go on. */
		if (e->passthrough)
			passes_renew(&e->owner);
		else
			http_backends_renew(&e->owner);
	}
	site_go_on(e);
}

int
site_recv(struct proc_peer *peer, struct imsg *imsg)
{
	static struct site	 s;
	struct site_entry	*e;
	int			 i;

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1 ||
	    memchr(s.host, '\0', sizeof(s.host)) == NULL ||
	    memchr(s.node, '\0', sizeof(s.node)) == NULL ||
	    memchr(s.node_id, '\0', sizeof(s.node_id)) == NULL ||
	    memchr(s.service, '\0', sizeof(s.service)) == NULL ||
	    memchr(s.user_id, '\0', sizeof(s.user_id)) == NULL ||
	    memchr(s.email, '\0', sizeof(s.email)) == NULL ||
	    s.code > UINT16_MAX || (s.code == 0 && (s.node[0] == '\0' ||
	    s.access < SITE_PRIVATE || s.access > SITE_BASIC)))
		return (-1);
	for (i = 0; i < 2; i++) {
		e = site_get(s.host, i);
		if (e == NULL || !e->asked || e->id != imsg_get_id(imsg))
			continue;
		e->asked = 0;
		nasked--;
		site_answer(e, &s);
		return (0);
	}
	log_debug("site %s: nobody asks any more", s.host);
	return (0);
}

int
site_recv_doubt(struct proc_peer *peer, struct imsg *imsg)
{
	struct sites_changed	 msg;
	struct site_entry	*e, *tmp;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    memchr(msg.node_id, '\0', sizeof(msg.node_id)) == NULL)
		return (-1);
	/* What is asked just now is answered as it is after that. */
	RB_FOREACH_SAFE(e, site_table, &sites, tmp) {
		if (e->known && (msg.node_id[0] == '\0' ||
		    e->site.code != 0 ||
		    strcmp(e->site.node_id, msg.node_id) == 0))
			site_doubt(e);
	}
	return (0);
}

void
site_router_up(void)
{
	struct site_entry	*e, *tmp;

	RB_FOREACH_SAFE(e, site_table, &sites, tmp) {
		if (e->asked) {
			e->asked = 0;
			nasked--;
		}
		site_doubt(e);
	}
}

int
site_kill(uint64_t session, const char *why, uint32_t *n)
{
	struct site_entry	*e;

	RB_FOREACH(e, site_table, &sites) {
		if (e->owner.session != session)
			continue;
		*n = e->passthrough ?
		    passes_kill(&e->owner, MUX_CODE_KILLED, why) :
		    http_backends_kill(&e->owner, MUX_CODE_KILLED, why);
		owner_end(&e->owner);
		/* Whatever comes next asks for another session. */
		site_doubt(e);
		return (0);
	}
	return (-1);
}

size_t
site_memory(uint64_t *n)
{
	*n = nsites;
	return (nsites * sizeof(struct site_entry));
}
