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
 * good, or an administrator wants it.  The one who asked hears when they are
 * gone, and how many they were.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
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
};

static TAILQ_HEAD(, router_end) ends = TAILQ_HEAD_INITIALIZER(ends);

static void	 end_done(struct router_end *);
static void	 end_revoked(uint32_t, const struct ctl_end *);

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
		return (rs->s.door == DOOR_NODE &&
		    strcmp(rs->s.node_id, e->id) == 0);
	case END_LINK:
		return (rs->s.door == DOOR_NODE &&
		    strcmp(rs->s.node, e->id) == 0);
	}
	return (0);
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
	TAILQ_INSERT_TAIL(&ends, e, entry);
	if (e->pending == 0)
		end_done(e);
	else
		router_wake();
}

static void
end_done(struct router_end *e)
{
	struct ctl_end	 end;

	TAILQ_REMOVE(&ends, e, entry);
	memset(&end, 0, sizeof(end));
	end.links = e->links;
	end.streams = e->streams;
	end.ms = router_ms() - e->start_ms;
	if (e->pending > 0)
		snprintf(end.text, sizeof(end.text), "%u of these links have "
		    "not been heard of yet", e->pending);
	if (e->links > 0 || e->pending > 0)
		log_info("ended %u links with %u streams in %u ms%s%s",
		    end.links, end.streams, end.ms,
		    end.text[0] == '\0' ? "" : ": ", end.text);
	e->done(e->arg, &end);
	free(e);
}

void
end_settled(struct router_session *rs)
{
	struct router_end	*e, *tmp;

	if (!rs->kill_sent || rs->settled)
		return;
	rs->settled = 1;
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
	struct router_end	*e;

	while ((e = TAILQ_FIRST(&ends)) != NULL &&
	    now - e->start_ms >= END_MS)
		end_done(e);
	return (e != NULL);
}

int
end_recv_killed(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct link_killed	 k;

	if (imsg_get_data(imsg, &k, sizeof(k)) == -1 ||
	    session_of(k.session, peer, imsg_get_id(imsg), &rs) == -1)
		return (-1);
	if (rs != NULL)
		end_settled(rs);
	return (0);
}

/* ---- revocations ---- */

int
end_recv_revoke(struct proc_peer *peer, struct imsg *imsg)
{
	struct revoke	 r;

	if (imsg_get_data(imsg, &r, sizeof(r)) == -1 ||
	    r.what < REVOKE_USER || r.what > REVOKE_NODE ||
	    !ROUTER_STR(r.id) || r.id[0] == '\0' || !ROUTER_STR(r.text))
		return (-1);
	end_start(r.what, r.id, WS_CLOSE_POLICY, r.text[0] == '\0' ?
	    "access was revoked" : r.text, end_revoked, imsg_get_id(imsg));
	return (0);
}

static void
end_revoked(uint32_t id, const struct ctl_end *end)
{
	(void)proc_send(router_auth(), IMSG_REVOKED, id, -1, end,
	    sizeof(*end));
}
