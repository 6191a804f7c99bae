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

#ifndef MSG_RPC_H
#define MSG_RPC_H

#include <stdint.h>

#include "addr.h"
#include "ctl.h"
#include "relayd.h"

/* Messages: pairing codes, and nodes of the other make. */

/*
 * The rpc door.  Codes and tokens are known by their SHA-256 only.  An offer
 * is of a node with an account, by its link's session, or of one of the other
 * make, by its name.
 */
#define RPC_HASH_LEN	32
#define RPC_NODE_LEN	128
#define RPC_NAME_MAX	120		/* bytes that those call themselves */

struct pair_offer {
	uint64_t		 session;	/* 0: rpc_node is set */
	char			 rpc_node[RPC_NODE_LEN];
	uint8_t			 hash[RPC_HASH_LEN];
	uint32_t		 ttl;		/* s; 0: as configured */
	uint32_t		 again;		/* to a new router... */
	int64_t			 expires_at;	/* ...until then */
};

enum pair_code {
	PAIR_OK = 0,
	PAIR_EMPTY,		/* no code in it */
	PAIR_RATE,		/* too many attempts from there */
	PAIR_INVALID,		/* no such code */
	PAIR_OFFLINE,		/* its node is not connected */
	PAIR_USED,		/* an offer: it was used already */
	PAIR_TAKEN,		/* an offer: it is another node's */
	PAIR_FULL,		/* an offer: there are too many */
	PAIR_LATER		/* who should know is away */
};

struct pair_offered {
	uint32_t		 code;		/* enum pair_code */
	uint32_t		 pad;
	uint8_t			 hash[RPC_HASH_LEN];
	int64_t			 expires_at;
	char			 url[CTL_TEXT_LEN];	/* the relay's, or "" */
};

struct pair_gone {
	uint8_t			 hash[RPC_HASH_LEN];
};

struct pair_used {
	uint8_t			 hash[RPC_HASH_LEN];
	char			 node[RPC_NODE_LEN];	/* id, or "rpc:" and
							   a name */
	int64_t			 at;
};

struct pair_ask {
	uint8_t			 hash[RPC_HASH_LEN];	/* of the code... */
	uint8_t			 fold[RPC_HASH_LEN];	/* ...and of what was
							   meant by it */
	uint32_t		 empty;			/* there is none */
	uint32_t		 pad;
	uint8_t			 token[RPC_HASH_LEN];	/* of what it buys */
	struct addr_key		 from;
	char			 addr[CTL_ADDR_LEN];
	char			 software[CTL_TEXT_LEN];
};

struct pair_answer {
	uint32_t		 code;		/* enum pair_code */
	uint32_t		 retry_after;	/* s */
	int64_t			 expires_at;
	char			 node[RPC_NODE_LEN];
};

struct pair_buy {
	uint8_t			 token[RPC_HASH_LEN];
	char			 node_id[USER_ID_LEN + 4];
	char			 node[CTL_NAME_LEN];
	char			 addr[CTL_ADDR_LEN];
	char			 software[CTL_TEXT_LEN];
};

struct pair_bought {
	uint32_t		 code;		/* enum pair_code */
	uint32_t		 pad;
	int64_t			 expires_at;
	char			 node[CTL_NAME_LEN];
};

struct rpc_count {
	uint64_t		 sessions;
};

struct health {
	uint64_t		 nodes, pairs, sessions;
};

struct rpc_key {
	char			 node[RPC_NODE_LEN];
	uint8_t			 hash[RPC_HASH_LEN];	/* of its secret */
};

struct rpc_node_ask {
	char			 node[RPC_NODE_LEN];
	uint8_t			 key[RPC_HASH_LEN];
	uint32_t		 has_key;
	struct addr_key		 from;
	char			 addr[CTL_ADDR_LEN];
};

struct rpc_node_may {
	uint32_t		 status;	/* 101, or to refuse it with */
	uint32_t		 retry_after;	/* s */
};

struct rpc_node {
	char			 node[RPC_NODE_LEN];
	int32_t			 listener;
	uint32_t		 conn;
	uint32_t		 live;		/* it gets requests, or waits to
						   show that it may have them */
	struct addr_key		 from;
	char			 addr[CTL_ADDR_LEN];
	int64_t			 since;
};

struct rpc_session {
	uint8_t			 token[RPC_HASH_LEN];
	char			 node[RPC_NODE_LEN];
	int64_t			 expires_at;	/* 0: it has ended */
};

/* Slots of a node: each is a request of a paired client that may wait. */
enum rpc_slots_what {
	/* of a listener: */
	RPC_SLOTS_ASK,		/* it wants n more */
	RPC_SLOTS_BACK,		/* it needs n no more */
	RPC_SLOTS_UNUSED,	/* likewise; all there are, as was WANTED */
	RPC_SLOTS_LEFT,		/* likewise; it has no client of that node */
	RPC_SLOTS_HAD,		/* to a new router: it has n */
	RPC_SLOTS_TOLD,		/* and that was all; of no node */
	/* of router: */
	RPC_SLOTS_GIVEN,	/* n more, or none (0), as was asked */
	RPC_SLOTS_WANTED,	/* what it does not use is to come back, and (n
				   is 1) what it does use later */
	RPC_SLOTS_LIVE		/* whether the node is connected */
};

struct rpc_slots {
	char			 node_id[USER_ID_LEN + 4];
	uint32_t		 what;		/* enum rpc_slots_what */
	uint32_t		 n;
	uint32_t		 live;		/* of router: it may be there */
};

#endif /* MSG_RPC_H */
