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

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mux_side.h"

struct event_base	*base;
struct mux_budget	 budget;
struct side		 a, b;

static struct mux_ops	 mux_ops;
static uint32_t		 early;
static int		 frames;

static void
want_output(struct mux *m, void *arg)
{
	struct side	*side = arg;

	event_active(side->pump, EV_READ, 0);
}

static void
pump(evutil_socket_t fd, short what, void *arg)
{
	struct side	*side = arg;
	uint8_t		 buf[MUX_FRAME_MAX];
	size_t		 n;
	int		 i;

	for (i = 0; (frames == 0 || i < frames) && !side->stopped; i++) {
		if ((n = mux_output(side->mux, buf, sizeof(buf), 0)) == 0)
			return;
		if (side->peer->mux == NULL)
			continue;
		assert_int_equal(mux_input(side->peer->mux, buf, n, 0), 0);
		mux_input_end(side->peer->mux);
	}
	if (!side->stopped) {
		/* Let others have a turn. */
		struct timeval	 now = { 0, 0 };

		event_add(side->pump, &now);
	}
}

static void
side_init(struct side *side, struct side *peer, int dialer)
{
	struct mux_hello	 hello = { .version = 1,
				    .credit = early };
	struct mux_config	 cfg = { .ops = &mux_ops, .arg = side,
				    .dialer = dialer, .streams_max = 100,
				    .link_budget = 64 << 20,
				    .budget = &budget };

	memset(side, 0, sizeof(*side));
	side->peer = peer;
	side->pump = event_new(base, -1, EV_PERSIST, pump, side);
	side->mux = mux_new(&cfg);
	assert_non_null(side->mux);
	mux_send_hello(side->mux, &hello);
}

void
sides_setup(void (*open)(struct mux *, void *, struct mux_stream *,
    const struct mux_open *), uint32_t credit, int frames_a_pass)
{
	signal(SIGPIPE, SIG_IGN);
	mux_ops.open = open;
	mux_ops.want_output = want_output;
	early = credit;
	frames = frames_a_pass;
	base = event_base_new();
	memset(&budget, 0, sizeof(budget));
	budget.limit = 256 << 20;
	side_init(&a, &b, 1);
	side_init(&b, &a, 0);
}

void
side_done(struct side *side)
{
	struct mux	*m = side->mux;

	side->mux = NULL;
	mux_free(m, "link lost");
	event_free(side->pump);
}

void
sides_teardown(void)
{
	side_done(&a);
	side_done(&b);
	event_base_free(base);
	assert_int_equal(budget.used, 0);
}

void
side_closed(struct side *side, uint16_t code, const char *text)
{
	side->closed++;
	side->code = code;
	side->ended_well = text == NULL;
	strlcpy(side->text, text == NULL ? "" : text, sizeof(side->text));
	side->f = NULL;
	side->d = NULL;
}

void
passes(int n)
{
	while (n-- > 0)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}
