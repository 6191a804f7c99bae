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
 * The api door's figures: /stats as JSON, /metrics as Prometheus reads it.
 * Router gathers them; a moment later the same ones will do, so that many
 * who ask often cost little.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "door_api.h"
#include "doors.h"
#include "log.h"

#define RECENT_MS	1000
#define ASK_AGAIN_MS	3000	/* when there is no answer */
#define TEXT_MAX	(256 * 1024)

static TAILQ_HEAD(, api_request) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct api_figures	 figures;
static uint64_t			 figures_ms;	/* when; 0: never */
static uint64_t			 asked_ms;	/* 0: not now */
static uint64_t			 next_ask;
static struct conf_cert_end	 next_certs[CERTS_MAX];
static size_t			 nnext;

static void	stats_say(struct api_request *);

void
api_stats_conf_begin(void)
{
	nnext = 0;
}

int
door_api_recv_cert(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_cert_end	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 || c.index != nnext ||
	    nnext >= nitems(next_certs) ||
	    memchr(c.name, '\0', sizeof(c.name)) == NULL)
		return (-1);
	next_certs[nnext++] = c;
	return (0);
}

void
api_stats_conf_end(int64_t started)
{
	memcpy(figures.certs, next_certs, sizeof(figures.certs));
	figures.ncerts = nnext;
	figures.started = started;
}

void
api_metrics(struct api_request *r)
{
	r->metrics = 1;
	api_stats(r);
}

void
api_stats(struct api_request *r)
{
	struct ctl_id	 ask;
	uint64_t	 now = listener_ms();

	if (proc_peer(PROC_ROUTER, 0) == NULL) {
		api_later(r->conn);
		return;
	}
	if (figures_ms != 0 && now - figures_ms < RECENT_MS) {
		stats_say(r);
		return;
	}
	if (asked_ms == 0 || now - asked_ms > ASK_AGAIN_MS) {
		ask.id = ++next_ask;
		if (proc_send(proc_peer(PROC_ROUTER, 0), IMSG_FIGURES_ASK, 0,
		    -1, &ask, sizeof(ask)) == -1) {
			api_later(r->conn);
			return;
		}
		asked_ms = now;
	}
	TAILQ_INSERT_TAIL(&waiting, r, waiting);
	r->is_waiting = 1;
	api_wait(r);
}

void
api_stats_forget(struct api_request *r)
{
	if (!r->is_waiting)
		return;
	r->is_waiting = 0;
	TAILQ_REMOVE(&waiting, r, waiting);
}

int
door_api_recv_figures(struct proc_peer *peer, struct imsg *imsg)
{
	struct api_request	*r;

	if (imsg_get_data(imsg, &figures.f, sizeof(figures.f)) == -1 ||
	    figures.f.nusage > FIGURES_USAGE) {
		figures_ms = 0;
		return (-1);
	}
	asked_ms = 0;
	figures_ms = listener_ms();
	while ((r = TAILQ_FIRST(&waiting)) != NULL) {
		api_stats_forget(r);
		stats_say(r);
	}
	return (0);
}

void
api_stats_router_gone(void)
{
	struct api_request	*r;

	asked_ms = figures_ms = 0;
	while ((r = TAILQ_FIRST(&waiting)) != NULL) {
		api_stats_forget(r);
		api_later(r->conn);
	}
}

static void
stats_say(struct api_request *r)
{
	struct textbuf	 t;

	figures.now = time(NULL);
	textbuf_init(&t, TEXT_MAX);
	if (r->metrics) {
		api_stats_metrics(&t, &figures);
		api_respond(r->conn, "text/plain; version=0.0.4; "
		    "charset=utf-8", &t);
	} else {
		api_stats_json(&t, &figures);
		api_respond(r->conn, "application/json", &t);
	}
}
