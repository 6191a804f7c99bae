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
 * What auth is asked for a browser, and its answers.
 */

#include "compat.h"

#include <sys/queue.h>

#include <event2/event.h>
#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "http_gate_internal.h"
#include "log.h"

#define PENDING_MAX	512
#define PENDING_MS	12000	/* passwords wait in a line */

struct web_pending {
	TAILQ_ENTRY(web_pending) entry;
	uint32_t		 id, what;
	uint64_t		 until;		/* ms */
	void			 (*done)(void *, const struct web_answer *);
	void			*arg;
};

static void	pending_end(struct web_pending *, const struct web_answer *);
static void	pending_fail(struct web_pending *);
static void	pending_tick(evutil_socket_t, short, void *);

/* Oldest first. */
static TAILQ_HEAD(, web_pending) pendings = TAILQ_HEAD_INITIALIZER(pendings);
static uint32_t			 npendings, last_id;
static struct event		*timer;

struct web_pending *
web_ask(struct web_ask *ask,
    void (*done)(void *, const struct web_answer *), void *arg)
{
	const struct timeval	 tv = { 1, 0 };
	struct web_pending	*p;

	if (timer == NULL && (timer = evtimer_new(proc_base(), pending_tick,
	    NULL)) == NULL)
		fatal("event");
	if (npendings >= PENDING_MAX || (p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	p->id = ++last_id;
	p->what = ask->what;
	p->until = listener_ms() + PENDING_MS;
	p->done = done;
	p->arg = arg;
	if (proc_send(proc_peer(PROC_AUTH, 0), IMSG_WEB_ASK, p->id, -1, ask,
	    sizeof(*ask)) == -1) {
		free(p);
		return (NULL);
	}
	TAILQ_INSERT_TAIL(&pendings, p, entry);
	npendings++;
	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
	return (p);
}

void
web_cancel(struct web_pending *p)
{
	if (p == NULL)
		return;
	TAILQ_REMOVE(&pendings, p, entry);
	npendings--;
	free(p);
}

/* Its owner has forgotten it when it is told. */
static void
pending_end(struct web_pending *p, const struct web_answer *w)
{
	void	 (*done)(void *, const struct web_answer *) = p->done;
	void	*arg = p->arg;

	web_cancel(p);
	done(arg, w);
}

static void
pending_fail(struct web_pending *p)
{
	struct web_answer	 w;

	memset(&w, 0, sizeof(w));
	w.what = p->what;
	w.status = 503;
	w.retry_after = 1;
	strlcpy(w.text, "the relay is starting: try again", sizeof(w.text));
	pending_end(p, &w);
}

static void
pending_tick(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval	 tv = { 1, 0 };
	struct web_pending	*p;
	uint64_t		 now = listener_ms();

	while ((p = TAILQ_FIRST(&pendings)) != NULL && now >= p->until)
		pending_fail(p);
	if (p != NULL)
		evtimer_add(timer, &tv);
}

void
web_auth_gone(void)
{
	struct web_pending	*p;
	uint32_t		 n = npendings;

	/* Those who are told may ask again. */
	while (n-- > 0 && (p = TAILQ_FIRST(&pendings)) != NULL)
		pending_fail(p);
}

int
web_recv_answer(struct proc_peer *peer, struct imsg *imsg)
{
	struct web_answer	 w;
	struct web_pending	*p;

	if (imsg_get_data(imsg, &w, sizeof(w)) == -1 ||
	    w.status < 200 || w.status > 599 ||
	    memchr(w.email, '\0', sizeof(w.email)) == NULL ||
	    memchr(w.text, '\0', sizeof(w.text)) == NULL)
		return (-1);
	TAILQ_FOREACH(p, &pendings, entry) {
		if (p->id == imsg_get_id(imsg))
			break;
	}
	if (p == NULL || p->what != w.what) {
		log_debug("an answer for a browser that waits no more");
		return (0);
	}
	pending_end(p, &w);
	return (0);
}
