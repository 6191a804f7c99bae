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
 * The listener: accepts connections, speaks TLS and HTTP to strangers, and
 * carries every byte of every stream.  It holds no key, no hash, no file,
 * and can't connect anywhere; what it may do for whom, auth and router say.
 */

#include "compat.h"

#include <sys/resource.h>

#include <event2/event.h>
#include <imsg.h>
#include <jansson.h>

#include <stdlib.h>
#include <string.h>

#include "access_log.h"
#include "clock.h"
#include "door_pass.h"
#include "doors.h"
#include "http_gate.h"
#include "http_site.h"
#include "listener.h"
#include "log.h"
#include "msg_list.h"
#include "msg_publish.h"
#include "rpc_message.h"

#define DRAIN_MS		500	/* for goodbyes when we end */
#define FDS_RESERVED		64	/* pipes, sockets, the log */

static void	listener_announce(void);
static int	listener_recv_grants_ask(struct proc_peer *, struct imsg *);

struct relayd_limits	 limits;
struct mux_budget	 budget;
struct listener_counts	 counts;
struct nonce_key	 nonce_key;
int			 listener_prefork;

/* How far a new router has been told what there is. */
static struct {
	uint32_t	 link, visitor;
	uint64_t	 stream;
	uint64_t	 port_stream;
	int		 ports;		/* 1: it knows the ports; 2: and
					   their streams */
	int		 done;
	char		 grant[USER_ID_LEN + 4];
	int		 grants_done;
}			 told = { .done = 1, .grants_done = 1 };

const struct proc_rule listener_rules[] = {
	{ IMSG_CONF_BEGIN, PROC_PARENT, sizeof(struct conf_begin),
	    conf_recv_begin, 0, 0 },
	{ IMSG_CONF_LISTEN, PROC_PARENT, sizeof(struct conf_listen),
	    conf_recv_listen, 0, 1 },
	{ IMSG_CONF_NETWORK, PROC_PARENT, sizeof(struct conf_network),
	    proxy_recv_conf, 0, 0 },
	{ IMSG_CONF_CERT_END, PROC_PARENT, sizeof(struct conf_cert_end),
	    door_api_recv_cert, 0, 0 },
	{ IMSG_CONF_CERT, PROC_PARENT, sizeof(struct conf_chunk),
	    conf_recv_cert, 0, 0 },
	{ IMSG_CONF_ACCESS, PROC_PARENT, sizeof(struct conf_access),
	    access_log_recv_file, 0, 1 },
	{ IMSG_CONF_NAME, PROC_PARENT, sizeof(struct conf_name),
	    site_recv_conf_name, 0, 0 },
	{ IMSG_CONF_END, PROC_PARENT, sizeof(struct conf_end),
	    conf_recv_end, 0, 0 },
	{ IMSG_SIGN_SOCKET, PROC_PARENT, sizeof(struct sign_socket),
	    sign_recv_socket, 0, 1 },
	{ IMSG_LISTENER_LINK, PROC_PARENT, sizeof(struct listener_link),
	    link_recv_listener, 0, 1 },
	{ IMSG_PORT_SOCKET, PROC_PARENT, sizeof(struct port_socket),
	    door_port_recv_socket, 0, 1 },
	{ IMSG_PORT_SLOTS, PROC_PARENT, sizeof(struct port_slots),
	    door_port_recv_slots, 0, 1 },
	{ IMSG_PORT_CLOSE, PROC_PARENT, sizeof(struct publication_id),
	    door_port_recv_close, 0, 0 },
	{ IMSG_PORT, PROC_ROUTER, sizeof(struct port),
	    door_port_recv, 0, 0 },
	{ IMSG_PORTS_END, PROC_ROUTER, sizeof(struct conf_end),
	    door_port_recv_end, 0, 0 },
	{ IMSG_PASSTHROUGH, PROC_ROUTER, sizeof(struct passthrough),
	    door_pass_recv_any, 0, 0 },
	{ IMSG_CONF_SERVE, PROC_PARENT, sizeof(struct conf_serve),
	    accept_recv_serve, 0, 0 },
	{ IMSG_LOGIN_BEACON, PROC_AUTH, sizeof(struct login_beacon),
	    login_recv_beacon, 0, 0 },
	{ IMSG_LOGIN_DENIED, PROC_AUTH, sizeof(struct login_denied),
	    login_recv_denied, 0, 0 },
	{ IMSG_LOGIN_DENIED, PROC_ROUTER, sizeof(struct login_denied),
	    login_recv_denied, 0, 0 },
	{ IMSG_WEB_ANSWER, PROC_AUTH, sizeof(struct web_answer),
	    web_recv_answer, 0, 0 },
	{ IMSG_SESSION, PROC_ROUTER, sizeof(struct session),
	    login_recv_session, 0, 0 },
	{ IMSG_LINK_KILL, PROC_ROUTER, sizeof(struct link_kill),
	    link_recv_kill, 0, 0 },
	{ IMSG_SITE, PROC_ROUTER, sizeof(struct site), site_recv, 0, 0 },
	{ IMSG_SITES_CHANGED, PROC_ROUTER, sizeof(struct sites_changed),
	    site_recv_doubt, 0, 0 },
	{ IMSG_TICKET, PROC_ROUTER, sizeof(struct ticket),
	    route_recv_ticket, 0, 0 },
	{ IMSG_ROUTE, PROC_ROUTER, sizeof(struct route),
	    route_recv_route, 0, 0 },
	{ IMSG_TICKET_DROP, PROC_ROUTER, sizeof(struct ticket_id),
	    route_recv_drop, 0, 0 },
	{ IMSG_SESSION_OVER, PROC_ROUTER, sizeof(struct session_over),
	    relay_recv_over, 0, 0 },
	{ IMSG_GRANT, PROC_ROUTER, sizeof(struct grant),
	    grant_recv_grant, 0, 0 },
	{ IMSG_GRANT_END, PROC_ROUTER, sizeof(struct revoke),
	    grant_recv_end, 0, 0 },
	{ IMSG_GRANTS_ASK, PROC_ROUTER, 0, listener_recv_grants_ask, 0, 0 },
	{ IMSG_STREAM_KILL, PROC_ROUTER, sizeof(struct stream_kill),
	    record_recv_kill, 0, 0 },
	{ IMSG_SHARE, PROC_ROUTER, sizeof(struct share_set),
	    share_recv_set, 0, 0 },
	{ IMSG_MEMORY_ASK, PROC_ROUTER, sizeof(struct memory_page),
	    memory_recv_ask, 0, 0 },
	{ IMSG_STATS_ASK, PROC_ROUTER, sizeof(struct ctl_id),
	    record_recv_stats, 0, 0 },
	{ IMSG_NODES_ENTRY, PROC_ROUTER, NODES_ENTRY_MIN,
	    door_api_recv_nodes, sizeof(struct nodes_entry), 0 },
	{ IMSG_CONNS_ENTRY, PROC_ROUTER, sizeof(struct conns_entry),
	    door_api_recv_conns, 0, 0 },
	{ IMSG_CONNS_END, PROC_ROUTER, sizeof(struct conns_ask),
	    door_api_recv_conns_end, 0, 0 },
	{ IMSG_FIGURES, PROC_ROUTER, sizeof(struct figures),
	    door_api_recv_figures, 0, 0 },
	{ IMSG_NODES_END, PROC_ROUTER, sizeof(struct nodes_ask),
	    door_api_recv_nodes_end, 0, 0 },
	{ IMSG_PAIR_ANSWER, PROC_ROUTER, sizeof(struct pair_answer),
	    rpc_pair_recv, 0, 0 },
	{ IMSG_PAIR_OFFERED, PROC_ROUTER, sizeof(struct pair_offered),
	    rpc_pair_recv_offered, 0, 0 },
	{ IMSG_PAIR_OFFER, PROC_ROUTER, sizeof(struct pair_offer),
	    keep_recv_offer, 0, 0 },
	{ IMSG_PAIR_GONE, PROC_ROUTER, sizeof(struct pair_gone),
	    keep_recv_gone, 0, 0 },
	{ IMSG_PAIR_USED, PROC_ROUTER, sizeof(struct pair_used),
	    keep_recv_used, 0, 0 },
	{ IMSG_HEALTH, PROC_ROUTER, sizeof(struct health),
	    keep_recv_health, 0, 0 },
	{ IMSG_RPC_NODE_MAY, PROC_ROUTER, sizeof(struct rpc_node_may),
	    door_rpc_recv_may, 0, 0 },
	{ IMSG_RPC_NODE, PROC_ROUTER, sizeof(struct rpc_node),
	    keep_recv_node, 0, 0 },
	{ IMSG_RPC_NODE_KILL, PROC_ROUTER, sizeof(struct rpc_node),
	    rpc_recv_node_kill, 0, 0 },
	{ IMSG_RPC_SESSION, PROC_ROUTER, sizeof(struct rpc_session),
	    keep_recv_session, 0, 0 },
	{ IMSG_RPC_SLOTS, PROC_ROUTER, sizeof(struct rpc_slots),
	    rpc_slots_recv, 0, 0 },
};
const size_t listener_nrules = nitems(listener_rules);

uint64_t
listener_ms(void)
{
	return (clock_us() / 1000);
}

/* ---- process ---- */

void
listener_start(void)
{
	struct rlimit	 rl;

	listener_first_id();
	rpc_message_start();
	/* Clients choose the keys of JSON objects. */
	json_object_seed(arc4random() | 1);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

void
listener_serve(void)
{
	accept_serve();
	listener_set_limits(&limits);
	if (proc_instance() == 0)
		log_info("room for %u connections in each listener",
		    limits.connections);
	links_init();
	shares_init();
	accept_begin();
}

/* New limits; of connections no more than there are descriptors for. */
void
listener_set_limits(const struct relayd_limits *new)
{
	struct rlimit	 rl;

	limits = *new;
	budget.limit = limits.credit_total;
	door_port_limits();
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 &&
	    rl.rlim_cur > FDS_RESERVED && (limits.connections == 0 ||
	    limits.connections > rl.rlim_cur - FDS_RESERVED))
		limits.connections = rl.rlim_cur - FDS_RESERVED;
}

void
listener_stop(void)
{
	listener_accept_sweep(0);
	listener_accept_sweep(1);
	door_port_pause(1);
	access_log_flush();
	/* Close frames want to be sent. */
	if (links_end() > 0)
		proc_linger(DRAIN_MS);
}

void
listener_peer_up(struct proc_peer *peer)
{
	if (proc_peer_kind(peer) == PROC_ROUTER) {
		/* Auth may have told the old one, which told nobody. */
		login_auth_gone();
		gate_auth_gone();
		routes_reset();
		site_router_up();
		told.link = told.visitor = 0;
		told.stream = told.port_stream = 0;
		told.done = told.ports = 0;
		door_port_router_up();
		told.grant[0] = '\0';
		told.grants_done = 0;
		keep_router_up();
		listener_announce();
	}
}

static int
listener_recv_grants_ask(struct proc_peer *peer, struct imsg *imsg)
{
	told.grant[0] = '\0';
	told.grants_done = 0;
	listener_announce();
	return (0);
}

/*
 * Tell a new router what there is: links, what was asked of the old one,
 * streams, grants that they rest on; goes on when its pipe has room again.
 */
static void
listener_announce(void)
{
	if (!told.done) {
		if (!links_announce(&told.link) ||
		    !gate_announce(&told.visitor))
			return;
		if (!keep_announce())
			return;
		if (told.stream == 0) {
			routes_ask_again();
			shares_announce();
		}
		if (!records_announce(&told.stream, 0) ||
		    !records_announce_ended())
			return;
		told.done = 1;
	}
	if (!told.grants_done && grants_announce(told.grant))
		told.grants_done = 1;
	if (told.ports == 1 && records_announce(&told.port_stream, 1))
		told.ports = 2;
}

void
listener_announce_ports(void)
{
	told.ports = 1;
	listener_announce();
}

void
listener_congested(struct proc_peer *peer, int high)
{
	if (proc_peer_kind(peer) != PROC_ROUTER || high)
		return;
	records_go_on();
	listener_announce();
	links_go_on();
}

void
listener_peer_down(struct proc_peer *peer)
{
	if (proc_peer_kind(peer) == PROC_AUTH ||
	    proc_peer_kind(peer) == PROC_ROUTER) {
		login_auth_gone();
		gate_auth_gone();
	}
	if (proc_peer_kind(peer) == PROC_ROUTER) {
		told.done = told.grants_done = 1;
		told.ports = 0;
		door_api_router_gone();
		door_rpc_router_gone();
		records_router_gone();
		links_go_on();
	}
}
