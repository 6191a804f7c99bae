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
 * The local UDP ports of accessctl forward: a session, and a stream, for each
 * source.  A few datagrams wait a little, for a link and for a node, and are
 * lost then; who sent them will send them again.
 */

#include "compat.h"

#include <event2/event.h>

#include <stdlib.h>
#include <unistd.h>

#include "forward.h"
#include "log.h"
#include "udp_sessions.h"

#define RETRY_MS	500	/* between questions for a node */

/* A bound socket; the list owns it. */
struct udp_port {
	struct udp_port		*next;
	struct forward		*forward;
	struct udp_sessions	*sessions;
	int			 fd;
};

static struct udp_port	*ports;
static struct event	*timer;		/* of the next question */

static int	udp_begin(struct udp_session *, void *);
static void	udp_end(struct udp_session *, void *, uint16_t, const char *);
static int	udp_refused(struct udp_session *, void *, uint16_t,
		    const char *);
static void	udp_waits(struct udp_session *, void *);
static void	udp_serve(struct udp_session *, void *);
static void	udp_retry(evutil_socket_t, short, void *);

static const struct udp_sessions_ops ops = {
	.begin = udp_begin, .end = udp_end, .refused = udp_refused,
	.waits = udp_waits
};

int
forward_udp_add(struct event_base *base, struct forward *f, int fd,
    unsigned int idle_ms)
{
	struct udp_port	*p;

	if (timer == NULL &&
	    (timer = evtimer_new(base, udp_retry, NULL)) == NULL)
		return (-1);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (-1);
	p->forward = f;
	p->fd = fd;
	p->sessions = udp_sessions_new(base, fd, UDP_SESSIONS_MAX, idle_ms,
	    &ops, p);
	if (p->sessions == NULL) {
		free(p);
		return (-1);
	}
	udp_sessions_pause(p->sessions, 1);
	p->next = ports;
	ports = p;
	return (0);
}

void
forward_udp_start(void)
{
	struct udp_port	*p;

	for (p = ports; p != NULL; p = p->next)
		udp_sessions_pause(p->sessions, 0);
}

void
forward_udp_up(void)
{
	struct udp_port	*p;

	for (p = ports; p != NULL; p = p->next)
		udp_sessions_waiting(p->sessions, udp_serve);
}

void
forward_udp_free(void)
{
	struct udp_port	*p;

	while ((p = ports) != NULL) {
		ports = p->next;
		udp_sessions_free(p->sessions);
		close(p->fd);
		free(p);
	}
	if (timer != NULL)
		event_free(timer);
	timer = NULL;
}

static int
udp_begin(struct udp_session *s, void *arg)
{
	struct udp_port	*p = arg;
	struct link	*link = forward_link();

	if (link == NULL) {
		forward_wanted(UDP_SESSION_WAIT_MS);
		return (0);
	}
	if (udp_session_open(s, link_mux(link), &p->forward->open) == 0)
		return (0);
	forward_complain(p->forward, MUX_CODE_LIMIT, "too many streams");
	return (-1);
}

static void
udp_serve(struct udp_session *s, void *arg)
{
	if (udp_begin(s, arg) == -1)
		udp_session_kill(s, MUX_CODE_CANCEL, "too many streams");
}

/* A node that is offline may be back in a moment. */
static int
udp_refused(struct udp_session *s, void *arg, uint16_t code, const char *text)
{
	struct timeval	 tv = { 0, RETRY_MS * 1000 };

	if ((code != MUX_CODE_NODE_OFFLINE && code != MUX_CODE_NODE_GONE) ||
	    !udp_session_waits(s))
		return (0);
	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
	return (1);
}

static void
udp_waits(struct udp_session *s, void *arg)
{
	if (forward_link() == NULL)
		forward_wanted(UDP_SESSION_WAIT_MS);
}

static void
udp_retry(evutil_socket_t fd, short what, void *arg)
{
	if (forward_link() != NULL)
		forward_udp_up();
}

static void
udp_end(struct udp_session *s, void *arg, uint16_t code, const char *text)
{
	struct udp_port	*p = arg;
	char		 from[ADDR_STRLEN];

	addr_format(udp_session_source(s), from);
	log_debug("%s: %s: %s", p->forward->name, from, text == NULL ?
	    "idle" : text[0] == '\0' ? mux_code_name(code) : text);
	/* That the link went was said once. */
	if (text != NULL && code != MUX_CODE_CANCEL && forward_link() != NULL)
		forward_complain(p->forward, code, text);
}
