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

#include "http_backend_internal.h"
#include "http_gate.h"
#include "log.h"

#define TICK_MS		250
#define CLOSE_WAIT_MS	5000	/* for a backend to close, too */
#define STALE_MS	2000	/* idle: backends may be about to close */

static void	backends_tick(evutil_socket_t, short, void *);
static void	backend_expire(struct http_backend *);
static void	backend_close(struct http_backend *);
static void	backend_detach(struct http_backend *);
static void	backend_site_end(struct site_use *, const char *);
static int	same_host(const struct sockaddr_storage *,
		    const struct sockaddr_storage *);

static TAILQ_HEAD(, http_backend) ticking = TAILQ_HEAD_INITIALIZER(ticking);
static struct event		 *ticker;

/* ---- waiting ---- */

void
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

void
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
	record_new(&b->record, owner, &backend_record_ops);
	return (b);
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

void
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

void
http_backend_leave(struct http_backend *b)
{
	if (b != NULL)
		b->ops = NULL;
	http_backend_free(b);
}

/* Not by the one who uses it, who is told; it is freed by its owner. */
void
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

static void
backend_site_end(struct site_use *u, const char *why)
{
	struct http_backend	*b;

	b = (struct http_backend *)(void *)((char *)u -
	    offsetof(struct http_backend, site));
	backend_kill(&b->record, MUX_CODE_KILLED, why);
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

/* ---- using it ---- */

void
http_backend_use(struct http_backend *b, const struct http_backend_ops *ops,
    void *arg)
{
	b->ops = ops;
	b->arg = arg;
	if (b->state == BACKEND_READY)
		ops->ready(arg, &b->prologue);
	else if (b->state == BACKEND_NEW) {
		backend_tick(b, BACKEND_ROUTE_MS);
		backend_find(b);
	}
}

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
