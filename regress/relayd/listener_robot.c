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

#include "compat.h"

#include <err.h>
#include <imsg.h>
#include <string.h>
#include <time.h>

#include "../lib/flood.h"
#include "listener_robot.h"
#include "listener_world.h"
#include "msg.h"
#include "msg_link.h"
#include "msg_list.h"
#include "msg_login.h"
#include "msg_rpc.h"
#include "msg_site.h"
#include "msg_stats.h"

#define NODE_ID	"0f7e0000-0000-4000-8000-000000000001"
#define USER_ID	"0f7e0000-0000-4000-8000-000000000002"

uint64_t		 world_node_session;
uint32_t		 world_node_conn;

static char		 known[TOKEN_ID_LEN + 4];
static uint64_t		 last_session = 100, last_ticket = 500;
static uint32_t		 asked;		/* the asker of a route */
static struct route	 route;		/* when its ticket is taken */

void
robot_knows(const struct token *t)
{
	strlcpy(known, t->id, sizeof(known));
}

static void
say(int kind, uint32_t type, uint32_t id, const void *data, size_t len)
{
	if (flood_say(kind, 0, type, id, -1, data, len) == -1)
		errx(2, "message %u is refused", type);
}

/* ---- who comes in ---- */

static void
admit(uint32_t conn, uint32_t door)
{
	struct session	 s;

	memset(&s, 0, sizeof(s));
	s.session = ++last_session;
	s.conn = conn;
	s.door = door;
	s.scopes = SCOPE_NODE | SCOPE_CONNECT | SCOPE_HTTP;
	strlcpy(s.user_id, USER_ID, sizeof(s.user_id));
	strlcpy(s.email, "me@example.org", sizeof(s.email));
	strlcpy(s.username, "me", sizeof(s.username));
	if (door == DOOR_NODE || door == DOOR_HTTP || door == DOOR_RPC) {
		strlcpy(s.node_id, NODE_ID, sizeof(s.node_id));
		strlcpy(s.node, "pi", sizeof(s.node));
	}
	if (door == DOOR_NODE) {
		world_node_session = s.session;
		world_node_conn = conn;
	}
	s.expires_at = time(NULL) + 1000;
	say(PROC_ROUTER, IMSG_SESSION, conn, &s, sizeof(s));
}

static void
log_in(struct imsg *imsg)
{
	struct login_denied	 no = { .status = 401 };
	struct login		 l;

	if (imsg_get_data(imsg, &l, sizeof(l)) == -1)
		errx(2, "a log-in");
	if (l.method == LOGIN_SECRET || strcmp(l.token_id, known) == 0) {
		admit(imsg_get_id(imsg), l.door);
		return;
	}
	strlcpy(no.text, "nobody's", sizeof(no.text));
	say(PROC_AUTH, IMSG_LOGIN_DENIED, imsg_get_id(imsg), &no, sizeof(no));
}

static void
web(struct imsg *imsg)
{
	struct web_answer	 a;
	struct web_ask		 w;

	if (imsg_get_data(imsg, &w, sizeof(w)) == -1)
		errx(2, "a question of the login page");
	memset(&a, 0, sizeof(a));
	a.what = w.what;
	a.status = strcmp(w.password, "wrong") == 0 ? 401 : 200;
	a.expires_at = time(NULL) + 1000;
	strlcpy(a.email, "me@example.org", sizeof(a.email));
	say(PROC_AUTH, IMSG_WEB_ANSWER, imsg_get_id(imsg), &a, sizeof(a));
}

/* ---- what leads where ---- */

static void
routed(uint32_t id)
{
	say(PROC_ROUTER, IMSG_ROUTE, id, &route, sizeof(route));
}

/* pi is linked here, pa at the other listener, po is somebody else's pi. */
static void
route_to(struct imsg *imsg)
{
	struct route_ask	 ask;
	struct share_set	 share;
	struct ticket		 t;
	struct grant		 g;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1)
		errx(2, "a question for a route");
	memset(&route, 0, sizeof(route));
	memset(&t, 0, sizeof(t));
	route.session = ask.session;
	strlcpy(route.node, ask.node, sizeof(route.node));
	route.ticket = t.ticket = ++last_ticket;
	route.meters[0].what = METER_USER;
	strlcpy(route.meters[0].id, USER_ID, sizeof(route.meters[0].id));
	if (strcmp(ask.node, "pa") == 0) {
		route.listener = 1;
		routed(imsg_get_id(imsg));
		return;
	}
	if (strcmp(ask.node, "pi") != 0 && strcmp(ask.node, "po") != 0) {
		route.code = MUX_CODE_NODE_OFFLINE;
		routed(imsg_get_id(imsg));
		return;
	}
	if (strcmp(ask.node, "po") == 0) {
		memset(&share, 0, sizeof(share));
		share.meter = route.meters[0];
		share.rate[0] = share.rate[1] = 100000000;
		say(PROC_ROUTER, IMSG_SHARE, 0, &share, sizeof(share));
		memset(&g, 0, sizeof(g));
		strlcpy(g.id, USER_ID, sizeof(g.id));
		g.scopes = SCOPE_CONNECT;
		say(PROC_ROUTER, IMSG_GRANT, 0, &g, sizeof(g));
		strlcpy(route.grant, g.id, sizeof(route.grant));
		strlcpy(t.grant, g.id, sizeof(t.grant));
	}
	route.conn = t.conn = world_node_conn;
	t.session = world_node_session;
	strlcpy(t.email, "me@example.org", sizeof(t.email));
	asked = imsg_get_id(imsg);
	say(PROC_ROUTER, IMSG_TICKET, 0, &t, sizeof(t));
}

static void
site(struct imsg *imsg)
{
	struct site_ask	 ask;
	struct site	 s;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1)
		errx(2, "a question for a site");
	memset(&s, 0, sizeof(s));
	strlcpy(s.host, ask.host, sizeof(s.host));
	s.passthrough = ask.passthrough;
	s.access = strncmp(s.host, "own--", 5) == 0 ? SITE_PRIVATE :
	    strncmp(s.host, "bare--", 6) == 0 ? SITE_BASIC : SITE_PUBLIC;
	/* The owner's, of this site; of others visitors have their own. */
	if (s.access == SITE_PUBLIC)
		s.session = ++last_session;
	s.online = 1;
	strlcpy(s.node, "pi", sizeof(s.node));
	strlcpy(s.node_id, NODE_ID, sizeof(s.node_id));
	strlcpy(s.user_id, USER_ID, sizeof(s.user_id));
	strlcpy(s.email, "me@example.org", sizeof(s.email));
	if (strncmp(s.host, "none.", 5) == 0) {
		memset(&s, 0, sizeof(s));
		strlcpy(s.host, ask.host, sizeof(s.host));
		s.code = MUX_CODE_NO_NODE;
	}
	say(PROC_ROUTER, IMSG_SITE, imsg_get_id(imsg), &s, sizeof(s));
}

/* ---- lists ---- */

static void
nodes(struct imsg *imsg)
{
	struct nodes_ask	 ask;
	struct nodes_entry	 e;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1)
		errx(2, "a question for nodes");
	memset(&e, 0, sizeof(e));
	e.session = ask.session;
	strlcpy(e.node, "pi", sizeof(e.node));
	strlcpy(e.owner, "me@example.org", sizeof(e.owner));
	e.online = 1;
	/* In two pages. */
	say(PROC_ROUTER, IMSG_NODES_ENTRY, imsg_get_id(imsg), &e,
	    NODES_ENTRY_MIN);
	ask.more = ask.after[0] == '\0';
	strlcpy(ask.after, "pi", sizeof(ask.after));
	ask.code = 0;
	say(PROC_ROUTER, IMSG_NODES_END, imsg_get_id(imsg), &ask,
	    sizeof(ask));
}

static void
connections(struct imsg *imsg)
{
	struct conns_ask	 ask;
	struct conns_entry	 e;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1)
		errx(2, "a question for connections");
	memset(&e, 0, sizeof(e));
	e.session = ask.session;
	e.conn.id = 1;
	say(PROC_ROUTER, IMSG_CONNS_ENTRY, imsg_get_id(imsg), &e, sizeof(e));
	ask.more = ask.code = 0;
	say(PROC_ROUTER, IMSG_CONNS_END, imsg_get_id(imsg), &ask,
	    sizeof(ask));
}

static void
figures(struct imsg *imsg)
{
	static struct figures	 f;

	say(PROC_ROUTER, IMSG_FIGURES, imsg_get_id(imsg), &f, sizeof(f));
}

/* ---- pairing ---- */

static void
pair(struct imsg *imsg)
{
	struct pair_answer	 a;

	memset(&a, 0, sizeof(a));
	a.expires_at = time(NULL) + 1000;
	strlcpy(a.node, "pi", sizeof(a.node));
	say(PROC_ROUTER, IMSG_PAIR_ANSWER, imsg_get_id(imsg), &a, sizeof(a));
}

static void
offer(struct imsg *imsg)
{
	struct pair_offered	 o;
	struct pair_offer	 ask;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1)
		errx(2, "a code");
	memset(&o, 0, sizeof(o));
	memcpy(o.hash, ask.hash, sizeof(o.hash));
	o.expires_at = time(NULL) + 100;
	say(PROC_ROUTER, IMSG_PAIR_OFFERED, imsg_get_id(imsg), &o, sizeof(o));
}

static void
rpc_node(struct imsg *imsg)
{
	struct rpc_node_ask	 ask;
	struct rpc_node_may	 may = { .status = 101 };
	struct rpc_node		 n;

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1)
		errx(2, "a node of the other make");
	say(PROC_ROUTER, IMSG_RPC_NODE_MAY, imsg_get_id(imsg), &may,
	    sizeof(may));
	memset(&n, 0, sizeof(n));
	strlcpy(n.node, ask.node, sizeof(n.node));
	n.conn = imsg_get_id(imsg);
	n.live = 1;
	n.from = ask.from;
	strlcpy(n.addr, ask.addr, sizeof(n.addr));
	say(PROC_ROUTER, IMSG_RPC_NODE, 0, &n, sizeof(n));
}

static void
slots(struct imsg *imsg)
{
	struct rpc_slots	 s;

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1)
		errx(2, "slots");
	if (s.what != RPC_SLOTS_ASK)
		return;
	s.what = RPC_SLOTS_GIVEN;
	s.live = 1;
	say(PROC_ROUTER, IMSG_RPC_SLOTS, imsg_get_id(imsg), &s, sizeof(s));
}

/* ---- */

static const struct {
	uint32_t	 type;
	void		(*answer)(struct imsg *);
} answers[] = {
	{ IMSG_LOGIN, log_in }, { IMSG_WEB_ASK, web },
	{ IMSG_ROUTE_ASK, route_to }, { IMSG_SITE_ASK, site },
	{ IMSG_NODES_ASK, nodes }, { IMSG_CONNS_ASK, connections },
	{ IMSG_FIGURES_ASK, figures }, { IMSG_PAIR_ASK, pair },
	{ IMSG_PAIR_OFFER, offer }, { IMSG_RPC_NODE_ASK, rpc_node },
	{ IMSG_RPC_SLOTS, slots }
};

static void
robot_answer(struct imsg *imsg)
{
	size_t	 i;

	if (imsg_get_type(imsg) == IMSG_LOGIN_PASSWORD)
		admit(imsg_get_id(imsg), DOOR_HTTP);
	else if (imsg_get_type(imsg) == IMSG_TICKET_OK)
		routed(asked);
	for (i = 0; i < nitems(answers); i++) {
		if (answers[i].type == imsg_get_type(imsg))
			answers[i].answer(imsg);
	}
}

int
robot_turn(void)
{
	static const int	 kinds[] = {
		PROC_PARENT, PROC_AUTH, PROC_ROUTER
	};
	struct imsg		 imsg;
	size_t			 i;
	int			 moved = 0;

	for (i = 0; i < nitems(kinds); i++) {
		if (proc_peer(kinds[i], 0) == NULL)
			continue;
		while (flood_next(kinds[i], 0, &imsg) == 1) {
			moved = 1;
			robot_answer(&imsg);
			imsg_free(&imsg);
		}
	}
	return (moved);
}
