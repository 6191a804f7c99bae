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
 * The end of a listener that has a successor: it accepts nothing more, lets
 * half-made log-ins come to their end, asks the peers of its links to come
 * by new ones, and ends when the last of its connections has.  Streams that
 * run go on; how long, the parent says.
 */

#include "compat.h"

#include <event2/event.h>

#include <string.h>

#include "door_pass.h"
#include "doors.h"
#include "listener.h"
#include "log.h"

#define IDLE_MS		1000	/* who asked just now may be asking again */
#define QUIET_TICK_MS	10	/* while log-ins are half-made */
#define QUIET_MS	1000	/* slower ones are not waited for */
#define DRAIN_TICK_MS	250
#define DRAIN_LATE_MS	5000	/* after the spread: who stays does not know
				   how to come by another link */

static struct {
	struct event	*timer;		/* NULL: we do not drain */
	uint32_t	 spread_ms;
	uint64_t	 since;
	int		 quiet, late;
}			 drain;

static void	drain_conn(struct conn *);
static void	drain_tick(evutil_socket_t, short, void *);
static int	drain_quiet(void);

int
listener_drains(void)
{
	return (drain.timer != NULL);
}

void
listener_drain(uint32_t spread_ms)
{
	struct conn	*c;

	if (drain.timer != NULL) {
		proc_quiet();
		return;
	}
	drain.timer = evtimer_new(proc_base(), drain_tick, NULL);
	if (drain.timer == NULL)
		fatal("event");
	drain.spread_ms = spread_ms;
	drain.since = listener_ms();
	listener_accept_sweep(0);
	listener_accept_sweep(1);
	door_port_drain();
	RB_FOREACH(c, conn_table, &conns)
		drain_conn(c);
	log_debug("drains %llu connections",
	    (unsigned long long)counts.connections);
	drain_tick(-1, 0, NULL);
}

void
drain_link(struct conn *c)
{
	struct mux_goaway	 away;
	struct link_away	 msg;

	if (drain.timer == NULL || door_rpc_drain(c, IDLE_MS) ||
	    c->link == NULL || !c->up || c->away)
		return;
	c->away = 1;
	memset(&away, 0, sizeof(away));
	away.delay = drain.spread_ms;
	strlcpy(away.text, "the relay is being upgraded", sizeof(away.text));
	(void)mux_send_goaway(link_mux(c->link), &away);
	msg.session = c->session->session;
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_LINK_AWAY, c->id, -1,
	    &msg, sizeof(msg));
	if (drain.late)
		(void)link_retire(c->link, "the relay was upgraded");
}

/* Links are told; who only might ask once more can ask somebody else. */
static void
drain_conn(struct conn *c)
{
	if (c->link != NULL)
		drain_link(c);
	else if (door_rpc_drain(c, IDLE_MS) == 0 &&
	    c->state == CONN_REQUEST && c->idle && !c->challenged &&
	    listener_ms() - c->idle_ms >= IDLE_MS) {
		c->state = CONN_CLOSING;
		evtls_close(c->tls);
	}
}

/* Is nobody about to log in who began a moment ago? */
static int
drain_quiet(void)
{
	struct conn	*c = listener_newest();

	return (c == NULL || listener_ms() - c->moved_ms >= QUIET_MS);
}

static void
drain_tick(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv = { 0, DRAIN_TICK_MS * 1000 };
	struct conn	*c;
	uint64_t	 now = listener_ms();

	if (!drain.quiet && drain_quiet()) {
		drain.quiet = 1;
		proc_quiet();
	}
	if (!drain.late && now - drain.since >=
	    (uint64_t)drain.spread_ms + DRAIN_LATE_MS) {
		drain.late = 1;
		RB_FOREACH(c, conn_table, &conns) {
			if (c->link != NULL)
				(void)link_retire(c->link,
				    "the relay was upgraded");
		}
	}
	RB_FOREACH(c, conn_table, &conns)
		drain_conn(c);
	if (drain.quiet && RB_EMPTY(&conns) && !door_port_busy() &&
	    !door_pass_busy()) {
		log_debug("has drained");
		proc_quit(0);
		return;
	}
	if (!drain.quiet)
		tv.tv_usec = QUIET_TICK_MS * 1000;
	evtimer_add(drain.timer, &tv);
}
