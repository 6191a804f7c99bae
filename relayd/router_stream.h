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

#ifndef ROUTER_STREAM_H
#define ROUTER_STREAM_H

#include "router.h"

/*
 * Between router_stream.c (the streams) and router_stream_list.c (who may see
 * them).
 */

/*
 * A stream without a ticket of ours leads to a node by a listener's word
 * alone.  It counts there if its client may reach that node.
 */
enum stream_right { RIGHT_UNKNOWN, RIGHT_ASKED, RIGHT_YES, RIGHT_NO };

/* The table by id owns it; its client's session outlives it. */
struct router_stream {
	RB_ENTRY(router_stream)		 by_id;
	TAILQ_ENTRY(router_stream)	 of_session;
	struct router_session		*client;
	uint64_t			 id;
	uint64_t			 node_session;	/* 0: not known */
	enum stream_right		 right;		/* then: to the node
							   of its name */
	int64_t				 since;
	uint64_t			 up_ms;
	uint64_t			 in, out;
	struct tally			*tallies[STREAM_METERS];
	uint64_t			 missed_in, missed_out;	/* while the
							   node is not known */
	struct stream_down		*over;		/* its end, or NULL;
							   waits for auth's
							   word on its client */
	uint16_t			 kind, port;
	char				*node, *addr;	/* within text */
	char				 text[];	/* host, node, addr */
};

RB_HEAD(router_stream_table, router_stream);
RB_PROTOTYPE(router_stream_table, router_stream, by_id, stream_cmp)
int		 stream_cmp(struct router_stream *, struct router_stream *);
extern struct router_stream_table router_streams;

/* The session of the node's link, if it can be told. */
struct router_session *stream_node(const struct router_stream *);
/* Where its client is. */
const char	*stream_addr(const struct router_stream *);

#endif /* ROUTER_STREAM_H */
