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
 * Whether a backend is up: asked for a page now and then, if agentd.conf says
 * so.  Two failures in a row, and visitors are told at once; one answer, and
 * they are let in again.
 */

#include "compat.h"

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evtls.h"
#include "http.h"
#include "log.h"
#include "proxy.h"

#define FAILURES	2		/* that make it down */
#define ANSWER_MS	5000		/* the most that an answer may take */
#define FIRST_MS	1000		/* within that, after a start */
#define REQUEST_MAX	1024

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };

struct health {
	struct service		*service;	/* which owns us */
	struct event		*timer;		/* of the next, or for this */
	struct reach		*reach;		/* one of these, while asking */
	struct evtls		*conn;
	int			 asked;		/* the request is sent */
	enum health_state	 state;
	int64_t			 since;
	unsigned int		 failures;	/* in a row */
	uint64_t		 checks, failed;
	char			 why[CTL_TEXT_LEN];
};

static void	health_wait(struct health *, unsigned int);
static void	health_timer(evutil_socket_t, short, void *);
static void	health_reached(void *, int, struct evtls *, uint16_t,
		    const char *);
static void	health_result(struct health *, const char *);
static void	health_change(struct health *, enum health_state);
static void	health_ready(struct evtls *, void *);
static size_t	health_input(struct evtls *, void *, uint8_t *, size_t);
static size_t	health_output(struct evtls *, void *, uint8_t *, size_t);
static void	health_closed(struct evtls *, void *, enum evtls_why,
		    const char *);

static const struct evtls_ops health_ops = {
	.ready = health_ready, .input = health_input, .output = health_output,
	.closed = health_closed
};

void
health_start(struct service *s, const struct service *old)
{
	struct health		*h;
	const struct backend	*b = &s->backend;

	if (b->health_ms == 0)
		return;
	if ((h = calloc(1, sizeof(*h))) == NULL ||
	    (h->timer = evtimer_new(proc_base(), health_timer, h)) == NULL)
		fatal("health");
	h->service = s;
	h->since = time(NULL);
	s->health = h;
	if (old != NULL && old->health != NULL &&
	    memcmp(&old->backend, b, sizeof(*b)) == 0) {
		h->state = old->health->state;
		h->since = old->health->since;
		h->failures = old->health->failures;
		h->checks = old->health->checks;
		h->failed = old->health->failed;
		strlcpy(h->why, old->health->why, sizeof(h->why));
	}
	health_wait(h, arc4random_uniform(FIRST_MS));
}

void
health_stop(struct service *s)
{
	struct health	*h = s->health;

	if (h == NULL)
		return;
	s->health = NULL;
	reach_free(h->reach);
	evtls_free(h->conn);
	event_free(h->timer);
	free(h);
}

const char *
health_down(const struct service *s)
{
	if (s->health == NULL || s->health->state != HEALTH_DOWN)
		return (NULL);
	return (s->health->why);
}

void
health_fill(const struct service *s, struct ctl_agent_backend *shown)
{
	static const char *const names[] = {
		[HEALTH_UNKNOWN] = "unknown", [HEALTH_UP] = "up",
		[HEALTH_DOWN] = "down"
	};
	const struct health	*h = s->health;

	if (h == NULL)
		return;
	strlcpy(shown->state, names[h->state], sizeof(shown->state));
	shown->since = h->since;
	shown->checks = h->checks;
	shown->failed = h->failed;
	strlcpy(shown->text, h->why, sizeof(shown->text));
}

/* ---- one check ---- */

static void
health_wait(struct health *h, unsigned int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	evtimer_add(h->timer, &tv);
}

/* The time has come; or that for an answer is over. */
static void
health_timer(evutil_socket_t fd, short what, void *arg)
{
	struct health	*h = arg;
	unsigned int	 ms = h->service->backend.health_ms;
	char		 why[64];

	if (ms > ANSWER_MS)
		ms = ANSWER_MS;
	if (h->reach != NULL || h->conn != NULL) {
		snprintf(why, sizeof(why), "no answer within %u.%u s",
		    ms / 1000, ms % 1000 / 100);
		health_result(h, why);
		return;
	}
	h->asked = 0;
	health_wait(h, ms);
	h->reach = reach_new(h->service, "", health_reached, h);
	if (h->reach == NULL)
		health_result(h, "no memory");
}

static void
health_reached(void *arg, int fd, struct evtls *tls, uint16_t code,
    const char *text)
{
	struct health	*h = arg;

	h->reach = NULL;
	if (fd == -1 && tls == NULL) {
		health_result(h, text);
		return;
	}
	if (tls != NULL) {
		h->conn = tls;
		evtls_set_ops(tls, &health_ops, h);
		evtls_want_output(tls);
		return;
	}
	h->conn = evtls_connect(proc_base(), fd, NULL, NULL, &health_ops, h);
	if (h->conn == NULL)
		health_result(h, "no memory");
}

/* why NULL: it is up. */
static void
health_result(struct health *h, const char *why)
{
	enum health_state	 was = h->state;
	unsigned int		 ms = h->service->backend.health_ms;

	h->checks++;
	if (why == NULL) {
		h->failures = 0;
		h->why[0] = '\0';
		if (was != HEALTH_UP)
			health_change(h, HEALTH_UP);
	} else {
		h->failed++;
		h->failures++;
		strlcpy(h->why, why, sizeof(h->why));
		if (was != HEALTH_DOWN && h->failures >= FAILURES)
			health_change(h, HEALTH_DOWN);
	}
	/* The reason may be the connection's. */
	reach_free(h->reach);
	h->reach = NULL;
	evtls_free(h->conn);
	h->conn = NULL;
	service_show(h->service);
	/* Many devices were started together: their backends may be one. */
	health_wait(h, ms - ms / 10 + arc4random_uniform(ms / 5 + 1));
}

static void
health_change(struct health *h, enum health_state state)
{
	enum health_state	 was = h->state;
	char			 title[BACKEND_TITLE_MAX];

	h->state = state;
	h->since = time(NULL);
	backend_title(&h->service->backend, title);
	if (state == HEALTH_DOWN)
		log_warnx("%s: down: %s", title, h->why);
	else if (was == HEALTH_DOWN)
		log_info("%s: up again", title);
	else
		log_info("%s: up", title);
}

/* ---- its connection ---- */

static void
health_ready(struct evtls *c, void *arg)
{
	evtls_want_output(c);
}

static size_t
health_output(struct evtls *c, void *arg, uint8_t *buf, size_t size)
{
	struct health		*h = arg;
	const struct backend	*b = &h->service->backend;
	char			 host[BACKEND_URL_MAX];
	int			 n;

	if (h->asked || size < REQUEST_MAX)
		return (0);
	h->asked = 1;
	n = snprintf((char *)buf, size, "GET %s HTTP/1.1\r\n"
	    "Host: %s\r\n"
	    "User-Agent: culvert/" CULVERT_VERSION "\r\n"
	    "Accept: */*\r\n"
	    "Connection: close\r\n"
	    "\r\n", b->health, b->rewrite[0] != '\0' ? b->rewrite :
	    backend_url_authority(&b->url, host));
	return (n < 0 || (size_t)n >= size ? 0 : n);
}

/* Nothing of it is taken before its head is whole, the status is all. */
static size_t
health_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	static struct http_head	 head;
	struct health		*h = arg;
	char			 why[BACKEND_PATH_MAX + 64];
	ssize_t			 n;
	int			 status;

	n = http_parse_response_in((const char *)buf, len,
	    &http_response_limits, &head, &status);
	if (n == 0 && len < HTTP_HEAD_MAX)
		return (0);
	if (n <= 0) {
		health_result(h, "what it answers is not HTTP/1.1");
		return (len);
	}
	if (head.status / 100 == 1)
		return (n);
	if (head.status >= 200 && head.status < 400) {
		health_result(h, NULL);
		return (len);
	}
	snprintf(why, sizeof(why), "GET %s: %d %s", h->service->backend.health,
	    head.status, http_reason(head.status));
	health_result(h, why);
	return (len);
}

static void
health_closed(struct evtls *c, void *arg, enum evtls_why why,
    const char *text)
{
	health_result(arg, why == EVTLS_EOF ? "closed without an answer" :
	    text);
}
