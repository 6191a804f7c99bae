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

#ifndef RPC_NODE_INTERNAL_H
#define RPC_NODE_INTERNAL_H

#include "door_rpc.h"

/*
 * Between rpc_node.c (nodes of the other make that are linked here) and
 * rpc_relay.c (those of another listener, and requests from there).
 */

#define RPC_UID_LEN	16	/* of the id that a node sees */

struct rpc_node_link {
	struct conn		*c;
	struct rpc_ws		*ws;
	struct rpc_share	*share;
	struct rpc_node		 n;
	RB_HEAD(asked_tree, rpc_asked) asked;
	uint32_t		 nasked;
	uint32_t		 offers;
	uint32_t		 told;		/* router of this number */
};

/*
 * A request on its way.  Where it was asked it has a request, and a node that
 * is here or a stream; where it is relayed a stream and, once it is whole, a
 * node.
 */
struct rpc_asked {
	RB_ENTRY(rpc_asked)	 by_uid;
	char			 uid[RPC_UID_LEN + 1];
	struct rpc_request	*request;
	struct rpc_node_link	*node;
	struct mux_stream	*stream;
	char			*out;
	size_t			 outlen, outoff;
	char			*in;
	size_t			 inlen, insize;
};

/* The node of this name, if it is linked here, or NULL. */
struct rpc_node_link *rpc_node_here(const char *);
/* Send it this request, with an id of ours.  NULL, or what its client is told:
   it was not sent then. */
const char	*rpc_node_send(struct rpc_node_link *, struct rpc_asked *,
		    json_t *);
/* Its client, or its stream, is told so, and it is gone. */
void		 rpc_asked_fail(struct rpc_asked *, const char *);
/* It goes, and nobody is told. */
void		 rpc_asked_destroy(struct rpc_asked *);
/*
 * By way of the listener that has the node: the name and the request, as they
 * are.  NULL, or an error.
 */
const char	*rpc_ask_there(struct rpc_asked *, const struct rpc_node *,
		    json_t *);

#endif /* RPC_NODE_INTERNAL_H */
