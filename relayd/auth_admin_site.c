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
 * What an administrator says of sites: who may see what a node shows, and
 * which domains lead to it.  Who may see less from now on has ended when the
 * answer goes.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <string.h>

#include "auth.h"

static int	site_set(const struct auth_request *, const struct ctl_site *);
static int	site_remove(const struct auth_request *,
		    const struct ctl_site *);
static int	site_list(const struct auth_request *,
		    const struct ctl_site *);
static int	domain_request(const struct auth_request *,
		    const struct ctl_domain *);
static int	domain_add(const struct auth_request *,
		    const struct ctl_domain *);
static int	domain_remove(const struct auth_request *, const char *);

/* ---- services ---- */

static int
site_set(const struct auth_request *req, const struct ctl_site *c)
{
	struct store_node	 n;
	const struct auth_about	 about = { .node = n.name };
	char			 host[DOMAIN_LEN];
	char			 text[CTL_TEXT_LEN];

	if (c->access < SITE_PRIVATE || c->access > SITE_BASIC)
		return (auth_admin_error(req, CTL_CODE_INVALID,
		    "http is private, public or basic"));
	if (c->service[0] != '\0' && !name_service_ok(c->service))
		return (auth_admin_error(req, CTL_CODE_INVALID, "%s",
		    NAME_SERVICE_RULE));
	if (auth_admin_node_find(req, c->node, &n) == -1)
		return (0);
	if (store_service_set(auth_store, n.id, c->service, c->access) !=
	    STORE_OK)
		return (auth_admin_store(req));
	auth_site_host(n.name, c->service, host);
	if (host[0] != '\0')
		(void)snprintf(text, sizeof(text), "it is at %.240s", host);
	else
		(void)snprintf(text, sizeof(text), "%s: only a domain can "
		    "lead there", name_label_ok(n.name) ? "it is too long "
		    "for the name of a host" : "the node's name is none for "
		    "a host");
	return (auth_admin_revoke(req, REVOKE_SITE, n.id, &about,
	    "the site has changed", text));
}

static int
site_remove(const struct auth_request *req, const struct ctl_site *c)
{
	struct store_node	 n;
	const struct auth_about	 about = { .node = n.name };

	if (auth_admin_node_find(req, c->node, &n) == -1)
		return (0);
	switch (c->service[0] == '\0' ? STORE_NONE :
	    store_service_remove(auth_store, n.id, c->service)) {
	case STORE_OK:
		return (auth_admin_revoke(req, REVOKE_SITE, n.id, &about,
		    "the site has changed", ""));
	case STORE_NONE:
		return (auth_admin_error(req, CTL_CODE_NOT_FOUND,
		    "nothing is set for service %s of %s: accessctl service "
		    "list shows what is", c->service, c->node));
	default:
		return (auth_admin_store(req));
	}
}

static int
site_list(const struct auth_request *req, const struct ctl_site *c)
{
	struct store_node	 n = { .id = "" };

	if (c->node[0] != '\0' && auth_admin_node_find(req, c->node, &n) == -1)
		return (0);
	if (auth_list_start(AUTH_LIST_SITES, req->client, 0, "", n.id) == -1)
		return (auth_admin_error(req, CTL_CODE_INTERNAL,
		    "too many requests at once: try again"));
	return (0);
}

int
auth_recv_ctl_site(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_site		 c;
	struct auth_request	 req = { imsg_get_id(imsg), "service set",
				    c.node };

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	if (memchr(c.node, '\0', sizeof(c.node)) == NULL ||
	    memchr(c.service, '\0', sizeof(c.service)) == NULL) {
		req.subject = "";
		return (auth_admin_error(&req, CTL_CODE_INVALID,
		    "the request is garbled"));
	}
	name_lower(c.node);
	name_lower(c.service);
	switch (imsg_get_type(imsg)) {
	case CTL_SITE_SET:
		return (site_set(&req, &c));
	case CTL_SITE_REMOVE:
		req.what = "service remove";
		return (site_remove(&req, &c));
	default:
		req.what = "service list";
		return (site_list(&req, &c));
	}
}

void
auth_admin_site(const struct store_site *si, struct ctl_site *c)
{
	memset(c, 0, sizeof(*c));
	strlcpy(c->node, si->node, sizeof(c->node));
	strlcpy(c->service, si->service, sizeof(c->service));
	strlcpy(c->email, si->email, sizeof(c->email));
	c->access = si->access;
	auth_site_host(si->node, si->service, c->host);
}

void
auth_admin_node_http(struct ctl_node *c)
{
	struct store_site	 si;

	if (store_site_find(auth_store, c->name, "", &si) != STORE_OK)
		return;
	c->http = si.access;
	auth_site_host(c->name, "", c->host);
}

/* ---- domains ---- */

/* Can such a name lead to a node?  1, or 0 when it was answered. */
static int
domain_request(const struct auth_request *req, const struct ctl_domain *c)
{
	if (!name_host_ok(c->name) || strchr(c->name, '.') == NULL)
		(void)auth_admin_error(req, CTL_CODE_INVALID,
		    "%.150s is not the full name of a host", c->name);
	else if (auth_site_own(c->name))
		(void)auth_admin_error(req, CTL_CODE_INVALID,
		    "%.150s is a name of this relay, or below its domain",
		    c->name);
	else if (c->service[0] != '\0' && !name_service_ok(c->service))
		(void)auth_admin_error(req, CTL_CODE_INVALID, "%s",
		    NAME_SERVICE_RULE);
	else
		return (1);
	return (0);
}

static int
domain_add(const struct auth_request *req, const struct ctl_domain *c)
{
	struct store_domain	 d;
	struct store_node	 n;
	const char		*text = "";

	if (!domain_request(req, c) ||
	    auth_admin_node_find(req, c->node, &n) == -1)
		return (0);
	memset(&d, 0, sizeof(d));
	strlcpy(d.name, c->name, sizeof(d.name));
	strlcpy(d.site.node_id, n.id, sizeof(d.site.node_id));
	strlcpy(d.site.service, c->service, sizeof(d.site.service));
	d.passthrough = c->passthrough != 0;
	d.created_at = auth_wall();
	switch (store_domain_add(auth_store, &d)) {
	case STORE_OK:
		break;
	case STORE_EXISTS:
		if (store_domain_find(auth_store, c->name, &d) != STORE_OK)
			strlcpy(d.site.node, "a node", sizeof(d.site.node));
		return (auth_admin_error(req, CTL_CODE_EXISTS,
		    "%.120s leads to %s%s%s already: accessctl domain remove "
		    "takes it away", c->name, d.site.node,
		    d.site.service[0] == '\0' ? "" : ":", d.site.service));
	default:
		return (auth_admin_store(req));
	}
	auth_site_changed(n.id);
	/* Where there are certificates it wants one. */
	if (!d.passthrough && !TAILQ_EMPTY(&auth_names) &&
	    !names_match(&auth_names, c->name))
		text = "no certificate in relayd.conf is for it: add a line "
		    "`certificate`, and reload";
	return (auth_admin_ok(req, "%s", text));
}

static int
domain_remove(const struct auth_request *req, const char *name)
{
	struct store_domain	 d;
	struct store_node	 n;
	const struct auth_about	 about = { .node = n.name };
	struct ctl_domain	 c;
	enum store_result	 found, r;

	found = store_domain_find(auth_store, name, &d);
	if (found != STORE_OK && found != STORE_NONE)
		return (auth_admin_store(req));
	if (found == STORE_OK &&
	    auth_admin_node_find(req, d.site.node, &n) == -1)
		return (0);
	r = store_domain_remove(auth_store, name);
	if (r == STORE_NONE)
		return (auth_admin_error(req, CTL_CODE_NOT_FOUND,
		    "no domain %.150s: accessctl domain list shows them",
		    name));
	if (r != STORE_OK)
		return (auth_admin_store(req));
	/* One that could not be read led nowhere. */
	if (found == STORE_NONE)
		return (auth_admin_ok(req, "%s", ""));
	/* Where it led, for router to put on record. */
	auth_admin_domain(&d, &c);
	(void)proc_send(proc_peer(PROC_ROUTER, 0), CTL_DOMAIN, req->client,
	    -1, &c, sizeof(c));
	return (auth_admin_revoke(req, REVOKE_SITE, d.site.node_id,
	    &about, "the domain was removed", ""));
}

int
auth_recv_ctl_domain(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_domain	 c;
	struct auth_request	 req = { imsg_get_id(imsg), "domain add",
				    c.name };
	size_t			 len;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	if (memchr(c.name, '\0', sizeof(c.name)) == NULL ||
	    memchr(c.node, '\0', sizeof(c.node)) == NULL ||
	    memchr(c.service, '\0', sizeof(c.service)) == NULL) {
		req.subject = "";
		return (auth_admin_error(&req, CTL_CODE_INVALID,
		    "the request is garbled"));
	}
	name_lower(c.name);
	name_lower(c.node);
	name_lower(c.service);
	/* "app.example.com." is the same host. */
	if ((len = strlen(c.name)) > 1 && c.name[len - 1] == '.')
		c.name[len - 1] = '\0';
	if (imsg_get_type(imsg) == CTL_DOMAIN_ADD)
		return (domain_add(&req, &c));
	req.what = "domain remove";
	return (domain_remove(&req, c.name));
}

void
auth_admin_domain(const struct store_domain *d, struct ctl_domain *c)
{
	memset(c, 0, sizeof(*c));
	strlcpy(c->name, d->name, sizeof(c->name));
	strlcpy(c->node, d->site.node, sizeof(c->node));
	strlcpy(c->service, d->site.service, sizeof(c->service));
	strlcpy(c->email, d->site.email, sizeof(c->email));
	c->passthrough = d->passthrough;
	c->access = d->site.access;
	c->created_at = d->created_at;
}
