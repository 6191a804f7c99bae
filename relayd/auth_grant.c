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
 * Grants: a user's right to somebody else's node.  What rests on one ends
 * with it: when it is revoked, when it is replaced by a narrower one, and
 * when its time is over.  Who asks is an administrator on the relay's host.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth.h"
#include "log.h"

#define GRANT_SCOPES	(SCOPE_CONNECT | SCOPE_HTTP | SCOPE_SSH)
#define GRANT_PAGE	16
#define GRANT_LOOK_MS	60000	/* that another program's change may take */

static int	grant_over(int64_t);
static int	grant_holds(const struct store_grant *);
static int	grant_check(const struct auth_request *, struct ctl_grant *);
static void	grant_audit(const struct store_grant *, int);
static int	grant_set(const struct auth_request *, struct ctl_grant *,
		    const char *);
static int	grant_revoke(const struct auth_request *,
		    const struct ctl_grant *);
static int	grant_list(const struct auth_request *,
		    const struct ctl_grant *);
static int	grants_end(int64_t);

static int64_t	 ended = -1;	/* what ended until then (s) has been told */
static int64_t	 next_end;	/* s; 0: none */
static uint64_t	 look_at;	/* ms; then the store is asked again */
static int	 verify;	/* the store could not be asked */

/*
 * To the second: what is lent for an hour is not lent for a minute more.  By
 * the clock of auth_grant_tick: another may be some ms behind it.
 */
static int
grant_over(int64_t at)
{
	return (at != 0 && auth_wall_ms() / 1000 >= at);
}

static int
grant_holds(const struct store_grant *g)
{
	return (g->user_enabled && g->owner_enabled &&
	    !grant_over(g->grant.expires_at));
}

uint32_t
auth_grant_may(const char *user_id, const struct store_node *n,
    struct grant *grant)
{
	struct store_grant	 g;

	switch (store_grant_find(auth_store, user_id, n->id, &g)) {
	case STORE_OK:
		break;
	case STORE_NONE:
		return (MUX_CODE_DENIED);
	default:
		auth_trouble("streams are refused");
		return (MUX_CODE_INTERNAL);
	}
	if (!grant_holds(&g))
		return (MUX_CODE_DENIED);
	*grant = g.grant;
	return (0);
}

/* ---- what an administrator asks ---- */

/* 1 with its targets in their one way of being written, or 0 (answered). */
static int
grant_check(const struct auth_request *req, struct ctl_grant *c)
{
	struct targets	 t;
	const char	*why = NULL, *bad;
	char		 text[CTL_TEXT_LEN];

	if (c->scopes == 0)
		why = "a grant needs a scope: connect, http or ssh";
	else if (c->scopes & ~GRANT_SCOPES)
		why = "a grant's scopes are connect, http and ssh";
	else if (c->expires_at < 0 || grant_over(c->expires_at))
		why = "the grant's end is in the past";
	else if (c->targets[0] != '\0' && !(c->scopes & ~SCOPE_HTTP))
		why = "the grant's targets would not narrow scope http, "
		    "which is for all sites of the node";
	else if (targets_parse(c->targets, &t, &bad) == -1) {
		(void)snprintf(text, sizeof(text), "the grant's targets: %s",
		    bad);
		why = text;
	}
	if (why == NULL) {
		targets_format(&t, c->targets);
		return (1);
	}
	(void)auth_admin_error(req, CTL_CODE_INVALID, "%s", why);
	return (0);
}

static void
grant_audit(const struct store_grant *g, int replaced)
{
	static const char *const names[] = SCOPE_NAMES;
	struct audit_event	 e;
	struct tm		 tm;
	time_t			 end = g->grant.expires_at;
	char			 until[32];
	size_t			 i;

	memset(&e, 0, sizeof(e));
	e.what = AUDIT_GRANT;
	strlcpy(e.email, g->email, sizeof(e.email));
	strlcpy(e.node, g->node, sizeof(e.node));
	(void)snprintf(e.text, sizeof(e.text), "%s by %s:",
	    replaced ? "changed" : "granted",
	    g->granted_by[0] == '\0' ? "the host" : g->granted_by);
	for (i = 0; i < nitems(names); i++) {
		if (g->grant.scopes & 1U << i) {
			strlcat(e.text, " ", sizeof(e.text));
			strlcat(e.text, names[i], sizeof(e.text));
		}
	}
	/* In UTC: who reads it may be in another time zone than we are. */
	if (gmtime_r(&end, &tm) == NULL ||
	    strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		strlcpy(until, "?", sizeof(until));
	strlcat(e.text, "; until ", sizeof(e.text));
	strlcat(e.text, g->grant.expires_at == 0 ? "revoked" : until,
	    sizeof(e.text));
	/* A long list is cut: the store has it whole. */
	strlcat(e.text, "; to ", sizeof(e.text));
	strlcat(e.text, g->grant.targets[0] == '\0' ? "all targets" :
	    g->grant.targets, sizeof(e.text));
	auth_audit(&e);
}

/* by: the email of who grants it, "" for the host. */
static int
grant_set(const struct auth_request *req, struct ctl_grant *c, const char *by)
{
	struct store_grant	 g, old;
	struct store_user	 u;
	struct store_node	 n;
	enum store_result	 r;

	if (!grant_check(req, c) ||
	    auth_admin_pair_find(req, c->email, c->node, &u, &n) == -1)
		return (0);
	if (strcmp(n.user_id, u.id) == 0)
		return (auth_admin_error(req, CTL_CODE_INVALID,
		    "node %s is %s's own", c->node, c->email));
	r = store_grant_find(auth_store, u.id, n.id, &old);
	if (r != STORE_OK && r != STORE_NONE)
		return (auth_admin_store(req));
	memset(&g, 0, sizeof(g));
	store_uuid(g.grant.id);
	g.grant.scopes = c->scopes;
	strlcpy(g.grant.targets, c->targets, sizeof(g.grant.targets));
	g.grant.expires_at = c->expires_at;
	strlcpy(g.user_id, u.id, sizeof(g.user_id));
	strlcpy(g.node_id, n.id, sizeof(g.node_id));
	strlcpy(g.granted_by, by, sizeof(g.granted_by));
	g.created_at = auth_wall();
	if (store_grant_set(auth_store, &g) != STORE_OK ||
	    store_grant_find(auth_store, u.id, n.id, &g) != STORE_OK)
		return (auth_admin_store(req));
	look_at = 0;
	auth_soon();
	grant_audit(&g, r == STORE_OK);
	if (r != STORE_OK)
		return (auth_admin_ok(req, "%s", ""));
	/* What it no longer covers ends; the rest is told what it is now. */
	auth_revoke_grant(&g, &g.grant, AUDIT_REVOKE,
	    "the grant no longer covers this", &req->client);
	return (0);
}

static int
grant_revoke(const struct auth_request *req, const struct ctl_grant *c)
{
	struct store_grant	 g;
	struct store_user	 u;
	struct store_node	 n;
	enum store_result	 found, r;

	if (auth_admin_pair_find(req, c->email, c->node, &u, &n) == -1)
		return (0);
	found = store_grant_find(auth_store, u.id, n.id, &g);
	if (found != STORE_OK && found != STORE_NONE)
		return (auth_admin_store(req));
	r = store_grant_remove(auth_store, u.id, n.id);
	if (r == STORE_NONE)
		return (auth_admin_error(req, CTL_CODE_NOT_FOUND,
		    "%s has no grant to %s: accessctl grant list shows them",
		    c->email, c->node));
	if (r != STORE_OK)
		return (auth_admin_store(req));
	/* One that could not be read gave nothing. */
	if (found == STORE_NONE)
		return (auth_admin_ok(req, "%s", ""));
	auth_revoke_grant(&g, NULL, AUDIT_REVOKE, "the grant was revoked",
	    &req->client);
	return (0);
}

static int
grant_list(const struct auth_request *req, const struct ctl_grant *c)
{
	struct store_user	 u;
	struct store_node	 n;

	if (auth_admin_pair_find(req, c->email, c->node, &u, &n) == -1)
		return (0);
	if (auth_list_start(AUTH_LIST_GRANTS, req->client, 0, u.id, n.id) ==
	    -1)
		return (auth_admin_error(req, CTL_CODE_INTERNAL,
		    "too many requests at once: try again"));
	return (0);
}

int
auth_recv_ctl_grant(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_grant	 c;
	struct auth_request	 req = { imsg_get_id(imsg), "grant",
				    c.email };

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	if (memchr(c.email, '\0', sizeof(c.email)) == NULL ||
	    memchr(c.node, '\0', sizeof(c.node)) == NULL ||
	    memchr(c.targets, '\0', sizeof(c.targets)) == NULL) {
		req.subject = "";
		return (auth_admin_error(&req, CTL_CODE_INVALID,
		    "the request is garbled"));
	}
	name_lower(c.email);
	name_lower(c.node);
	if (imsg_get_type(imsg) == CTL_GRANT_LIST) {
		req.what = "grant list";
		return (grant_list(&req, &c));
	}
	if (c.email[0] == '\0' || c.node[0] == '\0')
		return (auth_admin_error(&req, CTL_CODE_INVALID,
		    "a grant is of a user, to a node"));
	if (imsg_get_type(imsg) == CTL_GRANT_SET)
		return (grant_set(&req, &c, ""));
	req.what = "grant revoke";
	return (grant_revoke(&req, &c));
}

void
auth_grant_record(const struct store_grant *g, struct ctl_grant *c)
{
	memset(c, 0, sizeof(*c));
	strlcpy(c->email, g->email, sizeof(c->email));
	strlcpy(c->node, g->node, sizeof(c->node));
	strlcpy(c->owner, g->owner, sizeof(c->owner));
	strlcpy(c->granted_by, g->granted_by, sizeof(c->granted_by));
	strlcpy(c->targets, g->grant.targets, sizeof(c->targets));
	c->scopes = g->grant.scopes;
	c->created_at = g->created_at;
	c->expires_at = g->grant.expires_at;
	c->expired = grant_over(g->grant.expires_at);
}

/* ---- when their time is over ---- */

/*
 * The store keeps them, to be looked at or given again; a clock that was set
 * wrong and is set back takes nothing for good.  0, or -1 to try again.
 */
static int
grants_end(int64_t now)
{
	struct store_grant	 page[GRANT_PAGE];
	char			 after[USER_ID_LEN + 4] = "";
	size_t			 i, n;

	do {
		n = GRANT_PAGE;
		if (store_grant_ended(auth_store, ended, now, after, page,
		    &n) != STORE_OK)
			return (-1);
		for (i = 0; i < n; i++) {
			log_info("grant of %s to %s has expired",
			    page[i].email, page[i].node);
			auth_revoke_grant(&page[i], NULL, AUDIT_GRANT_EXPIRED,
			    "the grant has expired", NULL);
			strlcpy(after, page[i].grant.id, sizeof(after));
		}
	} while (n == GRANT_PAGE);
	return (0);
}

int64_t
auth_grant_tick(void)
{
	int64_t			 now_ms = auth_wall_ms(), now = now_ms / 1000;
	uint64_t		 mono = auth_mono();
	enum store_result	 r;

	if (!store_is_open(auth_store))
		return (-1);
	if (verify) {
		verify = 0;
		auth_grant_ask();
	}
	/* What ended before we were there, who used it tells us. */
	if (ended == -1 || now < ended) {
		ended = now;
		look_at = 0;
	}
	if (next_end != 0 && now >= next_end) {
		if (grants_end(now) == -1) {
			auth_trouble("grants that have expired go on");
			return (-1);
		}
		ended = now;
		look_at = 0;
	}
	if (mono >= look_at) {
		r = store_grant_next(auth_store, ended, &next_end);
		if (r == STORE_NONE)
			next_end = 0;
		else if (r != STORE_OK)
			return (-1);
		look_at = mono + GRANT_LOOK_MS;
	}
	if (next_end == 0)
		return (-1);
	return (next_end * 1000 > now_ms ? next_end * 1000 - now_ms : 0);
}

/* ---- after a restart ---- */

void
auth_grant_ask(void)
{
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_GRANTS_ASK, 0, -1,
	    NULL, 0);
}

/* Routes and streams rest on it, as it was told of there: is it so now? */
int
auth_recv_grant_used(struct proc_peer *peer, struct imsg *imsg)
{
	struct store_grant	 g;
	struct grant		 req;

	if (imsg_get_data(imsg, &req, sizeof(req)) == -1 ||
	    memchr(req.id, '\0', sizeof(req.id)) == NULL ||
	    req.id[0] == '\0' ||
	    memchr(req.targets, '\0', sizeof(req.targets)) == NULL)
		return (-1);
	memset(&g, 0, sizeof(g));
	switch (store_grant_find_id(auth_store, req.id, &g)) {
	case STORE_OK:
		if (grant_holds(&g) && g.grant.scopes == req.scopes &&
		    g.grant.expires_at == req.expires_at &&
		    strcmp(g.grant.targets, req.targets) == 0)
			break;
		if (grant_holds(&g))
			auth_revoke_grant(&g, &g.grant, 0,
			    "the grant no longer covers this", NULL);
		else
			auth_revoke_grant(&g, NULL, AUDIT_GRANT_EXPIRED,
			    "the grant has expired", NULL);
		break;
	case STORE_NONE:
		memset(&g, 0, sizeof(g));
		strlcpy(g.grant.id, req.id, sizeof(g.grant.id));
		auth_revoke_grant(&g, NULL, AUDIT_REVOKE,
		    "the grant was revoked", NULL);
		break;
	default:
		/* It was good when we last could ask: streams go on. */
		auth_trouble("grants are not verified");
		verify = 1;
		break;
	}
	return (0);
}
