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


#ifndef HTTP_BACKEND_INTERNAL_H
#define HTTP_BACKEND_INTERNAL_H

#include <sys/queue.h>

#include "http_backend.h"
#include "http_prologue.h"
#include "http_site.h"
#include "listener.h"

/*
 * Between http_backend.c (its life, from whoever makes it to who uses it
 * next), http_backend_open.c (its way to the node) and http_backend_stream.c
 * (what its stream, and its entry on record, ask of it).
 */

#define BACKEND_ROUTE_MS	5000	/* for a node that may come back */
#define BACKEND_OPEN_MS		30000	/* agents give up before that */

enum backend_state {
	BACKEND_NEW,
	BACKEND_ROUTE,		/* router was asked */
	BACKEND_LATE,		/* the node is to come back: ask again */
	BACKEND_OPEN,		/* the node was asked */
	BACKEND_PROLOGUE,	/* it is connected */
	BACKEND_READY,
	BACKEND_CLOSE,		/* nobody has it any more */
	BACKEND_OVER
};

/* Whoever made it owns it; in BACKEND_CLOSE the list of those that wait. */
struct http_backend {
	struct stream_record		 record;	/* at our address */
	TAILQ_ENTRY(http_backend)	 entry;
	int				 ticks;		/* is in that list */
	uint64_t			 until_ms;
	enum backend_state		 state;
	struct site_use			 site;
	struct visitor			*visitor;
	struct sockaddr_storage		 client;
	int				 hasty;
	struct mux_stream		*stream;
	struct grant_use		*use;		/* or NULL */
	const struct http_backend_ops	*ops;		/* NULL: it is idle */
	void				*arg;
	uint64_t			 idle_ms;	/* since */
	uint64_t			 in, out;	/* when it is over */
	struct http_prologue		 prologue;
	size_t				 nearly;
	char				 request_id[32];
	char				 node[CTL_NAME_LEN];
	char				 service[SITE_SERVICE_LEN];
	uint8_t				 early[HTTP_PROLOGUE_MAX];
};

extern const struct mux_stream_ops	 backend_stream_ops;
extern const struct stream_record_ops	 backend_record_ops;

/* http_backend.c */

/* Wait so many ms: then it is over, in the way of its state; or no more. */
void	 backend_tick(struct http_backend *, uint32_t);
void	 backend_untick(struct http_backend *);
/*
 * It is over, with a mux code and a text for people (code 0, NULL: in order);
 * its stream has ended already, and who uses it is told.  Its owner frees it.
 */
void	 backend_over(struct http_backend *, uint16_t, const char *);
/* Free it, when it rests on nothing any more. */
void	 backend_destroy(struct http_backend *);

/* http_backend_open.c */

/* Ask for its route; that, or its end, follows. */
void	 backend_find(struct http_backend *);

/* http_backend_stream.c */

/* The same as backend_over, and its stream is reset.  See stream_record_ops. */
void	 backend_kill(struct stream_record *, uint16_t, const char *);

#endif /* HTTP_BACKEND_INTERNAL_H */
