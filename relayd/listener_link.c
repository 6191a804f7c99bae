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
 * Links: those of nodes and of clients, made from a connection that logged
 * in, and those to the other listeners, over which streams cross when client
 * and node came in at different ones.
 */

#include "compat.h"

#include <event2/event.h>
#include <event2/util.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "doors.h"
#include "http_gate.h"
#include "http_site.h"
#include "listener.h"
#include "log.h"

#define NODE_STREAMS_MAX	16
#define PEER_STREAMS_MAX	(1024 * 1024)
#define DRAIN_SPREAD_MS		3000	/* agents return within that */
#define PEER_AGAIN_S		1	/* after a link was lost */
#define PEER_AGAIN_MAX		60	/* then it is gone for good */

/* The link to another listener. */
struct peer {
	int		 instance;
	int		 dialer;
	struct evtls	*conn;		/* until there is a link */
	struct link	*link;
	struct event	*again;		/* ask for another */
	int		 asked;		/* times */
};

static struct peer	 peers[PROC_INSTANCES_MAX];
static struct mux_hello	 hello;
static uint32_t		 nheld;

static void	conn_link_up(struct link *, void *, const struct mux_hello *);
static void	conn_link_open(struct link *, void *, struct mux_stream *,
		    const struct mux_open *);
static void	conn_link_down(struct link *, void *, int, const char *);
static void	peer_again(evutil_socket_t, short, void *);
static void	peer_lost(struct peer *);
static void	peer_ready(struct evtls *, void *);
static size_t	peer_input(struct evtls *, void *, uint8_t *, size_t);
static size_t	peer_output(struct evtls *, void *, uint8_t *, size_t);
static void	peer_closed(struct evtls *, void *, enum evtls_why,
		    const char *);
static void	peer_link_open(struct link *, void *, struct mux_stream *,
		    const struct mux_open *);
static void	peer_link_down(struct link *, void *, int, const char *);

static const struct link_ops conn_link_ops = {
	conn_link_up, conn_link_open, NULL, conn_link_down
};

static const struct evtls_ops peer_conn_ops = {
	.ready = peer_ready, .input = peer_input, .output = peer_output,
	.closed = peer_closed
};

static const struct link_ops peer_link_ops = {
	NULL, peer_link_open, NULL, peer_link_down
};

void
links_init(void)
{
	hello.version = 1;
	hello.credit = MUX_CREDIT_EARLY;
	strlcpy(hello.software, "relayd " CULVERT_VERSION,
	    sizeof(hello.software));
}

/* ---- nodes and clients ---- */

int
conn_link(struct conn *c)
{
	struct link_config	 cfg;

	memset(&cfg, 0, sizeof(cfg));
	cfg.base = proc_base();
	cfg.ops = &conn_link_ops;
	cfg.arg = c;
	cfg.role = WS_SERVER;
	/* Nodes open none but to offer a pairing code. */
	cfg.streams_max = c->door == DOOR_ACCESS ? limits.streams_per_link :
	    NODE_STREAMS_MAX;
	cfg.strangers = c->door == DOOR_NODE;
	cfg.owner = c->door == DOOR_NODE ? c->session->email : NULL;
	cfg.budget = limits.credit_per_link;
	cfg.process_budget = &budget;
	cfg.hello = &hello;
	if ((cfg.holder = user_hold(c->session->user_id)) == NULL)
		return (-1);
	c->link = link_new(c->tls, &cfg);
	user_release(cfg.holder);
	if (c->link == NULL)
		return (-1);
	c->state = CONN_LINK;
	c->since = time(NULL);
	evtls_deadline(c->tls, 0);
	evtls_resume(c->tls);
	c->tls = NULL;		/* the link's now */
	return (0);
}

/*
 * Router has more to do than it can: who gives it even more is not read from
 * until it has caught up.
 */
static void
link_hold(struct conn *c)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);

	if (c->held || router == NULL ||
	    proc_queued(router) <= PROC_QUEUE_HIGH)
		return;
	c->held = 1;
	nheld++;
	evtls_pause(link_conn(c->link));
}

void
links_go_on(void)
{
	struct conn	*c;

	if (nheld == 0)
		return;
	RB_FOREACH(c, conn_table, &conns) {
		if (!c->held)
			continue;
		c->held = 0;
		if (c->link != NULL && link_conn(c->link) != NULL)
			evtls_resume(link_conn(c->link));
	}
	nheld = 0;
}

static void
link_tell_up(const struct conn *c)
{
	struct link_up	 up;

	memset(&up, 0, sizeof(up));
	up.session = c->session->session;
	up.epoch = c->epoch;
	up.since = c->since;
	up.away = c->away;
	if (c->software != NULL)
		strlcpy(up.software, c->software, sizeof(up.software));
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_LINK_UP, c->id, -1,
	    &up, sizeof(up));
}

static void
conn_link_up(struct link *link, void *arg, const struct mux_hello *h)
{
	struct conn	*c = arg;

	c->up = 1;
	c->epoch = h->epoch;
	c->software = strdup(h->software);
	link_tell_up(c);
	drain_link(c);
}

static void
conn_link_open(struct link *link, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct conn	*c = arg;

	link_hold(c);
	if (c->door == DOOR_NODE && open->kind == MUX_KIND_API &&
	    strcmp(open->host, "pair") == 0)
		rpc_pair_open(c, s);
	else if (c->door != DOOR_ACCESS)
		mux_reset(s, MUX_CODE_UNSUPPORTED,
		    "nodes open no such streams");
	else if (open->kind == MUX_KIND_TCP || open->kind == MUX_KIND_UDP ||
	    open->kind == MUX_KIND_UNIX)
		door_tcp_open(c, s, open);
	else if (open->kind == MUX_KIND_API)
		door_api_open(c, s, open);
	else
		mux_reset(s, MUX_CODE_UNSUPPORTED,
		    "this relay does not serve this kind of stream");
}

static void
conn_link_down(struct link *link, void *arg, int code, const char *text)
{
	struct conn	*c = arg;

	conn_unlink(c, text);
	conn_free(c);
}

void
conn_unlink(struct conn *c, const char *why)
{
	struct link_down	 down;
	struct mux_stats	 stats;

	if (c->session == NULL)
		return;
	if (c->door == DOOR_NODE)
		keep_offers_gone(c->id);
	memset(&down, 0, sizeof(down));
	down.session = c->session->session;
	if (c->link != NULL) {
		mux_get_stats(link_mux(c->link), &stats);
		down.in = stats.in;
		down.out = stats.out;
		counts.lost += stats.lost;
		link_free(c->link);
		c->link = NULL;
	}
	strlcpy(down.text, why == NULL ? "" : why, sizeof(down.text));
	tickets_of_gone(c);
	owner_end(&c->owner);
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_LINK_DOWN, c->id, -1,
	    &down, sizeof(down));
	free(c->session);
	c->session = NULL;
}

int
link_recv_kill(struct proc_peer *peer, struct imsg *imsg)
{
	struct link_kill	 kill;
	struct link_killed	 killed;
	struct mux_stats	 stats;
	struct conn		*c;

	if (imsg_get_data(imsg, &kill, sizeof(kill)) == -1 ||
	    kill.code < 1000 || kill.code > 4999 ||
	    memchr(kill.text, '\0', sizeof(kill.text)) == NULL)
		return (-1);
	memset(&killed, 0, sizeof(killed));
	killed.session = kill.session;
	c = conn_find(imsg_get_id(imsg));
	if (c != NULL && c->session != NULL &&
	    c->session->session == kill.session) {
		if (c->link != NULL) {
			mux_get_stats(link_mux(c->link), &stats);
			killed.streams = stats.streams;
			log_info("link of %s: ended: %s",
			    c->door == DOOR_NODE ? c->session->node :
			    c->session->email, kill.text);
			/* Its streams end now, the connection in order. */
			link_close(c->link, kill.code, kill.text);
		} else if (c->door == DOOR_RPC)
			door_rpc_kill(c);
		else
			conn_free(c);
	} else if (imsg_get_id(imsg) == 0 && door_port_kill(kill.session,
	    kill.text, &killed.streams) == -1)
		(void)site_kill(kill.session, kill.text, &killed.streams);
	else
		(void)gate_kill(imsg_get_id(imsg), kill.session, kill.text,
		    &killed.streams);
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_LINK_KILLED,
	    imsg_get_id(imsg), -1, &killed, sizeof(killed));
	return (0);
}

/*
 * A new router: it asks auth whether what we say is so.  Told in pieces, as
 * the pipe takes them: ten thousand links are more than its queue holds.
 * Returns whether all is told; from is where to go on.
 */
int
links_announce(uint32_t *from)
{
	struct proc_peer	*router = proc_peer(PROC_ROUTER, 0);
	struct conn		 key, *c;

	key.id = *from;
	for (c = RB_NFIND(conn_table, &conns, &key); c != NULL;
	    c = RB_NEXT(conn_table, &conns, c)) {
		if (proc_queued(router) > PROC_QUEUE_HIGH) {
			*from = c->id;
			return (0);
		}
		if (c->session == NULL || (c->link == NULL && c->rpc == NULL))
			continue;
		(void)proc_send(router, IMSG_LINK_AGAIN, c->id, -1,
		    c->session, sizeof(*c->session));
		if (c->up)
			link_tell_up(c);
	}
	return (1);
}

/* We end: tell everybody to come back, spread over some time. */
int
links_end(void)
{
	struct mux_goaway	 away;
	struct conn		*c, *tmp;
	int			 n = 0;

	memset(&away, 0, sizeof(away));
	away.delay = DRAIN_SPREAD_MS;
	strlcpy(away.text, "the relay is restarting", sizeof(away.text));
	RB_FOREACH_SAFE(c, conn_table, &conns, tmp) {
		n += door_rpc_drain(c, 0);
		if (c->link == NULL)
			continue;
		(void)mux_send_goaway(link_mux(c->link), &away);
		mux_end(link_mux(c->link), MUX_CODE_GOING_AWAY, away.text);
		link_close(c->link, WS_CLOSE_RESTART, away.text);
		n++;
	}
	return (n);
}

/* ---- other listeners ---- */

int
link_recv_listener(struct proc_peer *from, struct imsg *imsg)
{
	struct listener_link	 msg;
	struct peer		*p;
	int			 fd;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 || msg.peer < 0 ||
	    msg.peer >= PROC_INSTANCES_MAX || msg.peer == proc_instance() ||
	    (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	p = &peers[msg.peer];
	if (p->link != NULL)
		link_free(p->link);
	else
		evtls_free(p->conn);
	p->link = NULL;
	p->instance = msg.peer;
	p->dialer = msg.dialer;
	evutil_make_socket_nonblocking(fd);
	p->conn = evtls_accept(proc_base(), fd, NULL, &peer_conn_ops, p);
	if (p->conn == NULL)
		fatal("link to listener %d", msg.peer);
	return (0);
}

static void
peer_ready(struct evtls *conn, void *arg)
{
	struct link_config	 cfg;
	struct peer		*p = arg;

	memset(&cfg, 0, sizeof(cfg));
	cfg.base = proc_base();
	cfg.ops = &peer_link_ops;
	cfg.arg = p;
	cfg.role = WS_INTERNAL;
	cfg.dialer = p->dialer;
	cfg.streams_max = PEER_STREAMS_MAX;
	cfg.budget = limits.credit_total;
	cfg.process_budget = &budget;
	cfg.hello = &hello;
	if ((p->link = link_new(conn, &cfg)) == NULL)
		fatal("link to listener %d", p->instance);
	p->conn = NULL;
	p->asked = 0;
}

static size_t
peer_input(struct evtls *conn, void *arg, uint8_t *buf, size_t len)
{
	return (0);		/* ready() comes first */
}

static size_t
peer_output(struct evtls *conn, void *arg, uint8_t *buf, size_t cap)
{
	return (0);
}

static void
peer_closed(struct evtls *conn, void *arg, enum evtls_why why,
    const char *text)
{
	struct peer	*p = arg;

	evtls_free(conn);
	p->conn = NULL;
	peer_lost(p);
}

/*
 * If it died, the parent brings a link to its successor by itself.  Or else
 * one of us two could not go on with this one.
 */
static void
peer_lost(struct peer *p)
{
	struct timeval	 tv = { PEER_AGAIN_S, 0 };

	if (!p->dialer || p->asked == PEER_AGAIN_MAX || listener_drains())
		return;
	if (p->again == NULL && (p->again = evtimer_new(proc_base(),
	    peer_again, p)) == NULL)
		fatal("link to listener %d", p->instance);
	evtimer_add(p->again, &tv);
}

static void
peer_again(evutil_socket_t fd, short what, void *arg)
{
	struct listener_link	 msg;
	struct peer		*p = arg;

	if (p->link != NULL || p->conn != NULL)
		return;
	memset(&msg, 0, sizeof(msg));
	msg.peer = p->instance;
	p->asked++;
	(void)proc_send(proc_peer(PROC_PARENT, 0), IMSG_LISTENER_AGAIN, 0, -1,
	    &msg, sizeof(msg));
	peer_lost(p);
}

static void
peer_link_open(struct link *link, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct peer	*p = arg;

	if (open->kind == MUX_KIND_API)
		rpc_relay(s, open);
	else
		stream_relay(p->instance, s, open);
}

static void
peer_link_down(struct link *link, void *arg, int code, const char *text)
{
	struct peer	*p = arg;

	log_debug("link to listener %d: %s", p->instance, text);
	link_free(link);
	if (p->link != link)
		return;
	p->link = NULL;
	peer_lost(p);
}

uint64_t
peers_lost(void)
{
	struct mux_stats	 stats;
	uint64_t		 lost = 0;
	int			 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (peer_link(i) == NULL)
			continue;
		mux_get_stats(link_mux(peer_link(i)), &stats);
		lost += stats.lost;
	}
	return (lost);
}

struct link *
peer_link(int instance)
{
	if (instance < 0 || instance >= PROC_INSTANCES_MAX)
		return (NULL);
	return (peers[instance].link);
}
