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
 * Who may visit which site: its node's owner, and whoever has a grant to the
 * node that has the scope http.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "auth.h"

static uint32_t	visit_node(const struct site *, const char *);

/* 0, or enum mux_code. */
static uint32_t
visit_node(const struct site *site, const char *user_id)
{
	struct store_node	 n;
	struct grant		 g;
	enum store_result	 r;
	uint32_t		 code;

	r = store_node_find(auth_store, site->node, &n);
	if (r != STORE_OK)
		return (r == STORE_NONE ? MUX_CODE_NO_NODE :
		    MUX_CODE_INTERNAL);
	if (strcmp(n.user_id, user_id) == 0)
		return (0);
	if ((code = auth_grant_may(user_id, &n, &g)) != 0)
		return (code);
	return ((g.scopes & SCOPE_HTTP) != 0 ? 0 : MUX_CODE_DENIED);
}

uint32_t
auth_visit(const char *host, const char *user_id, const char *nodes,
    struct session *s, char *text, size_t size)
{
	struct site_ask	 ask;
	struct site	 site;
	uint32_t	 code;

	memset(&ask, 0, sizeof(ask));
	strlcpy(ask.host, host, sizeof(ask.host));
	auth_site_find(&ask, &site);
	if (site.code == 0 && !store_nodes_allow(nodes, site.node)) {
		(void)snprintf(text, size, "this token is not for node %s",
		    site.node);
		return (403);
	}
	if ((code = site.code) == 0)
		code = visit_node(&site, user_id);
	switch (code) {
	case 0:
		strlcpy(s->node_id, site.node_id, sizeof(s->node_id));
		strlcpy(s->node, site.node, sizeof(s->node));
		return (0);
	case MUX_CODE_NO_NODE:
		(void)snprintf(text, size, "there is no site %.100s", host);
		return (404);
	case MUX_CODE_INTERNAL:
		strlcpy(text, "the relay can't read its store now: try again",
		    size);
		return (503);
	default:
		(void)snprintf(text, size, "you may not visit %.100s: it is "
		    "somebody else's, who has to grant it", host);
		return (403);
	}
}
