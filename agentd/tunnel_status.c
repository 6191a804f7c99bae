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
 * agentd status: the link, what was tried before, and the streams, as told
 * at the control socket (lib/ctl.h).
 */

#include "compat.h"

#include <imsg.h>

#include <string.h>
#include <time.h>

#include "control.h"
#include "log.h"
#include "tunnel.h"

#define TRIES_MAX	16	/* that are remembered */

struct control_request {
	uint32_t	 type;
	size_t		 size;
	void		(*run)(struct control *);
};

static int	status_take(struct control *, struct imsg *);
static void	status_go_on(struct control *);
static void	run_status(struct control *);
static void	run_tries(struct control *);
static void	run_streams(struct control *);
static void	run_backends(struct control *);

static const struct control_ops status_ops = {
	.take = status_take, .go_on = status_go_on,
	.unknown = "agentd does not know this request: is it of the same "
	    "version?"
};

static const struct control_request requests[] = {
	{ CTL_AGENT_STATUS, sizeof(struct ctl_name), run_status },
	{ CTL_AGENT_TRIES, sizeof(struct ctl_name), run_tries },
	{ CTL_AGENT_STREAMS, sizeof(struct ctl_name), run_streams },
	{ CTL_AGENT_BACKENDS, sizeof(struct ctl_name), run_backends },
	{ CTL_PAIR, sizeof(struct ctl_pair), pair_offer },
};

/* A ring: the oldest is at ntries once it is full. */
static struct ctl_agent_try	 tries[TRIES_MAX];
static size_t			 ntries;
static struct ctl_agent_backend	 backends[BACKENDS_MAX];
static size_t			 nbackends;
static int64_t			 started;
static uint64_t			 times_up, times_failed;

void
status_serve(void)
{
	started = time(NULL);
	control_serve(&status_ops);
}

int
status_recv_control(struct proc_peer *peer, struct imsg *imsg)
{
	int	 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	control_listen(fd);
	return (0);
}

int
status_recv_backend(struct proc_peer *peer, struct imsg *imsg)
{
	struct backend_state	 st;

	if (imsg_get_data(imsg, &st, sizeof(st)) == -1 ||
	    st.count > BACKENDS_MAX || (st.count > 0 && st.index >= st.count))
		return (-1);
	nbackends = st.count;
	if (st.count > 0)
		backends[st.index] = st.shown;
	return (0);
}

void
status_note(const char *what, const char *relay, const char *way,
    const char *text)
{
	struct ctl_agent_try	*t = &tries[ntries++ % TRIES_MAX];

	memset(t, 0, sizeof(*t));
	t->at = time(NULL);
	strlcpy(t->what, what, sizeof(t->what));
	strlcpy(t->relay, relay, sizeof(t->relay));
	strlcpy(t->way, way, sizeof(t->way));
	strlcpy(t->text, text, sizeof(t->text));
	times_up += strcmp(what, "up") == 0;
	times_failed += strcmp(what, "failed") == 0;
}

static int
status_take(struct control *c, struct imsg *imsg)
{
	size_t	 i;

	for (i = 0; i < nitems(requests); i++) {
		if (requests[i].type != imsg_get_type(imsg))
			continue;
		if (imsg_get_data(imsg, &c->payload, requests[i].size) == -1)
			return (-1);
		c->req = &requests[i];
		requests[i].run(c);
		return (0);
	}
	return (-1);
}

static void
run_status(struct control *c)
{
	struct ctl_agent	 a;

	memset(&a, 0, sizeof(a));
	a.started = started;
	a.times_up = times_up;
	a.times_failed = times_failed;
	tunnel_state(&a);
	target_totals(&a);
	control_send(c, CTL_AGENT, &a, sizeof(a));
	control_done(c, CTL_CODE_OK, "");
}

static void
run_tries(struct control *c)
{
	size_t	 i;

	for (i = ntries < TRIES_MAX ? 0 : ntries - TRIES_MAX; i < ntries; i++)
		control_send(c, CTL_AGENT_TRY, &tries[i % TRIES_MAX],
		    sizeof(tries[0]));
	control_done(c, CTL_CODE_OK, "");
}

static void
run_backends(struct control *c)
{
	size_t	 i;

	for (i = 0; i < nbackends; i++)
		control_send(c, CTL_AGENT_BACKEND, &backends[i],
		    sizeof(backends[0]));
	control_done(c, CTL_CODE_OK, "");
}

static void
run_streams(struct control *c)
{
	c->cursor = 0;
	control_await(c, CONTROL_READER, 0);
	status_go_on(c);
}

/* As much of the list of streams as there is room for. */
static void
status_go_on(struct control *c)
{
	struct ctl_agent_stream	 s;

	while (control_room(c)) {
		if (target_next(c->cursor, &s) == -1) {
			control_done(c, CTL_CODE_OK, "");
			return;
		}
		c->cursor = s.id;
		control_send(c, CTL_AGENT_STREAM, &s, sizeof(s));
	}
}
