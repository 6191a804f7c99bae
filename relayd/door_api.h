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
#include "msg_conf.h"
#include "msg_stats.h"
#include "settings.h"
#include "textbuf.h"

/*
 * The api door, between its files:
 *
 *	door_api.c		on links: streams of the kind api
 *	door_api_list.c		lists of nodes and streams, page by page
 *	door_api_http.c		requests, who may ask what
 *	door_api_stats.c	/stats and /metrics: from router
 *	door_api_text.c		... as text
 */

struct api_list;
struct api_path;

/* A request that can't be answered at once; its connection owns it. */
struct api_request {
	TAILQ_ENTRY(api_request) waiting;	/* for figures */
	int			 is_waiting;
	struct conn		*conn;
	const struct api_path	*path;
	int			 metrics;	/* not /stats */
	struct api_list		*list;		/* or NULL */
	int			 begun;		/* the head is on its way */
};

#define API_WAIT_MS	10000	/* for what others have to tell */
#define API_STALL_MS	60000	/* for a client to take some of a list */

/* It waits for something, API_WAIT_MS at most, during which the client is not
   read. */
void	 api_wait(struct api_request *);
/* The answer, 200 with this media type, or 500 without memory; t is freed. */
void	 api_respond(struct conn *, const char *, struct textbuf *);
/* Somebody who should know is away: 503, to try again. */
void	 api_later(struct conn *);

/* Ask router for figures and answer with them, now or later, or with a
   refusal: as JSON, or as Prometheus reads them.  api_stats_forget: it does
   not wait for them any more; it may not have. */
void	 api_stats(struct api_request *);
void	 api_metrics(struct api_request *);
void	 api_stats_forget(struct api_request *);
/* Those who wait for figures are refused. */
void	 api_stats_router_gone(void);
/* From the begin of a configuration to its end: what certificates there are.
   The end has when relayd was started, s since 1970. */
void	 api_stats_conf_begin(void);
void	 api_stats_conf_end(int64_t);

enum api_list_kind { API_NODES, API_CONNECTIONS };

/*
 * api_list_new: what a session may see, as JSON between begin and end, which
 * have to live as long.  ready is called, later, when there is something to
 * pull, with 0, or with a mux code when there never will be: the list is to
 * be freed then.  NULL if router is away, or there are too many.
 * api_list_pull: as much as there is, up to so many bytes; *last is set with
 * the last of all.  Returns how many, 0 if ready will be called, or -1: it
 * broke off.
 */
struct api_list	*api_list_new(enum api_list_kind, uint64_t, const char *,
	    const char *, void (*)(void *, uint32_t), void *);
void	 api_list_free(struct api_list *);	/* takes NULL */
ssize_t	 api_list_pull(struct api_list *, void *, size_t, int *);
/* Those that wait for router are ready, with MUX_CODE_INTERNAL. */
void	 api_lists_router_gone(void);

/* The texts, from all there is to know; added to t. */
struct api_figures {
	struct figures		 f;
	struct conf_cert_end	 certs[CERTS_MAX];
	size_t			 ncerts;
	int64_t			 started, now;	/* s since 1970 */
};
void	 api_stats_json(struct textbuf *, const struct api_figures *);
void	 api_stats_metrics(struct textbuf *, const struct api_figures *);

#endif /* DOOR_API_H */
