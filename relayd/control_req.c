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
 * Requests on the control socket.  What concerns users, tokens and nodes is
 * auth's to answer; what concerns links and streams is ours.
 */

#include "compat.h"

#include <imsg.h>

#include <string.h>
#include <unistd.h>

#include "control_req.h"
#include "log.h"
#include "router.h"
#include "ws.h"

#define UPGRADE_MS	120000	/* with a rehearsal, and the way back */

static void	run_auth(struct control *);
static void	run_auth_with_stats(struct control *);
static void	run_kick(struct control *);
static void	run_conn_list(struct control *);
static void	run_upgrade_state(struct control *);
static void	run_conn_kill(struct control *);
static void	run_stats(struct control *);
static void	run_pair(struct control *);
static void	run_parent(struct control *);
static int	control_take(struct control *, struct imsg *);
static void	control_go_on(struct control *);
static void	control_expired(struct control *);
static void	control_have_stats(uint32_t);
static void	control_kicked(uint32_t, const struct ctl_end *);
static void	control_killed(struct control *);
static void	control_node(struct ctl_node *);

const struct control_ops control_requests = {
	control_take, control_go_on, control_expired, control_record,
	"relayd does not know this request: is accessctl of the same version?"
};

static const struct control_request requests[] = {
	{ CTL_USER_ADD, sizeof(struct ctl_user), control_check_user, run_auth,
	    "add user" },
	{ CTL_USER_LIST, sizeof(struct ctl_name), control_check_name, run_auth,
	    NULL },
	{ CTL_USER_PASSWD, sizeof(struct ctl_user), control_check_user,
	    run_auth, "set password" },
	{ CTL_USER_ENABLE, sizeof(struct ctl_name), control_check_name,
	    run_auth, "enable user" },
	{ CTL_USER_DISABLE, sizeof(struct ctl_name), control_check_name,
	    run_auth, "disable user" },
	{ CTL_USER_DELETE, sizeof(struct ctl_name), control_check_name,
	    run_auth, "delete user" },
	{ CTL_TOKEN_CREATE, sizeof(struct ctl_token), control_check_token,
	    run_auth, "create token" },
	{ CTL_TOKEN_LIST, sizeof(struct ctl_name), control_check_name,
	    run_auth, NULL },
	{ CTL_TOKEN_REVOKE, sizeof(struct ctl_name), control_check_name,
	    run_auth, "revoke token" },
	{ CTL_NODE_LIST, sizeof(struct ctl_name), control_check_name,
	    run_auth_with_stats, NULL },
	{ CTL_NODE_SHOW, sizeof(struct ctl_name), control_check_name,
	    run_auth_with_stats, NULL },
	{ CTL_NODE_RENAME, sizeof(struct ctl_rename), control_check_rename,
	    run_auth, "rename node" },
	{ CTL_NODE_REMOVE, sizeof(struct ctl_name), control_check_name,
	    run_auth, "remove node" },
	{ CTL_GRANT_SET, sizeof(struct ctl_grant), control_check_grant,
	    run_auth, "grant" },
	{ CTL_GRANT_LIST, sizeof(struct ctl_grant), control_check_grant,
	    run_auth, NULL },
	{ CTL_GRANT_REVOKE, sizeof(struct ctl_grant), control_check_grant,
	    run_auth, "revoke grant" },
	{ CTL_PUBLISH_ADD, sizeof(struct ctl_publish), control_check_publish,
	    run_auth, "publish" },
	{ CTL_PUBLISH_LIST, sizeof(struct ctl_name), control_check_name,
	    run_auth, NULL },
	{ CTL_PUBLISH_REMOVE, sizeof(struct ctl_name), control_check_name,
	    run_auth, "unpublish" },
	{ CTL_SITE_SET, sizeof(struct ctl_site), control_check_site, run_auth,
	    "show" },
	{ CTL_SITE_LIST, sizeof(struct ctl_site), control_check_site, run_auth,
	    NULL },
	{ CTL_SITE_REMOVE, sizeof(struct ctl_site), control_check_site,
	    run_auth, "remove service" },
	{ CTL_DOMAIN_ADD, sizeof(struct ctl_domain), control_check_domain,
	    run_auth, "add domain" },
	{ CTL_DOMAIN_LIST, sizeof(struct ctl_name), control_check_name,
	    run_auth, NULL },
	{ CTL_DOMAIN_REMOVE, sizeof(struct ctl_domain), control_check_domain,
	    run_auth, "remove domain" },
	{ CTL_SESSION_LIST, sizeof(struct ctl_session), control_check_session,
	    run_auth, NULL },
	{ CTL_SESSION_REVOKE, sizeof(struct ctl_session),
	    control_check_session, run_auth, "revoke session" },
	{ CTL_USER_LIMIT, sizeof(struct ctl_limit), control_check_limit,
	    run_auth, "limit user" },
	{ CTL_NODE_LIMIT, sizeof(struct ctl_limit), control_check_limit,
	    run_auth, "limit node" },
	{ CTL_TRAFFIC_LIST, sizeof(struct ctl_traffic), control_check_traffic,
	    run_auth_with_stats, NULL },
	{ CTL_NODE_KICK, sizeof(struct ctl_name), control_check_name, run_kick,
	    "kick node" },
	{ CTL_CONN_LIST, sizeof(struct ctl_name), control_check_name,
	    run_conn_list, NULL },
	{ CTL_CONN_KILL, sizeof(struct ctl_id), NULL, run_conn_kill,
	    "kill stream" },
	{ CTL_STATS, sizeof(struct ctl_name), control_check_name, run_stats,
	    NULL },
	{ CTL_PAIR, sizeof(struct ctl_pair), control_check_pair, run_pair,
	    "pair" },
	{ CTL_BACKUP, sizeof(struct ctl_name), control_check_name, run_auth,
	    "copy" },
	{ CTL_CHECK, sizeof(struct ctl_name), control_check_name, run_auth,
	    "check" },
	{ CTL_MEMORY, sizeof(struct ctl_memory_ask), control_memory_check,
	    control_memory_run, NULL },
	{ CTL_AUDIT, sizeof(struct ctl_audit_ask), control_audit_check,
	    control_audit_run, NULL },
	{ CTL_UPGRADE, sizeof(struct ctl_name), control_check_name, run_parent,
	    "upgrade" },
	{ CTL_UPGRADE_STATE, sizeof(struct ctl_name), control_check_name,
	    run_upgrade_state, NULL },
	{ CTL_RELOAD, sizeof(struct ctl_name), control_check_name, run_parent,
	    "reload" },
	{ CTL_LOG, sizeof(struct ctl_name), control_check_name, run_parent,
	    "log" },
};

static int
control_take(struct control *c, struct imsg *imsg)
{
	const struct control_request	*req = NULL;
	size_t				 i;

	for (i = 0; i < nitems(requests); i++) {
		if (requests[i].type == imsg_get_type(imsg))
			req = &requests[i];
	}
	if (req == NULL ||
	    imsg_get_data(imsg, &c->payload, req->size) == -1 ||
	    (req->check != NULL && !req->check(&c->payload)))
		return (-1);
	c->req = req;
	c->found = 0;
	req->run(c);
	return (0);
}

/* ---- for auth ---- */

static void
run_auth(struct control *c)
{
	struct proc_peer	*auth = router_auth();

	if (proc_send(auth, c->req->type, c->id, -1, &c->payload,
	    c->req->size) == -1)
		control_done(c, CTL_CODE_STORE, auth == NULL ?
		    "the auth process is starting: try again" :
		    "the auth process is busy: try again");
	else
		control_await(c, CONTROL_AUTH, 0);
}

static void
run_auth_with_stats(struct control *c)
{
	control_await(c, CONTROL_STATS, 0);
	stats_ask(control_have_stats, c->id);
}

/* What the link of a node adds to what the store knows of it. */
static void
control_node(struct ctl_node *n)
{
	struct router_session	*rs;

	n->online = 0;
	if ((rs = node_find_name(n->name)) == NULL)
		return;
	n->online = 1;
	n->streams = rs->link_streams;
	n->since = rs->since;
	strlcpy(n->addr, rs->s.addr, sizeof(n->addr));
	if (rs->software != NULL)
		strlcpy(n->software, rs->software, sizeof(n->software));
	n->rtt_us = rs->rtt_us;
	n->in = rs->in;
	n->out = rs->out;
}

int
control_recv_record(struct proc_peer *peer, struct imsg *imsg)
{
	union control_payload	 p;
	struct control		*c;
	uint32_t		 type = imsg_get_type(imsg);
	size_t			 len = imsg_get_len(imsg);

	if (len > sizeof(p) || imsg_get_data(imsg, &p, len) == -1)
		return (-1);
	switch (type) {
	case CTL_USER:
		if (!control_check_user(&p))
			return (-1);
		explicit_bzero(p.user.hash, sizeof(p.user.hash));
		break;
	case CTL_TOKEN:
		if (!control_check_token(&p))
			return (-1);
		break;
	case CTL_GRANT:
		if (!control_check_grant(&p))
			return (-1);
		break;
	case CTL_TRAFFIC:
		if (!control_check_traffic(&p))
			return (-1);
		break;
	case CTL_NODE:
		if (!ROUTER_STR(p.node.name) || !ROUTER_STR(p.node.email) ||
		    !ROUTER_STR(p.node.token_id) ||
		    !ROUTER_STR(p.node.addr) ||
		    !ROUTER_STR(p.node.software) ||
		    !ROUTER_STR(p.node.host))
			return (-1);
		control_node(&p.node);
		break;
	case CTL_PUBLISH:
		if (!control_check_publish(&p))
			return (-1);
		publish_state(&p.publish);
		break;
	case CTL_SITE:
		if (!control_check_site(&p))
			return (-1);
		break;
	case CTL_DOMAIN:
		if (!control_check_domain(&p))
			return (-1);
		break;
	case CTL_SESSION:
		if (!control_check_session(&p))
			return (-1);
		break;
	case CTL_COPY:
		break;
	default:
		return (-1);
	}
	if ((c = control_find(imsg_get_id(imsg), CONTROL_AUTH)) == NULL)
		return (0);
	control_await(c, CONTROL_AUTH, 0);
	/* Whose port was published, or what was removed, is for the record. */
	if (type == CTL_PUBLISH && (c->req->type == CTL_PUBLISH_ADD ||
	    c->req->type == CTL_PUBLISH_REMOVE)) {
		c->payload.publish = p.publish;
		c->found = 1;
	} else if (type == CTL_DOMAIN && c->req->type == CTL_DOMAIN_REMOVE) {
		c->payload.domain = p.domain;
		c->found = 1;
	} else
		control_send(c, type, &p, len);
	return (0);
}

int
control_recv_file(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_copy	 copy;
	struct control	*c;
	int		 fd;

	if (imsg_get_data(imsg, &copy, sizeof(copy)) == -1 ||
	    (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	c = control_find(imsg_get_id(imsg), CONTROL_AUTH);
	if (c == NULL || (c->req->type != CTL_BACKUP &&
	    c->req->type != CTL_CHECK)) {
		close(fd);
		return (0);
	}
	control_await(c, CONTROL_AUTH, 0);
	control_send_fd(c, CTL_COPY, &copy, sizeof(copy), fd);
	return (0);
}

/* The end of a request, from auth or the parent. */
int
control_recv_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct control	*c;
	struct ctl_end	 end;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1 ||
	    !ROUTER_STR(end.text) || end.code > CTL_CODE_INTERNAL ||
	    (imsg_get_type(imsg) == CTL_OK && end.code != CTL_CODE_OK) ||
	    (imsg_get_type(imsg) == CTL_ERROR && end.code == CTL_CODE_OK))
		return (-1);
	c = control_find(imsg_get_id(imsg),
	    proc_peer_kind(peer) == PROC_PARENT ? CONTROL_PARENT :
	    CONTROL_AUTH);
	if (c == NULL)
		return (0);
	control_end(c, &end);
	return (0);
}

/* ---- for us ---- */

static void
run_kick(struct control *c)
{
	char	 name[CTL_NAME_LEN];

	if (strlcpy(name, c->payload.name.name, sizeof(name)) >=
	    sizeof(name) || node_find_name(name) == NULL) {
		control_done(c, CTL_CODE_NOT_FOUND,
		    "no node of this name is connected");
		return;
	}
	control_await(c, CONTROL_LINKS, 0);
	end_start(END_LINK, name, WS_CLOSE_RESTART,
	    "kicked by the administrator", control_kicked, c->id);
}

static void
control_kicked(uint32_t id, const struct ctl_end *end)
{
	struct control	*c;

	if ((c = control_find(id, CONTROL_LINKS)) != NULL)
		control_end(c, end);
}

static void
run_conn_list(struct control *c)
{
	c->cursor = 0;
	control_await(c, CONTROL_STATS, 0);
	stats_ask(control_have_stats, c->id);
}

static void
run_conn_kill(struct control *c)
{
	c->cursor = c->payload.id.id;
	c->start_ms = router_ms();
	if (stream_kill(c->cursor) == -1)
		control_done(c, CTL_CODE_NOT_FOUND, "no such stream");
	else
		control_await(c, CONTROL_STREAM, END_MS);
}

static void
run_stats(struct control *c)
{
	control_await(c, CONTROL_STATS, 0);
	stats_ask(control_have_stats, c->id);
}

static void
run_pair(struct control *c)
{
	const struct ctl_pair	*p = &c->payload.pair;
	struct pair_offered	 offered;
	struct ctl_pairing	 pairing;

	switch (pair_offer_admin(p->node, p->hash, p->ttl, &offered)) {
	case PAIR_OK:
		break;
	case PAIR_OFFLINE:
		control_done(c, CTL_CODE_NOT_FOUND,
		    "no node of this name is connected");
		return;
	case PAIR_FULL:
		control_done(c, CTL_CODE_DENIED,
		    "there are too many codes already: wait until some have "
		    "expired");
		return;
	default:
		control_done(c, CTL_CODE_EXISTS, "this code is taken");
		return;
	}
	memset(&pairing, 0, sizeof(pairing));
	pairing.expires_at = offered.expires_at;
	strlcpy(pairing.node, p->node, sizeof(pairing.node));
	strlcpy(pairing.url, offered.url, sizeof(pairing.url));
	control_send(c, CTL_PAIRING, &pairing, sizeof(pairing));
	control_done(c, CTL_CODE_OK, "");
}

static void
run_parent(struct control *c)
{
	struct ctl_end	 begun = { .code = CTL_CODE_OK };
	uint32_t	 type;

	switch (c->req->type) {
	case CTL_LOG:
		type = IMSG_LOG_LEVEL;
		break;
	case CTL_UPGRADE:
		control_record(c, &begun);
		type = IMSG_UPGRADE;
		break;
	default:
		type = IMSG_RELOAD;
		break;
	}
	if (proc_send(proc_peer(PROC_PARENT, 0), type, c->id, -1,
	    &c->payload.name, sizeof(c->payload.name)) == -1)
		control_done(c, CTL_CODE_INTERNAL, "the parent takes nothing");
	else
		control_await(c, CONTROL_PARENT,
		    type == IMSG_UPGRADE ? UPGRADE_MS : 0);
}

/* What is left of the processes before ours. */
static void
run_upgrade_state(struct control *c)
{
	struct ctl_upgrade	 u;

	memset(&u, 0, sizeof(u));
	u.upgrades = router_old.upgrades;
	u.listeners = router_old.listeners;
	if (router_old.listeners > 0)
		u.until = router_old.until;
	links_away(&u.links, &u.nodes);
	u.streams = streams_away();
	strlcpy(u.version, CULVERT_VERSION, sizeof(u.version));
	strlcpy(u.from, router_old.from, sizeof(u.from));
	control_send(c, CTL_UPGRADE_RECORD, &u, sizeof(u));
	control_done(c, CTL_CODE_OK, "");
}

/* The listeners have told their figures. */
static void
control_have_stats(uint32_t id)
{
	struct control	*c;

	if ((c = control_find(id, CONTROL_STATS)) == NULL)
		return;
	switch (c->req->type) {
	case CTL_NODE_LIST:
	case CTL_NODE_SHOW:
	case CTL_TRAFFIC_LIST:
		/* What the listeners have just told counts, too. */
		tallies_flush();
		run_auth(c);
		break;
	case CTL_CONN_LIST:
		control_await(c, CONTROL_READER, 0);
		control_go_on(c);
		break;
	case CTL_STATS:
		control_stats(c);
		break;
	}
}

/* As much of the list of streams as there is room for. */
static void
control_go_on(struct control *c)
{
	struct ctl_conn	 conn;

	if (c->req->type == CTL_AUDIT) {
		control_audit_go_on(c);
		return;
	}
	if (c->req->type == CTL_MEMORY) {
		control_memory_go_on(c);
		return;
	}
	while (control_room(c)) {
		if (stream_next(c->cursor, &conn) == -1) {
			control_done(c, CTL_CODE_OK, "");
			return;
		}
		c->cursor = conn.id;
		control_send(c, CTL_CONN, &conn, sizeof(conn));
	}
}

static void
control_expired(struct control *c)
{
	if (c->wait == CONTROL_MEMORY) {
		control_memory_late(c);
		return;
	}
	if (c->wait == CONTROL_AUDIT || c->wait == CONTROL_FOLLOW) {
		control_audit_go_on(c);
		return;
	}
	control_done(c, CTL_CODE_INTERNAL, c->wait == CONTROL_STREAM ?
	    "the stream has not been heard of yet" : "no answer in time");
}

void
control_auth_gone(void)
{
	control_end_all(CONTROL_AUTH, CTL_CODE_STORE,
	    "the auth process has ended: try again");
}

static void
control_killed(struct control *c)
{
	struct ctl_end	 end;

	memset(&end, 0, sizeof(end));
	end.code = CTL_CODE_OK;
	end.streams = 1;
	end.ms = router_ms() - c->start_ms;
	control_end(c, &end);
}

void
control_stream_down(uint64_t id)
{
	control_end_cursor(CONTROL_STREAM, id, control_killed);
}
