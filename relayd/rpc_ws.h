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


#ifndef RPC_WS_H
#define RPC_WS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The relay's end of a WebSocket (RFC 6455) that carries messages of text,
 * whole and bounded: for paired clients and for nodes of the other make.  One
 * that is idle holds no buffer.
 */

struct evtls;
struct rpc_share;
struct rpc_ws;

#define RPC_WS_LOW		16384
#define RPC_CLOSE_DENIED	4403	/* no session, or it has ended */
#define RPC_WS_HEAD_LEN		512	/* of a long message that is shown */

struct rpc_ws_ops {
	/* A whole message; NULL: one of another kind. */
	void	(*message)(void *, const char *, size_t);
	/* A message was too long, and was dropped: how it began. */
	void	(*too_large)(void *, const char *, size_t);
	/* What waited to be sent is less than RPC_WS_LOW again. */
	void	(*drained)(void *);
	/* It is over, and why: call rpc_ws_free, here or later. */
	void	(*over)(void *, const char *);
};

/*
 * Take over a connection whose upgrade is done.  It is pinged every
 * RPC_WS_PING_MS, and over when nothing has been heard for so many ms, or
 * nothing could be sent for RPC_WS_STALL_MS.  What it holds is of that share.
 * NULL: no memory, and the connection is the caller's.
 */
#define RPC_WS_PING_MS	20000
#define RPC_WS_STALL_MS	60000
struct rpc_ws	*rpc_ws_new(struct evtls *, unsigned int,
		    const struct rpc_ws_ops *, void *, struct rpc_share *);
/* Bytes of a message that is taken; longer ones are dropped. */
void		 rpc_ws_limit(struct rpc_ws *, size_t);
/*
 * Its peer takes what it is sent only when it has answered: go on reading
 * from it, unless what was said to it is too much, and wait as long as for a
 * sign of life.
 */
void		 rpc_ws_patient(struct rpc_ws *);
/*
 * Send a message, which is copied.  NULL: no memory for it, it ends.
 * rpc_ws_say: one that is said to a message of the peer's.
 */
void		 rpc_ws_send(struct rpc_ws *, const char *, size_t);
void		 rpc_ws_say(struct rpc_ws *, const char *);
/* What is still to be sent, bytes. */
size_t		 rpc_ws_queued(const struct rpc_ws *);
/* For how long nothing has gone either way, ms. */
uint64_t	 rpc_ws_quiet(const struct rpc_ws *);
/* Read no more of it, or go on. */
void		 rpc_ws_pause(struct rpc_ws *, int);
/*
 * Close it in order with this code (RFC 6455, 7.4); over follows, no message
 * does.  Its client has little time to agree.
 */
void		 rpc_ws_close(struct rpc_ws *, int);
/* At once; takes NULL, and may be called in any of its callbacks. */
void		 rpc_ws_free(struct rpc_ws *);
/* What it takes, bytes: structures; and besides, messages that wait. */
size_t		 rpc_ws_memory(const struct rpc_ws *, size_t *);

#endif /* RPC_WS_H */
