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
 * Local connections that came while there was no link, or while their node
 * had none: most links are back in a moment, so they are held for a while,
 * unread.  Nothing is read from them before the node has accepted the
 * stream, so that it can be asked again.
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "forward.h"
#include "log.h"

#define WAIT_MS		10000
#define WAIT_RETRY_MS	500	/* between questions for a node */
#define WAITING_MAX	256	/* of a forward; more stay in the kernel's
				   queue, and count from when that began */

/* A connection that waits; the list owns it, oldest first. */
struct waiting {
	TAILQ_ENTRY(waiting)	 entry;
	struct forward		*forward;
	struct mux_stream	*stream;	/* that was asked, or NULL */
	uint64_t		 since;		/* us */
	uint16_t		 code;		/* of the last refusal, or 0 */
	char			 text[MUX_TEXT_MAX + 1];
	int			 fd;
};

static TAILQ_HEAD(, waiting)	 waitings = TAILQ_HEAD_INITIALIZER(waitings);
static struct event		*timer;

static void	wait_tick(evutil_socket_t, short, void *);
static void	wait_try(struct waiting *);
static void	wait_end(struct waiting *);
static void	wait_accepted(struct mux_stream *, void *);
static void	wait_refused(struct mux_stream *, void *, uint16_t,
		    const char *);

static const struct mux_stream_ops	 wait_ops = {
	.accepted = wait_accepted,
	.reset = wait_refused
};

void
wait_init(struct event_base *base)
{
	if ((timer = evtimer_new(base, wait_tick, NULL)) == NULL)
		fatal("event");
}

void
wait_free(void)
{
	struct waiting	*w;

	while ((w = TAILQ_FIRST(&waitings)) != NULL) {
		if (w->stream != NULL)
			mux_reset(w->stream, MUX_CODE_CANCEL, NULL);
		wait_reset(w->fd);
		wait_end(w);
	}
	event_free(timer);
}

void
wait_reset(int fd)
{
	struct linger	 l = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

static void
wait_arm(void)
{
	struct timeval	 tv = { 0, WAIT_RETRY_MS * 1000 };

	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
}

void
wait_add(struct forward *f, int fd, uint64_t since)
{
	struct waiting	*w;

	if (f->nwaiting >= WAITING_MAX ||
	    (w = calloc(1, sizeof(*w))) == NULL) {
		wait_reset(fd);
		return;
	}
	w->forward = f;
	w->fd = fd;
	w->since = since != 0 ? since : clock_us();
	TAILQ_INSERT_TAIL(&waitings, w, entry);
	/* Those to other nodes go on. */
	if (++f->nwaiting == WAITING_MAX)
		listen_hold(f, 1);
	forward_wanted(WAIT_MS);
	wait_try(w);
	wait_arm();
}

/* Its descriptor is somebody else's, or closed. */
static void
wait_end(struct waiting *w)
{
	TAILQ_REMOVE(&waitings, w, entry);
	if (w->forward->nwaiting-- == WAITING_MAX)
		listen_hold(w->forward, 0);
	free(w);
}

static void
wait_try(struct waiting *w)
{
	struct link	*link = forward_link();

	if (link == NULL || w->stream != NULL)
		return;
	w->stream = mux_open_stream(link_mux(link), &w->forward->open,
	    &wait_ops, w);
	if (w->stream == NULL) {
		w->code = MUX_CODE_LIMIT;
		strlcpy(w->text, "too many streams", sizeof(w->text));
	}
}

void
wait_up(void)
{
	struct waiting	*w;

	TAILQ_FOREACH(w, &waitings, entry)
		wait_try(w);
}

static void
wait_accepted(struct mux_stream *s, void *arg)
{
	struct waiting	*w = arg;

	w->forward->good = 1;
	forward_serve(w->forward, s, w->fd);
	wait_end(w);
}

static void
wait_refused(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	struct waiting	*w = arg;

	w->stream = NULL;
	/* Those pass; the link's end is heard of here, too. */
	if (code == MUX_CODE_NODE_OFFLINE || code == MUX_CODE_NODE_GONE) {
		w->code = code;
		strlcpy(w->text, text, sizeof(w->text));
		return;
	}
	forward_complain(w->forward, code, text);
	wait_reset(w->fd);
	wait_end(w);
}

/* For the first of them, and how many more there are. */
static void
wait_complain(const struct waiting *w, unsigned int n)
{
	char	 text[512];

	if (forward_link() == NULL || w->code == 0)
		strlcpy(text, "no link to the relay", sizeof(text));
	else
		outcome_text(w->code, w->text, &w->forward->open, text,
		    sizeof(text));
	log_warnx("%s; %u connection%s refused after %u s", text, n,
	    n == 1 ? "" : "s", WAIT_MS / 1000);
}

/* One that was asked for gets an answer. */
static int
wait_late(const struct waiting *w)
{
	return (w->stream == NULL &&
	    clock_us() - w->since >= WAIT_MS * 1000ULL);
}

/* It waits no more, nor do those with it that have the same reason. */
static void
wait_expire(struct waiting *first)
{
	struct waiting	*w, *tmp, old = *first;
	unsigned int	 n = 0;

	TAILQ_FOREACH_SAFE(w, &waitings, entry, tmp) {
		if (!wait_late(w) || (forward_link() != NULL &&
		    w->forward != old.forward))
			continue;
		wait_reset(w->fd);
		wait_end(w);
		n++;
	}
	wait_complain(&old, n);
}

/* Who has waited long enough waits no more; the others' nodes are asked. */
static void
wait_tick(evutil_socket_t fd, short what, void *arg)
{
	struct waiting	*w;

	/* They came in order, but some may still be asked for. */
	do {
		TAILQ_FOREACH(w, &waitings, entry) {
			if (wait_late(w))
				break;
		}
		if (w != NULL)
			wait_expire(w);
	} while (w != NULL);
	TAILQ_FOREACH(w, &waitings, entry)
		wait_try(w);
	if (!TAILQ_EMPTY(&waitings))
		wait_arm();
}
