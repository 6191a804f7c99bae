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

#include "compat.h"

#include <event2/event.h>
#include <stddef.h>

#include "trim.h"

#define TRIM_S	1

static struct event	*timer;

static void
trim_now(evutil_socket_t fd, short what, void *arg)
{
	memory_trim();
}

int
trim_init(struct event_base *base)
{
	timer = evtimer_new(base, trim_now, NULL);
	return (timer == NULL ? -1 : 0);
}

void
trim_later(void)
{
	static const struct timeval	 tv = { TRIM_S, 0 };

	if (timer != NULL && !evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
}
