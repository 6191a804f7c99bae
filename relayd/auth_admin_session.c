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
 * What accessctl asks about sessions of browsers and of paired programs.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <string.h>

#include "auth.h"

#define PAGE	16

static int	session_leads(const struct store_session *,
		    const struct store_node *);
static int	session_visits(const struct store_node *, int *);
static int	session_revoke(const struct auth_request *,
		    const struct ctl_session *);

void
auth_admin_session(const struct store_session *e, struct ctl_session *c)
{
	static const char *const kinds[] = SESSION_NAMES;

	memset(c, 0, sizeof(*c));
	strlcpy(c->id, e->id, sizeof(c->id));
	strlcpy(c->kind, kinds[e->kind], sizeof(c->kind));
	strlcpy(c->email, e->email, sizeof(c->email));
	strlcpy(c->node, e->node, sizeof(c->node));
	strlcpy(c->host, e->host, sizeof(c->host));
	strlcpy(c->addr, e->addr, sizeof(c->addr));
	if (name_text_ok(e->software))
		strlcpy(c->software, e->software, sizeof(c->software));
	c->created_at = e->created_at;
	c->expires_at = e->expires_at;
	c->last_used_at = e->last_used_at;
}

/* Whether a browser's session is for a site of this node. */
static int
session_leads(const struct store_session *e, const struct store_node *n)
{
	struct site_ask	 ask;
	struct site	 s;

	if (e->host[0] == '\0')
		return (0);
	memset(&ask, 0, sizeof(ask));
	strlcpy(ask.host, e->host, sizeof(ask.host));
	auth_site_find(&ask, &s);
	return (s.code == 0 && strcmp(s.node_id, n->id) == 0);
}

/* Remove those; 0, or -1. */
static int
session_visits(const struct store_node *node, int *count)
{
	struct store_session	 page[PAGE], last;
	enum store_result	 r;
	size_t			 i, n;

	memset(&last, 0, sizeof(last));
	do {
		n = nitems(page);
		r = store_session_page(auth_store, NULL, NULL, SESSION_WEB,
		    last.id[0] == '\0' ? NULL : &last, page, &n);
		if (r != STORE_OK)
			return (-1);
		for (i = 0; i < n; i++) {
			last = page[i];
			if (!session_leads(&page[i], node))
				continue;
			r = store_session_remove(auth_store, page[i].id);
			if (r == STORE_OK)
				(*count)++;
			else if (r != STORE_NONE)
				return (-1);
		}
	} while (n == nitems(page));
	return (0);
}

static int
session_revoke(const struct auth_request *req, const struct ctl_session *c)
{
	struct store_user	 u;
	struct store_node	 n;
	const struct auth_about	 about = { .email = u.email,
				    .node = n.name };
	enum store_result	 r = STORE_OK;
	const char		*id = c->id;
	uint32_t		 what = REVOKE_SESSION;
	char			 text[64];
	int			 count = 1;

	if (auth_admin_pair_find(req, c->email, c->node, &u, &n) == -1)
		return (0);
	if (c->id[0] != '\0')
		r = store_session_remove(auth_store, c->id);
	else if (u.id[0] != '\0') {
		what = REVOKE_USER_SESSIONS;
		id = u.id;
		r = store_session_remove_of(auth_store, u.id, NULL, 0,
		    &count);
	} else {
		what = REVOKE_NODE_SESSIONS;
		id = n.id;
		r = store_session_remove_of(auth_store, NULL, n.id, 0,
		    &count);
		if (r == STORE_OK && session_visits(&n, &count) == -1)
			r = STORE_DOWN;
	}
	if (r == STORE_NONE)
		return (auth_admin_error(req, CTL_CODE_NOT_FOUND,
		    "no session %s: accessctl session list shows them",
		    c->id));
	if (r != STORE_OK)
		return (auth_admin_store(req));
	(void)snprintf(text, sizeof(text), "%d session%s", count,
	    count == 1 ? "" : "s");
	return (auth_admin_revoke(req, what, id, &about,
	    "session was revoked", text));
}

int
auth_recv_ctl_session(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_session	 c;
	struct auth_request	 req = { imsg_get_id(imsg), "session list",
				    c.id };
	struct store_user	 u;
	struct store_node	 n;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    memchr(c.id, '\0', sizeof(c.id)) == NULL ||
	    memchr(c.email, '\0', sizeof(c.email)) == NULL ||
	    memchr(c.node, '\0', sizeof(c.node)) == NULL)
		return (-1);
	name_lower(c.email);
	name_lower(c.node);
	if (imsg_get_type(imsg) == CTL_SESSION_LIST) {
		if (auth_admin_pair_find(&req, c.email, c.node, &u, &n) == 0 &&
		    auth_list_start(AUTH_LIST_SESSIONS, req.client, 0, u.id,
		    n.id) == -1)
			return (auth_admin_error(&req, CTL_CODE_INTERNAL,
			    "too many requests at once: try again"));
		return (0);
	}
	req.what = "session revoke";
	if ((c.id[0] != '\0') + (c.email[0] != '\0') + (c.node[0] != '\0') !=
	    1)
		return (auth_admin_error(&req, CTL_CODE_INVALID, "one of a "
		    "session, a user and a node is to be said"));
	return (session_revoke(&req, &c));
}
