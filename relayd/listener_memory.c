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
 * What memory a listener takes, for whom: each connection with its link, each
 * stream, and what all share.  Told a page at a time, so that ten thousand
 * links hold nobody up.
 */

#include "compat.h"

#include <event2/event.h>
#include <imsg.h>

#include <stdio.h>
#include <string.h>

#include "door_http.h"
#include "doors.h"
#include "http_site.h"
#include "http_gate.h"
#include "listener.h"
#include "msg_list.h"

#define PAGE_WORK	256	/* things that are looked at in one go */

enum part { PART_SHARED, PART_CONNS, PART_PEERS, PART_STREAMS, PART_RELAYS,
    PART_NONE };

static void	tell_shared(struct proc_peer *, uint32_t);
static void	tell_link(struct ctl_memory *, const struct link *);
static size_t	tell_conn(struct proc_peer *, uint32_t, const struct conn *);
static void	tell_peers(struct proc_peer *, uint32_t);
static void	tell_stream(struct proc_peer *, uint32_t, struct ctl_memory *,
		    const struct mux_memory *, const struct mux_memory *);
static int	tell_record(struct proc_peer *, uint32_t, uint64_t *);
static int	tell_relay(struct proc_peer *, uint32_t, uint64_t *);
static int	page_conns(struct proc_peer *, uint32_t, uint64_t *);

static void
tell_shared(struct proc_peer *to, uint32_t id)
{
	int	 i, me = proc_instance();
	size_t	 queued = 0, n = 0, bytes, kept;
	uint32_t nkept;
	uint64_t count;

	memory_things(to, id, PROC_LISTENER, me, "shared buffers", 1,
	    evtls_memory_shared());
	memory_things(to, id, PROC_LISTENER, me, "spare blocks", 1,
	    mux_memory_spare());
	bytes = site_memory(&count);
	memory_things(to, id, PROC_LISTENER, me, "sites", count, bytes);
	for (i = 0; i < PROC_KINDS; i++) {
		if (proc_peer(i, 0) == NULL)
			continue;
		queued += proc_queued(proc_peer(i, 0)) + IMSG_READ_SIZE;
		n++;
	}
	memory_things(to, id, PROC_LISTENER, me, "pipes", n, queued);
	kept = keep_memory(&nkept);
	memory_things(to, id, PROC_LISTENER, me, "kept for rpc", nkept, kept);
	queued = gate_memory(&n);
	memory_things(to, id, PROC_LISTENER, me, "visitors", n, queued);
}

static void
tell_link(struct ctl_memory *m, const struct link *link)
{
	struct link_memory	 lm;

	link_memory(link, &lm);
	m->state += lm.state + lm.mux.state;
	m->buffers += lm.buffers;
	m->queued[0] = lm.mux.queued;
	m->held[0] = lm.mux.held;
	m->window[0] = lm.mux.window;
}

/* Returns how much there was to look at. */
static size_t
tell_conn(struct proc_peer *to, uint32_t id, const struct conn *c)
{
	struct ctl_memory	 m;
	struct mux_stats	 st;
	size_t			 waits;

	memory_line(&m, MEMORY_LINK, PROC_LISTENER, proc_instance());
	m.id = c->id;
	m.state = sizeof(*c);
	m.buffers = c->outlen;
	m.state += door_http_memory(c);
	strlcpy(m.addr, conn_addr(c), sizeof(m.addr));
	if (c->software != NULL)
		m.state += strlen(c->software) + 1;
	if (c->tls != NULL) {
		m.state += evtls_memory(c->tls);
		m.buffers += evtls_buffered(c->tls);
	}
	if (c->session == NULL && c->http != NULL)
		strlcpy(m.what, "visitor", sizeof(m.what));
	else if (c->session == NULL)
		strlcpy(m.what, "stranger", sizeof(m.what));
	else {
		m.state += sizeof(*c->session);
		strlcpy(m.what, c->door == DOOR_NODE ? "node" : "client",
		    sizeof(m.what));
		strlcpy(m.email, c->session->email, sizeof(m.email));
		strlcpy(m.node, c->session->node, sizeof(m.node));
	}
	st.streams = 0;
	if (c->link != NULL) {
		mux_get_stats(link_mux(c->link), &st);
		m.count = st.streams;
		tell_link(&m, c->link);
	}
	if (c->rpc != NULL) {
		m.state += door_rpc_memory(c, &waits);
		m.buffers += waits;
		strlcpy(m.what, "rpc", sizeof(m.what));
	}
	(void)proc_send(to, CTL_MEMORY_LINE, id, -1, &m, sizeof(m));
	return (1 + st.streams);
}

static void
tell_peers(struct proc_peer *to, uint32_t id)
{
	struct ctl_memory	 m;
	struct mux_stats	 st;
	int			 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++) {
		if (peer_link(i) == NULL)
			continue;
		memory_line(&m, MEMORY_LINK, PROC_LISTENER, proc_instance());
		m.id = i;
		(void)snprintf(m.what, sizeof(m.what), "listener %d", i);
		mux_get_stats(link_mux(peer_link(i)), &st);
		m.count = st.streams;
		tell_link(&m, peer_link(i));
		(void)proc_send(to, CTL_MEMORY_LINE, id, -1, &m, sizeof(m));
	}
}

static void
tell_stream(struct proc_peer *to, uint32_t id, struct ctl_memory *m,
    const struct mux_memory *there, const struct mux_memory *back)
{
	m->state = there->state + back->state;
	m->queued[0] = there->queued;
	m->queued[1] = back->queued;
	m->held[0] = there->held;
	m->held[1] = back->held;
	m->window[0] = there->window;
	m->window[1] = back->window;
	(void)proc_send(to, CTL_MEMORY_LINE, id, -1, m, sizeof(*m));
}

static int
tell_record(struct proc_peer *to, uint32_t id, uint64_t *after)
{
	static struct stream_up	 up;
	struct mux_memory	 there, back;
	struct stream_record	*r;
	struct ctl_memory	 m;

	if ((r = record_after(*after)) == NULL)
		return (-1);
	*after = r->id;
	memset(&up, 0, sizeof(up));
	r->ops->describe(r, &up);
	r->ops->memory(r, &there, &back);
	memory_line(&m, MEMORY_STREAM, PROC_LISTENER, proc_instance());
	m.id = r->id;
	strlcpy(m.what, "stream", sizeof(m.what));
	strlcpy(m.node, up.node, sizeof(m.node));
	strlcpy(m.addr, up.addr, sizeof(m.addr));
	mux_target(up.kind, up.host, up.port, m.target);
	tell_stream(to, id, &m, &there, &back);
	return (0);
}

/* Those of other listeners' clients: the other half of what is theirs. */
static int
tell_relay(struct proc_peer *to, uint32_t id, uint64_t *after)
{
	struct mux_memory	 there, back;
	struct ctl_memory	 m;

	memory_line(&m, MEMORY_STREAM, PROC_LISTENER, proc_instance());
	strlcpy(m.what, "relayed", sizeof(m.what));
	if (relay_next(*after, &m.id, &m, &there, &back) == -1)
		return (-1);
	*after = m.id;
	tell_stream(to, id, &m, &there, &back);
	return (0);
}

/* 1: there are more. */
static int
page_conns(struct proc_peer *to, uint32_t id, uint64_t *after)
{
	struct conn	 key, *c;
	size_t		 work = 0;

	if (*after >= UINT32_MAX)
		return (0);
	key.id = *after == 0 ? 0 : *after + 1;
	for (c = RB_NFIND(conn_table, &conns, &key); c != NULL;
	    c = RB_NEXT(conn_table, &conns, c)) {
		if (work >= PAGE_WORK)
			return (1);
		work += tell_conn(to, id, c);
		*after = c->id;
	}
	return (0);
}

int
memory_recv_ask(struct proc_peer *peer, struct imsg *imsg)
{
	struct memory_page	 page;
	uint32_t		 id = imsg_get_id(imsg);
	int			 n = 0, more = 0;

	if (imsg_get_data(imsg, &page, sizeof(page)) == -1 ||
	    page.part >= PART_NONE)
		return (-1);
	/* A pipe that is full of other things: the same again, please. */
	if (proc_queued(peer) > PROC_QUEUE_HIGH)
		more = 1;
	else switch (page.part) {
	case PART_SHARED:
		tell_shared(peer, id);
		break;
	case PART_CONNS:
		more = page_conns(peer, id, &page.after);
		break;
	case PART_PEERS:
		tell_peers(peer, id);
		break;
	case PART_STREAMS:
		while (n < PAGE_WORK &&
		    tell_record(peer, id, &page.after) == 0)
			n++;
		more = n == PAGE_WORK;
		break;
	case PART_RELAYS:
		while (n < PAGE_WORK && tell_relay(peer, id, &page.after) ==
		    0)
			n++;
		more = n == PAGE_WORK;
		break;
	}
	if (!more) {
		page.part++;
		page.after = 0;
	}
	page.more = page.part < PART_NONE;
	(void)proc_send(peer, IMSG_MEMORY_PAGE, id, -1, &page, sizeof(page));
	return (0);
}
