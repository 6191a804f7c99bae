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
 * What the parent looks after by the clock: what each process takes, which it
 * tells router, and certificates that are about to end.
 */

#include "compat.h"

#include <event2/event.h>

#include <string.h>
#include <time.h>

#include "config.h"
#include "log.h"
#include "msg.h"
#include "msg_stats.h"
#include "relayd.h"
#include "watch.h"

#define WATCH_S		5

static const struct relayd_conf	*conf;
static struct event		*timer;

static void	watch_usage(int, int);
static void	watch_tick(evutil_socket_t, short, void *);

void
watch_start(const struct relayd_conf *c)
{
	struct timeval	 tv = { WATCH_S, 0 };

	conf = c;
	if (timer == NULL && ((timer = event_new(proc_base(), -1, EV_PERSIST,
	    watch_tick, NULL)) == NULL || evtimer_add(timer, &tv) == -1))
		fatal("event");
	watch_tick(-1, 0, NULL);
}

static void
watch_tick(evutil_socket_t fd, short what, void *arg)
{
	struct certificate	*c;
	char			 text[CERT_WARNING_LEN];
	int64_t			 now = time(NULL);
	int			 i;

	TAILQ_FOREACH(c, &conf->certs, entry) {
		if (!cert_warning(c->name, c->ends, now, &c->warned, text))
			continue;
		log_warnx("certificate %s: %s", c->cert_file, text);
	}
	if (proc_peer(PROC_ROUTER, 0) == NULL)
		return;
	watch_usage(PROC_PARENT, 0);
	watch_usage(PROC_KEYS, 0);
	watch_usage(PROC_AUTH, 0);
	watch_usage(PROC_ROUTER, 0);
	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		if (proc_exists(PROC_LISTENER, i))
			watch_usage(PROC_LISTENER, i);
}

static void
watch_usage(int kind, int instance)
{
	struct proc_usage	 u;
	struct process_usage		 msg;

	if (proc_usage(kind, instance, &u) == -1)
		return;
	memset(&msg, 0, sizeof(msg));
	msg.kind = kind;
	msg.instance = instance;
	msg.starts = u.starts;
	msg.rss = u.rss;
	msg.cpu_us = u.cpu_us;
	msg.started = u.started;
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_USAGE, 0, -1, &msg,
	    sizeof(msg));
}
