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
 * Connections to backends: each a stream to a node, opened for the first
 * request of a visitor and kept for its next ones.
 */

#include "compat.h"

#include <sys/socket.h>

#include <netinet/in.h>

#include <event2/event.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http_backend.h"
#include "http_gate.h"
#include "http_prologue.h"
#include "http_site.h"
#include "listener.h"
#include "log.h"

#define TICK_MS		250
#define ROUTE_WAIT_MS	5000	/* for a node that may come back */
#define OPEN_WAIT_MS	30000	/* agents give up before that */
#define CLOSE_WAIT_MS	5000	/* for a backend to close, too */
#define STALE_MS	2000	/* idle: backends may be about to close */
#define GRACE_S		60	/* a node that was there so lately */

enum backend_state {
	BACKEND_NEW,
	BACKEND_ROUTE,		/* router was asked */
	BACKEND_LATE,		/* the node is to come back: ask again */
	BACKEND_OPEN,		/* the node was asked */
	BACKEND_PROLOGUE,	/* it is connected */
	BACKEND_READY,
	BACKEND_CLOSE,		/* nobody has it any more */
	BACKEND_OVER
};

/* Whoever made it owns it; in BACKEND_CLOSE the list of those that wait. */
struct http_backend {
	struct stream_record		 record;	/* at our address */
	TAILQ_ENTRY(http_backend)	 entry;
	int				 ticks;		/* is in that list */
	uint64_t			 until_ms;
	enum backend_state		 state;
	struct site_use			 site;
	struct visitor			*visitor;
	struct sockaddr_storage		 client;
	int				 hasty;
	struct mux_stream		*stream;
	struct grant_use		*use;		/* or NULL */
	const struct http_backend_ops	*ops;		/* NULL: it is idle */
	void				*arg;
	uint64_t			 idle_ms;	/* since */
	uint64_t			 in, out;	/* when it is over */
	struct http_prologue		 prologue;
	size_t				 nearly;
	char				 request_id[32];
	char				 node[CTL_NAME_LEN];
	char				 service[SITE_SERVICE_LEN];
	uint8_t				 early[HTTP_PROLOGUE_MAX];
};

static void	backend_tick(struct http_backend *, uint32_t);
static void	backend_untick(struct http_backend *);
static void	backends_tick(evutil_socket_t, short, void *);
static void	backend_expire(struct http_backend *);
static void	backend_find(struct http_backend *);
static void	backend_offline(struct http_backend *);
static void	backend_open(struct http_backend *, const struct route *);
static void	backend_over(struct http_backend *, uint16_t, const char *);
static void	backend_close(struct http_backend *);
static void	backend_detach(struct http_backend *);
static int	same_host(const struct sockaddr_storage *,
		    const struct sockaddr_storage *);
static void	backend_destroy(struct http_backend *);
static void	backend_ungranted(void *, uint16_t, const char *);
static void	backend_site_end(struct site_use *, const char *);
static void	stream_accepted(struct mux_stream *, void *);
static size_t	prologue_input(struct http_backend *, const uint8_t *,
		    size_t);
static size_t	stream_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	stream_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static void	stream_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	stream_done(struct mux_stream *, void *);
static void	backend_describe(const struct stream_record *,
		    struct stream_up *);
static void	backend_kill(struct stream_record *, uint16_t, const char *);
static void	backend_meter(struct stream_record *, struct meter_flow *,
		    struct meter_flow *);
static void	backend_mem(const struct stream_record *, struct mux_memory *,
		    struct mux_memory *);

static const struct mux_stream_ops stream_ops = {
	.accepted = stream_accepted,
	.input = stream_input,
	.pull = stream_pull,
	.reset = stream_reset,
	.done = stream_done
};
static const struct stream_record_ops record_ops = {
	backend_describe, http_backend_bytes, backend_kill, backend_meter,
	backend_mem
};

static TAILQ_HEAD(, http_backend) ticking = TAILQ_HEAD_INITIALIZER(ticking);
static struct event		 *ticker;

/* ---- waiting ---- */

static void
backend_tick(struct http_backend *b, uint32_t ms)
{
	const struct timeval	 tv = { 0, TICK_MS * 1000 };

	backend_untick(b);
	b->until_ms = listener_ms() + ms;
	b->ticks = 1;
	TAILQ_INSERT_TAIL(&ticking, b, entry);
	if (ticker == NULL && (ticker = evtimer_new(proc_base(),
	    backends_tick, NULL)) == NULL)
		fatal("event");
	if (!evtimer_pending(ticker, NULL))
		evtimer_add(ticker, &tv);
}

static void
backend_untick(struct http_backend *b)
{
	if (!b->ticks)
		return;
	b->ticks = 0;
	TAILQ_REMOVE(&ticking, b, entry);
}

static void
backends_tick(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval	 tv = { 0, TICK_MS * 1000 };
	struct http_backend	*b, *tmp;
	uint64_t		 now = listener_ms();

	/* None of these ends another. */
	TAILQ_FOREACH_SAFE(b, &ticking, entry, tmp) {
		if (now >= b->until_ms)
			backend_expire(b);
		else if (b->state == BACKEND_LATE)
			backend_find(b);
	}
	if (!TAILQ_EMPTY(&ticking))
		evtimer_add(ticker, &tv);
}

static void
backend_expire(struct http_backend *b)
{
	switch (b->state) {
	case BACKEND_ROUTE:
		backend_over(b, MUX_CODE_GOING_AWAY, "the relay is starting");
		break;
	case BACKEND_LATE:
		backend_over(b, MUX_CODE_NODE_OFFLINE,
		    stream_why(MUX_CODE_NODE_OFFLINE));
		break;
	case BACKEND_CLOSE:
		mux_reset(b->stream, MUX_CODE_CANCEL, NULL);
		backend_destroy(b);
		break;
	default:
		backend_kill(&b->record, MUX_CODE_TIMEOUT,
		    "the device does not answer");
		break;
	}
}

/* ---- making and ending ---- */

struct http_backend *
http_backend_new(const struct http_backend_config *cfg)
{
	struct stream_owner	*owner;
	struct http_backend	*b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		return (NULL);
	site_use(cfg->site, &b->site, backend_site_end);
	owner = cfg->visitor != NULL ? visitor_owner(cfg->visitor) :
	    site_owner(&b->site);
	if (owner == NULL) {
		site_release(&b->site);
		free(b);
		return (NULL);
	}
	b->visitor = visitor_ref(cfg->visitor);
	b->client = *cfg->client;
	b->hasty = cfg->hasty;
	strlcpy(b->node, cfg->site->node, sizeof(b->node));
	strlcpy(b->service, cfg->site->service, sizeof(b->service));
	strlcpy(b->request_id, cfg->request_id, sizeof(b->request_id));
	record_new(&b->record, owner, &record_ops);
	return (b);
}

/* Off the record, and off all that it rests on. */
static void
backend_detach(struct http_backend *b)
{
	if (b->stream != NULL) {
		mux_meter(b->stream, NULL);
		mux_pace(b->stream, NULL);
	}
	record_end(&b->record);
	grant_release(b->use);
	b->use = NULL;
	site_release(&b->site);
	visitor_unref(b->visitor);
	b->visitor = NULL;
	b->ops = NULL;
}

static void
backend_destroy(struct http_backend *b)
{
	backend_untick(b);
	free(b);
}

/*
 * Idle: its backend is told in order, as one that does not expect a reset
 * would complain of one.
 */
static void
backend_close(struct http_backend *b)
{
	record_down(&b->record, 0, NULL);
	backend_detach(b);
	b->state = BACKEND_CLOSE;
	backend_tick(b, CLOSE_WAIT_MS);
	mux_ready(b->stream);
}

void
http_backend_free(struct http_backend *b)
{
	if (b == NULL)
		return;
	if (b->state == BACKEND_READY && b->ops == NULL &&
	    b->stream != NULL) {
		backend_close(b);
		return;
	}
	if (b->state != BACKEND_OVER && b->record.told)
		record_down(&b->record, 0, NULL);
	if (b->stream != NULL) {
		mux_reset(b->stream, MUX_CODE_CANCEL, NULL);
		b->stream = NULL;
	}
	backend_detach(b);
	backend_destroy(b);
}

/* Not by the one who uses it, who is told; it is freed by its owner. */
static void
backend_over(struct http_backend *b, uint16_t code, const char *text)
{
	const struct http_backend_ops	*ops = b->ops;
	int				 asked = b->state >= BACKEND_OPEN;

	if (b->state == BACKEND_OVER)
		return;
	backend_untick(b);
	if (!b->record.told && code == MUX_CODE_DENIED)
		record_up(&b->record);
	if (b->record.told)
		record_down(&b->record, code, text);
	http_backend_bytes(&b->record, &b->in, &b->out);
	b->state = BACKEND_OVER;
	b->stream = NULL;
	if (ops != NULL)
		ops->over(b->arg, code, text == NULL ? "" : text, asked);
}

/* ---- finding the node ---- */

void
http_backend_use(struct http_backend *b, const struct http_backend_ops *ops,
    void *arg)
{
	b->ops = ops;
	b->arg = arg;
	if (b->state == BACKEND_READY)
		ops->ready(arg, &b->prologue);
	else if (b->state == BACKEND_NEW) {
		backend_tick(b, ROUTE_WAIT_MS);
		backend_find(b);
	}
}

struct http_backend *
http_backend_again(const struct http_backend *b)
{
	struct http_backend_config	 cfg;

	cfg.site = site_used(&b->site);
	cfg.visitor = b->visitor;
	cfg.client = &b->client;
	cfg.request_id = b->request_id;
	cfg.hasty = b->hasty;
	return (cfg.site == NULL ? NULL : http_backend_new(&cfg));
}

static void
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

uint32_t
http_backends_kill(struct stream_owner *o, uint16_t code, const char *text)
{
	struct stream_record	*r, *tmp;
	uint32_t		 n = 0;

	TAILQ_FOREACH_SAFE(r, &o->streams, entry, tmp) {
		if (((struct http_backend *)r)->state == BACKEND_OVER)
			continue;
		backend_kill(r, code, text);
		n++;
	}
	return (n);
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
	b->stream = mux_open_metered(link_mux(link), &open, &stream_ops, b,
	    record_flow(&b->record, WAY_IN));
	if (b->stream == NULL) {
		backend_over(b, MUX_CODE_LIMIT,
		    "too many streams to this device");
		return;
	}
	if (record_flow(&b->record, WAY_OUT) != NULL)
		mux_pace(b->stream, record_flow(&b->record, WAY_OUT));
	record_up(&b->record);
	b->state = BACKEND_OPEN;
	backend_tick(b, OPEN_WAIT_MS);
}

/* ---- using it ---- */

struct mux_stream *
http_backend_stream(const struct http_backend *b)
{
	return (b->state == BACKEND_READY ? b->stream : NULL);
}

int
http_backend_rest(struct http_backend *b)
{
	if (b->state != BACKEND_READY || b->stream == NULL ||
	    mux_queued(b->stream) > 0 || mux_eof(b->stream))
		return (-1);
	b->ops = NULL;
	b->idle_ms = listener_ms();
	return (0);
}

static int
same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in	*a4, *b4;
	const struct sockaddr_in6	*a6, *b6;

	if (a->ss_family != b->ss_family)
		return (0);
	if (a->ss_family == AF_INET) {
		a4 = (const struct sockaddr_in *)a;
		b4 = (const struct sockaddr_in *)b;
		return (a4->sin_addr.s_addr == b4->sin_addr.s_addr);
	}
	if (a->ss_family != AF_INET6)
		return (1);
	a6 = (const struct sockaddr_in6 *)a;
	b6 = (const struct sockaddr_in6 *)b;
	return (memcmp(&a6->sin6_addr, &b6->sin6_addr,
	    sizeof(a6->sin6_addr)) == 0);
}

int
http_backend_fits(const struct http_backend *b,
    const struct http_backend_config *cfg, int safe)
{
	return (b->state == BACKEND_READY && b->ops == NULL &&
	    site_used(&b->site) == cfg->site && b->visitor == cfg->visitor &&
	    same_host(&b->client, cfg->client) &&
	    (safe || listener_ms() - b->idle_ms < STALE_MS));
}

static void
stream_accepted(struct mux_stream *s, void *arg)
{
	struct http_backend	*b = arg;

	if (b->state == BACKEND_OPEN)
		b->state = BACKEND_PROLOGUE;
}

/* Returns how many of these bytes belong to it. */
static size_t
prologue_input(struct http_backend *b, const uint8_t *buf, size_t len)
{
	size_t	 before = b->nearly, n = sizeof(b->early) - before;
	ssize_t	 used;

	if (n > len)
		n = len;
	memcpy(b->early + before, buf, n);
	b->nearly += n;
	used = http_prologue_get(b->early, b->nearly, &b->prologue);
	if (used == -1) {
		mux_reset(b->stream, MUX_CODE_PROTOCOL, "no prologue");
		backend_over(b, MUX_CODE_PROTOCOL,
		    "the device says what nobody understands");
		return (len);
	}
	if (used == 0)
		return (n);
	b->state = BACKEND_READY;
	backend_untick(b);
	if (b->ops != NULL)
		b->ops->ready(b->arg, &b->prologue);
	return ((size_t)used - before);
}

static size_t
stream_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	struct http_backend	*b = arg;

	if (b->state == BACKEND_CLOSE)
		return (len);
	if (b->state == BACKEND_PROLOGUE && len > 0) {
		len = prologue_input(b, buf, len);
		return (len);
	}
	if (b->state == BACKEND_READY && b->ops != NULL) {
		b->ops->input(b->arg);
		return (0);
	}
	/* It closes while it is idle, or says what nobody asked for. */
	mux_reset(s, MUX_CODE_CANCEL, NULL);
	backend_over(b, len > 0 ? MUX_CODE_PROTOCOL : MUX_CODE_TARGET_RESET,
	    len > 0 ? "the backend speaks unasked" : "the backend closed");
	return (len);
}

static size_t
stream_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct http_backend	*b = arg;

	if (b->state == BACKEND_CLOSE) {
		*more = MUX_LAST;
		return (0);
	}
	if (b->state != BACKEND_READY || b->ops == NULL)
		return (0);
	return (b->ops->pull(b->arg, buf, cap, more));
}

static void
stream_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	struct http_backend	*b = arg;

	if (b->state == BACKEND_CLOSE)
		backend_destroy(b);
	else
		backend_over(b, code, text);
}

static void
stream_done(struct mux_stream *s, void *arg)
{
	struct http_backend	*b = arg;

	if (b->state == BACKEND_CLOSE)
		backend_destroy(b);
	else
		backend_over(b, 0, NULL);
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
backend_site_end(struct site_use *u, const char *why)
{
	struct http_backend	*b;

	b = (struct http_backend *)(void *)((char *)u -
	    offsetof(struct http_backend, site));
	backend_kill(&b->record, MUX_CODE_KILLED, why);
}

/* ---- on record ---- */

static void
backend_describe(const struct stream_record *r, struct stream_up *up)
{
	const struct http_backend	*b = (const struct http_backend *)r;

	up->kind = MUX_KIND_HTTP;
	strlcpy(up->host, b->service, sizeof(up->host));
	strlcpy(up->node, b->node, sizeof(up->node));
	addr_format((const struct sockaddr *)&b->client, up->addr);
}

void
http_backend_bytes(const struct stream_record *r, uint64_t *in, uint64_t *out)
{
	const struct http_backend	*b = (const struct http_backend *)r;

	*in = b->stream == NULL ? b->in : mux_stream_in(b->stream);
	*out = b->stream == NULL ? b->out : mux_stream_out(b->stream);
}

static void
backend_kill(struct stream_record *r, uint16_t code, const char *text)
{
	struct http_backend	*b = (struct http_backend *)r;
	struct mux_stream	*s = b->stream;

	if (b->state == BACKEND_OVER)
		return;
	backend_over(b, code, text);
	if (s != NULL)
		mux_reset(s, code, text);
}

static void
backend_meter(struct stream_record *r, struct meter_flow *out,
    struct meter_flow *in)
{
	struct http_backend	*b = (struct http_backend *)r;

	if (b->stream == NULL)
		return;
	mux_pace(b->stream, out);
	mux_meter(b->stream, in);
}

size_t
http_backend_memory(const struct http_backend *b)
{
	return (sizeof(*b));
}

static void
backend_mem(const struct stream_record *r, struct mux_memory *there,
    struct mux_memory *back)
{
	const struct http_backend	*b = (const struct http_backend *)r;

	memset(there, 0, sizeof(*there));
	memset(back, 0, sizeof(*back));
	there->state = sizeof(*b);
	if (b->ops != NULL)
		there->state += b->ops->memory(b->arg);
	if (b->stream != NULL)
		mux_stream_memory(b->stream, back);
	back->state = 0;
}
