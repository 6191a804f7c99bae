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
 * The way of a backend's connection to its node: the route, for which router
 * is asked, and the stream.
 */

#include "compat.h"

#include <sys/socket.h>

#include <string.h>
#include <time.h>

#include "http_backend_internal.h"
#include "http_gate.h"

#define GRACE_S		60	/* a node that was there so lately */

static void	backend_offline(struct http_backend *);
static void	backend_open(struct http_backend *, const struct route *);
static void	backend_ungranted(void *, uint16_t, const char *);

void
backend_find(struct http_backend *b)
{
	const struct route	*route;
	uint32_t		 code;

	b->state = BACKEND_ROUTE;
	/* Of a site's: with its new session, then. */
	if (b->visitor == NULL && !site_ready(&b->site))
		return;
	switch (route_find(b->record.owner, b->node, &route, &code)) {
	case 0:
		backend_open(b, route);
		break;
	case 1:
		break;
	default:
		backend_over(b, code, stream_why(code));
		break;
	}
}

/* If it was there a moment ago, its agent is about to come back. */
static void
backend_offline(struct http_backend *b)
{
	const struct site	*site = site_used(&b->site);

	site_refresh(&b->site);
	if (!b->hasty && listener_ms() < b->until_ms && site != NULL &&
	    (site->online ||
	    time(NULL) - site->last_seen < GRACE_S)) {
		b->state = BACKEND_LATE;
		return;
	}
	backend_over(b, MUX_CODE_NODE_OFFLINE,
	    stream_why(MUX_CODE_NODE_OFFLINE));
}

void
http_backend_routed(struct stream_owner *o, const char *node,
    const struct route *route, uint32_t code)
{
	struct stream_record	*r, *tmp;
	struct http_backend	*b;

	TAILQ_FOREACH_SAFE(r, &o->streams, entry, tmp) {
		b = (struct http_backend *)r;
		if (b->state != BACKEND_ROUTE || strcmp(b->node, node) != 0)
			continue;
		if (route != NULL)
			backend_open(b, route);
		else if (code == MUX_CODE_NODE_OFFLINE)
			backend_offline(b);
		else
			backend_over(b, code, stream_why(code));
	}
}

void
http_backends_renew(struct stream_owner *o)
{
	struct stream_record	*r, *tmp;
	struct http_backend	*b;

	TAILQ_FOREACH_SAFE(r, &o->streams, entry, tmp) {
		b = (struct http_backend *)r;
		if (b->state == BACKEND_ROUTE)
			backend_find(b);
		else if (r->told && b->state != BACKEND_OVER)
			record_up(r);
	}
}

static void
backend_ungranted(void *arg, uint16_t code, const char *text)
{
	struct http_backend	*b = arg;

	/* It is released there. */
	backend_kill(&b->record, code, text);
	grant_release(b->use);
	b->use = NULL;
}

static void
backend_open(struct http_backend *b, const struct route *route)
{
	static struct mux_open	 open;
	struct link		*link;
	const char		*why;

	memset(&open, 0, sizeof(open));
	if (record_limit(&b->record, route, &why) == -1) {
		backend_over(b, MUX_CODE_LIMIT, why);
		return;
	}
	if ((link = route_link(route, &open.ticket)) == NULL) {
		backend_offline(b);
		return;
	}
	b->record.ticket = route->ticket;
	open.kind = MUX_KIND_HTTP;
	strlcpy(open.host, b->service, sizeof(open.host));
	strlcpy(open.node, b->node, sizeof(open.node));
	addr_format((const struct sockaddr *)&b->client, open.client);
	if (b->visitor != NULL)
		strlcpy(open.user, visitor_email(b->visitor),
		    sizeof(open.user));
	strlcpy(open.request_id, b->request_id, sizeof(open.request_id));
	if (grant_use(route->grant, &open, 0, backend_ungranted, b, &b->use,
	    &why) == -1) {
		backend_over(b, MUX_CODE_DENIED, why);
		return;
	}
	b->stream = mux_open_metered(link_mux(link), &open,
	    &backend_stream_ops, b, record_flow(&b->record, WAY_IN));
	if (b->stream == NULL) {
		backend_over(b, MUX_CODE_LIMIT,
		    "too many streams to this device");
		return;
	}
	if (record_flow(&b->record, WAY_OUT) != NULL)
		mux_pace(b->stream, record_flow(&b->record, WAY_OUT));
	record_up(&b->record);
	b->state = BACKEND_OPEN;
	backend_tick(b, BACKEND_OPEN_MS);
}
