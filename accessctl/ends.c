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
 * The signals that end connect and forward, but for those that they were
 * started without: nohup(1) and the & of a script mean what they say.
 */

#include "compat.h"

#include <event2/event.h>

#include <signal.h>
#include <stddef.h>

#include "accessctl.h"
#include "log.h"

const int		 ends_signals[ENDS] = { SIGINT, SIGTERM, SIGHUP };
static struct event	*events[ENDS];

int
ends_ignored(int sig)
{
	struct sigaction	 sa;

	return (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN);
}

void
ends_watch(struct event_base *base, void (*cb)(int, short, void *), void *arg)
{
	size_t	 i;

	for (i = 0; i < ENDS; i++) {
		if (ends_ignored(ends_signals[i]))
			continue;
		events[i] = evsignal_new(base, ends_signals[i], cb, arg);
		if (events[i] == NULL || event_add(events[i], NULL) == -1)
			fatal("event");
	}
}

void
ends_free(void)
{
	size_t	 i;

	for (i = 0; i < ENDS; i++) {
		if (events[i] != NULL)
			event_free(events[i]);
		events[i] = NULL;
	}
}
