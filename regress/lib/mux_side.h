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

#ifndef MUX_SIDE_H
#define MUX_SIDE_H

#include <event2/event.h>

#include "mux.h"

/*
 * Two muxes, a (the dialer) and b, with a link of memory between them on an
 * event loop: for what lies between a mux and descriptors.  link: needs
 * regress/lib/mux_side.c.
 */
struct side {
	struct mux	*mux;
	struct side	*peer;
	struct event	*pump;
	int		 stopped;	/* the link is full */
	/* what streams of this side said */
	int		 accepted, eofs, closed, code;
	char		 text[256];
	int		 ended_well;
	struct fdstream	*f;		/* the last, until it is over */
	struct dgramstream *d;		/* or this */
	/* b: how it takes streams */
	int		 fd;		/* the target to give to the next */
	int		 late;		/* only own it; the test goes on */
	struct mux_stream *s;
};

extern struct event_base	*base;
extern struct mux_budget	 budget;
extern struct side		 a, b;

/*
 * Streams are taken as these ops say, whose arg is the side, within this early
 * credit; so many frames cross at a time (0: all there are).
 */
void	 sides_setup(void (*)(struct mux *, void *, struct mux_stream *,
	    const struct mux_open *), uint32_t, int);
/* Checks that no memory is reserved any more. */
void	 sides_teardown(void);
/* The link of this side breaks. */
void	 side_done(struct side *);
/* What closed() was told, and that it is the end. */
void	 side_closed(struct side *, uint16_t, const char *);

/* Turns of the event loop. */
#define WAIT_PASSES	20000
void	 passes(int);

/* The condition is looked at anew, and once, in each pass. */
#define WAIT(cond) do {							\
	int	 left_ = WAIT_PASSES, ok_;				\
									\
	while (!(ok_ = (cond)) && left_-- > 0) {			\
		passes(1);						\
		usleep(100);						\
	}								\
	assert_true(ok_);						\
} while (0)

#endif /* MUX_SIDE_H */
