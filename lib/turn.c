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
#include <sched.h>
#include <stdint.h>

#include "clock.h"
#include "turn.h"

static size_t	 carried;
static uint64_t	 not_before;	/* us */

static void
turn_over(void)
{
	uint64_t	 began = clock_us(), took;

	if (began < not_before)
		return;
	(void)sched_yield();
	took = clock_us() - began;
	if (took > TURN_KEPT_US)
		not_before = began + took * TURN_RARELY;
}

void
turn_carried(size_t n)
{
	carried += n;
}

int
turn_dispatch(struct event_base *base)
{
	int	 ret;

	do {
		carried = 0;
		ret = event_base_loop(base, EVLOOP_ONCE);
		if (carried >= TURN_MUCH)
			turn_over();
	} while (ret == 0 && !event_base_got_exit(base) &&
	    !event_base_got_break(base));
	return (ret);
}
