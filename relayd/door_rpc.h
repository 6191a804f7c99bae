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


#ifndef DOOR_RPC_H
#define DOOR_RPC_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "listener.h"
#include "msg_rpc.h"
#include "rpc_message.h"
#include "rpc_share.h"
#include "rpc_ws.h"
#include "settings.h"

/*
 * The rpc door, between its files:
 *
 *	door_rpc.c	requests for it, who may come
 *	door_rpc_pair.c	pairing: codes and what they buy
 *	rpc_client.c	paired clients, and their requests
 *	rpc_call.c	one of those to a node of ours, as the http door does it
 *	rpc_slot.c	how many requests may wait for a node of ours
 *	rpc_node.c	nodes of the other make that are linked here
 *	rpc_relay.c	those of another listener
 *	rpc_keep.c	what is remembered for a new router
 *	rpc_share.c	who has how much memory
 *	rpc_ws.c	WebSockets; rpc_message.c, rpc_answer.c: what is
 *			said on them
 */

struct http_backend;
struct rpc_client;
struct rpc_call;
struct rpc_load;
struct rpc_node_link;

/* What a connection has of it once it is a WebSocket; it owns that. */
struct rpc {
	struct rpc_client	*client;
	struct rpc_node_link	*node;		/* or that */
	/* on its way there: */
	int			 denied;	/* accept it, and say 4403 */
	int			 asked;		/* router, whether it may */
	int			 secure;	/* it came by https */
	char			 name[RPC_NODE_LEN];	/* of such a node */
	struct rpc_session	 session;	/* with one of those */
};

extern struct relayd_rpc	 rpc_conf;

/* What an answer can be, and what is made of it: text, and the fields. */
#define RPC_ANSWER_BYTES	(rpc_conf.body_max / 3 * 4 + 128 * 1024)
extern char			 rpc_domain[DOMAIN_LEN];

/* ---- door_rpc_pair.c ---- */

/* POST /api/pair: it is answered, or will be. */
void	 rpc_pair_request(struct conn *, const struct http_head *,
	    const struct http_framing *);
/* The connection is gone, or answered: its secrets go. */
void	 rpc_pair_forget(struct conn *);
/* Offers of our nodes that router has not answered: reset. */
void	 rpc_pair_router_gone(void);

/* ---- rpc_client.c ---- */

/*
 * The connection is a WebSocket now: its tls is the client's, which c->rpc
 * has.  0, or -1 without memory: tls is as it was.
 */
int	 rpc_client_begin(struct conn *);
/* It ends: in order, with a close code (RFC 6455, 7.4), when its requests are
   over at once; or all of it at once (takes NULL). */
void	 rpc_client_close(struct rpc_client *, int);
void	 rpc_client_free(struct rpc_client *);
/* Whether no request waits, and nothing has come or gone for so many ms. */
int	 rpc_client_quiet(const struct rpc_client *, uint64_t);
/* What it takes, bytes; and besides, what waits or is held for requests. */
size_t	 rpc_client_memory(const struct rpc_client *, size_t *);
/* Its connection; as whom it visits a node of ours (NULL: it has another);
   whether it came by TLS. */
struct conn *rpc_client_conn(const struct rpc_client *);
struct visitor *rpc_client_visitor(const struct rpc_client *);
int	 rpc_client_tls(const struct rpc_client *);
int	 rpc_client_secure(const struct rpc_client *);
/* Keep this backend's connection (or NULL) for its next request; returns the
   one that was kept before, which is the caller's. */
struct http_backend *rpc_client_idle(struct rpc_client *,
	    struct http_backend *);

/* Of the requests that may wait for a node of ours. */
enum rpc_slot { RPC_SLOT_NONE, RPC_SLOT_WAITS, RPC_SLOT_HAS };

/*
 * Of a request that waits, for those who carry it.  rpc_answer: it has its
 * answer, or an error; text is malloced and taken over, NULL without memory.
 */
struct rpc_request {
	TAILQ_ENTRY(rpc_request) entry;
	TAILQ_ENTRY(rpc_request) waiting;	/* for a slot */
	enum rpc_slot		 slot;
	json_t			*object;	/* while it waits for one */
	struct rpc_client	*client;
	char			*id;
	int			 has_id;	/* the client gave it */
	struct event		*timer;
	size_t			 held;		/* bytes */
	size_t			 collects;	/* bytes for its answer... */
	int			 waits;		/* ...or not yet */
	struct rpc_call		*call;		/* by which it goes: that, */
	struct rpc_asked	*asked;		/* or that */
};
/* Either frees the request, and with it call and asked. */
void	 rpc_answer(struct rpc_request *, char *, size_t);
void	 rpc_fail(struct rpc_request *, const char *);
/*
 * There may be as much as an answer can be of its memory now: 0; or -1, not
 * yet, and rpc_call_go_on will be called.
 */
int	 rpc_collect(struct rpc_request *);

/* It has a slot now; it may be gone then. */
void	 rpc_request_go_on(struct rpc_request *);
/* What waits for its node, NULL: that is of the other make. */
struct rpc_load *rpc_client_load(const struct rpc_client *);

/* ---- rpc_slot.c ---- */

/* What waits for one node of ours here; by the node's id.  A reference, for
   rpc_load_unref; NULL without memory. */
struct rpc_load	*rpc_load_ref(const char *);
void	 rpc_load_unref(struct rpc_load *);
/* Whether that node is connected, as far as is known. */
int	 rpc_load_live(const struct rpc_load *);
/*
 * A request wants a slot, as all do that wait for a node of ours.  0: it has
 * one; 1: it waits, and rpc_request_go_on or rpc_fail follows; -1: there are
 * too many.  rpc_slot_free: it needs none any more.
 */
int	 rpc_slot_take(struct rpc_request *);
void	 rpc_slot_free(struct rpc_request *);
/* To a new router; 1: it knows all. */
int	 rpc_slots_announce(void);
/* What all of them take, bytes; and how many they are. */
size_t	 rpc_loads_memory(uint32_t *);

/* ---- rpc_call.c ---- */

/*
 * A request to the client's own node; answered later, or *error is set, with
 * what the client is told.  The body is taken over.
 */
struct rpc_call	*rpc_call_new(struct rpc_request *, const json_t *, uint8_t *,
		    size_t, const char **);
/* Nobody waits for it; takes NULL. */
void	 rpc_call_free(struct rpc_call *);
/* There is memory for its answer (rpc_collect); it may be gone then. */
void	 rpc_call_go_on(struct rpc_call *);
/* Its time is over: it is about to be freed. */
void	 rpc_call_late(struct rpc_call *);

/* ---- rpc_node.c ---- */

/* As those of rpc_client.c.  Clients hear that the node has gone. */
int	 rpc_node_begin(struct conn *);
void	 rpc_node_close(struct rpc_node_link *, int);
void	 rpc_node_free(struct rpc_node_link *);
/* Router has answered its offer of a code. */
void	 rpc_node_offered(struct rpc_node_link *, const struct pair_offered *);
/* As rpc_client_memory. */
size_t	 rpc_node_memory(const struct rpc_node_link *, size_t *);
/* How many requests it has. */
uint32_t rpc_node_pending(const struct rpc_node_link *);

/*
 * A request to one of them, by its name; answered later, or *error is set at
 * once.  The object stays the caller's.
 */
struct rpc_asked *rpc_ask(struct rpc_request *, const char *, json_t *,
		    const char **);
/* Nobody waits for it; takes NULL. */
void	 rpc_asked_free(struct rpc_asked *);
/* Router will not answer what it was asked for them. */
void	 rpc_nodes_router_gone(void);

/* ---- rpc_keep.c ---- */

/* The session with a node of the other make that a token is for, by the
   token's hash (RPC_HASH_LEN bytes); or NULL.  Valid for the moment. */
const struct rpc_session *keep_session(const uint8_t *);
/* Where a node of the other make is: listener and connection; or NULL: it is
   not connected.  Valid for the moment. */
const struct rpc_node *keep_node(const char *);
/* A code that was offered by this connection; it is gone with that.  Without
   room or memory it is not kept, and a new router does not hear of it. */
void	 keep_offer(uint32_t, const struct pair_offer *);
/* The nodes that are here, to a new router; 1: it knows all. */
int	 rpc_nodes_announce(void);
/* Which router it is: it has heard of what bears its number. */
uint32_t keep_router(void);

#endif /* DOOR_RPC_H */
