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
 * What an administrator asks about tokens and nodes.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <string.h>

#include "auth.h"

static int	token_request_ok(const struct auth_request *,
		    const struct ctl_token *);
static int	admin_token_create(const struct auth_request *,
		    const struct ctl_token *);
static int	admin_node_rename(const struct auth_request *, const char *,
		    const char *);

/* ---- tokens ---- */

/* 1, or 0 when it is not and that was answered. */
static int
token_request_ok(const struct auth_request *req, const struct ctl_token *c)
{
	static const uint8_t	 none[TOKEN_PUBLIC_LEN];
	const char		*why = NULL;

	if (!token_id_valid(c->token_id) ||
	    memcmp(c->public, none, sizeof(none)) == 0)
		why = "the token has no id or no public key";
	else if (c->scopes == 0)
		why = "a token needs a scope: node, connect, http, ssh, mesh "
		    "or admin";
	else if (c->scopes > (SCOPE_ADMIN << 1) - 1)
		why = "the token has a scope that this relay does not know";
	else if (!name_text_ok(c->name))
		why = "the token's name has characters that can't be shown";
	else if (!name_labels_ok(c->nodes))
		why = "the token's list of nodes: " NAME_LABEL_RULE;
	else if (c->expires_at < 0 || (c->expires_at != 0 &&
	    c->expires_at <= auth_wall()))
		why = "the token's expiry is in the past";
	if (why == NULL)
		return (1);
	(void)auth_admin_error(req, CTL_CODE_INVALID, "%s", why);
	return (0);
}

static int
admin_token_create(const struct auth_request *req, const struct ctl_token *c)
{
	struct store_user	 u;
	struct store_token	 t;

	if (!token_request_ok(req, c))
		return (0);
	if (auth_admin_user_find(req, c->email, &u) == -1)
		return (0);
	if (!u.enabled)
		return (auth_admin_error(req, CTL_CODE_DENIED,
		    "user %s is disabled", c->email));
	if (c->scopes & SCOPE_ADMIN && !u.admin)
		return (auth_admin_error(req, CTL_CODE_DENIED,
		    "scope admin is for administrators, and %s is none",
		    c->email));
	memset(&t, 0, sizeof(t));
	store_uuid(t.id);
	strlcpy(t.token_id, c->token_id, sizeof(t.token_id));
	memcpy(t.public, c->public, sizeof(t.public));
	strlcpy(t.user_id, u.id, sizeof(t.user_id));
	strlcpy(t.name, c->name, sizeof(t.name));
	t.scopes = c->scopes;
	strlcpy(t.nodes, c->nodes, sizeof(t.nodes));
	t.created_at = auth_wall();
	t.expires_at = c->expires_at;
	switch (store_token_add(auth_store, &t)) {
	case STORE_OK:
		return (auth_admin_ok(req, "%s", ""));
	case STORE_EXISTS:
		return (auth_admin_error(req, CTL_CODE_EXISTS,
		    "there is a token %s already", c->token_id));
	default:
		return (auth_admin_store(req));
	}
}

int
auth_recv_ctl_token(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_token	 c;
	struct auth_request	 req = { imsg_get_id(imsg), "token create",
				    c.token_id };

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	if (memchr(c.token_id, '\0', sizeof(c.token_id)) == NULL ||
	    memchr(c.email, '\0', sizeof(c.email)) == NULL ||
	    memchr(c.name, '\0', sizeof(c.name)) == NULL ||
	    memchr(c.nodes, '\0', sizeof(c.nodes)) == NULL) {
		req.subject = "";
		return (auth_admin_error(&req, CTL_CODE_INVALID,
		    "the request is garbled"));
	}
	name_lower(c.email);
	name_lower(c.nodes);
	return (admin_token_create(&req, &c));
}

int
auth_admin_token_revoke(const struct auth_request *req, const char *token_id)
{
	/* Its line has the token itself. */
	const struct auth_about	 nobody = { .email = NULL };

	switch (store_token_revoke(auth_store, token_id, auth_wall())) {
	case STORE_OK:
		return (auth_admin_revoke(req, REVOKE_TOKEN, token_id,
		    &nobody, "token was revoked", ""));
	case STORE_NONE:
		return (auth_admin_error(req, CTL_CODE_NOT_FOUND,
		    "no token %s: accessctl token list shows them",
		    token_id));
	default:
		return (auth_admin_store(req));
	}
}

/* ---- nodes ---- */

void
auth_admin_node(const struct store_node *n, struct ctl_node *c)
{
	memset(c, 0, sizeof(*c));
	strlcpy(c->name, n->name, sizeof(c->name));
	strlcpy(c->email, n->email, sizeof(c->email));
	strlcpy(c->token_id, n->token_id, sizeof(c->token_id));
	c->created_at = n->created_at;
	c->since = n->last_seen_at;
	auth_limit_figures(METER_NODE, n->id, &c->rate, &c->quota, &c->used);
}

int
auth_admin_node_show(const struct auth_request *req, const char *name)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct store_node	 n;
	struct ctl_node		 c;
	struct ctl_end		 end;

	if (auth_admin_node_find(req, name, &n) == -1)
		return (0);
	auth_admin_node(&n, &c);
	auth_admin_node_http(&c);
	(void)proc_send(router, CTL_NODE, req->client, -1, &c, sizeof(c));
	memset(&end, 0, sizeof(end));
	(void)proc_send(router, CTL_OK, req->client, -1, &end, sizeof(end));
	return (0);
}

int
auth_admin_node_remove(const struct auth_request *req, const char *name)
{
	struct store_node	 n;
	const struct auth_about	 about = { .node = n.name };

	if (auth_admin_node_find(req, name, &n) == -1)
		return (0);
	if (store_node_remove(auth_store, n.id) != STORE_OK)
		return (auth_admin_store(req));
	(void)store_limits_tidy(auth_store);
	return (auth_admin_revoke(req, REVOKE_NODE, n.id, &about,
	    "node was removed",
	    "the device registers again when it logs in: revoke its token "
	    "to keep it out"));
}

static int
admin_node_rename(const struct auth_request *req, const char *from,
    const char *to)
{
	struct store_node	 n;
	const struct auth_about	 about = { .node = to, .was = n.name };
	char			 text[CTL_TEXT_LEN];

	if (!name_label_ok(to))
		return (auth_admin_error(req, CTL_CODE_INVALID, "%s",
		    NAME_LABEL_RULE));
	if (auth_admin_node_find(req, from, &n) == -1)
		return (0);
	if (strcmp(from, to) == 0)
		return (auth_admin_error(req, CTL_CODE_INVALID,
		    "node %s has that name already", from));
	switch (store_node_rename(auth_store, n.id, to)) {
	case STORE_OK:
		break;
	case STORE_EXISTS:
		return (auth_admin_error(req, CTL_CODE_EXISTS,
		    "there is a node %s already", to));
	default:
		return (auth_admin_store(req));
	}
	(void)snprintf(text, sizeof(text), "change `name` in the device's "
	    "agentd.conf to %s as well, or it registers as %s again", to,
	    from);
	return (auth_admin_revoke(req, REVOKE_NODE, n.id, &about,
	    "node was renamed", text));
}

int
auth_recv_ctl_rename(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_rename	 c;
	struct auth_request	 req = { imsg_get_id(imsg), "node rename",
				    c.from };

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	if (memchr(c.from, '\0', sizeof(c.from)) == NULL ||
	    memchr(c.to, '\0', sizeof(c.to)) == NULL) {
		req.subject = "";
		return (auth_admin_error(&req, CTL_CODE_INVALID,
		    "the request is garbled"));
	}
	name_lower(c.from);
	name_lower(c.to);
	return (admin_node_rename(&req, c.from, c.to));
}
