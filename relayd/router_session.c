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
 * Sessions on record.  A session is auth's word that the peer of one
 * connection is who it says it is; a listener that speaks of a session is
 * believed only for those of its own connections.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "log_limit.h"
#include "router.h"
#include "ws.h"

#define SESSIONS_MAX	200000
#define LIMIT_RETRY_S	60	/* when a user has too many links */
#define OVER_MS		60000	/* for what is still on its way to nodes */

/* Somebody with sessions; lives as long as the last of them. */
struct router_user {
	RB_ENTRY(router_user)	 by_id;
	uint32_t		 n;		/* sessions */
	uint32_t		 links;		/* of them */
	char			 id[USER_ID_LEN + 4];
};

static int	session_conn_cmp(struct router_session *,
		    struct router_session *);
static int	user_cmp(struct router_user *, struct router_user *);
static int	session_valid(const struct session *);
static struct router_session *session_new(const struct session *, int);
static struct router_session *session_of_conn(int, uint32_t);
static void	session_tell(struct router_session *);
static void	session_end(uint64_t);
static int	session_user_set(struct router_session *);
static void	session_user_clear(struct router_session *);
static int	session_limit(const struct session *);
static void	session_refuse(const struct session *);
static void	session_confirmed(struct router_session *,
		    const struct session *);
static void	session_log_in(const struct session *);

RB_HEAD(router_conns, router_session);
RB_HEAD(router_users, router_user);
RB_PROTOTYPE_STATIC(router_conns, router_session, by_conn, session_conn_cmp)
RB_PROTOTYPE_STATIC(router_users, router_user, by_id, user_cmp)

struct router_sessions		 router_sessions =
				    RB_INITIALIZER(&router_sessions);
static struct router_conns	 by_conn = RB_INITIALIZER(&by_conn);
static struct router_users	 users = RB_INITIALIZER(&users);
/* What a new auth has yet to hear of. */
static TAILQ_HEAD(, router_session) untold = TAILQ_HEAD_INITIALIZER(untold);
static uint64_t			 last_serial;
static uint32_t			 nchecking[PROC_INSTANCES_MAX];

/* ---- tables ---- */

int
session_cmp(struct router_session *a, struct router_session *b)
{
	return (a->s.session < b->s.session ? -1 :
	    a->s.session > b->s.session);
}

static int
session_conn_cmp(struct router_session *a, struct router_session *b)
{
	if (a->s.listener != b->s.listener)
		return (a->s.listener < b->s.listener ? -1 : 1);
	return (a->s.conn < b->s.conn ? -1 : a->s.conn > b->s.conn);
}

static int
user_cmp(struct router_user *a, struct router_user *b)
{
	return (strcmp(a->id, b->id));
}

RB_GENERATE(router_sessions, router_session, by_id, session_cmp)
RB_GENERATE_STATIC(router_conns, router_session, by_conn, session_conn_cmp)
RB_GENERATE_STATIC(router_users, router_user, by_id, user_cmp)

struct router_session *
session_find(uint64_t id)
{
	struct router_session	 key;

	key.s.session = id;
	return (RB_FIND(router_sessions, &router_sessions, &key));
}

static struct router_session *
session_of_conn(int listener, uint32_t conn)
{
	struct router_session	 key;

	key.s.listener = listener;
	key.s.conn = conn;
	return (RB_FIND(router_conns, &by_conn, &key));
}

uint64_t
session_serial(void)
{
	return (last_serial);
}

/*
 * A session never moves to another connection (conn 0: not said), so a
 * listener that speaks of someone else's is not in a race but at fault.
 */
int
session_of(uint64_t id, struct proc_peer *peer, uint32_t conn,
    struct router_session **rs)
{
	if ((*rs = session_find(id)) == NULL)
		return (0);
	if ((*rs)->s.listener != proc_peer_instance(peer) ||
	    (conn != 0 && (*rs)->s.conn != conn)) {
		log_warnx("listener %d speaks of a session that is not its "
		    "own", proc_peer_instance(peer));
		return (-1);
	}
	return (0);
}

/* ---- sessions ---- */

static int
session_valid(const struct session *s)
{
	return (s->session != 0 && s->conn != 0 && s->listener >= 0 &&
	    s->listener < PROC_INSTANCES_MAX &&
	    DOOR_LOGS_IN(s->door) &&
	    ROUTER_STR(s->user_id) && s->user_id[0] != '\0' &&
	    ROUTER_STR(s->email) && ROUTER_STR(s->username) &&
	    ROUTER_STR(s->token_id) &&
	    ROUTER_STR(s->held) && ROUTER_STR(s->parent) &&
	    ROUTER_STR(s->node_id) && ROUTER_STR(s->node) &&
	    ROUTER_STR(s->addr) && ((s->door != DOOR_NODE &&
	    s->door != DOOR_HTTP && s->door != DOOR_RPC) ||
	    (s->node_id[0] != '\0' && s->node[0] != '\0')));
}

/*
 * One that auth has yet to confirm is a listener's word: it is nobody's, and
 * nothing rests on it but what waits for auth.
 */
static struct router_session *
session_new(const struct session *s, int checking)
{
	struct router_session	*rs;

	/* Its LINK_DOWN may still be on its way, by another pipe. */
	if ((rs = session_of_conn(s->listener, s->conn)) != NULL)
		session_drop(rs, "its connection is another's");
	if ((rs = calloc(1, sizeof(*rs))) == NULL)
		fatal("session");
	rs->s = *s;
	rs->checking = checking;
	rs->serial = ++last_serial;
	LIST_INIT(&rs->held);
	LIST_INIT(&rs->to);
	TAILQ_INIT(&rs->asks);
	TAILQ_INIT(&rs->streams);
	if (checking)
		nchecking[s->listener]++;
	else if (session_user_set(rs) == -1)
		fatal("session");
	RB_INSERT(router_sessions, &router_sessions, rs);
	RB_INSERT(router_conns, &by_conn, rs);
	router_counts.sessions++;
	return (rs);
}

struct router_session *
session_new_own(const struct session *s, const char *port, const char *by)
{
	struct router_session	*rs;

	if ((rs = calloc(1, sizeof(*rs))) == NULL ||
	    (rs->own = calloc(1, sizeof(*rs->own))) == NULL)
		fatal("session");
	rs->s = *s;
	strlcpy(rs->own->port, port, sizeof(rs->own->port));
	strlcpy(rs->own->by, by, sizeof(rs->own->by));
	/* What its visitors carry counts as its owner's. */
	rs->tally = tally_ref(METER_USER, s->user_id);
	if (port[0] != '\0')
		rs->port_tally = tally_ref(METER_PORT, port);
	rs->serial = ++last_serial;
	rs->told = 1;
	LIST_INIT(&rs->held);
	LIST_INIT(&rs->to);
	TAILQ_INIT(&rs->asks);
	TAILQ_INIT(&rs->streams);
	do
		arc4random_buf(&rs->s.session, sizeof(rs->s.session));
	while (rs->s.session == 0 ||
	    RB_INSERT(router_sessions, &router_sessions, rs) != NULL);
	return (rs);
}

static int
session_user_set(struct router_session *rs)
{
	struct router_user	 key, *u;

	strlcpy(key.id, rs->s.user_id, sizeof(key.id));
	if ((u = RB_FIND(router_users, &users, &key)) == NULL) {
		if ((u = calloc(1, sizeof(*u))) == NULL)
			return (-1);
		strlcpy(u->id, rs->s.user_id, sizeof(u->id));
		RB_INSERT(router_users, &users, u);
	}
	rs->user = u;
	u->n++;
	u->links += DOOR_IS_LINK(rs->s.door) || rs->s.door == DOOR_API;
	rs->tally = tally_ref(METER_USER, rs->s.user_id);
	if (rs->s.door == DOOR_NODE)
		rs->node_tally = tally_ref(METER_NODE, rs->s.node_id);
	return (0);
}

static void
session_user_clear(struct router_session *rs)
{
	struct router_user	*u = rs->user;

	rs->user = NULL;
	tally_unref(rs->tally);
	tally_unref(rs->node_tally);
	rs->tally = rs->node_tally = NULL;
	u->links -= DOOR_IS_LINK(rs->s.door) || rs->s.door == DOOR_API;
	if (--u->n == 0) {
		RB_REMOVE(router_users, &users, u);
		free(u);
	}
}

void
session_drop(struct router_session *rs, const char *why)
{
	if (rs->up)
		link_is_down(rs, why);
	routes_session_gone(rs);
	tickets_drop(rs);
	pair_session_gone(rs);
	streams_session_gone(rs, why);
	end_settled(rs);
	session_over(rs, OVER_MS);
	if (!rs->told)
		TAILQ_REMOVE(&untold, rs, untold);
	RB_REMOVE(router_sessions, &router_sessions, rs);
	if (rs->own != NULL) {
		publish_session_gone(rs);
		site_session_gone(rs);
		tally_unref(rs->tally);
		tally_unref(rs->port_tally);
	} else {
		session_end(rs->s.session);
		RB_REMOVE(router_conns, &by_conn, rs);
		if (rs->checking)
			nchecking[rs->s.listener]--;
		else
			session_user_clear(rs);
		router_counts.sessions--;
	}
	free(rs->early);
	free(rs->own);
	free(rs->software);
	free(rs);
}

void
session_kill(struct router_session *rs, uint32_t code, const char *text)
{
	struct link_kill	 kill;

	if (rs->kill_sent)
		return;
	rs->kill_sent = 1;
	memset(&kill, 0, sizeof(kill));
	kill.session = rs->s.session;
	kill.code = code;
	strlcpy(kill.text, text, sizeof(kill.text));
	if (proc_send(router_listener(rs->s.listener), IMSG_LINK_KILL,
	    rs->s.conn, -1, &kill, sizeof(kill)) == -1)
		log_warnx("listener %d takes nothing: a link of %s is not "
		    "ended", rs->s.listener, rs->s.email);
	/* No new streams, whatever the listener does. */
	node_unlive(rs, 1);
	tickets_drop(rs);
}

void
session_over(struct router_session *rs, uint32_t ms)
{
	struct session_over	 over = { .session = rs->s.session, .ms = ms };
	int			 i;

	for (i = 0; rs->relays != 0 && i < PROC_INSTANCES_MAX; i++)
		if (rs->relays & 1ULL << i)
			(void)proc_send(router_listener(i), IMSG_SESSION_OVER,
			    0, -1, &over, sizeof(over));
	rs->relays = 0;
}

static void
session_end(uint64_t id)
{
	struct session_id	 end = { .session = id };

	(void)proc_send(router_auth(), IMSG_SESSION_END, 0, -1, &end,
	    sizeof(end));
}

/*
 * Would one more be too many?  A device that comes back replaces its own
 * link, which may not be known to be dead yet.
 */
static int
session_limit(const struct session *s)
{
	struct router_user	 key, *u;
	struct router_session	*old;
	uint32_t		 n;

	if (router_limits.links_per_user == 0 ||
	    s->door == DOOR_HTTP || s->door == DOOR_RPC)
		return (0);
	strlcpy(key.id, s->user_id, sizeof(key.id));
	if ((u = RB_FIND(router_users, &users, &key)) == NULL)
		return (0);
	n = u->links;
	if (s->door == DOOR_NODE && (old = node_find(s->node_id)) != NULL &&
	    strcmp(old->s.token_id, s->token_id) == 0)
		n--;
	return (n >= router_limits.links_per_user);
}

static void
session_refuse(const struct session *s)
{
	static uint64_t		 told;
	struct router_session	 rs;
	struct login_denied	 d;
	struct audit_event	 a;

	router_counts.logins_refused++;
	memset(&d, 0, sizeof(d));
	d.status = 429;
	d.retry_after = LIMIT_RETRY_S;
	strlcpy(d.text, "too many links for this user", sizeof(d.text));
	(void)proc_send(router_listener(s->listener), IMSG_LOGIN_DENIED,
	    s->conn, -1, &d, sizeof(d));
	session_end(s->session);
	if (router_may_log(&told))
		log_warnx("user %s: has %u links already, one more from %s "
		    "is refused", s->email, router_limits.links_per_user,
		    s->addr);
	memset(&rs, 0, sizeof(rs));
	rs.s = *s;
	audit_init(&a, AUDIT_DENIED, &rs);
	strlcpy(a.text, d.text, sizeof(a.text));
	audit_send(&a);
}

static void
session_log_in(const struct session *s)
{
	struct router_session	*rs;

	if (router_listener(s->listener) == NULL) {
		log_debug("listener %d: gone before a log-in was decided",
		    s->listener);
		session_end(s->session);
		return;
	}
	if (session_limit(s)) {
		session_refuse(s);
		return;
	}
	rs = session_new(s, 0);
	rs->told = 1;
	router_counts.logins++;
	if (proc_send(router_listener(s->listener), IMSG_SESSION, s->conn, -1,
	    s, sizeof(*s)) == -1)
		session_drop(rs, "its listener takes nothing");
}

int
session_recv_session(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct session		 s;

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1 || !session_valid(&s))
		return (-1);
	if ((rs = session_find(s.session)) == NULL)
		session_log_in(&s);
	else if (rs->checking && rs->s.listener == s.listener &&
	    rs->s.conn == s.conn && rs->s.door == s.door)
		session_confirmed(rs, &s);
	else
		log_debug("auth speaks of a session that is known");
	return (0);
}

/* ---- to a new router: what was before ---- */

int
session_recv_again(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct session		 s;

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1 || !session_valid(&s) ||
	    s.listener != proc_peer_instance(peer) ||
	    s.conn != imsg_get_id(imsg) ||
	    session_of(s.session, peer, s.conn, &rs) == -1)
		return (-1);
	if (rs != NULL) {
		log_debug("listener %d: announces what is known", s.listener);
		return (0);
	}
	/* Auth has no more than that in all. */
	if (nchecking[s.listener] >= SESSIONS_MAX) {
		log_warnx("listener %d: announces too many sessions",
		    s.listener);
		return (-1);
	}
	rs = session_new(&s, 1);
	rs->again = 1;
	TAILQ_INSERT_TAIL(&untold, rs, untold);
	if (sessions_tell())
		router_wake();
	return (0);
}

/* Which of the others have something of it the router before us knew. */
static uint64_t
others_of(const struct router_session *rs)
{
	return (~(1ULL << rs->s.listener));
}

/* Auth stands by it: what it says of the session holds. */
static void
session_confirmed(struct router_session *rs, const struct session *s)
{
	struct link_up	*up = rs->early;

	rs->checking = 0;
	rs->relays = others_of(rs);
	nchecking[rs->s.listener]--;
	rs->s = *s;
	if (session_user_set(rs) == -1)
		fatal("session");
	rs->early = NULL;
	if (up != NULL && !rs->kill_sent)
		link_is_up(rs, up);
	free(up);
	streams_session_known(rs);
	routes_session_known(rs);
}

/* Its listener ends the link; here there never was one. */
int
session_recv_gone(struct proc_peer *peer, struct imsg *imsg)
{
	static struct log_limit	 limit = { .burst = 20000, .ms = 100 };
	struct router_session	*rs;
	struct session		 s;
	uint64_t		 lost;

	if (imsg_get_data(imsg, &s, sizeof(s)) == -1)
		return (-1);
	rs = session_find(s.session);
	if (rs == NULL || !rs->checking || rs->kill_sent) {
		log_debug("auth disowns a session that is gone");
		return (0);
	}
	if (log_limit_may(&limit, router_ms(), &lost))
		log_warnx("%s from %s: its log-in is no longer good%s",
		    rs->s.door == DOOR_NODE ? rs->s.node : rs->s.email,
		    rs->s.addr, lost > 0 ? ", and others are not" : "");
	rs->relays = others_of(rs);
	session_kill(rs, WS_CLOSE_POLICY, "log in again");
	session_drop(rs, "its log-in is no longer good");
	return (0);
}

/* A new auth: it is told of every session, and asked for a word on some. */
void
sessions_auth_up(void)
{
	struct router_session	*rs;

	RB_FOREACH(rs, router_sessions, &router_sessions) {
		if (rs->own != NULL)
			continue;
		if (rs->told)
			TAILQ_INSERT_TAIL(&untold, rs, untold);
		rs->told = 0;
	}
	if (sessions_tell())
		router_wake();
}

static void
session_tell(struct router_session *rs)
{
	uint32_t	 type;

	TAILQ_REMOVE(&untold, rs, untold);
	rs->told = 1;
	if (rs->kill_sent)
		return;
	type = rs->checking ? IMSG_SESSION_CHECK : IMSG_SESSION_KNOWN;
	(void)proc_send(router_auth(), type, 0, -1, &rs->s, sizeof(rs->s));
	if (rs->live)
		node_state(rs, 1);
	routes_session_known(rs);
}

int
sessions_tell(void)
{
	struct router_session	*rs;
	struct proc_peer	*auth = router_auth();

	if (auth == NULL)
		return (0);
	while ((rs = TAILQ_FIRST(&untold)) != NULL) {
		if (proc_queued(auth) > PROC_QUEUE_HIGH)
			return (1);
		session_tell(rs);
	}
	return (0);
}

void
sessions_listener_down(int listener)
{
	struct router_session	*rs, *tmp;

	RB_FOREACH_SAFE(rs, router_sessions, &router_sessions, tmp) {
		if (rs->s.listener == listener)
			session_drop(rs, "the listener has ended");
	}
}
