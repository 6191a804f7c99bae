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
 * The auth process: it alone opens the store, so who may log in and what
 * rests on whom is decided here.  Listeners ask on behalf of strangers and
 * are trusted with nothing but the asking; router is told of every log-in
 * that holds, and when one no longer does.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth.h"
#include "clock.h"
#include "log.h"
#include "msg_conf.h"
#include "msg_list.h"
#include "msg_rpc.h"

#define AUTH_TICK_S		1
#define AUTH_SOON_MS		20
#define AUTH_SWEEP_MS		5000
#define AUTH_REOPEN_MS		10000
#define AUTH_TROUBLE_MS		60000
#define AUTH_END_MS		2500	/* for router to end before us */
#define AUTH_THROTTLED_MAX	65536	/* networks and tokens */
#define AUTH_FILE		"culvert.db"

static int	auth_recv_conf_begin(struct proc_peer *, struct imsg *);
static int	auth_recv_conf_name(struct proc_peer *, struct imsg *);
static int	auth_recv_conf_end(struct proc_peer *, struct imsg *);
static int	auth_recv_memory(struct proc_peer *, struct imsg *);
static int	auth_recv_conf_serve(struct proc_peer *, struct imsg *);
static void	auth_ticks(void);
static void	auth_tick(evutil_socket_t, short, void *);
static void	auth_soon_tick(evutil_socket_t, short, void *);
static void	auth_grant(evutil_socket_t, short, void *);
static void	auth_open(void);
static void	auth_late(evutil_socket_t, short, void *);
static void	auth_end(void);

struct store		*auth_store;
struct throttle		*auth_throttle;
struct names		 auth_names = TAILQ_HEAD_INITIALIZER(auth_names);

struct relayd_bandwidth	 auth_bandwidth;
int			 auth_prefork = 1;

static struct relayd_bandwidth new_bandwidth;
static struct names	 new_names = TAILQ_HEAD_INITIALIZER(new_names);
static char		 state[1024], new_domain[DOMAIN_LEN];
static struct event	*tick, *soon, *grant;
static int		 ending;	/* when router has ended */
static uint64_t		 sweep_at, reopen_at, trouble_at;	/* ms */
static int		 was_down;	/* the store, at the last look */
static int		 may_serve;	/* nobody else has the store */

#define CTL_RULE(type, size, handler) \
	{ type, PROC_ROUTER, sizeof(struct size), handler, 0, 0 }

/* What we accept, and from whom; anything else never reaches a handler. */
const struct proc_rule auth_rules[] = {
	{ IMSG_CONF_BEGIN, PROC_PARENT, sizeof(struct conf_begin),
	    auth_recv_conf_begin, 0, 0 },
	{ IMSG_CONF_NAME, PROC_PARENT, sizeof(struct conf_name),
	    auth_recv_conf_name, 0, 0 },
	{ IMSG_CONF_PUBLISH, PROC_PARENT, sizeof(struct publish_rule),
	    auth_recv_conf_publish, 0, 0 },
	{ IMSG_CONF_END, PROC_PARENT, sizeof(struct conf_end),
	    auth_recv_conf_end, 0, 0 },
	{ IMSG_CONF_SERVE, PROC_PARENT, sizeof(struct conf_serve),
	    auth_recv_conf_serve, 0, 0 },
	{ IMSG_SESSIONS_GIVE, PROC_PARENT, sizeof(struct conf_end),
	    auth_recv_give, 0, 1 },
	{ IMSG_SESSIONS_TAKE, PROC_PARENT, sizeof(struct conf_end),
	    auth_recv_take, 0, 1 },
	{ IMSG_LOGIN, PROC_LISTENER, sizeof(struct login),
	    auth_recv_login, 0, 0 },
	{ IMSG_LOGIN_PASSWORD, PROC_LISTENER, sizeof(struct login_password),
	    auth_recv_login_password, 0, 0 },
	{ IMSG_WEB_ASK, PROC_LISTENER, sizeof(struct web_ask),
	    auth_recv_web_ask, 0, 0 },
	{ IMSG_PAIR_BUY, PROC_ROUTER, sizeof(struct pair_buy),
	    auth_recv_pair_buy, 0, 0 },
	{ IMSG_SESSION_END, PROC_ROUTER, sizeof(struct session_id),
	    auth_recv_session_end, 0, 0 },
	{ IMSG_SESSION_KNOWN, PROC_ROUTER, sizeof(struct session),
	    auth_recv_session_known, 0, 0 },
	{ IMSG_SESSION_CHECK, PROC_ROUTER, sizeof(struct session),
	    auth_recv_session_check, 0, 0 },
	{ IMSG_NODE_ASK, PROC_ROUTER, sizeof(struct node_ask),
	    auth_recv_node_ask, 0, 0 },
	{ IMSG_SITE_ASK, PROC_ROUTER, sizeof(struct site_ask),
	    auth_recv_site_ask, 0, 0 },
	{ IMSG_NODES_ASK, PROC_ROUTER, sizeof(struct nodes_ask),
	    auth_recv_nodes_ask, 0, 0 },
	{ IMSG_GRANT_USED, PROC_ROUTER, sizeof(struct grant),
	    auth_recv_grant_used, 0, 0 },
	{ IMSG_REVOKED, PROC_ROUTER, sizeof(struct ctl_end),
	    auth_recv_revoked, 0, 0 },
	{ IMSG_METER_ASK, PROC_ROUTER, sizeof(struct meter_id),
	    auth_recv_meter_ask, 0, 0 },
	{ IMSG_TRAFFIC, PROC_ROUTER, sizeof(struct traffic),
	    auth_recv_traffic, 0, 0 },
	{ IMSG_NODE_STATE, PROC_ROUTER, sizeof(struct node_state),
	    auth_recv_node_state, 0, 0 },
	{ IMSG_PUBLISH_TRIED, PROC_ROUTER, sizeof(struct publish_result),
	    auth_recv_publish_tried, 0, 0 },
	{ IMSG_AUDIT, PROC_ROUTER, sizeof(struct audit_event),
	    auth_recv_audit, 0, 0 },
	{ IMSG_MEMORY_ASK, PROC_ROUTER, sizeof(struct memory_page),
	    auth_recv_memory, 0, 0 },
	{ IMSG_COPY_CANCEL, PROC_ROUTER, sizeof(struct ctl_name),
	    auth_recv_copy_cancel, 0, 0 },
	CTL_RULE(CTL_BACKUP, ctl_name, auth_recv_copy),
	CTL_RULE(CTL_CHECK, ctl_name, auth_recv_copy),
	{ IMSG_AUDIT_ASK, PROC_ROUTER, sizeof(struct audit_ask),
	    auth_recv_audit_ask, 0, 0 },
	CTL_RULE(CTL_USER_ADD, ctl_user, auth_recv_ctl_user),
	CTL_RULE(CTL_USER_PASSWD, ctl_user, auth_recv_ctl_user),
	CTL_RULE(CTL_USER_LIST, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_USER_ENABLE, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_USER_DISABLE, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_USER_DELETE, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_TOKEN_CREATE, ctl_token, auth_recv_ctl_token),
	CTL_RULE(CTL_TOKEN_LIST, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_TOKEN_REVOKE, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_NODE_LIST, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_NODE_SHOW, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_NODE_RENAME, ctl_rename, auth_recv_ctl_rename),
	CTL_RULE(CTL_NODE_REMOVE, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_GRANT_SET, ctl_grant, auth_recv_ctl_grant),
	CTL_RULE(CTL_SESSION_LIST, ctl_session, auth_recv_ctl_session),
	CTL_RULE(CTL_SESSION_REVOKE, ctl_session, auth_recv_ctl_session),
	CTL_RULE(CTL_GRANT_LIST, ctl_grant, auth_recv_ctl_grant),
	CTL_RULE(CTL_GRANT_REVOKE, ctl_grant, auth_recv_ctl_grant),
	CTL_RULE(CTL_PUBLISH_ADD, ctl_publish, auth_recv_ctl_publish),
	CTL_RULE(CTL_PUBLISH_LIST, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_PUBLISH_REMOVE, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_SITE_SET, ctl_site, auth_recv_ctl_site),
	CTL_RULE(CTL_SITE_LIST, ctl_site, auth_recv_ctl_site),
	CTL_RULE(CTL_SITE_REMOVE, ctl_site, auth_recv_ctl_site),
	CTL_RULE(CTL_DOMAIN_ADD, ctl_domain, auth_recv_ctl_domain),
	CTL_RULE(CTL_DOMAIN_LIST, ctl_name, auth_recv_ctl_name),
	CTL_RULE(CTL_DOMAIN_REMOVE, ctl_domain, auth_recv_ctl_domain),
	CTL_RULE(CTL_USER_LIMIT, ctl_limit, auth_recv_ctl_limit),
	CTL_RULE(CTL_NODE_LIMIT, ctl_limit, auth_recv_ctl_limit),
	CTL_RULE(CTL_TRAFFIC_LIST, ctl_traffic, auth_recv_ctl_traffic),
};
const size_t	 auth_nrules = nitems(auth_rules);

/* ---- the configuration ---- */

static int
auth_recv_conf_begin(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_begin	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    memchr(c.state, '\0', sizeof(c.state)) == NULL ||
	    memchr(c.domain, '\0', sizeof(c.domain)) == NULL ||
	    c.state[0] == '\0')
		return (-1);
	names_clear(&new_names);
	auth_publish_conf_begin();
	new_bandwidth = c.bandwidth;
	strlcpy(new_domain, c.domain, sizeof(new_domain));
	auth_pair_conf(&c.rpc);
	auth_prefork = c.prefork < 1 ? 1 : c.prefork;
	auth_login_conf(&c.limits);
	auth_nonce_conf(c.beacon_key);
	explicit_bzero(&c.beacon_key, sizeof(c.beacon_key));
	explicit_bzero(ibuf_data(&imsg->body), ibuf_size(&imsg->body));
	/* It changes only with a restart. */
	if (state[0] == '\0')
		strlcpy(state, c.state, sizeof(state));
	log_setverbose(c.verbose);
	auth_backup_keep(c.backups);
	return (0);
}

static int
auth_recv_conf_name(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_name	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    memchr(c.name, '\0', sizeof(c.name)) == NULL)
		return (-1);
	if (names_add(&new_names, c.name) == -1)
		fatal("configuration");
	return (0);
}

static int
auth_recv_conf_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_end	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	names_clear(&auth_names);
	TAILQ_CONCAT(&auth_names, &new_names, entry);
	auth_publish_conf_end();
	auth_site_conf(new_domain);
	auth_bandwidth = new_bandwidth;
	auth_limits_changed();
	(void)proc_send(peer, IMSG_CONF_TAKEN, 0, -1, &c, sizeof(c));
	return (0);
}

/* ---- what it takes ---- */

static int
auth_recv_memory(struct proc_peer *peer, struct imsg *imsg)
{
	struct memory_page	 page;
	uint32_t		 id = imsg_get_id(imsg);
	size_t			 bytes, n;

	if (imsg_get_data(imsg, &page, sizeof(page)) == -1)
		return (-1);
	bytes = auth_session_memory(&n);
	memory_things(peer, id, PROC_AUTH, 0, "sessions", n, bytes);
	bytes = auth_password_memory(&n);
	memory_things(peer, id, PROC_AUTH, 0, "passwords", n, bytes);
	bytes = auth_nonce_memory(&n);
	memory_things(peer, id, PROC_AUTH, 0, "nonces", n, bytes);
	bytes = throttle_memory(auth_throttle, &n);
	memory_things(peer, id, PROC_AUTH, 0, "throttled", n, bytes);
	bytes = auth_audit_memory(&n);
	memory_things(peer, id, PROC_AUTH, 0, "to be written", n, bytes);
	memory_things(peer, id, PROC_AUTH, 0, "store", 1,
	    store_memory(auth_store));
	memset(&page, 0, sizeof(page));
	(void)proc_send(peer, IMSG_MEMORY_PAGE, id, -1, &page, sizeof(page));
	return (0);
}

/* There may have been another auth: it is gone now. */
static int
auth_recv_conf_serve(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_serve	 c;
	struct conf_end		 end = { 0 };

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1)
		return (-1);
	may_serve = 1;
	if (auth_store == NULL)		/* not sandboxed yet */
		return (0);
	auth_open();
	(void)proc_send(peer, IMSG_SERVES, 0, -1, &end, sizeof(end));
	return (0);
}

/* ---- the process ---- */

void
auth_start(void)
{
	if (state[0] == '\0')
		fatalx("no state folder");
	/* libcrypto reads its files now, while there are any. */
	if (auth_login_init() == -1)
		fatalx("no Ed25519 in libcrypto");
	if (auth_password_init() == -1)
		fatalx("no good hash in crypt(3)");
	proc_chroot(state);
	proc_allow(state, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_CREATE);
}

void
auth_serve(void)
{
	char		 file[sizeof(state) + sizeof(AUTH_FILE) + 1];
	struct timeval	 tv = { AUTH_TICK_S, 0 };

	(void)snprintf(file, sizeof(file), "%s/%s", state, AUTH_FILE);
	if ((auth_store = store_new(proc_path(file), file)) == NULL ||
	    (auth_throttle = throttle_new(AUTH_THROTTLED_MAX)) == NULL)
		fatal("auth");
	auth_backup_init(proc_path(state));
	if (may_serve)
		auth_open();
	tick = event_new(proc_base(), -1, EV_PERSIST, auth_tick, NULL);
	soon = evtimer_new(proc_base(), auth_soon_tick, NULL);
	grant = evtimer_new(proc_base(), auth_grant, NULL);
	if (tick == NULL || soon == NULL || grant == NULL ||
	    evtimer_add(tick, &tv) == -1)
		fatal("auth");
}

/* Not before router has said all that it had to say. */
void
auth_stop(void)
{
	const struct timeval	 tv = { AUTH_END_MS / 1000,
				    AUTH_END_MS % 1000 * 1000 };
	struct event		*late;

	ending = 1;
	if (proc_peer(PROC_ROUTER, 0) != NULL &&
	    (late = evtimer_new(proc_base(), auth_late, NULL)) != NULL &&
	    evtimer_add(late, &tv) == 0)
		proc_linger(2 * AUTH_END_MS);
	else
		auth_end();
}

static void
auth_late(evutil_socket_t fd, short what, void *arg)
{
	auth_end();
}

static void
auth_end(void)
{
	auth_audit_flush();
	auth_traffic_stop();
	store_free(auth_store);
	auth_store = NULL;
	proc_quit(0);
}

void
auth_peer_down(struct proc_peer *peer)
{
	if (proc_peer_kind(peer) == PROC_ROUTER && ending)
		auth_end();
}

void
auth_peer_up(struct proc_peer *peer)
{
	if (proc_peer_kind(peer) == PROC_ROUTER) {
		auth_session_router_up();
		auth_grant_ask();
		auth_publish_router_up();
		auth_pair_router_up();
	} else if (proc_peer_kind(peer) == PROC_LISTENER)
		auth_nonce_listener_up(peer);
}

int64_t
auth_wall(void)
{
	return (time(NULL));
}

int64_t
auth_wall_ms(void)
{
	struct timespec	 ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) == -1)
		fatal("clock_gettime");
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

uint64_t
auth_mono(void)
{
	return (clock_ms());
}

/* Clocks differ, and jump a little when they are set. */
int
auth_expired(int64_t at)
{
	return (at != 0 && auth_wall() - AUTH_CLOCK_SLACK > at);
}

void
auth_trouble(const char *what)
{
	uint64_t	 now = auth_mono();

	if (now < trouble_at)
		return;
	trouble_at = now + AUTH_TROUBLE_MS;
	log_warnx("%s: %s", what, store_error(auth_store));
}

/* A damaged or missing store does not end us: it may come back. */
static void
auth_open(void)
{
	reopen_at = auth_mono() + AUTH_REOPEN_MS;
	if (store_open(auth_store) != STORE_OK) {
		/* The one before us may be about to end. */
		if (store_in_use(auth_store))
			reopen_at = auth_mono();
		was_down = 1;
		auth_trouble("log-ins are refused");
		return;
	}
	if (was_down)
		log_info("the store can be used again");
	was_down = 0;
	if (store_nodes_down(auth_store) != STORE_OK)
		auth_trouble("nodes seem connected that are not");
	auth_session_nodes_up();
	auth_grant_ask();
	auth_publish_sync();
	auth_site_changed("");
	auth_limits_changed();
}

/*
 * The end of a grant to the millisecond, by the wall clock.  No timer runs
 * for longer than a tick, so a clock that is set is noticed.
 */
static void
auth_grant(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv = { 0, 0 };
	int64_t		 ms = auth_grant_tick();

	if (ms < 0 || ms > AUTH_TICK_S * 1000)
		return;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	evtimer_add(grant, &tv);
}

static void
auth_ticks(void)
{
	struct timeval	 tv = { 0, AUTH_SOON_MS * 1000 };
	int		 more;

	auth_grant(-1, 0, NULL);
	auth_pair_tick();
	more = auth_revoke_tick();
	more |= auth_publish_tick();
	more |= auth_site_tick();
	more |= auth_list_tick();
	more |= auth_audit_tick();
	more |= auth_backup_tick();
	more |= auth_traffic_tick();
	if (more && !evtimer_pending(soon, NULL))
		evtimer_add(soon, &tv);
}

static void
auth_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t	 now = auth_mono();

	auth_nonce_tick();
	if (!may_serve)
		return;
	if (!store_is_open(auth_store) && now >= reopen_at)
		auth_open();
	if (now >= sweep_at) {
		sweep_at = now + AUTH_SWEEP_MS;
		auth_session_sweep();
		auth_web_sweep();
	}
	auth_ticks();
}

static void
auth_soon_tick(evutil_socket_t fd, short what, void *arg)
{
	auth_ticks();
}

void
auth_soon(void)
{
	struct timeval	 tv = { 0, AUTH_SOON_MS * 1000 };

	if (soon != NULL && !evtimer_pending(soon, NULL))
		evtimer_add(soon, &tv);
}
