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

#ifndef TURN_H
#define TURN_H

#include <stddef.h>

/*
 * Turns of the event loop of a process that carries data.  Before one that has
 * carried much waits for more, others may run: the peers on this machine, if
 * there are any, send and take meanwhile, so the next call finds more to do,
 * and nobody has to be put to sleep and woken for it.  Who has the processor
 * to itself loses a microsecond.  Where the others are busy with themselves
 * and keep the processor, they are given it rarely: that costs a part in
 * TURN_RARELY at most.
 */
#define TURN_MUCH	(64 * 1024)	/* bytes */
#define TURN_KEPT_US	1000
#define TURN_RARELY	20

struct event_base;

/* So many bytes were read, or written, in this turn. */
void	 turn_carried(size_t);
/* event_base_dispatch(3), with that between turns.  Returns what it does. */
int	 turn_dispatch(struct event_base *);

#endif /* TURN_H */
