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
 * The api door on a client's link, as a stream of the kind api: "nodes", what
 * its user may reach.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "door_api.h"
#include "doors.h"
#include "log.h"

#define ANSWERS_MAX	8	/* at once on one link */

/* An answer on its way out on a stream; the stream owns it. */
struct answer {
	struct mux_stream	*stream;
	struct conn		*conn;
	struct api_list		*list;
};

static void	answer_free(struct answer *);
static void	answer_ready(void *, uint32_t);
static void	answer_break(struct answer *);
static size_t	answer_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	answer_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static void	answer_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	answer_done(struct mux_stream *, void *);

static const struct mux_stream_ops answer_ops = {
	.input = answer_input,
	.pull = answer_pull,
	.reset = answer_reset,
	.done = answer_done
};

void
door_api_open(struct conn *c, struct mux_stream *s,
    const struct mux_open *open)
{
	struct answer	*a;

	if (strcmp(open->host, "nodes") != 0) {
		mux_reset(s, MUX_CODE_UNSUPPORTED, "no such question");
		return;
	}
	if (c->nanswers >= ANSWERS_MAX) {
		mux_reset(s, MUX_CODE_LIMIT, "too many questions at once");
		return;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		mux_reset(s, MUX_CODE_LIMIT, "no memory");
		return;
	}
	a->stream = s;
	a->conn = c;
	a->list = api_list_new(API_NODES, c->session->session, "[", "]\n",
	    answer_ready, a);
	if (a->list == NULL) {
		free(a);
		mux_reset(s, MUX_CODE_INTERNAL, "the relay is starting");
		return;
	}
	c->nanswers++;
	mux_stream_own(s, &answer_ops, a);
	mux_accept(s);
}

static void
answer_free(struct answer *a)
{
	a->conn->nanswers--;
	api_list_free(a->list);
	free(a);
}

static void
answer_break(struct answer *a)
{
	mux_reset(a->stream, MUX_CODE_INTERNAL,
	    "the relay is starting: try again");
	answer_free(a);
}

static void
answer_ready(void *arg, uint32_t code)
{
	struct answer	*a = arg;

	if (code != 0)
		answer_break(a);
	else
		mux_ready(a->stream);
}

static size_t
answer_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	/* Whatever follows a question is of no interest. */
	return (len);
}

static size_t
answer_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct answer	*a = arg;
	ssize_t		 n;
	int		 last;

	if ((n = api_list_pull(a->list, buf, cap, &last)) == -1) {
		answer_break(a);
		return (0);
	}
	*more = last ? MUX_LAST : MUX_MORE;
	return ((size_t)n);
}

static void
answer_reset(struct mux_stream *s, void *arg, uint16_t code,
    const char *text)
{
	answer_free(arg);
}

static void
answer_done(struct mux_stream *s, void *arg)
{
	answer_free(arg);
}
