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
 * All there is to count, in one message: for a listener that is asked for
 * /stats or /metrics.  What the processes take the parent tells us, what the
 * listeners count they do; the rest is ours.
 */

#include "compat.h"

#include <imsg.h>

#include <stdio.h>
#include <string.h>

#include "log.h"
#include "router.h"

#define USAGE_OLD_MS	30000	/* of a process that there is no more */

_Static_assert(sizeof(struct figures) <= MAX_IMSGSIZE - IMSG_HEADER_SIZE,
    "more than an imsg holds");

static struct {
	struct process_usage	 u;
	uint64_t	 told_ms;
}				 usage[FIGURES_USAGE];
static struct conf_cert_end	 certs[CERTS_MAX], next_certs[CERTS_MAX];
static size_t			 ncerts, nnext;
static uint64_t			 asked[PROC_INSTANCES_MAX];

static void	figures_send(uint32_t);

int
figures_recv_usage(struct proc_peer *peer, struct imsg *imsg)
{
	struct process_usage	 u;
	uint64_t	 now = router_ms();
	size_t		 i, slot = nitems(usage);

	if (imsg_get_data(imsg, &u, sizeof(u)) == -1 ||
	    u.kind >= PROC_KINDS || u.instance < 0 ||
	    u.instance >= PROC_INSTANCES_MAX)
		return (-1);
	for (i = 0; i < nitems(usage); i++) {
		if (usage[i].told_ms != 0 && usage[i].u.kind == u.kind &&
		    usage[i].u.instance == u.instance)
			break;
		if (slot == nitems(usage) && (usage[i].told_ms == 0 ||
		    now - usage[i].told_ms > USAGE_OLD_MS))
			slot = i;
	}
	if (i == nitems(usage) && (i = slot) == nitems(usage))
		return (0);
	usage[i].u = u;
	usage[i].told_ms = now;
	return (0);
}

/* ---- certificates ---- */

void
figures_conf_begin(void)
{
	nnext = 0;
}

int
figures_recv_cert(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_cert_end	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    c.index != nnext || nnext >= nitems(next_certs) ||
	    !ROUTER_STR(c.name))
		return (-1);
	next_certs[nnext++] = c;
	return (0);
}

void
figures_conf_end(void)
{
	memcpy(certs, next_certs, sizeof(certs));
	ncerts = nnext;
}

const struct conf_cert_end *
figures_cert(size_t i)
{
	return (i < ncerts ? &certs[i] : NULL);
}

/* ---- for listeners ---- */

int
figures_recv_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_id	 ask;
	int		 i = proc_peer_instance(peer);

	if (imsg_get_data(imsg, &ask, sizeof(ask)) == -1 || ask.id == 0)
		return (-1);
	/* One question at a time: whoever asks again wants that answered. */
	if (asked[i] == 0) {
		asked[i] = ask.id;
		stats_ask_recent(figures_send, i);
	} else
		asked[i] = ask.id;
	return (0);
}

void
figures_listener_down(int i)
{
	asked[i] = 0;
}

static void
figures_send(uint32_t instance)
{
	const struct router_counts	*n = &router_counts;
	static struct figures		 f;
	uint64_t			 now = router_ms();
	size_t				 i;

	if (asked[instance] == 0)
		return;
	memset(&f, 0, sizeof(f));
	f.ask = asked[instance];
	asked[instance] = 0;
	f.nodes = n->nodes;
	f.clients = n->clients;
	f.sessions = n->sessions;
	f.streams = n->streams;
	f.tickets = n->tickets;
	f.asks = n->asks;
	f.logins = n->logins;
	f.logins_refused = n->logins_refused;
	f.flaps = n->flaps;
	f.streams_total = n->streams_total;
	f.streams_lost = n->streams_lost;
	f.audit_lost = n->audit_lost;
	f.stream_in = n->stream_in;
	f.stream_out = n->stream_out;
	f.node_in = n->node_in;
	f.node_out = n->node_out;
	f.client_in = n->client_in;
	f.client_out = n->client_out;
	memcpy(f.closed, n->closed, sizeof(f.closed));
	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (router_listener(i) != NULL &&
		    stats_of(i, &f.listener[i]) == 0)
			f.listeners |= 1ULL << i;
	}
	for (i = 0; i < nitems(usage); i++) {
		if (usage[i].told_ms != 0 &&
		    now - usage[i].told_ms <= USAGE_OLD_MS)
			f.usage[f.nusage++] = usage[i].u;
	}
	(void)proc_send(router_listener(instance), IMSG_FIGURES, 0, -1, &f,
	    sizeof(f));
}
