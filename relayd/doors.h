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

#ifndef DOORS_H
#define DOORS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * What the listener calls of its doors: requests that are theirs, connections
 * that they have, messages for them, and what a new router or a new
 * configuration means to them.  Those of sites and of TLS that is passed on
 * have door_http.h and door_pass.h.
 *
 * Functions with recv in their names are handlers of messages, as in
 * listener.h.
 */

struct addr_prefix;
struct conf_begin;
struct conn;
struct health;
struct http_framing;
struct http_head;
struct imsg;
struct mux_open;
struct mux_stream;
struct proc_peer;
struct relayd_rpc;

/*
 * door_node.c, door_tcp.c: an upgrade request of agentd (LINK_PATH_NODE) or
 * accessctl (LINK_PATH_ACCESS), culvert(7).  It is answered, or auth is asked:
 * conn_link follows when that has said yes.
 */
void	 door_node_request(struct conn *, const struct http_head *);
void	 door_tcp_request(struct conn *, const struct http_head *);
/* A client's link opens a stream to a target: goes on to it, or is reset. */
void	 door_tcp_open(struct conn *, struct mux_stream *,
	    const struct mux_open *);

/* door_api_http.c */
/*
 * A request to the relay's own host.  0: it is answered, or will be; -1: the
 * path is none of this door's, and nothing was done.
 */
int	 door_api_request(struct conn *, const struct http_head *);
/* What was asked on it is of no interest any more; it may be nothing. */
void	 door_api_forget(struct conn *);
/* Its client has logged in: what it asked is looked for. */
void	 door_api_session(struct conn *);
/* What else a refusal with this status says: header lines with CRLF (RFC
   6750, 3), or "".  Static. */
const char *door_api_challenge(int);
/*
 * More of an answer, as evtls asks for it: how many bytes, at most as many as
 * there is room for; 0 if there is none now, or all of it was taken (the
 * state is CONN_REQUEST then); or -1: the connection is gone.
 */
ssize_t	 door_api_output(struct conn *, uint8_t *, size_t);
/*
 * The configuration, as it is taken in: what is told from begin on is in force
 * with end.  door_api_monitor: who is at such an address may see the metrics;
 * 0, or -1: there are NETWORKS_MAX already.
 */
void	 door_api_conf_begin(void);
int	 door_api_monitor(const struct addr_prefix *);
void	 door_api_conf_end(const struct conf_begin *);
/* router is gone: what it was asked will not be answered. */
void	 door_api_router_gone(void);

/* door_api_stats.c */
int	 door_api_recv_cert(struct proc_peer *, struct imsg *);
int	 door_api_recv_figures(struct proc_peer *, struct imsg *);

/* door_api_list.c */
int	 door_api_recv_nodes(struct proc_peer *, struct imsg *);
int	 door_api_recv_nodes_end(struct proc_peer *, struct imsg *);
int	 door_api_recv_conns(struct proc_peer *, struct imsg *);
int	 door_api_recv_conns_end(struct proc_peer *, struct imsg *);

/* door_api.c */
/* A client's link opens a stream to ask something: it is answered there, or
   reset. */
void	 door_api_open(struct conn *, struct mux_stream *,
	    const struct mux_open *);

/* door_port.c */
/* New limits are in force. */
void	 door_port_limits(void);
/* Accept nothing at any port (1), or go on (0). */
void	 door_port_pause(int);
/* Accept nothing more; is there anything left of it? */
void	 door_port_drain(void);
int	 door_port_busy(void);
/* End the streams of this session, with a reason for people; 0 with their
   number, or -1: no port's. */
int	 door_port_kill(uint64_t, const char *, uint32_t *);
/* A new router: what it does not name until IMSG_PORTS_END is over. */
void	 door_port_router_up(void);
int	 door_port_recv_socket(struct proc_peer *, struct imsg *);
int	 door_port_recv_slots(struct proc_peer *, struct imsg *);
int	 door_port_recv_close(struct proc_peer *, struct imsg *);
int	 door_port_recv(struct proc_peer *, struct imsg *);
int	 door_port_recv_end(struct proc_peer *, struct imsg *);

/* door_rpc.c */
/* As door_api_request. */
int	 door_rpc_request(struct conn *, const struct http_head *,
	    const struct http_framing *);
/* The 101 has been sent: it is a WebSocket.  0, or -1 without memory: end the
   connection. */
int	 door_rpc_begin(struct conn *);
/* The connection is gone: forget all that the door has of it. */
void	 door_rpc_forget(struct conn *);
/* Its client has a session; or not: a status, and seconds to wait (0: none
   are said). */
void	 door_rpc_session(struct conn *);
void	 door_rpc_denied(struct conn *, int, uint32_t);
/* Its session has ended: a client's WebSocket is closed with RPC_CLOSE_DENIED,
   else the connection is gone at once. */
void	 door_rpc_kill(struct conn *);
/*
 * This process has a successor: end it, if nothing has come or gone for so
 * many ms.  1 if the connection is of this door.
 */
int	 door_rpc_drain(struct conn *, uint64_t);
/* What it has of this door, bytes; and besides, messages that wait. */
size_t	 door_rpc_memory(const struct conn *, size_t *);
/* A new configuration; the second is what sites are below. */
void	 door_rpc_conf(const struct relayd_rpc *, const char *);
/* As door_api_router_gone. */
void	 door_rpc_router_gone(void);
int	 door_rpc_recv_may(struct proc_peer *, struct imsg *);
/*
 * Answer a request in the form of its programs, {"detail":text}: static text
 * that JSON need not escape.  extra: as conn_respond has it.
 */
void	 rpc_detail(struct conn *, int, const char *, const char *);

/* door_rpc_pair.c */
/* A node opens a stream to offer a code: taken, or reset. */
void	 rpc_pair_open(struct conn *, struct mux_stream *);
int	 rpc_pair_recv(struct proc_peer *, struct imsg *);
int	 rpc_pair_recv_offered(struct proc_peer *, struct imsg *);

/* rpc_relay.c */
/* Another listener's client asks a node of the other make that is here. */
void	 rpc_relay(struct mux_stream *, const struct mux_open *);

/* rpc_node.c */
int	 rpc_recv_node_kill(struct proc_peer *, struct imsg *);

/* rpc_slot.c */
int	 rpc_slots_recv(struct proc_peer *, struct imsg *);

/* rpc_keep.c */
/* A new router: it has heard of nothing that is kept. */
void	 keep_router_up(void);
/* Tell it, as far as its queue has room: 1 if all is told, or 0: call again. */
int	 keep_announce(void);
/* This connection is gone, and with it the codes that it has offered. */
void	 keep_offers_gone(uint32_t);
/* What is kept, bytes; and how many things that are. */
size_t	 keep_memory(uint32_t *);
int	 keep_recv_offer(struct proc_peer *, struct imsg *);
int	 keep_recv_gone(struct proc_peer *, struct imsg *);
int	 keep_recv_used(struct proc_peer *, struct imsg *);
int	 keep_recv_node(struct proc_peer *, struct imsg *);
int	 keep_recv_session(struct proc_peer *, struct imsg *);
int	 keep_recv_health(struct proc_peer *, struct imsg *);
/* What /health says. */
extern struct health	 keep_health;

#endif /* DOORS_H */
