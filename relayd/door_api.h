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

#ifndef DOOR_API_H
#define DOOR_API_H

#include <sys/queue.h>

#include "listener.h"
#include "textbuf.h"

/*
 * The api door over HTTP, between its files:
 *
 *	door_api_http.c		requests, who may ask what
 *	door_api_stats.c	/stats and /metrics: from router
 *	door_api_text.c		... as text
 */

struct api_path;

/* A request that can't be answered at once; its connection owns it. */
struct api_request {
	TAILQ_ENTRY(api_request) waiting;	/* for figures */
	int			 is_waiting;
	struct conn		*conn;
	const struct api_path	*path;
	int			 metrics;	/* not /stats */
};

#define API_WAIT_MS	10000	/* for what others have to tell */

/* It waits for something, during which the client is not read. */
void	 api_wait(struct api_request *);
/* The answer; t is freed. */
void	 api_respond(struct conn *, const char *, struct textbuf *);
/* Somebody who should know is away. */
void	 api_later(struct conn *);

/* Ask for figures and answer with them, or a refusal. */
void	 api_stats(struct api_request *);
void	 api_metrics(struct api_request *);
void	 api_stats_forget(struct api_request *);
void	 api_stats_router_gone(void);
/* From the begin of a configuration to its end: what certificates there are. */
void	 api_stats_conf_begin(void);
void	 api_stats_conf_end(int64_t);

/* The texts, from all there is to know. */
struct api_figures {
	struct figures		 f;
	struct conf_cert_end	 certs[CERTS_MAX];
	size_t			 ncerts;
	int64_t			 started, now;	/* s since 1970 */
};
void	 api_stats_json(struct textbuf *, const struct api_figures *);
void	 api_stats_metrics(struct textbuf *, const struct api_figures *);

#endif /* DOOR_API_H */
