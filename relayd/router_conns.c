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
 * Streams that a user may see, for a listener that is asked for them: a page
 * at a time, as its client takes them, with figures that are fresh when it
 * begins.
 */

#include "compat.h"

#include <sys/queue.h>

#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "msg_list.h"
#include "router.h"

#define CONNS_WAITING_MAX	256	/* of one listener */
#define CONNS_LOOK_MAX		4096	/* streams, for one page */

/* A question that waits for figures.  The list owns it. */
struct conns_job {
	TAILQ_ENTRY(conns_job)	 entry;
	uint32_t		 id;
	int			 listener;
	uint32_t		 their_id;
	struct conns_ask	 ask;
};

static TAILQ_HEAD(, conns_job)	 jobs = TAILQ_HEAD_INITIALIZER(jobs);
static uint32_t			 njobs[PROC_INSTANCES_MAX];
static uint32_t			 next_job;

static void	conns_page(struct proc_peer *, uint32_t, struct conns_ask *);
static void	conns_end(struct proc_peer *, uint32_t,
		    const struct conns_ask *);
static void	conns_go(uint32_t);
static void	job_free(struct conns_job *);

int
conns_recv_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct router_session	*rs;
	struct conns_job	*j;
	struct conns_ask	 ask;
	int			 i = proc_peer_instance(peer);

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 || ask.max == 0 ||
	    ask.max > CONNS_ASK_MAX ||
	    session_of(ask.session, peer, 0, &rs) == -1)
		return (-1);
	ask.more = ask.code = 0;
	if (ask.after != 0) {
		conns_page(peer, imsg_get_id(imsg), &ask);
		return (0);
	}
	if (njobs[i] >= CONNS_WAITING_MAX ||
	    (j = calloc(1, sizeof(*j))) == NULL) {
		ask.code = MUX_CODE_LIMIT;
		conns_end(peer, imsg_get_id(imsg), &ask);
		return (0);
	}
	j->id = ++next_job;
	j->listener = i;
	j->their_id = imsg_get_id(imsg);
	j->ask = ask;
	TAILQ_INSERT_TAIL(&jobs, j, entry);
	njobs[i]++;
	stats_ask_recent(conns_go, j->id);
	return (0);
}

static void
job_free(struct conns_job *j)
{
	TAILQ_REMOVE(&jobs, j, entry);
	njobs[j->listener]--;
	free(j);
}

void
conns_listener_down(int i)
{
	struct conns_job	*j, *tmp;

	TAILQ_FOREACH_SAFE(j, &jobs, entry, tmp) {
		if (j->listener == i)
			job_free(j);
	}
}

static void
conns_go(uint32_t id)
{
	struct conns_job	*j;

	TAILQ_FOREACH(j, &jobs, entry) {
		if (j->id == id)
			break;
	}
	if (j == NULL)
		return;
	conns_page(router_listener(j->listener), j->their_id, &j->ask);
	job_free(j);
}

static void
conns_page(struct proc_peer *peer, uint32_t id, struct conns_ask *ask)
{
	struct router_session	*rs = session_find(ask->session);
	struct conns_entry	 e;
	uint32_t		 n = 0, look = CONNS_LOOK_MAX;
	int			 r = -1;

	if (rs == NULL || rs->kill_sent || rs->s.door != DOOR_API) {
		ask->code = MUX_CODE_DENIED;
		conns_end(peer, id, ask);
		return;
	}
	/* Auth has yet to say who that is. */
	if (rs->checking) {
		ask->code = MUX_CODE_INTERNAL;
		conns_end(peer, id, ask);
		return;
	}
	memset(&e, 0, sizeof(e));
	e.session = ask->session;
	while (n < ask->max && (r = stream_next_shown(rs, &ask->after, &look,
	    &e.conn)) == 0) {
		(void)proc_send(peer, IMSG_CONNS_ENTRY, id, -1, &e,
		    sizeof(e));
		n++;
	}
	ask->more = r != -1;
	conns_end(peer, id, ask);
}

static void
conns_end(struct proc_peer *peer, uint32_t id, const struct conns_ask *ask)
{
	(void)proc_send(peer, IMSG_CONNS_END, id, -1, ask, sizeof(*ask));
}
