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

#ifndef METER_H
#define METER_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

/*
 * Limits of bandwidth.  A meter is a token bucket: so many bytes a second,
 * and at most METER_BURST_US of them at once.  A flow is one direction of one
 * stream; it rests on several meters (of its user, its node, its port) and
 * gets what the least of them allows.  Flows that have to wait take turns, a
 * quantum each, so none of them gets more than the others.
 *
 * What flows take is credit, to be given to whoever sends: nothing is queued
 * for the sake of a limit.  A byte is paid for once: when credit for it is
 * given, or, of the credit a stream begins with, when it comes.  So streams
 * that are only open cost nothing.  What was paid for and not used goes back
 * when the stream ends.
 *
 * Pure: no clocks or timers.  Time is the caller's, us of a clock that only
 * goes forward; one that is behind is taken for the latest known.
 */

#define METER_RATE_MAX	 (1ULL << 40)	/* bytes/s */
#define METER_BURST_US	 250000
#define METER_BURST_MIN	 16384		/* bytes */
#define METER_WINDOW_US	 100000		/* a window, apart from the way */
#define METER_WINDOW_MIN 4096
#define METER_TURN_MIN	 1024		/* bytes in a turn: a tick's worth */
#define METER_TURN_MAX	 16384
#define METER_TICK_US	 20000		/* meter_run, while flows wait */
#define METER_ON_MAX	 3		/* meters of a flow */

struct meter_flow;
TAILQ_HEAD(meter_flows, meter_flow);

/* What a process keeps for all its meters; zeroed but for TAILQ_INIT. */
struct meters {
	struct meter_flows	 ring;		/* those that wait */
	uint64_t		 now;		/* us, the latest known */
	uint64_t		 run;		/* counts meter_run */
	/* A flow waits now where none did: call meter_run in a tick. */
	void			(*wake)(void *);
	void			*arg;
};

/* The owner looks at rate and used, and no deeper; zeroed is no limit. */
struct meter {
	uint64_t	 rate;		/* bytes/s; 0: no limit */
	uint64_t	 used;		/* bytes, ever */
	int64_t		 level;		/* bytes that may go now; < 0: owed */
	uint64_t	 part;		/* and millionths of one */
	uint64_t	 at;		/* us */
	uint64_t	 loose;		/* credit that is not paid for yet */
	uint64_t	 run;		/* in which a flow had to wait for us */
	uint64_t	 half;		/* bytes datagrams may have till then */
	uint32_t	 lack;		/* how many did */
	uint32_t	 lack_max;	/* see meter_lack */
	uint32_t	 waiting;	/* flows in the ring */
};

struct meter_flow {
	TAILQ_ENTRY(meter_flow)	 turn;		/* in the ring */
	struct meters		*all;
	struct meter		*on[METER_ON_MAX];
	unsigned int		 n;
	uint32_t		 want;		/* waits, in the ring */
	uint32_t		 loose;		/* given, not paid for */
	uint32_t		 gift;		/* never to be paid for */
	/* So many more bytes may go: whoever the flow is part of sets this. */
	void			(*give)(void *, uint32_t);
	void			*arg;
};

/* wake: meter_run is to be called, soon. */
void	 meters_init(struct meters *, void (*)(void *), void *);
/*
 * Serve the flows that wait.  Returns after how many us to call again, 0 when
 * nobody waits any more.
 */
uint64_t meter_run(struct meters *, uint64_t);

/* Another rate, from now on; flows that wait are served by meter_run. */
void	 meter_set(struct meters *, struct meter *, uint64_t, uint64_t);
/* How many flows it held up at a time, at most, since this was asked. */
uint32_t meter_lack(struct meter *);
/* How many bytes it is owed: what it did not allow and came nevertheless. */
uint64_t meter_debt(struct meters *, struct meter *, uint64_t);

/* A flow on these meters, which outlive it; NULLs are left out. */
void	 meter_flow_init(struct meter_flow *, struct meters *,
	    struct meter *const *, size_t);
/*
 * The window that a flow needs to make full use of its rate, with this round
 * trip in us; UINT32_MAX: no limit.
 */
uint32_t meter_window(const struct meter_flow *, uint32_t);
/*
 * The credit that a stream begins with.  Returns how much it may have at
 * once; the rest waits as with meter_want.
 */
uint32_t meter_begin(struct meter_flow *, uint32_t, uint64_t);
/*
 * So much was given before the limit was known, to be paid for when it is
 * used; or before there was one.
 */
void	 meter_lend(struct meter_flow *, uint32_t);
void	 meter_gift(struct meter_flow *, uint32_t);
/* Bytes that credit was given for have come. */
void	 meter_came(struct meter_flow *, uint32_t, uint64_t);
/*
 * More credit is wanted.  Returns how much may be given now; the rest is
 * handed to give() in turn.
 */
uint32_t meter_want(struct meter_flow *, uint32_t, uint64_t);
/* Of all that was given, so much was not used: what was paid comes back. */
void	 meter_back(struct meter_flow *, uint32_t);
/* It wants nothing more, and what it has is not to be paid for. */
void	 meter_end(struct meter_flow *);
/*
 * For what knows no credit: 1 if a datagram of so many bytes may go now, and
 * is paid for; 0: drop it.
 */
int	 meter_pass(struct meter_flow *, uint32_t, uint64_t);

#endif /* METER_H */
