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
 * What router asks and tells about nodes.
 */

#include "compat.h"

#include <imsg.h>

#include <string.h>

#include "auth.h"
#include "log.h"
#include "msg_list.h"

static uint32_t	node_held(const struct node_ask *, struct store_node *,
		    struct grant *);
static uint32_t	node_may(const struct node_ask *, struct node_answer *);

/*
 * The same without a token: a session of a browser or a paired program, or
 * who came in by a password.  It is good for the node that it says, whatever
 * that is called now.
 */
static uint32_t
node_held(const struct node_ask *ask, struct store_node *n,
    struct grant *grant)
{
	const struct session	*s = auth_session_find(ask->session);
	struct store_session	 e;
	enum store_result	 r;

	if (s == NULL || s->token_id[0] != '\0' ||
	    (s->door != DOOR_HTTP && s->door != DOOR_RPC))
		return (MUX_CODE_DENIED);
	r = store_node_find(auth_store, ask->node, n);
	if (r == STORE_OK && strcmp(n->id, s->node_id) != 0)
		return (MUX_CODE_DENIED);
	if (r == STORE_NONE)
		return (MUX_CODE_NO_NODE);
	if (r == STORE_OK && s->held[0] != '\0') {
		r = store_session_find_id(auth_store, s->held, &e);
		if (r == STORE_NONE ||
		    (r == STORE_OK && !auth_session_stands(&e)))
			return (MUX_CODE_DENIED);
	}
	if (r != STORE_OK) {
		auth_trouble("streams are refused");
		return (MUX_CODE_INTERNAL);
	}
	return (strcmp(n->user_id, s->user_id) == 0 ? 0 :
	    auth_grant_may(s->user_id, n, grant));
}

/* May this user, with this token, reach that node?  0 or why not. */
static uint32_t
node_may(const struct node_ask *ask, struct node_answer *answer)
{
	struct store_token	 t;
	struct store_node	 n;
	enum store_result	 r;
	uint32_t		 code;

	if (ask->token_id[0] == '\0') {
		code = node_held(ask, &n, &answer->grant);
		if (code == 0)
			strlcpy(answer->node_id, n.id,
			    sizeof(answer->node_id));
		return (code);
	}
	r = store_token_find(auth_store, ask->token_id, &t);
	if (r == STORE_OK && (strcmp(t.user_id, ask->user_id) != 0 ||
	    !t.user_enabled || auth_expired(t.expires_at)))
		return (MUX_CODE_DENIED);
	if (r == STORE_OK && (r = store_node_find(auth_store, ask->node,
	    &n)) == STORE_NONE)
		return (MUX_CODE_NO_NODE);
	if (r == STORE_NONE)
		return (MUX_CODE_DENIED);
	if (r != STORE_OK) {
		auth_trouble("streams are refused");
		return (MUX_CODE_INTERNAL);
	}
	if (!store_nodes_allow(t.nodes, n.name))
		return (MUX_CODE_DENIED);
	if (strcmp(n.user_id, t.user_id) != 0 &&
	    (code = auth_grant_may(t.user_id, &n, &answer->grant)) != 0)
		return (code);
	strlcpy(answer->node_id, n.id, sizeof(answer->node_id));
	return (0);
}

int
auth_recv_node_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct node_ask		 ask;
	struct node_answer	 answer;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    memchr(ask.user_id, '\0', sizeof(ask.user_id)) == NULL ||
	    memchr(ask.token_id, '\0', sizeof(ask.token_id)) == NULL ||
	    memchr(ask.node, '\0', sizeof(ask.node)) == NULL)
		return (-1);
	memset(&answer, 0, sizeof(answer));
	answer.session = ask.session;
	strlcpy(answer.node, ask.node, sizeof(answer.node));
	answer.code = node_may(&ask, &answer);
	(void)proc_send(peer, IMSG_NODE_ANSWER, imsg_get_id(imsg), -1,
	    &answer, sizeof(answer));
	return (0);
}

int
auth_recv_nodes_ask(struct proc_peer *peer, struct imsg *imsg)
{
	enum auth_list		 kind = AUTH_LIST_REACHABLE;
	struct nodes_ask	 ask;
	struct store_token	 t;
	const struct session	*s;
	enum store_result	 r;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 ||
	    memchr(ask.after, '\0', sizeof(ask.after)) == NULL)
		return (-1);
	ask.more = 0;
	if ((s = auth_session_find(ask.session)) == NULL) {
		log_debug("nodes of a session that is not known");
		ask.code = MUX_CODE_DENIED;
	} else if ((r = store_token_find(auth_store, s->token_id, &t)) !=
	    STORE_OK)
		ask.code = r == STORE_NONE ? MUX_CODE_DENIED :
		    MUX_CODE_INTERNAL;
	else {
		if (s->door == DOOR_API && (s->scopes & SCOPE_ADMIN) != 0)
			kind = AUTH_LIST_ALL;
		if (auth_list_nodes(kind, imsg_get_id(imsg), &ask, t.user_id,
		    t.nodes) == 0)
			return (0);
		ask.code = MUX_CODE_LIMIT;
	}
	(void)proc_send(peer, IMSG_NODES_END, imsg_get_id(imsg), -1, &ask,
	    sizeof(ask));
	return (0);
}

int
auth_recv_node_state(struct proc_peer *peer, struct imsg *imsg)
{
	struct node_state	 st;

	if (imsg_get_data(imsg, &st, sizeof(st)) == -1 ||
	    memchr(st.node_id, '\0', sizeof(st.node_id)) == NULL ||
	    st.online > 1 || st.since < 0)
		return (-1);
	auth_node_state(st.node_id, st.online,
	    st.since != 0 ? st.since : auth_wall());
	return (0);
}
