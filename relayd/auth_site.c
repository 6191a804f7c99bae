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
 * Sites: which node and service a host name leads to, and who may see that.
 * Listeners ask by way of router, for whatever strangers ask them for.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "log.h"

#define SITE_DOMAIN	"localhost"	/* where none is configured */

static void	site_from(struct site *, const struct store_site *);
static uint32_t	site_code(enum store_result, struct site *,
		    const struct store_site *);
static uint32_t	site_named(const char *, struct site *);
static uint32_t	site_domain(const struct site_ask *, struct site *);

static char	 domain[DOMAIN_LEN] = SITE_DOMAIN;
static int	 configured;	/* it is not only assumed */
static int	 untold;	/* any may have changed */

void
auth_site_conf(const char *name)
{
	const char	*new = name[0] == '\0' ? SITE_DOMAIN : name;

	configured = name[0] != '\0';
	if (strcmp(new, domain) == 0)
		return;
	strlcpy(domain, new, sizeof(domain));
	name_lower(domain);
	auth_site_changed("");
}

void
auth_site_changed(const char *node_id)
{
	struct sites_changed	 msg;

	memset(&msg, 0, sizeof(msg));
	strlcpy(msg.node_id, node_id, sizeof(msg.node_id));
	msg.passthrough = auth_store == NULL ||
	    store_domain_passthrough(auth_store);
	if (proc_send(proc_peer(PROC_ROUTER, 0), IMSG_SITES_CHANGED, 0, -1,
	    &msg, sizeof(msg)) == 0)
		return;
	/* A router that is yet to come asks about all. */
	untold = proc_peer(PROC_ROUTER, 0) != NULL;
	auth_soon();
}

int
auth_site_tick(void)
{
	if (untold) {
		untold = 0;
		auth_site_changed("");
	}
	return (untold);
}

void
auth_site_host(const char *node, const char *service, char host[DOMAIN_LEN])
{
	char	 label[CTL_NAME_LEN + SITE_SERVICE_LEN + sizeof(SITE_SEP)];

	(void)snprintf(label, sizeof(label), "%s%s%s", service,
	    service[0] == '\0' ? "" : SITE_SEP, node);
	if (!name_label_ok(node) ||
	    (service[0] != '\0' && !name_service_ok(service)) ||
	    strlen(label) >= NAME_LABEL_LEN ||
	    (size_t)snprintf(host, DOMAIN_LEN, "%s.%s", label, domain) >=
	    DOMAIN_LEN || !name_host_ok(host))
		host[0] = '\0';
}

int
auth_site_own(const char *host)
{
	if (name_within(host, domain) || name_within(host, "localhost"))
		return (1);
	/* Without a domain it goes by the names in its certificates. */
	return (!configured && !TAILQ_EMPTY(&auth_names) &&
	    names_match(&auth_names, host));
}

/* ---- what router asks ---- */

static void
site_from(struct site *s, const struct store_site *si)
{
	int64_t	 seen = auth_node_seen(si->node_id);

	s->access = si->access;
	s->last_seen = seen > si->last_seen_at ? seen : si->last_seen_at;
	strlcpy(s->node, si->node, sizeof(s->node));
	strlcpy(s->node_id, si->node_id, sizeof(s->node_id));
	strlcpy(s->service, si->service, sizeof(s->service));
	strlcpy(s->user_id, si->user_id, sizeof(s->user_id));
	strlcpy(s->email, si->email, sizeof(s->email));
}

static uint32_t
site_code(enum store_result r, struct site *s, const struct store_site *si)
{
	if (r == STORE_OK && si->user_enabled) {
		site_from(s, si);
		return (0);
	}
	if (r == STORE_OK || r == STORE_NONE)
		return (MUX_CODE_NO_NODE);
	auth_trouble("sites can't be looked up");
	return (MUX_CODE_INTERNAL);
}

/* By the name of a node: "pi", or of its service: "grafana--pi". */
static uint32_t
site_named(const char *label, struct site *s)
{
	struct store_site	 si;
	char			 service[SITE_SERVICE_LEN] = "";
	const char		*node = label, *sep;

	if ((sep = strstr(label, SITE_SEP)) != NULL) {
		if ((size_t)(sep - label) >= sizeof(service))
			return (MUX_CODE_NO_NODE);
		memcpy(service, label, sep - label);
		service[sep - label] = '\0';
		node = sep + strlen(SITE_SEP);
		if (!name_service_ok(service))
			return (MUX_CODE_NO_NODE);
	}
	if (!name_label_ok(node))
		return (MUX_CODE_NO_NODE);
	return (site_code(store_site_find(auth_store, node, service, &si), s,
	    &si));
}

static uint32_t
site_domain(const struct site_ask *ask, struct site *s)
{
	struct store_domain	 d;
	enum store_result	 r;

	r = store_domain_find(auth_store, ask->host, &d);
	if (r == STORE_OK && (uint32_t)d.passthrough != ask->passthrough)
		return (MUX_CODE_NO_NODE);
	s->own_domain = 1;
	return (site_code(r, s, &d.site));
}

void
auth_site_find(const struct site_ask *ask, struct site *s)
{
	char	 label[NAME_LABEL_LEN];

	memset(s, 0, sizeof(*s));
	strlcpy(s->host, ask->host, sizeof(s->host));
	s->passthrough = ask->passthrough;
	if (!name_host_ok(ask->host))
		s->code = MUX_CODE_NO_NODE;
	else if (!name_within(ask->host, domain))
		s->code = site_domain(ask, s);
	else if (ask->passthrough ||
	    name_below(ask->host, domain, label) == NULL)
		s->code = MUX_CODE_NO_NODE;
	else
		s->code = site_named(label, s);
}

int
auth_recv_site_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct site_ask	 ask;
	struct site	 s;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    memchr(ask.host, '\0', sizeof(ask.host)) == NULL ||
	    ask.passthrough > 1)
		return (-1);
	auth_site_find(&ask, &s);
	(void)proc_send(peer, IMSG_SITE, imsg_get_id(imsg), -1, &s,
	    sizeof(s));
	return (0);
}
