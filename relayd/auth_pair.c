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
 * What a pairing code buys: a session of the rpc door, in the store, of the
 * node's owner and for this node alone.  Router has seen to it that the code
 * was right, and is used once.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "log.h"
#include "msg_rpc.h"

#define SESSIONS_MAX	1000	/* of one user: then the oldest end */

static struct relayd_rpc	 conf;
static uint64_t			 told = UINT64_MAX;	/* router, so many */

static uint32_t	pair_buy(const struct pair_buy *, struct pair_bought *);

void
auth_pair_conf(const struct relayd_rpc *rpc)
{
	conf = *rpc;
}

static uint32_t
pair_buy(const struct pair_buy *buy, struct pair_bought *b)
{
	struct store_session	 e, old;
	struct store_node	 n;
	struct audit_event	 a;
	enum store_result	 r;

	r = store_node_find(auth_store, buy->node, &n);
	if (r == STORE_NONE || (r == STORE_OK &&
	    strcmp(n.id, buy->node_id) != 0))
		return (PAIR_OFFLINE);
	if (r != STORE_OK) {
		auth_trouble("pairing is refused");
		return (PAIR_LATER);
	}
	memset(&e, 0, sizeof(e));
	store_uuid(e.id);
	e.kind = SESSION_RPC;
	memcpy(e.hash, buy->token, sizeof(e.hash));
	strlcpy(e.user_id, n.user_id, sizeof(e.user_id));
	strlcpy(e.node_id, n.id, sizeof(e.node_id));
	strlcpy(e.addr, buy->addr, sizeof(e.addr));
	strlcpy(e.software, buy->software, sizeof(e.software));
	e.created_at = auth_wall();
	e.expires_at = e.created_at + conf.session_s;
	if ((r = store_session_add(auth_store, &e)) != STORE_OK) {
		if (r != STORE_NONE)
			auth_trouble("pairing is refused");
		return (r == STORE_NONE ? PAIR_OFFLINE : PAIR_LATER);
	}
	/* Not without an end: what is surplus goes, one for each that comes. */
	if (store_session_surplus(auth_store, n.user_id, SESSION_RPC, "",
	    SESSIONS_MAX, &old) == STORE_OK &&
	    store_session_remove(auth_store, old.id) == STORE_OK)
		auth_revoke(REVOKE_SESSION, old.id, "too many sessions");
	b->expires_at = e.expires_at;
	strlcpy(b->node, n.name, sizeof(b->node));

	memset(&a, 0, sizeof(a));
	a.what = AUDIT_LOGIN;
	a.at = e.created_at;
	strlcpy(a.email, n.email, sizeof(a.email));
	strlcpy(a.node, n.name, sizeof(a.node));
	strlcpy(a.addr, buy->addr, sizeof(a.addr));
	snprintf(a.text, sizeof(a.text), "by pairing code, session %s", e.id);
	auth_audit(&a);
	log_info("client %s: paired with node %s of %s, session %s",
	    buy->addr, n.name, n.email, e.id);
	return (PAIR_OK);
}

int
auth_recv_pair_buy(struct proc_peer *peer, struct imsg *imsg)
{
	struct pair_buy		 buy;
	struct pair_bought	 b;

	if (imsg_get_data(imsg, &buy, sizeof(buy)) == -1 ||
	    memchr(buy.node_id, '\0', sizeof(buy.node_id)) == NULL ||
	    memchr(buy.node, '\0', sizeof(buy.node)) == NULL ||
	    memchr(buy.addr, '\0', sizeof(buy.addr)) == NULL ||
	    memchr(buy.software, '\0', sizeof(buy.software)) == NULL)
		return (-1);
	memset(&b, 0, sizeof(b));
	b.code = pair_buy(&buy, &b);
	/* First what there is, then that it is there. */
	auth_pair_tick();
	(void)proc_send(peer, IMSG_PAIR_BOUGHT, imsg_get_id(imsg), -1, &b,
	    sizeof(b));
	return (0);
}

void
auth_pair_router_up(void)
{
	told = UINT64_MAX;
	auth_pair_tick();
}

void
auth_pair_tick(void)
{
	struct rpc_count	 c;

	memset(&c, 0, sizeof(c));
	if (!store_is_open(auth_store) || store_session_count(auth_store,
	    SESSION_RPC, auth_wall(), &c.sessions) != STORE_OK ||
	    c.sessions == told)
		return;
	if (proc_send(proc_peer(PROC_ROUTER, 0), IMSG_RPC_COUNT, 0, -1, &c,
	    sizeof(c)) == 0)
		told = c.sessions;
}
