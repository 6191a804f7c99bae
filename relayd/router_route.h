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

#ifndef ROUTER_ROUTE_H
#define ROUTER_ROUTE_H

#include "router.h"

/*
 * Between router_route.c (the questions of listeners) and router_ticket.c
 * (what they are answered with).
 */

struct router_ticket {
	RB_ENTRY(router_ticket)		 by_id;
	LIST_ENTRY(router_ticket)	 of_client;
	LIST_ENTRY(router_ticket)	 of_node;
	uint64_t			 id;
	struct router_session		*client, *node;
	int				 ok;	/* the node's listener has it */
	struct grant			*grant;	/* NULL: the node is theirs */
	struct router_asks		 asks;	/* that wait for that */
	TAILQ_ENTRY(router_ticket)	 by_age;	/* once retired */
	uint64_t			 retired_ms;	/* 0: it is not */
};

/* ASK_STREAM: ours, of a stream that is there already (router_stream.c). */
enum ask_what { ASK_ROUTE, ASK_NODES, ASK_STREAM };

/* A listener's question.  The table by id owns it. */
struct router_ask {
	RB_ENTRY(router_ask)		 by_id;
	TAILQ_ENTRY(router_ask)		 by_age;
	TAILQ_ENTRY(router_ask)		 of_session;
	TAILQ_ENTRY(router_ask)		 of_ticket;
	uint32_t			 id;		/* ours */
	enum ask_what			 what;
	struct router_session		*rs;		/* who wants to know */
	uint32_t			 their_id;
	uint64_t			 until_ms;
	int				 sent;		/* auth has it */
	int				 begun;		/* part is answered */
	int				 late;		/* for a node that is
							   to be back soon */
	struct router_ticket		*ticket;	/* awaited, or NULL */
	struct grant			*grant;		/* auth's word; NULL */
	char				 node[CTL_NAME_LEN];	/* or the
						   last that is known */
	char				 node_id[USER_ID_LEN + 4];
	uint32_t			 max, more;	/* of nodes */
	uint64_t			 in, out;	/* of streams that have
							   ended meanwhile */
};

/* router_route.c */
/* What auth has said may no longer be so. */
void	 ask_again(struct router_ask *);
/* Auth has nothing against it: is there a link, and a ticket for it? */
void	 ask_resolve(struct router_ask *);

/* router_ticket.c */
struct router_ticket *ticket_find(uint64_t);
/* The ticket of this client for this link; a new one is on its way then. */
struct router_ticket *ticket_get(struct router_session *,
	    struct router_session *, const struct grant *);
/* Those that are retired; 1: there are more to come. */
int	 tickets_expire(uint64_t);
/* What it gives, before what rests on it; NULL: none is needed. */
void	 grant_tell(int, const struct grant *);
struct grant *grant_copy(const struct grant *);

#endif /* ROUTER_ROUTE_H */
