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
#include <sys/socket.h>

#include <event2/event.h>
#include <imsg.h>
#include <jansson.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "access_log.h"
#include "door_http.h"
#include "door_pass.h"
#include "http_gate.h"
#include "http_site.h"
#include "listener.h"
#include "log.h"
#include "msg_list.h"
#include "msg_publish.h"
#include "proxyproto.h"
#include "tls_hello.h"

#define ACCEPT_PAUSE_MS		100	/* at a limit */
#define ACCEPT_BATCH		64	/* then others have a turn */
#define STRANGER_SLOW_MS	1000	/* who has not moved for so long
					   makes room for new ones */
#define MOVES_MAX		3	/* TLS, a nonce, the log-in */
#define TIDY_S			1	/* after handshakes */
#define DRAIN_MS		500	/* for goodbyes when we end */
#define LOG_MS			10000	/* the same warning, at most */
#define FDS_RESERVED		64	/* pipes, sockets, the log */

struct accept_socket {
	TAILQ_ENTRY(accept_socket)	 entry;
	struct conf_listen		 conf;
	struct event			*ev;
	int				 fd;
	int				 keep;	/* named in the configuration
						   that is being taken in */
};

static int	listener_recv_serve(struct proc_peer *, struct imsg *);
static void	listener_announce(void);
static int	listener_recv_grants_ask(struct proc_peer *, struct imsg *);
static void	listener_accept(evutil_socket_t, short, void *);
static int	listener_room(const struct sockaddr_storage *);
static int	listener_room_addr(const struct sockaddr_storage *,
		    const struct conn *);
static void	listener_tidy(evutil_socket_t, short, void *);
static void	accept_go_on(evutil_socket_t, short, void *);
static void	conn_new(int, const struct accept_socket *,
		    const struct sockaddr_storage *);
static void	conn_ready(struct evtls *, void *);
static void	conn_closed(struct evtls *, void *, enum evtls_why,
		    const char *);

struct conn_table	 conns = RB_INITIALIZER(&conns);
struct relayd_limits	 limits;
struct mux_budget	 budget;
struct listener_counts	 counts;
struct nonce_key	 nonce_key;
int			 listener_prefork;

static TAILQ_HEAD(, accept_socket) sockets = TAILQ_HEAD_INITIALIZER(sockets);
/* Connections nobody has logged in on; who has moved last is last. */
static TAILQ_HEAD(strangers, conn) strangers =
    TAILQ_HEAD_INITIALIZER(strangers);
static uint32_t		 nstrangers, next_id;
static struct event	*accept_timer, *tidy_timer;
static int		 accept_paused = 1;	/* until we are told */
static int		 may_serve;
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

static const struct evtls_ops conn_ops = {
	.ready = conn_ready, .input = conn_input, .output = conn_output,
	.closed = conn_closed, .eof = conn_eof, .timeout = conn_timeout
};

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
	    listener_recv_serve, 0, 0 },
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

static int
conn_cmp(struct conn *a, struct conn *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

RB_GENERATE(conn_table, conn, by_id, conn_cmp)

uint64_t
listener_ms(void)
{
	return (link_now() / 1000);
}

struct conn *
conn_find(uint32_t id)
{
	struct conn	 key;

	key.id = id;
	return (RB_FIND(conn_table, &conns, &key));
}

uint32_t
listener_new_id(void)
{
	do
		next_id++;
	while (next_id == 0 || conn_find(next_id) != NULL ||
	    gate_has_id(next_id));
	return (next_id);
}

const char *
conn_addr(const struct conn *c)
{
	static char	 buf[ADDR_STRLEN];

	addr_format((const struct sockaddr *)&c->peer, buf);
	return (buf);
}

/* ---- process ---- */

void
listener_start(void)
{
	struct rlimit	 rl;

	/* What was decided for connections of one before us must not fit. */
	next_id = arc4random();
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
	accept_timer = evtimer_new(proc_base(), accept_go_on, NULL);
	tidy_timer = evtimer_new(proc_base(), listener_tidy, NULL);
	if (accept_timer == NULL || tidy_timer == NULL)
		fatal("event");
	listener_set_limits(&limits);
	if (proc_instance() == 0)
		log_info("room for %u connections in each listener",
		    limits.connections);
	links_init();
	shares_init();
	if (may_serve)
		accept_go_on(-1, 0, NULL);
}

/* Now, and not before: another listener may have had our sockets. */
static int
listener_recv_serve(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_serve	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	may_serve = 1;
	if (accept_timer != NULL)
		accept_go_on(-1, 0, NULL);
	return (0);
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
		if (!records_announce(&told.stream, 0))
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
	if (proc_peer_kind(peer) == PROC_ROUTER && !high)
		listener_announce();
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
	}
}

/* ---- accepting ---- */

int
listener_accept_on(int fd, const struct conf_listen *l)
{
	struct accept_socket	*s;

	TAILQ_FOREACH(s, &sockets, entry) {
		if (memcmp(&s->conf.ss, &l->ss, sizeof(l->ss)) == 0) {
			/* The same socket again: only options may differ. */
			close(fd);
			s->conf.tls = l->tls;
			s->conf.proxy = l->proxy;
			s->keep = 1;
			return (0);
		}
	}
	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal("listen");
	s->conf = *l;
	s->fd = fd;
	s->keep = 1;
	s->ev = event_new(proc_base(), fd, EV_READ | EV_PERSIST,
	    listener_accept, s);
	if (s->ev == NULL)
		fatal("event");
	/* Not before start-up is over and the sandbox closed. */
	if (accept_timer != NULL && !accept_paused)
		event_add(s->ev, NULL);
	TAILQ_INSERT_TAIL(&sockets, s, entry);
	return (0);
}

/* Before a new configuration: forget what is kept; after: close the rest. */
void
listener_accept_sweep(int end)
{
	struct accept_socket	*s, *tmp;

	TAILQ_FOREACH_SAFE(s, &sockets, entry, tmp) {
		if (!end) {
			s->keep = 0;
			continue;
		}
		if (s->keep)
			continue;
		TAILQ_REMOVE(&sockets, s, entry);
		event_free(s->ev);
		close(s->fd);
		free(s);
	}
}

void
listener_accept_pause(void)
{
	struct timeval		 tv = { 0, ACCEPT_PAUSE_MS * 1000 };
	struct accept_socket	*s;

	if (accept_paused)
		return;
	accept_paused = 1;
	TAILQ_FOREACH(s, &sockets, entry)
		event_del(s->ev);
	door_port_pause(1);
	evtimer_add(accept_timer, &tv);
}

static void
accept_go_on(evutil_socket_t fd, short what, void *arg)
{
	struct accept_socket	*s;

	accept_paused = 0;
	TAILQ_FOREACH(s, &sockets, entry)
		event_add(s->ev, NULL);
	door_port_pause(0);
}

/*
 * Room for one more stranger?  At a limit the oldest makes way if it is slow;
 * otherwise the newcomer is refused, or waits in the backlog.  1: yes, 0:
 * close it, -1: wait.
 */
static int
listener_room(const struct sockaddr_storage *peer)
{
	struct conn	*c;
	uint64_t	 now = listener_ms();

	if (counts.connections >= limits.connections) {
		c = TAILQ_FIRST(&strangers);
		if (c == NULL || now - c->moved_ms < STRANGER_SLOW_MS)
			return (0);
		conn_free(c);
	}
	if (!listener_room_addr(peer, NULL))
		return (0);
	if (nstrangers >= limits.handshakes) {
		c = TAILQ_FIRST(&strangers);
		if (now - c->moved_ms < STRANGER_SLOW_MS)
			return (-1);
		conn_free(c);
	}
	return (1);
}

/* The same for its address alone; one of those there does not count. */
static int
listener_room_addr(const struct sockaddr_storage *peer,
    const struct conn *self)
{
	struct conn	*c, *slow = NULL;
	struct addr_key	 key, k;
	uint32_t	 same = 0;

	/* Whoever is behind a proxy is counted once it is known. */
	if (nstrangers < limits.connections_per_addr || proxy_trusted(peer))
		return (1);
	addr_key((const struct sockaddr *)peer, &key);
	TAILQ_FOREACH(c, &strangers, waiting) {
		addr_key((const struct sockaddr *)&c->peer, &k);
		if (c == self || memcmp(&k, &key, sizeof(k)) != 0)
			continue;
		if (slow == NULL)
			slow = c;
		if (++same >= limits.connections_per_addr)
			break;
	}
	if (same < limits.connections_per_addr)
		return (1);
	if (listener_ms() - slow->moved_ms < STRANGER_SLOW_MS)
		return (0);
	conn_free(slow);
	return (1);
}

int
listener_admit(const struct conn *c)
{
	static uint64_t	 said;

	if (!c->is_waiting || listener_room_addr(&c->peer, c))
		return (1);
	counts.refused++;
	if (listener_may_log(&said))
		log_warnx("client %s: refused: too many connections from its "
		    "address", conn_addr(c));
	return (0);
}

int
listener_may_log(uint64_t *last)
{
	uint64_t	 now = listener_ms();

	if (*last != 0 && now - *last <= LOG_MS)
		return (0);
	*last = now;
	return (1);
}

static void
listener_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct accept_socket	*s = arg;
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	static uint64_t		 said;
	int			 fd, i, room;

	for (i = 0; i < ACCEPT_BATCH; i++) {
		if (nstrangers >= limits.handshakes &&
		    listener_ms() - TAILQ_FIRST(&strangers)->moved_ms <
		    STRANGER_SLOW_MS) {
			/* A storm: the rest waits in the backlog. */
			listener_accept_pause();
			return;
		}
		memset(&ss, 0, sizeof(ss));
		len = sizeof(ss);
		fd = accept4(lfd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOBUFS || errno == ENOMEM) {
				log_warn("accept: pausing");
				listener_accept_pause();
			}
			return;
		}
		counts.accepted++;
		if ((room = listener_room(&ss)) == 1) {
			conn_new(fd, s, &ss);
			continue;
		}
		close(fd);
		counts.refused++;
		if (listener_may_log(&said))
			log_warnx("connection refused: %llu connections, %u "
			    "not logged in (refused so far: %llu)",
			    (unsigned long long)counts.connections, nstrangers,
			    (unsigned long long)counts.refused);
	}
}

/* ---- connections ---- */

static void
conn_new(int fd, const struct accept_socket *s,
    const struct sockaddr_storage *peer)
{
	struct conn	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->id = listener_new_id();
	c->via = c->peer = *peer;
	c->moved_ms = listener_ms();
	TAILQ_INIT(&c->owner.streams);
	SLIST_INIT(&c->owner.routes);
	c->owner.routed = stream_routed;
	c->tls = evtls_accept(proc_base(), fd,
	    s->conf.tls ? listener_tls : NULL, &conn_ops, c);
	if (c->tls == NULL) {
		free(c);
		return;
	}
	if (s->conf.proxy && proxy_trusted(peer))
		evtls_preface(c->tls, proxy_preface, PROXYPROTO_V2_MAX);
	else if (s->conf.tls && door_pass_any())
		evtls_preface(c->tls, door_pass_preface, DOOR_PASS_MAX);
	evtls_deadline(c->tls, limits.handshake_ms);
	RB_INSERT(conn_table, &conns, c);
	TAILQ_INSERT_TAIL(&strangers, c, waiting);
	c->is_waiting = 1;
	nstrangers++;
	counts.connections++;
}

void
conn_settled(struct conn *c)
{
	struct timeval	 tv = { TIDY_S, 0 };

	if (!c->is_waiting)
		return;
	c->is_waiting = 0;
	TAILQ_REMOVE(&strangers, c, waiting);
	nstrangers--;
	if (!evtimer_pending(tidy_timer, NULL))
		evtimer_add(tidy_timer, &tv);
}

/*
 * It is the last in line to make room: in a storm those who come in order
 * wait for us, and for each other, and not for themselves.
 */
void
conn_moved(struct conn *c)
{
	if (!c->is_waiting || c->moves >= MOVES_MAX)
		return;
	c->moves++;
	c->moved_ms = listener_ms();
	TAILQ_REMOVE(&strangers, c, waiting);
	TAILQ_INSERT_TAIL(&strangers, c, waiting);
}

struct conn *
listener_newest(void)
{
	return (TAILQ_LAST(&strangers, strangers));
}

/* Handshakes need several times what a connection keeps. */
static void
listener_tidy(evutil_socket_t fd, short what, void *arg)
{
	memory_trim();
}

void
conn_free(struct conn *c)
{
	if (c == NULL)
		return;
	door_rpc_forget(c);
	conn_unlink(c, NULL);
	conn_settled(c);
	door_api_forget(c);
	access_end(c, 1);
	conn_body_free(c);
	door_login_forget(c);
	door_http_free(c);
	door_pass_forget(c);
	gate_forget(c);
	RB_REMOVE(conn_table, &conns, c);
	counts.connections--;
	evtls_free(c->tls);
	free(c->out);
	free(c->software);
	free(c->session);
	free(c);
}

static void
conn_ready(struct evtls *tls, void *arg)
{
	struct conn	*c = arg;

	c->state = CONN_REQUEST;
	conn_moved(c);
}

static void
conn_closed(struct evtls *tls, void *arg, enum evtls_why why,
    const char *text)
{
	struct conn	*c = arg;

	if (c->state == CONN_HANDSHAKE) {
		counts.handshakes_failed++;
		log_debug("client %s: %s", conn_addr(c), text);
	} else if (why == EVTLS_TIMEOUT)
		log_debug("client %s: %s", conn_addr(c), text);
	conn_free(c);
}
