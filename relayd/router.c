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
 * The router: which link leads to which node, and who may use it.  It sees
 * no byte of any stream, has no file and no network but the control socket,
 * and everything it knows the listeners can tell its successor again.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "control_req.h"
#include "log.h"
#include "msg_list.h"
#include "msg_publish.h"
#include "msg_site.h"
#include "router.h"

#define TICK_MS		20	/* while there is something to wait for */
#define LOG_MS		60000	/* the same warning, at most so often */
#define UNTOLD_MS	60000	/* for links, until CONF_SERVE says how long */
#define STOP_MS		2000	/* for listeners to end before us */

static int	router_recv_begin(struct proc_peer *, struct imsg *);
static int	router_recv_end(struct proc_peer *, struct imsg *);
static int	router_recv_control(struct proc_peer *, struct imsg *);
static int	router_recv_serve(struct proc_peer *, struct imsg *);
static int	router_recv_old(struct proc_peer *, struct imsg *);
static void	router_tick(evutil_socket_t, short, void *);
static void	router_end(void);

struct relayd_limits	 router_limits;
struct router_counts	 router_counts;
int			 router_prefork = 1;
struct conf_old		 router_old;

static struct conf_begin next;		/* being taken in */
static int		 next_open;
static struct event	*tick;
static int		 may_serve;	/* no other router does */
/* As soon as all is on record: after the listeners, or what they have said. */
static enum { END_NOT, END_LAST, END_READ } ending;
static int		 told_early;	/* so, before router_start */
static uint64_t		 start_ms;	/* of relayd */
static int		 start_known;

const struct proc_rule router_rules[] = {
	{ IMSG_CONF_BEGIN, PROC_PARENT, sizeof(struct conf_begin),
	    router_recv_begin, 0, 0 },
	{ IMSG_CONF_END, PROC_PARENT, sizeof(struct conf_end),
	    router_recv_end, 0, 0 },
	{ IMSG_CONF_CONTROL, PROC_PARENT, sizeof(struct conf_end),
	    router_recv_control, 0, 1 },
	{ IMSG_CONF_CERT_END, PROC_PARENT, sizeof(struct conf_cert_end),
	    figures_recv_cert, 0, 0 },
	{ IMSG_CONF_RPC_KEY, PROC_PARENT, sizeof(struct rpc_key),
	    rpc_recv_key, 0, 0 },
	{ IMSG_USAGE, PROC_PARENT, sizeof(struct process_usage),
	    figures_recv_usage, 0, 0 },
	{ IMSG_CONF_SERVE, PROC_PARENT, sizeof(struct conf_serve),
	    router_recv_serve, 0, 0 },
	{ IMSG_CONF_OLD, PROC_PARENT, sizeof(struct conf_old),
	    router_recv_old, 0, 0 },
	{ IMSG_RELOADED, PROC_PARENT, sizeof(struct ctl_end),
	    control_recv_end, 0, 0 },

	{ IMSG_PUBLISHED, PROC_PARENT, sizeof(struct publish_result),
	    publish_recv_published, 0, 0 },

	{ IMSG_PUBLISH_TRY, PROC_AUTH, sizeof(struct publication),
	    publish_recv_try, 0, 0 },
	{ IMSG_PUBLICATION, PROC_AUTH, sizeof(struct publication),
	    publish_recv_publication, 0, 0 },
	{ IMSG_PUBLICATIONS, PROC_AUTH, sizeof(struct publications),
	    publish_recv_publications, 0, 0 },
	{ IMSG_SITE, PROC_AUTH, sizeof(struct site), sites_recv_answer, 0, 0 },
	{ IMSG_SITES_CHANGED, PROC_AUTH, sizeof(struct sites_changed),
	    sites_recv_changed, 0, 0 },
	{ IMSG_SESSION, PROC_AUTH, sizeof(struct session),
	    session_recv_session, 0, 0 },
	{ IMSG_SESSION_GONE, PROC_AUTH, sizeof(struct session),
	    session_recv_gone, 0, 0 },
	{ IMSG_REVOKE, PROC_AUTH, sizeof(struct revoke),
	    end_recv_revoke, 0, 0 },
	{ IMSG_GRANTS_ASK, PROC_AUTH, 0, end_recv_grants_ask, 0, 0 },
	{ IMSG_NODE_ANSWER, PROC_AUTH, sizeof(struct node_answer),
	    route_recv_answer, 0, 0 },
	{ IMSG_NODES_ENTRY, PROC_AUTH, NODES_ENTRY_MIN,
	    route_recv_nodes, sizeof(struct nodes_entry), 0 },
	{ IMSG_NODES_END, PROC_AUTH, sizeof(struct nodes_ask),
	    route_recv_nodes_end, 0, 0 },
	{ CTL_USER, PROC_AUTH, sizeof(struct ctl_user),
	    control_recv_record, 0, 0 },
	{ CTL_TOKEN, PROC_AUTH, sizeof(struct ctl_token),
	    control_recv_record, 0, 0 },
	{ CTL_NODE, PROC_AUTH, sizeof(struct ctl_node),
	    control_recv_record, 0, 0 },
	{ CTL_MEMORY_LINE, PROC_PARENT, sizeof(struct ctl_memory),
	    control_memory_line, 0, 0 },
	{ IMSG_MEMORY_PAGE, PROC_PARENT, sizeof(struct memory_page),
	    control_memory_page, 0, 0 },
	{ CTL_MEMORY_LINE, PROC_AUTH, sizeof(struct ctl_memory),
	    control_memory_line, 0, 0 },
	{ IMSG_MEMORY_PAGE, PROC_AUTH, sizeof(struct memory_page),
	    control_memory_page, 0, 0 },
	{ CTL_MEMORY_LINE, PROC_LISTENER, sizeof(struct ctl_memory),
	    control_memory_line, 0, 0 },
	{ IMSG_MEMORY_PAGE, PROC_LISTENER, sizeof(struct memory_page),
	    control_memory_page, 0, 0 },
	{ CTL_COPY, PROC_AUTH, sizeof(struct ctl_copy),
	    control_recv_record, 0, 0 },
	{ IMSG_COPY_FILE, PROC_AUTH, sizeof(struct ctl_copy),
	    control_recv_file, 0, 1 },
	{ CTL_AUDIT_LINE, PROC_AUTH, sizeof(struct ctl_audit),
	    control_audit_line, 0, 0 },
	{ IMSG_AUDIT_PAGE, PROC_AUTH, sizeof(struct audit_page),
	    control_audit_page, 0, 0 },
	{ CTL_GRANT, PROC_AUTH, sizeof(struct ctl_grant),
	    control_recv_record, 0, 0 },
	{ CTL_PUBLISH, PROC_AUTH, sizeof(struct ctl_publish),
	    control_recv_record, 0, 0 },
	{ CTL_SITE, PROC_AUTH, sizeof(struct ctl_site),
	    control_recv_record, 0, 0 },
	{ CTL_SESSION, PROC_AUTH, sizeof(struct ctl_session),
	    control_recv_record, 0, 0 },
	{ CTL_DOMAIN, PROC_AUTH, sizeof(struct ctl_domain),
	    control_recv_record, 0, 0 },
	{ CTL_TRAFFIC, PROC_AUTH, sizeof(struct ctl_traffic),
	    control_recv_record, 0, 0 },
	{ CTL_OK, PROC_AUTH, sizeof(struct ctl_end),
	    control_recv_end, 0, 0 },
	{ CTL_ERROR, PROC_AUTH, sizeof(struct ctl_end),
	    control_recv_end, 0, 0 },

	{ IMSG_PAIR_BOUGHT, PROC_AUTH, sizeof(struct pair_bought),
	    pair_recv_bought, 0, 0 },
	{ IMSG_RPC_COUNT, PROC_AUTH, sizeof(struct rpc_count),
	    rpc_recv_count, 0, 0 },
	{ IMSG_METER, PROC_AUTH, sizeof(struct meter_info),
	    tally_recv_meter, 0, 0 },
	{ IMSG_METERS_AGAIN, PROC_AUTH, sizeof(struct conf_end),
	    tally_recv_again, 0, 0 },

	{ IMSG_LINK_AGAIN, PROC_LISTENER, sizeof(struct session),
	    session_recv_again, 0, 0 },
	{ IMSG_LINK_UP, PROC_LISTENER, sizeof(struct link_up),
	    link_recv_up, 0, 0 },
	{ IMSG_LINK_DOWN, PROC_LISTENER, sizeof(struct link_down),
	    link_recv_down, 0, 0 },
	{ IMSG_LINK_AWAY, PROC_LISTENER, sizeof(struct link_away),
	    link_recv_away, 0, 0 },
	{ IMSG_LINK_KILLED, PROC_LISTENER, sizeof(struct link_killed),
	    end_recv_killed, 0, 0 },
	{ IMSG_GRANT_ENDED, PROC_LISTENER, sizeof(struct grant_ended),
	    end_recv_grant_ended, 0, 0 },
	{ IMSG_GRANT_USED, PROC_LISTENER, sizeof(struct grant),
	    end_recv_grant_used, 0, 0 },
	{ IMSG_ROUTE_ASK, PROC_LISTENER, sizeof(struct route_ask),
	    route_recv_ask, 0, 0 },
	{ IMSG_TICKET_OK, PROC_LISTENER, sizeof(struct ticket_id),
	    route_recv_ticket_ok, 0, 0 },
	{ IMSG_SITE_ASK, PROC_LISTENER, sizeof(struct site_ask),
	    sites_recv_ask, 0, 0 },
	{ IMSG_NODES_ASK, PROC_LISTENER, sizeof(struct nodes_ask),
	    route_recv_nodes_ask, 0, 0 },
	{ IMSG_STREAM_UP, PROC_LISTENER, sizeof(struct stream_up),
	    stream_recv_up, 0, 0 },
	{ IMSG_STREAM_DOWN, PROC_LISTENER, sizeof(struct stream_down),
	    stream_recv_down, 0, 0 },
	{ IMSG_STREAM_BYTES, PROC_LISTENER, sizeof(struct stream_bytes),
	    stream_recv_bytes, 0, 0 },
	{ IMSG_SHARE_USE, PROC_LISTENER, sizeof(struct share_use),
	    tally_recv_use, 0, 0 },
	{ IMSG_LINK_STATS, PROC_LISTENER, sizeof(struct link_stats),
	    link_recv_stats, 0, 0 },
	{ IMSG_CONNS_ASK, PROC_LISTENER, sizeof(struct conns_ask),
	    conns_recv_ask, 0, 0 },
	{ IMSG_FIGURES_ASK, PROC_LISTENER, sizeof(struct ctl_id),
	    figures_recv_ask, 0, 0 },
	{ IMSG_STATS, PROC_LISTENER, sizeof(struct listener_stats),
	    stats_recv, 0, 0 },

	{ IMSG_PAIR_OFFER, PROC_LISTENER, sizeof(struct pair_offer),
	    pair_recv_offer, 0, 0 },
	{ IMSG_PAIR_USED, PROC_LISTENER, sizeof(struct pair_used),
	    pair_recv_used, 0, 0 },
	{ IMSG_PAIR_ASK, PROC_LISTENER, sizeof(struct pair_ask),
	    pair_recv_ask, 0, 0 },
	{ IMSG_RPC_NODE_ASK, PROC_LISTENER, sizeof(struct rpc_node_ask),
	    rpc_recv_node_ask, 0, 0 },
	{ IMSG_RPC_NODE, PROC_LISTENER, sizeof(struct rpc_node),
	    rpc_recv_node, 0, 0 },
	{ IMSG_RPC_NODE_DOWN, PROC_LISTENER, sizeof(struct rpc_node),
	    rpc_recv_node_down, 0, 0 },
	{ IMSG_RPC_SESSION, PROC_LISTENER, sizeof(struct rpc_session),
	    rpc_recv_session, 0, 0 },
	{ IMSG_RPC_SLOTS, PROC_LISTENER, sizeof(struct rpc_slots),
	    rpc_recv_slots, 0, 0 },
};
const size_t router_nrules = nitems(router_rules);

/* ---- small things ---- */

uint64_t
router_ms(void)
{
	return (clock_ms());
}

/*
 * What has just begun began now, to the millisecond; for what is older, a
 * second more or less will do.
 */
uint64_t
router_ms_since(int64_t since)
{
	uint64_t	 now = router_ms();
	int64_t		 age = (int64_t)time(NULL) - since;

	if (since <= 0 || age <= 1)
		return (now);
	return ((uint64_t)age >= now / 1000 ? 0 : now - age * 1000);
}

uint64_t
router_uptime(void)
{
	return ((router_ms() - start_ms) / 1000);
}

struct proc_peer *
router_auth(void)
{
	return (proc_peer(PROC_AUTH, 0));
}

struct proc_peer *
router_listener(int instance)
{
	return (proc_peer(PROC_LISTENER, instance));
}

uint32_t
router_part(uint32_t all)
{
	return (all < (uint32_t)router_prefork ? 1 : all / router_prefork);
}

int
router_may_log(uint64_t *last)
{
	uint64_t	 now = router_ms();

	if (*last != 0 && now - *last < LOG_MS)
		return (0);
	*last = now;
	return (1);
}

/* ---- the process ---- */

void
router_start(void)
{
	start_ms = router_ms();
	/* Listeners may ask before the parent has said how long it is; most
	   often it has, with the configuration. */
	if (!told_early)
		routes_patience(UNTOLD_MS);
}

void
router_serve(void)
{
	if ((tick = evtimer_new(proc_base(), router_tick, NULL)) == NULL)
		fatalx("no memory for events");
	if (may_serve)
		control_serve(&control_requests);
}

static int
router_recv_serve(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_serve	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	routes_patience(c.patience_ms);
	told_early = tick == NULL;
	/* Or in router_serve, if that is yet to come. */
	if (tick != NULL && !may_serve)
		control_serve(&control_requests);
	may_serve = 1;
	return (0);
}

static int
router_recv_old(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_old	 old;

	if (imsg_get_data(imsg, &old, sizeof(old)) == -1 ||
	    !ROUTER_STR(old.from))
		return (-1);
	router_old = old;
	return (0);
}

void
router_peer_up(struct proc_peer *peer)
{
	if (proc_peer_kind(peer) == PROC_LISTENER) {
		ends_listener_up();
		publish_listener_up(proc_peer_instance(peer));
		sites_listener_up(proc_peer_instance(peer));
		rpc_listener_up(proc_peer_instance(peer));
	}
	if (proc_peer_kind(peer) != PROC_AUTH)
		return;
	/* Limits are known before anything is decided by them. */
	tallies_auth_up();
	sessions_auth_up();
	routes_auth_up();
	sites_auth_up();
	/* And what was to be written down meanwhile. */
	router_wake();
}

void
router_peer_down(struct proc_peer *peer)
{
	int	 i = proc_peer_instance(peer);

	if (proc_peer_kind(peer) == PROC_AUTH) {
		routes_auth_down();
		sites_auth_down();
		pair_auth_down();
		control_auth_gone();
	} else if (proc_peer_kind(peer) == PROC_LISTENER) {
		sessions_listener_down(i);
		sites_listener_down(i);
		rpc_listener_down(i);
		ends_listener_down(i);
		stats_listener_down(i);
		figures_listener_down(i);
		conns_listener_down(i);
		tallies_listener_down(i);
		if (ending == END_LAST)
			router_end();
	}
}

/*
 * What listeners say at the end of their links and streams goes on record.
 * If they stay, for another router, it is what they have said already: a tick
 * is enough to read it.
 */
void
router_stop(void)
{
	ending = proc_all_end() ? END_LAST : END_READ;
	proc_linger(STOP_MS);
	if (ending == END_LAST)
		router_end();
	else
		router_wake();
}

static void
router_end(void)
{
	struct proc_peer	*auth = router_auth();
	int			 i;

	if (!ending)
		return;
	for (i = 0; ending == END_LAST && i < PROC_INSTANCES_MAX; i++)
		if (router_listener(i) != NULL)
			return;
	tallies_flush();
	(void)audit_flush();
	if (auth != NULL && proc_queued(auth) > 0)
		router_wake();
	else
		proc_quit(0);
}

void
router_wake(void)
{
	struct timeval	 tv = { 0, TICK_MS * 1000 };

	if (tick != NULL && !evtimer_pending(tick, NULL))
		evtimer_add(tick, &tv);
}

/* What has waited long enough, and what waits for room in auth's pipe. */
static void
router_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t	 now = router_ms();
	int		 more = 0;

	more |= sessions_tell();
	more |= publish_tell();
	more |= sites_tick(now);
	more |= audit_flush();
	more |= ends_expire(now);
	more |= stats_expire(now);
	more |= routes_expire(now);
	router_end();
	if (more)
		router_wake();
}

/* ---- configuration ---- */

static int
router_recv_begin(struct proc_peer *peer, struct imsg *imsg)
{
	if (imsg_get_data(imsg, &next, sizeof(next)) == -1)
		return (-1);
	next_open = 1;
	figures_conf_begin();
	rpc_conf_begin();
	return (0);
}

static int
router_recv_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_end	 end;

	if (!next_open || imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	next_open = 0;
	router_limits = next.limits;
	router_prefork = next.prefork < 1 ? 1 : next.prefork;
	/* Only once: what was read of the wall clock then may be put right. */
	if (!start_known)
		start_ms = router_ms_since(next.started);
	start_known = 1;
	figures_conf_end();
	rpc_conf_end(&next.rpc);
	log_setverbose(next.verbose);
	(void)proc_send(peer, IMSG_CONF_TAKEN, 0, -1, &end, sizeof(end));
	return (0);
}

static int
router_recv_control(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_end	 end;
	int		 fd;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1 ||
	    (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	control_listen(fd);
	return (0);
}
