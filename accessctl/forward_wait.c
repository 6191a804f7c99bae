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
 * Local connections that came while there was no link: most links are back
 * in a moment, so they are held for a while, unread.
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <stdlib.h>
#include <unistd.h>

#include "forward.h"
#include "log.h"

#define WAIT_MS		10000
#define WAITING_MAX	256	/* more stay in the kernel's queue */

/* A connection that waits; the list owns it, oldest first. */
struct waiting {
	TAILQ_ENTRY(waiting)	 entry;
	struct forward		*forward;
	uint64_t		 since;
	int			 fd;
};

static TAILQ_HEAD(, waiting)	 waitings = TAILQ_HEAD_INITIALIZER(waitings);
static unsigned int		 nwaiting;
static struct event		*timer;

static void	wait_over(evutil_socket_t, short, void *);
static void	wait_arm(void);

void
wait_init(struct event_base *base)
{
	if ((timer = evtimer_new(base, wait_over, NULL)) == NULL)
		fatal("event");
}

void
wait_reset(int fd)
{
	struct linger	 l = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

int
wait_add(struct forward *f, int fd)
{
	struct waiting	*w;

	if (nwaiting >= WAITING_MAX || (w = calloc(1, sizeof(*w))) == NULL)
		return (-1);
	w->forward = f;
	w->fd = fd;
	w->since = link_now();
	TAILQ_INSERT_TAIL(&waitings, w, entry);
	if (++nwaiting == WAITING_MAX)
		listen_pause();
	if (!evtimer_pending(timer, NULL))
		wait_arm();
	return (0);
}

/* When the oldest has waited long enough. */
static void
wait_arm(void)
{
	struct timeval	 tv;
	struct waiting	*w;
	uint64_t	 ms = 0, age;

	if ((w = TAILQ_FIRST(&waitings)) == NULL)
		return;
	if ((age = (link_now() - w->since) / 1000) < WAIT_MS)
		ms = WAIT_MS - age;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	evtimer_add(timer, &tv);
}

static void
wait_over(evutil_socket_t fd, short what, void *arg)
{
	struct waiting	*w;
	unsigned int	 n = 0;
	int		 full = nwaiting == WAITING_MAX;

	while ((w = TAILQ_FIRST(&waitings)) != NULL &&
	    link_now() - w->since >= WAIT_MS * 1000ULL) {
		TAILQ_REMOVE(&waitings, w, entry);
		nwaiting--;
		wait_reset(w->fd);
		free(w);
		n++;
	}
	if (n > 0)
		log_warnx("%u connection%s closed: no link to the relay for "
		    "%u s", n, n == 1 ? "" : "s", WAIT_MS / 1000);
	wait_arm();
	if (full && nwaiting < WAITING_MAX)
		listen_resume();
}

void
wait_serve(void (*serve)(struct forward *, int))
{
	struct waiting	*w;
	int		 full = nwaiting == WAITING_MAX;

	while ((w = TAILQ_FIRST(&waitings)) != NULL) {
		TAILQ_REMOVE(&waitings, w, entry);
		nwaiting--;
		serve(w->forward, w->fd);
		free(w);
	}
	evtimer_del(timer);
	if (full)
		listen_resume();
}
