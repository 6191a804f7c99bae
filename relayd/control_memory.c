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
 * What memory is taken, at the control socket: router asks one process after
 * the other, and each for a page when the client has taken the last one.
 */

#include "compat.h"

#include <imsg.h>

#include <string.h>

#include "control_req.h"
#include "log.h"
#include "msg_list.h"
#include "router.h"

#define PAGE_MS		3000	/* for a process to answer */
/* The processes in their order: the parent, auth, then the listeners. */
#define FIRST_LISTENER	2

static struct proc_peer *memory_process(uint32_t);
static void	memory_own(struct control *);
static void	memory_things_own(struct control *, const char *, uint64_t,
		    uint64_t);
static void	memory_next(struct control *);

int
control_memory_check(const union control_payload *p)
{
	return (p->memory.process == 0 && p->memory.part == 0 &&
	    p->memory.after == 0);
}

void
control_memory_run(struct control *c)
{
	memory_own(c);
	memory_next(c);
}

static struct proc_peer *
memory_process(uint32_t n)
{
	switch (n) {
	case 0:
		return (proc_peer(PROC_PARENT, 0));
	case 1:
		return (router_auth());
	default:
		return (router_listener(n - FIRST_LISTENER));
	}
}

/* ---- what we take ourselves ---- */

static void
memory_things_own(struct control *c, const char *what, uint64_t count,
    uint64_t bytes)
{
	struct ctl_memory	 m;

	memory_line(&m, MEMORY_THINGS, PROC_ROUTER, 0);
	strlcpy(m.what, what, sizeof(m.what));
	m.count = count;
	m.state = bytes;
	control_send(c, CTL_MEMORY_LINE, &m, sizeof(m));
}

static void
memory_own(struct control *c)
{
	const struct router_counts	*n = &router_counts;
	uint64_t			 pipes = 0, bytes = 0;
	uint32_t			 count;
	size_t				 nsites;
	int				 i;

	memory_things_own(c, "sessions", n->sessions,
	    n->sessions * sizeof(struct router_session));
	memory_things_own(c, "streams", n->streams,
	    n->streams * stream_size());
	memory_things_own(c, "tickets", n->tickets,
	    n->tickets * ticket_size());
	bytes = sites_memory(&nsites);
	memory_things_own(c, "sites", nsites, bytes);
	bytes = pair_memory(&count);
	memory_things_own(c, "pairing", count, bytes);
	memory_things_own(c, "routes asked", n->asks, n->asks * ask_size());
	bytes = audit_waiting(&count);
	memory_things_own(c, "audit lines", count, bytes);
	bytes = control_queued(&count);
	memory_things_own(c, "control clients", count,
	    bytes + count * (sizeof(*c) + IMSG_READ_SIZE));
	bytes = 0;
	for (i = 0; i < PROC_INSTANCES_MAX + FIRST_LISTENER; i++) {
		if (memory_process(i) == NULL)
			continue;
		pipes++;
		bytes += proc_queued(memory_process(i)) + IMSG_READ_SIZE;
	}
	memory_things_own(c, "pipes", pipes, bytes);
}

/* ---- the others ---- */

static void
memory_next(struct control *c)
{
	struct ctl_memory_ask	*at = &c->payload.memory;
	struct memory_page	 page;

	memset(&page, 0, sizeof(page));
	for (; at->process < FIRST_LISTENER + PROC_INSTANCES_MAX;
	    at->process++) {
		page.part = at->part;
		page.after = at->after;
		if (proc_send(memory_process(at->process), IMSG_MEMORY_ASK,
		    c->id, -1, &page, sizeof(page)) == 0) {
			control_await(c, CONTROL_MEMORY, PAGE_MS);
			return;
		}
		at->part = 0;
		at->after = 0;
	}
	control_done(c, CTL_CODE_OK, "");
}

void
control_memory_go_on(struct control *c)
{
	if (control_room(c))
		memory_next(c);
	else
		control_await(c, CONTROL_READER, 0);
}

/* One that hangs, or has just ended: the others are told of. */
void
control_memory_late(struct control *c)
{
	struct ctl_memory_ask	*at = &c->payload.memory;

	log_debug("control: a process does not say what it takes");
	at->process++;
	at->part = 0;
	at->after = 0;
	control_memory_go_on(c);
}

int
control_memory_line(struct proc_peer *peer, struct imsg *imsg)
{
	const struct router_session	*rs;
	struct ctl_memory		 m;
	struct control			*c;

	if (imsg_get_data(imsg, &m, sizeof(m)) == -1 ||
	    m.kind < MEMORY_PROCESS || m.kind > MEMORY_STREAM ||
	    !ROUTER_STR(m.process) || !ROUTER_STR(m.what) ||
	    !ROUTER_STR(m.email) || !ROUTER_STR(m.node) ||
	    !ROUTER_STR(m.addr) || !ROUTER_STR(m.target))
		return (-1);
	c = control_find(imsg_get_id(imsg), CONTROL_MEMORY);
	if (c == NULL || memory_process(c->payload.memory.process) != peer)
		return (0);
	/* Whose a stream is, a listener need not know. */
	if (m.kind == MEMORY_STREAM && m.email[0] == '\0' &&
	    (rs = stream_client(m.id)) != NULL) {
		strlcpy(m.email, rs->s.email, sizeof(m.email));
		if (m.addr[0] == '\0')
			strlcpy(m.addr, rs->s.addr, sizeof(m.addr));
	}
	control_send(c, CTL_MEMORY_LINE, &m, sizeof(m));
	return (0);
}

int
control_memory_page(struct proc_peer *peer, struct imsg *imsg)
{
	struct ctl_memory_ask	*at;
	struct memory_page	 page;
	struct control		*c;

	if (imsg_get_data(imsg, &page, sizeof(page)) == -1)
		return (-1);
	c = control_find(imsg_get_id(imsg), CONTROL_MEMORY);
	if (c == NULL || memory_process(c->payload.memory.process) != peer)
		return (0);
	at = &c->payload.memory;
	at->part = page.part;
	at->after = page.after;
	if (!page.more) {
		at->process++;
		at->part = 0;
		at->after = 0;
	}
	control_memory_go_on(c);
	return (0);
}
