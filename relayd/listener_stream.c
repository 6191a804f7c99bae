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
 * Streams that a client opens on its link: each goes on as a stream on the
 * link of its node.
 */

#include "compat.h"

#include <event2/event.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "listener.h"
#include "log.h"
#include "mux_splice.h"

#define HELD_MS		20

/* The connection of the client that opened it owns it. */
struct client_stream {
	struct stream_record		 record;	/* at our address */
	struct conn			*conn;
	struct mux_stream		*stream;	/* until spliced */
	struct mux_open			*open;		/* likewise */
	struct mux_splice		*splice;
	struct grant_use		*use;		/* or NULL */
	TAILQ_ENTRY(client_stream)	 wait;		/* while it is held */
	int				 held;
	uint16_t			 port;
	uint8_t				 kind;
	char				*host;
	char				 node[MUX_NODE_MAX + 1];
};

TAILQ_HEAD(client_streams, client_stream);
static void	stream_go(struct client_stream *, const struct route *,
		    const struct mux_open *);
static int	stream_hold(struct client_stream *, const struct mux_open *);
static void	streams_go_on(evutil_socket_t, short, void *);
static void	stream_find(struct client_stream *, const struct mux_open *);
static void	stream_refuse(struct client_stream *, uint16_t, const char *);
static void	stream_free(struct client_stream *);
static void	stream_describe(const struct stream_record *,
		    struct stream_up *);
static void	stream_bytes(const struct stream_record *, uint64_t *,
		    uint64_t *);
static void	stream_kill(struct stream_record *, uint16_t, const char *);
static void	stream_meter(struct stream_record *, struct meter_flow *,
		    struct meter_flow *);
static void	stream_memory(const struct stream_record *,
		    struct mux_memory *, struct mux_memory *);
static void	waiting_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	stream_closed(struct mux_splice *, void *, uint16_t,
		    const char *);
static void	stream_ungranted(void *, uint16_t, const char *);
/* While the route is asked for, early data waits in its window. */
static const struct mux_stream_ops waiting_ops = {
	.reset = waiting_reset
};

static const struct mux_splice_ops splice_ops = { NULL, stream_closed };
static const struct stream_record_ops record_ops = {
	stream_describe, stream_bytes, stream_kill, stream_meter,
	stream_memory
};

/* Limits of bandwidth make them wait. */
static struct client_streams	 held = TAILQ_HEAD_INITIALIZER(held);
static uint32_t			 nheld;
static struct event		*go_on;

void
stream_new(struct conn *c, struct mux_stream *s, const struct mux_open *open)
{
	struct client_stream	*cs;
	size_t			 i;

	if (records_behind()) {
		mux_reset(s, MUX_CODE_LIMIT, "the relay is busy");
		return;
	}
	if ((cs = calloc(1, sizeof(*cs))) == NULL ||
	    (cs->host = strdup(open->host)) == NULL) {
		free(cs);
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return;
	}
	cs->conn = c;
	cs->stream = s;
	cs->port = open->port;
	cs->kind = open->kind;
	for (i = 0; open->node[i] != '\0'; i++)
		cs->node[i] = tolower((unsigned char)open->node[i]);
	record_new(&cs->record, &c->owner, &record_ops);
	mux_stream_own(s, &waiting_ops, cs);
	stream_find(cs, open);
}

static void
stream_find(struct client_stream *cs, const struct mux_open *open)
{
	const struct route	*route;
	uint32_t		 code;

	switch (route_find(&cs->conn->owner, cs->node, &route, &code)) {
	case 0:
		stream_go(cs, route, open);
		break;
	case 1:
		if ((cs->open = malloc(sizeof(*open))) == NULL) {
			stream_refuse(cs, MUX_CODE_LIMIT, "no memory");
			break;
		}
		*cs->open = *open;
		break;
	default:
		stream_refuse(cs, code, "too many routes");
		break;
	}
}

void
stream_routed(struct stream_owner *o, const char *node,
    const struct route *route, uint32_t code)
{
	struct stream_record	*r, *tmp;
	struct client_stream	*cs;
	struct mux_open		*open;

	TAILQ_FOREACH_SAFE(r, &o->streams, entry, tmp) {
		cs = (struct client_stream *)r;
		if (cs->open == NULL || cs->held ||
		    strcmp(cs->node, node) != 0)
			continue;
		if (route == NULL) {
			stream_refuse(cs, code, stream_why(code));
			continue;
		}
		open = cs->open;
		cs->open = NULL;
		stream_go(cs, route, open);
		free(open);
	}
}

const char *
stream_why(uint32_t code)
{
	switch (code) {
	case MUX_CODE_NO_NODE:
		return ("no such node");
	case MUX_CODE_NODE_OFFLINE:
		return ("the node is offline");
	case MUX_CODE_DENIED:
		return ("you may not reach this node");
	default:
		return (mux_code_name(code));
	}
}

static void
stream_go(struct client_stream *cs, const struct route *route,
    const struct mux_open *open)
{
	static struct mux_open	 out;
	struct link		*link;
	const char		*why;

	out = *open;
	strlcpy(out.client, conn_addr(cs->conn), sizeof(out.client));
	strlcpy(out.user, cs->conn->session->email, sizeof(out.user));
	strlcpy(out.node, cs->node, sizeof(out.node));
	if (record_limit(&cs->record, route, &why) == -1) {
		stream_refuse(cs, MUX_CODE_LIMIT, why);
		return;
	}
	if (record_owes(&cs->record) && stream_hold(cs, open) == 0)
		return;
	if (record_flow(&cs->record, WAY_OUT) != NULL)
		mux_meter(cs->stream, record_flow(&cs->record, WAY_OUT));
	cs->record.ticket = route->ticket;
	if ((link = route_link(route, &out.ticket)) == NULL) {
		stream_refuse(cs, MUX_CODE_NODE_OFFLINE,
		    "the node has just gone offline");
		return;
	}
	if (grant_use(route->grant, open, 0, stream_ungranted, cs, &cs->use,
	    &why) == -1) {
		stream_refuse(cs, MUX_CODE_DENIED, why);
		return;
	}
	cs->splice = mux_splice_metered(cs->stream, link_mux(link), &out,
	    &splice_ops, cs, record_flow(&cs->record, WAY_IN));
	if (cs->splice == NULL) {
		stream_refuse(cs, MUX_CODE_LIMIT,
		    "too many streams to this node");
		return;
	}
	cs->stream = NULL;
	record_up(&cs->record);
}

/* Later: the early data waits in its window.  -1: no memory for that. */
static int
stream_hold(struct client_stream *cs, const struct mux_open *open)
{
	const struct timeval	 tv = { 0, HELD_MS * 1000 };

	if (go_on == NULL && (go_on = evtimer_new(proc_base(), streams_go_on,
	    NULL)) == NULL)
		return (-1);
	if ((cs->open = malloc(sizeof(*open))) == NULL)
		return (-1);
	*cs->open = *open;
	cs->held = 1;
	TAILQ_INSERT_TAIL(&held, cs, wait);
	nheld++;
	if (!evtimer_pending(go_on, NULL))
		evtimer_add(go_on, &tv);
	return (0);
}

/* Those that were held, in the order they came; some are held again. */
static void
streams_go_on(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval	 tv = { 0, HELD_MS * 1000 };
	struct client_stream	*cs;
	struct mux_open		*open;
	uint32_t		 n;

	for (n = nheld; n > 0 && (cs = TAILQ_FIRST(&held)) != NULL; n--) {
		TAILQ_REMOVE(&held, cs, wait);
		if (record_owes(&cs->record)) {
			TAILQ_INSERT_TAIL(&held, cs, wait);
			continue;
		}
		nheld--;
		open = cs->open;
		cs->open = NULL;
		cs->held = 0;
		stream_find(cs, open);
		free(open);
	}
	if (nheld > 0)
		evtimer_add(go_on, &tv);
}

static void
stream_refuse(struct client_stream *cs, uint16_t code, const char *text)
{
	record_up(&cs->record);
	record_down(&cs->record, code, text);
	mux_reset(cs->stream, code, text);
	stream_free(cs);
}

static void
stream_free(struct client_stream *cs)
{
	record_end(&cs->record);
	grant_release(cs->use);
	if (cs->held) {
		TAILQ_REMOVE(&held, cs, wait);
		nheld--;
	}
	free(cs->open);
	free(cs->host);
	free(cs);
}

static void
waiting_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	stream_free(arg);
}

static void
stream_closed(struct mux_splice *splice, void *arg, uint16_t code,
    const char *text)
{
	struct client_stream	*cs = arg;

	record_down(&cs->record, code, text);
	stream_free(cs);
}

static void
stream_ungranted(void *arg, uint16_t code, const char *text)
{
	struct client_stream	*cs = arg;

	stream_kill(&cs->record, code, text);
}

/* ---- on record ---- */

static void
stream_describe(const struct stream_record *r, struct stream_up *up)
{
	const struct client_stream	*cs = (const struct client_stream *)r;

	up->kind = cs->kind;
	up->port = cs->port;
	strlcpy(up->host, cs->host, sizeof(up->host));
	strlcpy(up->node, cs->node, sizeof(up->node));
}

static void
stream_bytes(const struct stream_record *r, uint64_t *in, uint64_t *out)
{
	const struct client_stream	*cs = (const struct client_stream *)r;

	if (cs->splice != NULL)
		mux_splice_bytes(cs->splice, out, in);
}

static void
stream_kill(struct stream_record *r, uint16_t code, const char *text)
{
	struct client_stream	*cs = (struct client_stream *)r;

	if (cs->splice != NULL)
		mux_splice_kill(cs->splice, code, text);
	else
		stream_refuse(cs, code, text);
}

static void
stream_meter(struct stream_record *r, struct meter_flow *out,
    struct meter_flow *in)
{
	struct client_stream	*cs = (struct client_stream *)r;

	if (cs->splice != NULL)
		mux_splice_meter(cs->splice, out, in);
}

static void
stream_memory(const struct stream_record *r, struct mux_memory *there,
    struct mux_memory *back)
{
	const struct client_stream	*cs = (const struct client_stream *)r;

	memset(there, 0, sizeof(*there));
	memset(back, 0, sizeof(*back));
	if (cs->splice != NULL)
		mux_splice_memory(cs->splice, there, back);
	else if (cs->stream != NULL) {
		mux_stream_memory(cs->stream, there);
		there->state = 0;
	}
	there->state += sizeof(*cs) + strlen(cs->host) + 1;
	if (cs->open != NULL)
		there->state += sizeof(*cs->open);
}
