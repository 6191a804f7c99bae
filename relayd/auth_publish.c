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
 * Published ports: who may have which is in relayd.conf, which there are in
 * the store.  Router is told of all that may be open, at the start and after
 * every change; what is no longer allowed stays in the store, closed.
 */

#include "compat.h"

#include <sys/queue.h>

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "log.h"

#define PUBLISH_TRY_MS	5000	/* for router to say whether it opens */
#define PUBLISH_MAX	4096	/* in all */
#define PUBLISH_PAGE	16

/* What an administrator wants published, while it is being opened. */
struct try {
	TAILQ_ENTRY(try)		 entry;
	uint32_t			 client;
	uint64_t			 since;		/* ms */
	struct store_publication	 sp;
};

static int	publish_request(const struct auth_request *,
		    const struct ctl_publish *, struct publication *,
		    struct publish_target *);
static int	publish_free(const struct auth_request *,
		    const struct publish_spec *);
static int	publish_add(const struct auth_request *,
		    const struct ctl_publish *);
static void	try_end(struct try *);
static void	try_done(struct try *, const struct publish_result *);
static void	try_undo(const struct try *);
static void	publish_tell(const struct publication *);
static void	publish_found(const struct auth_request *,
		    const struct store_publication *);

static struct publish_rules	 rules, new_rules;
static TAILQ_HEAD(, try)	 tries = TAILQ_HEAD_INITIALIZER(tries);
static int			 sync_due, syncing;

/* ---- the configuration ---- */

void
auth_publish_conf_begin(void)
{
	new_rules.n = 0;
}

int
auth_recv_conf_publish(struct proc_peer *peer, struct imsg *imsg)
{
	struct publish_rule	 r;

	if (imsg_get_data(imsg, &r, sizeof(r)) == -1 ||
	    new_rules.n == PUBLISH_RULES_MAX ||
	    memchr(r.who, '\0', sizeof(r.who)) == NULL)
		return (-1);
	new_rules.list[new_rules.n++] = r;
	return (0);
}

void
auth_publish_conf_end(void)
{
	rules = new_rules;
	auth_publish_sync();
}

/* ---- what router is told ---- */

int
auth_publish_may(const struct store_publication *sp)
{
	return (sp->user_enabled &&
	    publish_allowed(&rules, sp->p.email, &sp->p.spec));
}

static void
publish_tell(const struct publication *p)
{
	/* What its queue has no room for, all of it says again. */
	if (proc_send(proc_peer(PROC_ROUTER, 0), IMSG_PUBLICATION, 0, -1, p,
	    sizeof(*p)) == -1)
		auth_publish_sync();
}

void
auth_publish_sync(void)
{
	sync_due = 1;
	auth_soon();
}

/* A new router: it asks nobody for what the old one had under way. */
void
auth_publish_router_up(void)
{
	struct try	*t;

	while ((t = TAILQ_FIRST(&tries)) != NULL)
		try_end(t);
	auth_publish_sync();
}

int
auth_publish_tick(void)
{
	struct publish_result	 res;
	struct try		*t;

	memset(&res, 0, sizeof(res));
	res.code = PUBLISH_FAILED;
	strlcpy(res.text, "the port is not open in time", sizeof(res.text));
	while ((t = TAILQ_FIRST(&tries)) != NULL &&
	    auth_mono() - t->since > PUBLISH_TRY_MS) {
		try_undo(t);
		try_done(t, &res);
	}
	/* One at a time: what begins in between is not yet all there is. */
	if (sync_due && !syncing && store_is_open(auth_store) &&
	    proc_peer(PROC_ROUTER, 0) != NULL &&
	    proc_queued(proc_peer(PROC_ROUTER, 0)) < PROC_QUEUE_LOW) {
		sync_due = 0;
		syncing = 1;
		if (auth_list_start(AUTH_LIST_SYNC, 0, 0, "", "") == -1)
			auth_publish_synced(0);
	}
	return (0);
}

void
auth_publish_synced(int done)
{
	syncing = 0;
	/* The next tick of the clock tries again. */
	if (!done)
		sync_due = 1;
}

/* ---- what accessctl asks ---- */

/* A request, understood.  1, or 0 when it was answered. */
static int
publish_request(const struct auth_request *req, const struct ctl_publish *c,
    struct publication *p, struct publish_target *t)
{
	const char	*why, *what;
	size_t		 n;

	memset(p, 0, sizeof(*p));
	what = c->spec;
	if (publish_spec_parse(c->spec, &p->spec, &why) == -1)
		goto fail;
	what = c->target;
	if (publish_target_parse(c->target, t, &why) == -1)
		goto fail;
	why = "as many ports have to lead there as are published";
	if (t->port_max - t->port_min != p->spec.port_max - p->spec.port_min)
		goto fail;
	what = c->from;
	if (publish_from_parse(c->from, p->from, &n, &why) == -1)
		goto fail;
	what = "proxy";
	why = "the PROXY protocol has versions 1 and 2";
	if (c->proxy > 2)
		goto fail;
	why = "only tcp has it here";
	if (c->proxy != 0 && p->spec.proto != MUX_KIND_TCP)
		goto fail;
	what = "connections";
	why = "too high a limit";
	if (c->connections > PUBLISH_CONNECTIONS_MAX)
		goto fail;
	what = "bandwidth";
	if (c->bandwidth > INT64_MAX)
		goto fail;
	strlcpy(p->host, t->host, sizeof(p->host));
	p->port = t->port_min;
	p->proxy = c->proxy;
	p->connections = c->connections;
	p->bandwidth = c->bandwidth;
	p->nfrom = n;
	return (1);
 fail:
	(void)auth_admin_error(req, CTL_CODE_INVALID, "%.128s: %s", what, why);
	return (0);
}

/* Has nobody else these ports?  1, or 0 when it was answered. */
static int
publish_free(const struct auth_request *req, const struct publish_spec *spec)
{
	struct store_publication	 page[PUBLISH_PAGE], *other = NULL;
	char				 text[CTL_SPEC_LEN];
	enum store_result		 r;
	struct try			*t;
	int64_t				 after = 0;
	size_t				 i, n, total = 0;

	TAILQ_FOREACH(t, &tries, entry) {
		if (publish_spec_overlap(&t->sp.p.spec, spec))
			other = &t->sp;
	}
	do {
		n = nitems(page);
		r = store_publication_page(auth_store, after, page, &n);
		if (r != STORE_OK) {
			(void)auth_admin_store(req);
			return (0);
		}
		for (i = 0; i < n && other == NULL; i++) {
			if (publish_spec_overlap(&page[i].p.spec, spec))
				other = &page[i];
			after = page[i].row;
		}
		total += n;
	} while (n == nitems(page) && other == NULL);
	if (other != NULL) {
		(void)auth_admin_error(req, CTL_CODE_EXISTS,
		    "%s is published already, for node %s: accessctl publish "
		    "list shows it", publish_spec_format(&other->p.spec,
		    text), other->p.node);
		return (0);
	}
	if (total >= PUBLISH_MAX) {
		(void)auth_admin_error(req, CTL_CODE_DENIED,
		    "%zu ports are published already", total);
		return (0);
	}
	return (1);
}

static int
publish_add(const struct auth_request *req, const struct ctl_publish *c)
{
	struct publish_target	 target;
	struct store_node	 n;
	struct store_user	 u;
	struct publication	 p;
	struct try		*t;
	char			 text[CTL_SPEC_LEN];

	if (!publish_request(req, c, &p, &target))
		return (0);
	if (auth_admin_node_find(req, target.node, &n) == -1)
		return (0);
	if (store_user_find(auth_store, n.email, &u) != STORE_OK)
		return (auth_admin_store(req));
	if (!u.enabled)
		return (auth_admin_error(req, CTL_CODE_DENIED,
		    "user %s is disabled", n.email));
	if (!publish_allowed(&rules, n.email, &p.spec))
		return (auth_admin_error(req, CTL_CODE_DENIED,
		    "relayd.conf does not let %s publish %s: it wants a line "
		    "like: publish ports %u by \"%s\"", n.email,
		    publish_spec_format(&p.spec, text), p.spec.port_min,
		    n.email));
	if (!publish_free(req, &p.spec))
		return (0);
	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal("publish");
	store_uuid(p.id);
	strlcpy(p.user_id, n.user_id, sizeof(p.user_id));
	strlcpy(p.email, n.email, sizeof(p.email));
	strlcpy(p.node_id, n.id, sizeof(p.node_id));
	strlcpy(p.node, n.name, sizeof(p.node));
	t->client = req->client;
	t->since = auth_mono();
	t->sp.p = p;
	t->sp.created_at = auth_wall();
	if (proc_send(proc_peer(PROC_ROUTER, 0), IMSG_PUBLISH_TRY, req->client,
	    -1, &p, sizeof(p)) == -1) {
		free(t);
		return (auth_admin_error(req, CTL_CODE_INTERNAL,
		    "the router process takes nothing: try again"));
	}
	TAILQ_INSERT_TAIL(&tries, t, entry);
	return (0);
}

/* Whose port it is, for router to put on record. */
static void
publish_found(const struct auth_request *req,
    const struct store_publication *sp)
{
	struct ctl_publish	 c;

	auth_admin_publication(sp, &c);
	(void)proc_send(proc_peer(PROC_ROUTER, 0), CTL_PUBLISH, req->client,
	    -1, &c, sizeof(c));
}

static void
try_end(struct try *t)
{
	TAILQ_REMOVE(&tries, t, entry);
	free(t);
}

/* It may be open, and must not stay so. */
static void
try_undo(const struct try *t)
{
	auth_revoke(REVOKE_PORT, t->sp.p.id, "the port was not published");
}

/* It is open, so it can be kept; or it can't be opened. */
static void
try_done(struct try *t, const struct publish_result *res)
{
	struct auth_request	 req = { t->client, "publish add", "" };
	struct store_publication sp;
	struct publish_target	 target;
	char			 spec[CTL_SPEC_LEN], to[CTL_TARGET_LEN];

	if (res->code != PUBLISH_OK) {
		(void)auth_admin_error(&req, res->code == PUBLISH_DENIED ?
		    CTL_CODE_DENIED : CTL_CODE_EXISTS, "%s", res->text);
	} else if (store_publication_add(auth_store, &t->sp) != STORE_OK ||
	    store_publication_find(auth_store, t->sp.p.id, &sp) != STORE_OK) {
		(void)auth_admin_store(&req);
		try_undo(t);
	} else {
		publish_tell(&sp.p);
		publish_found(&req, &sp);
		memset(&target, 0, sizeof(target));
		strlcpy(target.node, sp.p.node, sizeof(target.node));
		strlcpy(target.host, sp.p.host, sizeof(target.host));
		target.port_min = sp.p.port;
		target.port_max = sp.p.port + sp.p.spec.port_max -
		    sp.p.spec.port_min;
		(void)auth_admin_ok(&req, "%s leads to %.140s",
		    publish_spec_format(&sp.p.spec, spec),
		    publish_target_format(&target, to));
	}
	try_end(t);
}

int
auth_recv_publish_tried(struct proc_peer *peer, struct imsg *imsg)
{
	struct publish_result	 res;
	struct try		*t;

	if (imsg_get_data(imsg, &res, sizeof(res)) == -1 ||
	    memchr(res.id, '\0', sizeof(res.id)) == NULL ||
	    memchr(res.text, '\0', sizeof(res.text)) == NULL)
		return (-1);
	TAILQ_FOREACH(t, &tries, entry) {
		if (strcmp(t->sp.p.id, res.id) == 0)
			break;
	}
	if (t != NULL)
		try_done(t, &res);
	return (0);
}

int
auth_recv_ctl_publish(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_publish	 c;
	struct auth_request	 req = { imsg_get_id(imsg), "publish add",
				    c.spec };

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	if (memchr(c.spec, '\0', sizeof(c.spec)) == NULL ||
	    memchr(c.target, '\0', sizeof(c.target)) == NULL ||
	    memchr(c.from, '\0', sizeof(c.from)) == NULL) {
		req.subject = "";
		return (auth_admin_error(&req, CTL_CODE_INVALID,
		    "the request is garbled"));
	}
	return (publish_add(&req, &c));
}

/* By its id, or by what it publishes. */
int
auth_admin_publish_remove(const struct auth_request *req, const char *name)
{
	struct store_publication	 page[PUBLISH_PAGE];
	struct store_publication	 found = { .row = 0 };
	const struct auth_about		 about = { .email = found.p.email,
					    .node = found.p.node };
	struct publish_spec		 spec;
	enum store_result		 r;
	const char			*why;
	char				 near[CTL_SPEC_LEN] = "";
	int64_t				 after = 0;
	size_t				 i, n;
	int				 is_spec;

	is_spec = publish_spec_parse(name, &spec, &why) == 0;
	do {
		n = nitems(page);
		r = store_publication_page(auth_store, after, page, &n);
		if (r != STORE_OK)
			return (auth_admin_store(req));
		for (i = 0; i < n && found.p.id[0] == '\0'; i++) {
			if (strcmp(page[i].p.id, name) == 0 || (is_spec &&
			    memcmp(&page[i].p.spec, &spec, sizeof(spec)) == 0))
				found = page[i];
			else if (is_spec && publish_spec_overlap(
			    &page[i].p.spec, &spec))
				publish_spec_format(&page[i].p.spec, near);
			after = page[i].row;
		}
	} while (n == nitems(page) && found.p.id[0] == '\0');
	if (found.p.id[0] == '\0' && near[0] != '\0')
		return (auth_admin_error(req, CTL_CODE_NOT_FOUND,
		    "%s is not published as such, but %s is: that can be "
		    "removed", name, near));
	if (found.p.id[0] == '\0')
		return (auth_admin_error(req, CTL_CODE_NOT_FOUND,
		    "%s is not published: accessctl publish list shows what "
		    "is", name));
	if (store_publication_remove(auth_store, found.p.id) != STORE_OK)
		return (auth_admin_store(req));
	publish_found(req, &found);
	return (auth_admin_revoke(req, REVOKE_PORT, found.p.id, &about,
	    "the port is no longer published", ""));
}

/* A record of one, as far as auth knows it. */
void
auth_admin_publication(const struct store_publication *sp,
    struct ctl_publish *c)
{
	const struct publication	*p = &sp->p;
	struct publish_target		 target;
	char				 one[ADDR_STRLEN];
	size_t				 i;

	memset(c, 0, sizeof(*c));
	memset(&target, 0, sizeof(target));
	strlcpy(c->id, p->id, sizeof(c->id));
	publish_spec_format(&p->spec, c->spec);
	strlcpy(target.node, p->node, sizeof(target.node));
	strlcpy(target.host, p->host, sizeof(target.host));
	target.port_min = p->port;
	target.port_max = p->port + p->spec.port_max - p->spec.port_min;
	publish_target_format(&target, c->target);
	for (i = 0; i < p->nfrom; i++) {
		if (i > 0)
			(void)strlcat(c->from, ",", sizeof(c->from));
		(void)strlcat(c->from, addr_prefix_format(&p->from[i], one),
		    sizeof(c->from));
	}
	c->proxy = p->proxy;
	c->connections = p->connections;
	c->bandwidth = p->bandwidth;
	strlcpy(c->email, p->email, sizeof(c->email));
	strlcpy(c->node, p->node, sizeof(c->node));
	c->created_at = sp->created_at;
	if (!sp->user_enabled) {
		c->state = CTL_PUBLISH_DISABLED;
		strlcpy(c->text, "its user is disabled", sizeof(c->text));
	} else if (!publish_allowed(&rules, p->email, &p->spec)) {
		c->state = CTL_PUBLISH_DENIED;
		strlcpy(c->text, "relayd.conf does not allow it",
		    sizeof(c->text));
	} else
		c->state = CTL_PUBLISH_OPENING;
}
