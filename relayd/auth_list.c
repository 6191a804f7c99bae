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
 * Answers that may be long: a page at a time, no faster than router takes
 * them.
 */

#include "compat.h"

#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "msg_list.h"

#define LISTS_MAX	256
#define LIST_PAGE	16
/* Pages sent before anything else gets its turn. */
#define LIST_PAGES	16

struct list {
	TAILQ_ENTRY(list)	 entry;
	enum auth_list		 kind;
	uint32_t		 id;
	uint64_t		 session;
	char			 user_id[USER_ID_LEN + 4];
	char			 nodes[CTL_TEXT_LEN];
	char			 after[DOMAIN_LEN];
	char			 after_node[CTL_NAME_LEN];
	uint32_t		 max, n;	/* of nodes; 0: all */
	int64_t			 row;
	uint32_t		 serial;
	uint32_t		 month;		/* of traffic */
	struct store_traffic	 after_traffic;
	struct store_session	 after_session;
};

static struct list *list_new(enum auth_list, uint32_t, uint64_t,
		    const char *, const char *);
static int	list_put(uint32_t, uint32_t, const void *, size_t);
static enum store_result list_users(struct list *, size_t *);
static enum store_result list_tokens(struct list *, size_t *);
static enum store_result list_nodes(struct list *, size_t *);
static enum store_result list_grants(struct list *, size_t *);
static enum store_result list_reachable(struct list *, size_t *);
static enum store_result list_all(struct list *, size_t *);
static enum store_result list_publications(struct list *, size_t *);
static enum store_result list_traffic(struct list *, size_t *);
static enum store_result list_sites(struct list *, size_t *);
static enum store_result list_domains(struct list *, size_t *);
static enum store_result list_sessions(struct list *, size_t *);
static int	list_page(struct list *);
static void	list_end(struct list *, enum store_result, int);

static TAILQ_HEAD(, list)	 lists = TAILQ_HEAD_INITIALIZER(lists);
static size_t			 nlists;
static uint32_t			 last_serial;

static struct list *
list_new(enum auth_list kind, uint32_t id, uint64_t session,
    const char *user_id, const char *nodes)
{
	struct list	*l;

	if (nlists >= LISTS_MAX || (l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->kind = kind;
	l->id = id;
	l->session = session;
	strlcpy(l->user_id, user_id, sizeof(l->user_id));
	strlcpy(l->nodes, nodes, sizeof(l->nodes));
	l->serial = ++last_serial;
	TAILQ_INSERT_TAIL(&lists, l, entry);
	nlists++;
	return (l);
}

int
auth_list_start(enum auth_list kind, uint32_t id, uint64_t session,
    const char *user_id, const char *nodes)
{
	if (list_new(kind, id, session, user_id, nodes) == NULL)
		return (-1);
	if (auth_list_tick())
		auth_soon();
	return (0);
}

int
auth_list_nodes(enum auth_list kind, uint32_t id, const struct nodes_ask *ask,
    const char *user_id, const char *nodes)
{
	struct list	*l;

	if ((l = list_new(kind, id, ask->session, user_id, nodes)) == NULL)
		return (-1);
	l->max = ask->max;
	strlcpy(l->after, ask->after, sizeof(l->after));
	if (auth_list_tick())
		auth_soon();
	return (0);
}

int
auth_list_traffic(uint32_t id, uint32_t month)
{
	struct list	*l;

	if ((l = list_new(AUTH_LIST_TRAFFIC, id, 0, "", "")) == NULL)
		return (-1);
	l->month = month;
	if (auth_list_tick())
		auth_soon();
	return (0);
}

static int
list_put(uint32_t type, uint32_t id, const void *data, size_t len)
{
	return (proc_send(proc_peer(PROC_ROUTER, 0), type, id, -1, data, len));
}

static enum store_result
list_users(struct list *l, size_t *n)
{
	struct store_user	 page[LIST_PAGE];
	struct ctl_user		 u;
	enum store_result	 r;
	size_t			 i;

	r = store_user_page(auth_store, l->after, page, n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		memset(&u, 0, sizeof(u));
		strlcpy(u.email, page[i].email, sizeof(u.email));
		strlcpy(u.username, page[i].username, sizeof(u.username));
		u.admin = page[i].admin;
		u.enabled = page[i].enabled;
		u.has_password = page[i].has_password;
		u.tokens = page[i].tokens;
		u.nodes = page[i].nodes;
		u.created_at = page[i].created_at;
		auth_limit_figures(METER_USER, page[i].id, &u.rate, &u.quota,
		    &u.used);
		(void)list_put(CTL_USER, l->id, &u, sizeof(u));
		strlcpy(l->after, u.email, sizeof(l->after));
	}
	return (r);
}

static enum store_result
list_tokens(struct list *l, size_t *n)
{
	struct store_token	 page[LIST_PAGE];
	struct ctl_token	 t;
	enum store_result	 r;
	size_t			 i;

	r = store_token_page(auth_store, l->user_id[0] == '\0' ? NULL :
	    l->user_id, l->after, page, n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		memset(&t, 0, sizeof(t));
		strlcpy(t.token_id, page[i].token_id, sizeof(t.token_id));
		strlcpy(t.email, page[i].email, sizeof(t.email));
		strlcpy(t.name, page[i].name, sizeof(t.name));
		strlcpy(t.nodes, page[i].nodes, sizeof(t.nodes));
		memcpy(t.public, page[i].public, sizeof(t.public));
		t.scopes = page[i].scopes;
		t.created_at = page[i].created_at;
		t.expires_at = page[i].expires_at;
		t.last_used_at = page[i].last_used_at;
		(void)list_put(CTL_TOKEN, l->id, &t, sizeof(t));
		strlcpy(l->after, t.token_id, sizeof(l->after));
	}
	return (r);
}

static enum store_result
list_nodes(struct list *l, size_t *n)
{
	struct store_node	 page[LIST_PAGE];
	struct ctl_node		 node;
	enum store_result	 r;
	size_t			 i;

	r = store_node_page(auth_store, l->user_id[0] == '\0' ? NULL :
	    l->user_id, l->after, page, n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		strlcpy(l->after, page[i].name, sizeof(l->after));
		auth_admin_node(&page[i], &node);
		(void)list_put(CTL_NODE, l->id, &node, sizeof(node));
	}
	return (r);
}

static enum store_result
list_grants(struct list *l, size_t *n)
{
	struct store_grant	 page[LIST_PAGE];
	struct ctl_grant	 c;
	enum store_result	 r;
	size_t			 i;

	r = store_grant_page(auth_store,
	    l->user_id[0] == '\0' ? NULL : l->user_id,
	    l->nodes[0] == '\0' ? NULL : l->nodes, l->after, l->after_node,
	    page, n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		auth_grant_record(&page[i], &c);
		(void)list_put(CTL_GRANT, l->id, &c, sizeof(c));
		strlcpy(l->after, c.email, sizeof(l->after));
		strlcpy(l->after_node, c.node, sizeof(l->after_node));
	}
	return (r);
}

static enum store_result
list_traffic(struct list *l, size_t *n)
{
	struct store_traffic	 page[LIST_PAGE];
	struct ctl_traffic	 c;
	enum store_result	 r;
	size_t			 i;

	r = store_traffic_page(auth_store, l->month, &l->after_traffic, page,
	    n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		auth_traffic_record(l->month, &page[i], &c);
		(void)list_put(CTL_TRAFFIC, l->id, &c, sizeof(c));
		l->after_traffic = page[i];
	}
	return (r);
}

static enum store_result
list_sites(struct list *l, size_t *n)
{
	struct store_site	 page[LIST_PAGE];
	struct ctl_site		 c;
	enum store_result	 r;
	size_t			 i;

	r = store_service_page(auth_store,
	    l->nodes[0] == '\0' ? NULL : l->nodes, l->after_node, l->after,
	    page, n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		auth_admin_site(&page[i], &c);
		(void)list_put(CTL_SITE, l->id, &c, sizeof(c));
		strlcpy(l->after_node, c.node, sizeof(l->after_node));
		strlcpy(l->after, c.service, sizeof(l->after));
	}
	return (r);
}

static enum store_result
list_domains(struct list *l, size_t *n)
{
	struct store_domain	 page[LIST_PAGE];
	struct ctl_domain	 c;
	enum store_result	 r;
	size_t			 i;

	r = store_domain_page(auth_store, l->after, page, n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		auth_admin_domain(&page[i], &c);
		(void)list_put(CTL_DOMAIN, l->id, &c, sizeof(c));
		strlcpy(l->after, c.name, sizeof(l->after));
	}
	return (r);
}

static enum store_result
list_sessions(struct list *l, size_t *n)
{
	struct store_session	 page[LIST_PAGE];
	struct ctl_session	 c;
	enum store_result	 r;
	size_t			 i;

	r = store_session_page(auth_store,
	    l->user_id[0] == '\0' ? NULL : l->user_id,
	    l->nodes[0] == '\0' ? NULL : l->nodes, 0,
	    l->after_session.id[0] == '\0' ? NULL : &l->after_session,
	    page, n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		l->after_session = page[i];
		/* They are about to be forgotten. */
		if (page[i].expires_at <= auth_wall())
			continue;
		auth_admin_session(&page[i], &c);
		(void)list_put(CTL_SESSION, l->id, &c, sizeof(c));
	}
	return (r);
}

/* What a user may reach: its own nodes, and by grants. */
static enum store_result
list_reachable(struct list *l, size_t *n)
{
	struct store_reach	 page[LIST_PAGE];
	struct nodes_entry	 e;
	enum store_result	 r;
	size_t			 i;

	r = store_reach_page(auth_store, l->user_id, auth_wall(), l->after,
	    page, n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		strlcpy(l->after, page[i].node, sizeof(l->after));
		if (!store_nodes_allow(l->nodes, page[i].node))
			continue;
		memset(&e, 0, sizeof(e));
		e.session = l->session;
		e.since = page[i].last_seen_at;
		strlcpy(e.node, page[i].node, sizeof(e.node));
		strlcpy(e.node_id, page[i].node_id, sizeof(e.node_id));
		strlcpy(e.owner, page[i].owner, sizeof(e.owner));
		e.scopes = page[i].grant.scopes;
		e.expires_at = page[i].grant.expires_at;
		strlcpy(e.targets, page[i].grant.targets, sizeof(e.targets));
		(void)list_put(IMSG_NODES_ENTRY, l->id, &e,
		    NODES_ENTRY_MIN + strlen(e.targets));
		l->n++;
	}
	return (r);
}

/* What an administrator sees: every node, as its owner would. */
static enum store_result
list_all(struct list *l, size_t *n)
{
	struct store_node	 page[LIST_PAGE];
	struct nodes_entry	 e;
	enum store_result	 r;
	size_t			 i;

	r = store_node_page(auth_store, NULL, l->after, page, n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		strlcpy(l->after, page[i].name, sizeof(l->after));
		if (!store_nodes_allow(l->nodes, page[i].name))
			continue;
		memset(&e, 0, sizeof(e));
		e.session = l->session;
		e.since = page[i].last_seen_at;
		strlcpy(e.node, page[i].name, sizeof(e.node));
		strlcpy(e.node_id, page[i].id, sizeof(e.node_id));
		strlcpy(e.owner, page[i].email, sizeof(e.owner));
		(void)list_put(IMSG_NODES_ENTRY, l->id, &e, NODES_ENTRY_MIN);
		l->n++;
	}
	return (r);
}

static enum store_result
list_publications(struct list *l, size_t *n)
{
	struct store_publication page[LIST_PAGE];
	struct publications	 begin = { .serial = l->serial, .begin = 1 };
	struct ctl_publish	 c;
	enum store_result	 r;
	size_t			 i;

	if (l->kind == AUTH_LIST_SYNC && l->row == 0)
		(void)list_put(IMSG_PUBLICATIONS, 0, &begin, sizeof(begin));
	r = store_publication_page(auth_store, l->row, page, n);
	for (i = 0; r == STORE_OK && i < *n; i++) {
		l->row = page[i].row;
		if (l->kind == AUTH_LIST_PUBLISH) {
			auth_admin_publication(&page[i], &c);
			(void)list_put(CTL_PUBLISH, l->id, &c, sizeof(c));
		} else if (auth_publish_may(&page[i]))
			(void)list_put(IMSG_PUBLICATION, 0, &page[i].p,
			    sizeof(page[i].p));
	}
	return (r);
}

static void
list_end(struct list *l, enum store_result r, int more)
{
	struct auth_request	 req = { l->id, "list", "" };
	struct publications	 all = { .serial = l->serial, .begin = 0 };
	struct nodes_ask	 end;
	struct ctl_end		 ok;

	if (l->kind == AUTH_LIST_SYNC) {
		/* Of what can't be read nothing is known to have gone. */
		if (r == STORE_OK)
			(void)list_put(IMSG_PUBLICATIONS, 0, &all,
			    sizeof(all));
		else
			auth_trouble("published ports are not known");
		auth_publish_synced(r == STORE_OK);
	} else if (l->kind == AUTH_LIST_REACHABLE ||
	    l->kind == AUTH_LIST_ALL) {
		memset(&end, 0, sizeof(end));
		end.session = l->session;
		end.code = r == STORE_OK ? 0 : MUX_CODE_INTERNAL;
		end.more = r == STORE_OK && more;
		strlcpy(end.after, l->after, sizeof(end.after));
		(void)list_put(IMSG_NODES_END, l->id, &end, sizeof(end));
	} else if (r == STORE_OK) {
		/* Looking is no change, and not in the audit log. */
		memset(&ok, 0, sizeof(ok));
		(void)list_put(CTL_OK, l->id, &ok, sizeof(ok));
	} else
		(void)auth_admin_store(&req);
	TAILQ_REMOVE(&lists, l, entry);
	nlists--;
	free(l);
}

/* 1 if more may follow, 0 if the list has ended and is freed. */
static int
list_page(struct list *l)
{
	enum store_result	 r;
	size_t			 n = LIST_PAGE;

	switch (l->kind) {
	case AUTH_LIST_USERS:
		r = list_users(l, &n);
		break;
	case AUTH_LIST_TOKENS:
		r = list_tokens(l, &n);
		break;
	case AUTH_LIST_GRANTS:
		r = list_grants(l, &n);
		break;
	case AUTH_LIST_TRAFFIC:
		r = list_traffic(l, &n);
		break;
	case AUTH_LIST_SITES:
		r = list_sites(l, &n);
		break;
	case AUTH_LIST_DOMAINS:
		r = list_domains(l, &n);
		break;
	case AUTH_LIST_SESSIONS:
		r = list_sessions(l, &n);
		break;
	case AUTH_LIST_REACHABLE:
		r = list_reachable(l, &n);
		break;
	case AUTH_LIST_ALL:
		r = list_all(l, &n);
		break;
	case AUTH_LIST_PUBLISH:
	case AUTH_LIST_SYNC:
		r = list_publications(l, &n);
		break;
	default:
		r = list_nodes(l, &n);
		break;
	}
	if (r == STORE_OK && n > 0 && (l->max == 0 || l->n < l->max))
		return (1);
	list_end(l, r, n > 0);
	return (0);
}

int
auth_list_tick(void)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct list		*l;
	int			 pages = LIST_PAGES;

	/* Who asked is gone with the router. */
	while (router == NULL && (l = TAILQ_FIRST(&lists)) != NULL) {
		if (l->kind == AUTH_LIST_SYNC)
			auth_publish_synced(0);
		TAILQ_REMOVE(&lists, l, entry);
		nlists--;
		free(l);
	}
	while ((l = TAILQ_FIRST(&lists)) != NULL && pages-- > 0 &&
	    proc_queued(router) < PROC_QUEUE_LOW) {
		if (!list_page(l))
			continue;
		/* A long one lets short ones pass. */
		TAILQ_REMOVE(&lists, l, entry);
		TAILQ_INSERT_TAIL(&lists, l, entry);
	}
	return (!TAILQ_EMPTY(&lists));
}
