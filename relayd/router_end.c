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
 * Ending links on purpose: because a user, a token or a node is no longer
 * good, or an administrator wants it; and the streams that rest on a grant.
 * The one who asked hears when they are gone, and how many they were.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "msg_publish.h"
#include "router.h"
#include "ws.h"

struct router_end {
	TAILQ_ENTRY(router_end)	 entry;
	uint32_t		 what;
	char			 id[CTL_NAME_LEN];
	uint64_t		 serial;	/* sessions up to this one */
	uint64_t		 start_ms;
	uint32_t		 pending;	/* not yet gone */
	uint32_t		 links, streams;
	void			 (*done)(uint32_t, const struct ctl_end *);
	uint32_t		 arg;
	/* Of a grant: every listener ends what it has. */
	uint32_t		 job;
	struct revoke		*revoke;	/* what they are told */
	uint8_t			 listeners[PROC_INSTANCES_MAX];
	uint32_t		 untold;
};

enum { LISTENER_NONE, LISTENER_UNTOLD, LISTENER_TOLD };

static TAILQ_HEAD(, router_end) ends = TAILQ_HEAD_INITIALIZER(ends);

#define USED_MAX	65536	/* grants, as often as a listener is asked */

static uint32_t	 last_job;
static uint32_t	 nused[PROC_INSTANCES_MAX];	/* so far */

static void	 end_overdue(const struct router_end *);
static void	 end_done(struct router_end *);
static void	 end_free(struct router_end *);
static void	 end_grant(const struct revoke *, uint32_t);
static void	 end_round(struct router_end *);
static void	 end_tell(struct router_end *);
static void	 end_told(struct router_end *, int);

int
end_match(const struct router_end *e, const struct router_session *rs)
{
	if (rs->serial > e->serial)
		return (0);
	switch (e->what) {
	case REVOKE_USER:
		return (strcmp(rs->s.user_id, e->id) == 0);
	case REVOKE_TOKEN:
		return (strcmp(rs->s.token_id, e->id) == 0);
	case REVOKE_NODE:
		return (rs->s.door != DOOR_ACCESS &&
		    strcmp(rs->s.node_id, e->id) == 0);
	case REVOKE_PORT:
		return (rs->own != NULL && strcmp(rs->own->port, e->id) == 0);
	case REVOKE_SITE:
		return (rs->own != NULL && rs->own->over &&
		    strcmp(rs->s.node_id, e->id) == 0);
	case REVOKE_SESSION:
		return (strcmp(rs->s.held, e->id) == 0 ||
		    strcmp(rs->s.parent, e->id) == 0);
	case REVOKE_PASSWORD:
		return (rs->own == NULL && rs->s.door == DOOR_HTTP &&
		    rs->s.token_id[0] == '\0' &&
		    strcmp(rs->s.user_id, e->id) == 0);
	case REVOKE_USER_SESSIONS:
		return (rs->own == NULL && (rs->s.door == DOOR_HTTP ||
		    rs->s.door == DOOR_RPC) && rs->s.token_id[0] == '\0' &&
		    strcmp(rs->s.user_id, e->id) == 0);
	case REVOKE_NODE_SESSIONS:
		return (rs->s.held[0] != '\0' &&
		    strcmp(rs->s.node_id, e->id) == 0);
	case END_LINK:
		return (rs->s.door == DOOR_NODE &&
		    strcmp(rs->s.node, e->id) == 0);
	}
	return (0);
}

int
end_match_publication(const struct router_end *e, const struct publication *p)
{
	switch (e->what) {
	case REVOKE_USER:
		return (strcmp(p->user_id, e->id) == 0);
	case REVOKE_NODE:
		return (strcmp(p->node_id, e->id) == 0);
	case REVOKE_PORT:
		return (strcmp(p->id, e->id) == 0);
	}
	return (0);
}

int
end_is_port(const struct router_end *e)
{
	return (e->what == REVOKE_PORT);
}

void
end_start(uint32_t what, const char *id, uint32_t code, const char *text,
    void (*done)(uint32_t, const struct ctl_end *), uint32_t arg)
{
	struct router_session	*rs;
	struct router_end	*e;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		fatal("end");
	e->what = what;
	strlcpy(e->id, id, sizeof(e->id));
	e->serial = session_serial();
	e->start_ms = router_ms();
	e->done = done;
	e->arg = arg;
	e->streams = streams_count(e);
	RB_FOREACH(rs, router_sessions, &router_sessions) {
		if (!end_match(e, rs) || rs->settled)
			continue;
		e->links += rs->up;
		e->pending++;
		session_kill(rs, code, text);
	}
	publish_end(e, text);
	sites_end(e, what, id);
	TAILQ_INSERT_TAIL(&ends, e, entry);
	if (e->pending == 0)
		end_done(e);
	else
		router_wake();
}

/*
 * Listeners that do not answer may go on with what they were to end, as far as
 * others let them.
 */
static void
end_overdue(const struct router_end *e)
{
	struct router_session	*rs;

	if (e->pending == 0 || e->what == REVOKE_GRANT)
		return;
	RB_FOREACH(rs, router_sessions, &router_sessions)
		if (rs->kill_sent && !rs->settled && end_match(e, rs))
			session_over(rs, 0);
}

static void
end_done(struct router_end *e)
{
	struct ctl_end	 end;

	end_overdue(e);

	memset(&end, 0, sizeof(end));
	end.links = e->links;
	end.streams = e->streams;
	end.ms = router_ms() - e->start_ms;
	if (e->pending > 0)
		snprintf(end.text, sizeof(end.text), e->what == REVOKE_GRANT ?
		    "%u listeners have not been heard of yet" : "%u of these "
		    "links have not been heard of yet", e->pending);
	if (e->links > 0 || e->pending > 0 ||
	    (e->what == REVOKE_GRANT && e->streams > 0))
		log_info("ended %u links with %u streams in %u ms%s%s",
		    end.links, end.streams, end.ms,
		    end.text[0] == '\0' ? "" : ": ", end.text);
	e->done(e->arg, &end);
	e->done = NULL;
	/* A listener that takes nothing now has to hear of it later. */
	if (e->revoke != NULL && !e->revoke->relayed) {
		e->revoke->relayed = 1;
		end_round(e);
	}
	if (e->untold == 0)
		end_free(e);
}

static void
end_free(struct router_end *e)
{
	TAILQ_REMOVE(&ends, e, entry);
	free(e->revoke);
	free(e);
}

void
end_settled(struct router_session *rs)
{
	struct router_end	*e, *tmp;

	if (!rs->kill_sent || rs->settled)
		return;
	rs->settled = 1;
	/* By another pipe what it has ended may be on its way. */
	session_over(rs, END_MS / 2);
	TAILQ_FOREACH_SAFE(e, &ends, entry, tmp) {
		if (!end_match(e, rs))
			continue;
		if (e->pending > 0 && --e->pending == 0)
			end_done(e);
	}
}

int
ends_expire(uint64_t now)
{
	struct router_end	*e, *tmp;

	TAILQ_FOREACH_SAFE(e, &ends, entry, tmp) {
		if (e->untold > 0)
			end_tell(e);
		if (e->done == NULL) {
			if (e->untold == 0)
				end_free(e);
		} else if (now - e->start_ms >= END_MS)
			end_done(e);
	}
	return (!TAILQ_EMPTY(&ends));
}

int
end_recv_killed(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct link_killed	 k;

	if (imsg_get_data(imsg, &k, sizeof(k)) == -1 ||
	    session_of(k.session, peer, imsg_get_id(imsg), &rs) == -1)
		return (-1);
	if (rs == NULL)
		return (0);
	end_settled(rs);
	/* It has no link whose end would follow. */
	if (rs->own != NULL && rs->kill_sent)
		session_drop(rs, rs->s.door == DOOR_PORT ?
		    "the port is closed" : "the site is closed");
	return (0);
}

/* ---- grants ---- */

/*
 * All listeners are told: after a restart we may not know whose streams rest
 * on the grant, but they do.  Each ends those of its own clients and says how
 * many these were; when all have, what is left of those that they relay for
 * each other, where there should be nothing.
 */
static void
end_grant(const struct revoke *r, uint32_t id)
{
	struct router_end	*e;

	if ((e = calloc(1, sizeof(*e))) == NULL ||
	    (e->revoke = malloc(sizeof(*r))) == NULL)
		fatal("end");
	*e->revoke = *r;
	e->what = r->what;
	strlcpy(e->id, r->id, sizeof(e->id));
	e->start_ms = router_ms();
	e->done = end_revoked;
	e->arg = id;
	/* First, so that no stream opens behind what is told below. */
	tickets_drop_grant(r->id);
	e->revoke->relayed = 0;
	TAILQ_INSERT_TAIL(&ends, e, entry);
	end_round(e);
	if (e->pending == 0)
		end_done(e);
	else
		router_wake();
}

/* A listener that has yet to find us, after a restart, is waited for. */
static void
end_round(struct router_end *e)
{
	int	 i;

	e->job = ++last_job;
	e->pending = e->untold = 0;
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		e->listeners[i] = LISTENER_NONE;
		if (router_listener(i) == NULL &&
		    (router_old.present & 1ULL << i) == 0)
			continue;
		e->listeners[i] = LISTENER_UNTOLD;
		e->untold++;
		e->pending++;
	}
	end_tell(e);
}

static void
end_tell(struct router_end *e)
{
	int	 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (e->listeners[i] != LISTENER_UNTOLD ||
		    proc_send(router_listener(i), IMSG_GRANT_END, e->job, -1,
		    e->revoke, sizeof(*e->revoke)) == -1)
			continue;
		e->listeners[i] = LISTENER_TOLD;
		e->untold--;
	}
}

/* This listener has nothing left to end; the job may be gone after this. */
static void
end_told(struct router_end *e, int listener)
{
	if (e->listeners[listener] == LISTENER_NONE)
		return;
	if (e->listeners[listener] == LISTENER_UNTOLD)
		e->untold--;
	e->listeners[listener] = LISTENER_NONE;
	if (--e->pending > 0 || e->done == NULL)
		return;
	if (!e->revoke->relayed) {
		e->revoke->relayed = 1;
		end_round(e);
	}
	if (e->pending == 0)
		end_done(e);
}

void
ends_listener_up(void)
{
	struct router_end	*e;

	TAILQ_FOREACH(e, &ends, entry) {
		if (e->untold > 0)
			end_tell(e);
	}
}

void
ends_listener_down(int listener)
{
	struct router_end	*e, *tmp;

	nused[listener] = 0;
	TAILQ_FOREACH_SAFE(e, &ends, entry, tmp) {
		if (e->what == REVOKE_GRANT)
			end_told(e, listener);
	}
}

int
end_recv_grant_ended(struct proc_peer *peer, struct imsg *imsg)
{
	struct grant_ended	 ended;
	struct router_end	*e;
	int			 i = proc_peer_instance(peer);

	if (imsg_get_data(imsg, &ended, sizeof(ended)) == -1)
		return (-1);
	TAILQ_FOREACH(e, &ends, entry) {
		if (e->what == REVOKE_GRANT && e->job == imsg_get_id(imsg))
			break;
	}
	if (e == NULL || e->listeners[i] != LISTENER_TOLD) {
		log_debug("listener %d: ended a grant too late", i);
		return (0);
	}
	e->streams += ended.streams;
	end_told(e, i);
	return (0);
}

/* A new auth: what do open streams rest on? */
int
end_recv_grants_ask(struct proc_peer *peer, struct imsg *imsg)
{
	int	 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		nused[i] = 0;
		if (router_listener(i) != NULL &&
		    proc_send(router_listener(i), IMSG_GRANTS_ASK, 0, -1,
		    NULL, 0) == -1)
			log_warnx("listener %d takes nothing: grants that are "
			    "in use are not verified", i);
	}
	return (0);
}

/*
 * For one that it does not know auth has all listeners look what rests on it:
 * that may not be had without end.
 */
int
end_recv_grant_used(struct proc_peer *peer, struct imsg *imsg)
{
	static uint64_t	 told;
	struct grant	 used;
	int		 i = proc_peer_instance(peer);

	if (imsg_get_data(imsg, &used, sizeof(used)) == -1 ||
	    !ROUTER_STR(used.id) || used.id[0] == '\0' ||
	    !ROUTER_STR(used.targets))
		return (-1);
	if (nused[i] >= USED_MAX) {
		if (router_may_log(&told))
			log_warnx("listener %d uses too many grants: they are "
			    "not verified", i);
		return (0);
	}
	nused[i]++;
	/* An auth that is not there asks for all of them when it is. */
	(void)proc_send(router_auth(), IMSG_GRANT_USED, 0, -1, &used,
	    sizeof(used));
	return (0);
}

/* ---- revocations ---- */

/* Listeners of another protocol know nothing of what is revoked. */
static void
end_strangers(void)
{
	struct conf_end	 msg = { 0 };

	if (router_old.listeners > router_old.joined)
		(void)proc_send(proc_peer(PROC_PARENT, 0), IMSG_OLD_END, 0,
		    -1, &msg, sizeof(msg));
}

int
end_recv_revoke(struct proc_peer *peer, struct imsg *imsg)
{
	struct revoke	 r;

	if (imsg_get_data(imsg, &r, sizeof(r)) == -1 ||
	    r.what < REVOKE_USER || r.what >= REVOKE_WHATS ||
	    !ROUTER_STR(r.id) || r.id[0] == '\0' || !ROUTER_STR(r.text) ||
	    !ROUTER_STR(r.left.id) || !ROUTER_STR(r.left.targets) ||
	    (r.what == REVOKE_GRANT && strcmp(r.id, r.left.id) != 0))
		return (-1);
	end_strangers();
	if (r.what == REVOKE_GRANT) {
		end_grant(&r, imsg_get_id(imsg));
		return (0);
	}
	if (r.what == REVOKE_SITE) {
		sites_revoke(&r, imsg_get_id(imsg));
		return (0);
	}
	end_start(r.what, r.id, WS_CLOSE_POLICY, r.text[0] == '\0' ?
	    "access was revoked" : r.text, end_revoked, imsg_get_id(imsg));
	return (0);
}

void
end_revoked(uint32_t id, const struct ctl_end *end)
{
	(void)proc_send(router_auth(), IMSG_REVOKED, id, -1, end,
	    sizeof(*end));
}
