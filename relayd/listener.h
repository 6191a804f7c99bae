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

#ifndef LISTENER_H
#define LISTENER_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdint.h>

#include "addr.h"
#include "evtls.h"
#include "http.h"
#include "http_body.h"
#include "link.h"
#include "msg.h"
#include "msg_conf.h"
#include "msg_link.h"
#include "msg_login.h"
#include "msg_rpc.h"
#include "msg_stats.h"
#include "nonce.h"
#include "relayd.h"
#include "settings.h"
#include "ws.h"

/*
 * The listener process: what its files share.
 *
 *	listener.c		messages, limits, what a new router is told
 *	listener_accept.c	connections: accept, and room for them
 *	listener_request.c	requests -> doors, and their answers
 *	listener_conf.c		the configuration as the parent sends it
 *	listener_proxy.c	who is behind a trusted proxy
 *	listener_sign.c		signing by the keys process
 *	listener_link.c		links: of nodes, of clients, between listeners
 *	listener_user.c		whose they are, for what streams reserve
 *	listener_route.c	which link leads to a node: routes and tickets
 *	listener_record.c	streams on record, whoever carries them
 *	listener_memory.c	what memory is taken, for whom
 *	listener_grant.c	what others' nodes may be used for
 *	listener_share.c	limits of bandwidth that they rest on
 *	listener_stream.c	streams from a client's link to a node's
 *	listener_relay.c	the same for other listeners' clients
 *	listener_drain.c	the end of a listener that has a successor
 *	access_*.c		the access log
 *	http_*.c		sites: what they are, and how they are asked
 *	door_*.c		one protocol of clients each (doors.h: what the
 *				listener calls of them)
 *
 * Functions with recv in their names are handlers of messages, as struct
 * proc_rule has them; the table in listener.c says of which.
 */

struct access_own;
struct api_request;
struct conn;
struct gate_wait;
struct http_framing;
struct http_visit;
struct login_page;
struct meter_flow;
struct pass;
struct route_entry;
struct share;
struct share_flows;
struct rpc;
struct rpc_pairing;
struct stream_record;
TAILQ_HEAD(stream_records, stream_record);
SLIST_HEAD(route_entries, route_entry);

/*
 * Whose streams they are, and who may open more: a session that router has
 * on record.  Part of what has the session, a client's connection or a port
 * of ours.
 */
struct stream_owner {
	RB_ENTRY(stream_owner)	 by_session;
	uint64_t		 session;	/* 0: none */
	uint32_t		 conn;		/* its connection, or 0 */
	struct stream_records	 streams;
	struct route_entries	 routes;
	/*
	 * Router has answered for this node: with a route, or a mux code.
	 * Go on with all that waited for it.
	 */
	void			 (*routed)(struct stream_owner *, const char *,
				    const struct route *, uint32_t);
};

/*
 * A stream on record; part of what carries it.  Its owner's list holds it
 * from record_new to record_end.
 */
struct stream_record_ops {
	/* Fill in kind, target, node, and the client's address if it is not
	   that of the session. */
	void	(*describe)(const struct stream_record *, struct stream_up *);
	/* Bytes that came from the target, and went to it. */
	void	(*bytes)(const struct stream_record *, uint64_t *,
		    uint64_t *);
	/* End it early: it is gone then. */
	void	(*kill)(struct stream_record *, uint16_t, const char *);
	/*
	 * From now on there are these limits on what goes to the node, and
	 * on what comes from it; NULL: none any more.
	 */
	void	(*meter)(struct stream_record *, struct meter_flow *,
		    struct meter_flow *);
	/* What it takes: towards the node, and back; the state of its mux
	   streams is not in it, that is their links'. */
	void	(*memory)(const struct stream_record *, struct mux_memory *,
		    struct mux_memory *);
};

struct stream_record {
	TAILQ_ENTRY(stream_record)	 entry;
	RB_ENTRY(stream_record)		 by_id;
	const struct stream_record_ops	*ops;
	struct stream_owner		*owner;
	uint64_t			 id;
	uint64_t			 ticket;	/* of its route */
	int64_t				 since;
	int				 told;		/* router knows it */
	uint64_t			 in, out;	/* and of these bytes */
	struct share			*shares[STREAM_METERS];
	struct share_flows		*flows;		/* NULL: no limit */
};

enum conn_state {
	CONN_HANDSHAKE,		/* TLS, or nothing read yet */
	CONN_REQUEST,		/* between or in request heads */
	CONN_BODY,		/* in the body of a request to ourselves */
	CONN_LOGIN,		/* auth has been asked */
	CONN_WEB,		/* likewise, for the login page */
	CONN_ANSWER,		/* the api door waits for an answer */
	CONN_UPGRADE,		/* 101 is on its way out */
	CONN_SITE,		/* the http door has a request */
	CONN_LINK,		/* a link; out of HTTP */
	CONN_RPC,		/* the rpc door's; likewise */
	CONN_CLOSING
};

/* The body of a request to ourselves, as far as it has come. */
struct conn_body {
	struct http_body	 body;
	char			*buf;
	size_t			 len, size, max;
	int			 keepalive;
	void			 (*done)(struct conn *, int, const char *,
				    size_t);
};

/*
 * One accepted connection, first an HTTP client, then perhaps a link.  The
 * table by id owns it.
 */
struct conn {
	RB_ENTRY(conn)		 by_id;
	TAILQ_ENTRY(conn)	 waiting;	/* not logged in; who moved last
						   is last */
	uint32_t		 id;
	enum conn_state		 state;
	struct evtls		*tls;
	uint64_t		 moved_ms;	/* it was accepted, or has got
						   further on its way in */
	struct sockaddr_storage	 via;		/* who is connected, as far
						   as a PROXY header tells */
	struct sockaddr_storage	 peer;		/* the client: via, or who
						   is behind that proxy */
	int			 proxied;	/* via is a trusted proxy... */
	size_t			 hop;		/* ...and peer so many before
						   who asked that */
	char			*out;		/* a response, or NULL */
	size_t			 outlen, outoff;
	int			 keepalive;
	int			 idle;		/* nothing of the next request
						   has come */
	uint64_t		 idle_ms;	/* since when */
	size_t			 seen;		/* of a head: no end in these */
	int			 bodiless;	/* of a HEAD: no body */
	int			 minor;		/* of its HTTP/1.minor */
	int			 wants_more;	/* it would be kept if the
						   body were read */
	struct conn_body	*body;		/* or NULL */
	struct gate_wait	*gate;		/* or NULL */
	struct login_page	*login;		/* or NULL */
	struct api_request	*api;		/* or NULL */
	struct access_own	*access;	/* access_log.h, or NULL */
	struct http_visit	*http;		/* or NULL */
	int			 eof;		/* nothing more will come */
	struct pass		*pass;		/* door_pass.h, or NULL */
	struct rpc_pairing	*pairing;	/* likewise */
	struct rpc		*rpc;		/* likewise */
	int			 challenged;	/* its next request is to be
						   signed; it comes at once */
	int			 is_waiting;
	int			 moves;		/* so many of these so far */
	/* of a log-in */
	enum login_door		 door;
	char			 ws_accept[WS_ACCEPT_LEN + 1];
	/* logged in: */
	struct session		*session;
	struct link		*link;
	int			 up;		/* the peer's hello has come */
	int			 away;		/* it was asked to come by
						   another link */
	uint64_t		 epoch;
	int64_t			 since;
	char			*software;
	struct stream_owner	 owner;		/* of those it opened */
	uint32_t		 nanswers;	/* of the api door, not done */
	uint32_t		 noffers;	/* of codes, that router has */
	int			 held;		/* by link_hold */
	int			 guest;		/* see conn_guest */
};
RB_HEAD(conn_table, conn);
RB_PROTOTYPE(conn_table, conn, by_id, conn_cmp)

struct listener_counts {
	uint64_t	 connections, accepted, handshakes_failed, refused;
	uint64_t	 guests;	/* connections nobody logged in on,
					   nor will */
	uint64_t	 lost;		/* datagrams, on links that ended */
	uint64_t	 requests[DOORS], denied[LOGIN_STATUSES];
	uint32_t	 responses[RESPONSES];
};

/* listener.c */
extern struct relayd_limits	 limits;
extern struct mux_budget	 budget;
extern struct listener_counts	 counts;
extern struct nonce_key		 nonce_key;
extern int			 listener_prefork;

uint64_t	 listener_ms(void);		/* monotonic */
void		 listener_set_limits(const struct relayd_limits *);
/* A new router knows the ports: tell it of their streams. */
void		 listener_announce_ports(void);

/* listener_accept.c */
extern struct conn_table	 conns;

struct conn	*conn_find(uint32_t);
/* What was decided for connections of a listener before us must not fit. */
void		 listener_first_id(void);
/* An id that no connection has, nor anything else that has a session. */
uint32_t	 listener_new_id(void);
const char	*conn_addr(const struct conn *);
void		 conn_free(struct conn *);
/*
 * Its client's address has been found behind a proxy: is there room for one
 * more from there?  1, or 0: it is to be refused.
 */
int		 listener_admit(const struct conn *);
/* 1 at most once in ten seconds: may this be logged? */
int		 listener_may_log(uint64_t *);
/* It has got further on its way to a log-in. */
void		 conn_moved(struct conn *);
/* It logged in: it no longer counts against strangers' limits. */
void		 conn_settled(struct conn *);
/*
 * Connections on which nobody logs in, by published ports, to public sites or
 * of TLS that is passed through, leave room for nodes and users: is there any
 * for one more?  conn_guest: c is one, if there is.  0, or -1.
 */
int		 listener_guests_fit(void);
int		 conn_guest(struct conn *);
/* The last that came, or moved, and has not logged in, or NULL. */
struct conn	*listener_newest(void);
/*
 * Make what accepting takes; accept, if the parent has said so, or when it
 * does.
 */
void		 accept_serve(void);
void		 accept_begin(void);
int		 accept_recv_serve(struct proc_peer *, struct imsg *);
/* Accept on this socket of the configuration that is being taken in. */
int		 listener_accept_on(int, const struct conf_listen *);
/* Before a new configuration (0): none is kept; after (1): close the rest. */
void		 listener_accept_sweep(int);
/*
 * Take one from this socket: its descriptor, and who it is; or -1 with errno
 * if there is none, or no room, when all accepting pauses.
 */
int		 listener_accept_one(int, struct sockaddr_storage *);

/* listener_request.c */
/* Of evtls_ops. */
size_t		 conn_input(struct evtls *, void *, uint8_t *, size_t);
size_t		 conn_output(struct evtls *, void *, uint8_t *, size_t);
void		 conn_eof(struct evtls *, void *);
void		 conn_timeout(struct evtls *, void *);
/* What has come and could not be taken: look at it again. */
void		 conn_again(struct conn *);
/*
 * conn_respond: a whole response with a body of this type; extra is NULL
 * or more header lines, each with CRLF.  The connection lives on if the
 * request allows it.
 */
void		 conn_respond(struct conn *, int, const char *, const char *,
		    const char *);
/*
 * The head of a response whose body follows piece by piece: in chunks, or,
 * to HTTP/1.0, until the connection ends.
 */
int		 conn_respond_begin(struct conn *, const char *);
/* A short error, as JSON or, for browsers, HTML. */
void		 conn_error(struct conn *, const struct http_head *, int,
		    const char *, const char *);

/*
 * listener_body.c: read the body of a request to ourselves, of at most so many
 * bytes, and call done with it, NUL-terminated, or with a status that answers
 * the request (413 if it is longer); that responds or waits.  expected: it
 * comes behind our 100 (Continue).  0, or -1: no memory.
 */
int		 conn_read_body(struct conn *, const struct http_framing *,
		    int, size_t, void (*)(struct conn *, int, const char *,
		    size_t));
void		 conn_body_free(struct conn *);
size_t		 conn_body_input(struct conn *, const char *, size_t);

/* listener_conf.c */
extern struct evtls_server	*listener_tls;
int	 conf_recv_begin(struct proc_peer *, struct imsg *);
int	 conf_recv_listen(struct proc_peer *, struct imsg *);
int	 conf_recv_cert(struct proc_peer *, struct imsg *);
int	 conf_recv_end(struct proc_peer *, struct imsg *);

/* listener_proxy.c */
int	 proxy_recv_conf(struct proc_peer *, struct imsg *);
/* New proxies are about to be told; those are all, take them into use. */
void	 proxy_conf_begin(void);
void	 proxy_conf_end(void);
/* Is this the address of a proxy that may speak for others? */
int	 proxy_trusted(const struct sockaddr_storage *);
/* See evtls_preface. */
ssize_t	 proxy_preface(struct evtls *, void *, const uint8_t *, size_t);
/* Whether what it says is in Forwarded, if it is one. */
int	 proxy_rfc7239(const struct conn *);
/* Find the client of a request.  0, or the status to refuse it with. */
int	 proxy_request(struct conn *, const struct http_head *);

/* listener_sign.c */
extern const struct evtls_signer listener_signer;
int	 sign_recv_socket(struct proc_peer *, struct imsg *);

/* listener_link.c */
void	 links_init(void);
/* The 101 has been sent: make the link.  0, or -1: end the connection. */
int	 conn_link(struct conn *);
/* Its link is over: tell router, routes and streams. */
void	 conn_unlink(struct conn *, const char *);
struct link	*peer_link(int);
/* Datagrams lost on the links between listeners, since they are up. */
uint64_t	 peers_lost(void);
int	 link_recv_listener(struct proc_peer *, struct imsg *);
int	 link_recv_kill(struct proc_peer *, struct imsg *);
int	 links_announce(uint32_t *);
/* Router has caught up, or is gone: those that were held are read again. */
void	 links_go_on(void);
/* Say goodbye on every link; how many there are. */
int	 links_end(void);

/* listener_drain.c */
/* Another listener takes what is new: this one ends with its links. */
int	 listener_drains(void);
/* This link is up: if we drain, ask its peer to leave. */
void	 drain_link(struct conn *);

/* listener_route.c */
/* It has this session from now on; its last one is over. */
void	 owner_begin(struct stream_owner *, uint64_t, uint32_t);
void	 owner_end(struct stream_owner *);
/*
 * route_find: the owner's route to a node.  Returns 0 with it, 1 if router
 * has been asked (routed() follows), or -1 with a mux code.
 */
int	 route_find(struct stream_owner *, const char *,
	    const struct route **, uint32_t *);
/*
 * The link that a route leads over, and the ticket that goes into OPEN (0: it
 * is the node's own link).  NULL: the node has just left.
 */
struct link *route_link(const struct route *, uint64_t *);
void	 routes_reset(void);
void	 routes_ask_again(void);
void	 tickets_of_gone(struct conn *);
/*
 * The node's connection behind a ticket used by a listener, or NULL; with the
 * ticket.
 */
struct conn	*ticket_conn(uint64_t, int, const struct ticket **);
/*
 * What a listener asks for with it, as the node gets it: of whom the ticket
 * says.  -1: it is not for that.
 */
int	 ticket_open(const struct ticket *, const struct mux_open *,
	    struct mux_open *);
int	 route_recv_route(struct proc_peer *, struct imsg *);
int	 route_recv_ticket(struct proc_peer *, struct imsg *);
int	 route_recv_drop(struct proc_peer *, struct imsg *);

/* listener_grant.c */
struct grant_use;
/* Something is there that names this grant ("" for none).  0, or -1: router
   has not told of it. */
int	 grant_ref(const char *);
void	 grant_unref(const char *);
/*
 * grant_use: before a stream is opened to a node, by whichever door, with
 * the grant that route or ticket name.  0: it may be; *use is for
 * grant_release when it has ended, NULL without a grant.  -1: not covered,
 * with a reason for people.  relayed: its client is another listener's.
 * end is called when the grant ends under it: end it too, and release that.
 */
int	 grant_use(const char *, const struct mux_open *, int,
	    void (*)(void *, uint16_t, const char *), void *,
	    struct grant_use **, const char **);
void	 grant_release(struct grant_use *);
/* Which there are, to a new router or auth, as links_announce; begins with
   an empty string. */
int	 grants_announce(char [USER_ID_LEN + 4]);
int	 grant_recv_grant(struct proc_peer *, struct imsg *);
int	 grant_recv_end(struct proc_peer *, struct imsg *);

/*
 * listener_relay.c: the first stream of another listener's client with an id
 * above this: whose it is and what it takes.  -1: there is none.
 */
int	 relay_next(uint64_t, uint64_t *, struct ctl_memory *,
	    struct mux_memory *, struct mux_memory *);

/* listener_memory.c */
int	 memory_recv_ask(struct proc_peer *, struct imsg *);

/* listener_record.c */
void	 record_new(struct stream_record *, struct stream_owner *,
	    const struct stream_record_ops *);
/* Tell router that it is there; that it has ended, and why (NULL: well). */
void	 record_up(struct stream_record *);
void	 record_down(struct stream_record *, uint16_t, const char *);
void	 record_end(struct stream_record *);
/*
 * records_behind: router is told of streams more slowly than they come and
 * go: clients open no other one now.  records_full: and much waits for it,
 * so no door does (record_limit).  records_go_on: it can be told more.
 */
int	 records_behind(void);
int	 records_full(void);
void	 records_go_on(void);
void	 records_router_gone(void);
/* The first with an id above this, or NULL. */
struct stream_record *record_after(uint64_t);
/*
 * To a new router, as links_announce: those of ports (1), whose sessions it
 * makes anew, or all others.
 */
int	 records_announce(uint64_t *, int);
/* And those of links that have ended since there was one. */
int	 records_announce_ended(void);
int	 record_recv_kill(struct proc_peer *, struct imsg *);
int	 record_recv_stats(struct proc_peer *, struct imsg *);

/* The one behind this, NULL: the first; NULL if there is none. */
struct stream_record *record_next(struct stream_record *);

/* listener_user.c */
/*
 * What all links of a user hold of the budget, by the user's id; NULL without
 * memory.  It is there until user_release, and while it has links.
 */
struct mux_holder *user_hold(const char *);
void	 user_release(struct mux_holder *);

/* listener_share.c */
void	 shares_init(void);
/*
 * record_limit: before a stream is opened to a node, by whichever door: it
 * rests on the limits that its route names.  0; or -1: it is not to be, with
 * a reason for people (MUX_CODE_LIMIT).
 * record_flow: the limit on one of its ways (WAY_OUT: to the node), NULL if
 * there is none, for mux_open_metered, mux_meter and mux_pace.  From then on
 * ops->meter tells of changes.  It goes with record_end.
 */
int	 record_limit(struct stream_record *, const struct route *,
	    const char **);
struct meter_flow *record_flow(const struct stream_record *, int);
void	 record_unlimit(struct stream_record *);
/*
 * The early data of those before it, which nobody can withhold, was more
 * than they allow: a stream that may bring some has to wait.
 */
int	 record_owes(const struct stream_record *);
void	 shares_announce(void);
int	 share_recv_set(struct proc_peer *, struct imsg *);

/* listener_stream.c */
void	 stream_new(struct conn *, struct mux_stream *,
	    const struct mux_open *);
void	 stream_routed(struct stream_owner *, const char *,
	    const struct route *, uint32_t);
/* Why there is no route, for people. */
const char *stream_why(uint32_t);

/* listener_relay.c */
/* A stream that comes from another listener, for a node linked here. */
void	 stream_relay(int, struct mux_stream *, const struct mux_open *);
int	 relay_recv_over(struct proc_peer *, struct imsg *);

/* listener_login.c */
/* Have auth decide; the credentials are forgotten here. */
void	 login_ask(struct conn *, const struct http_head *, enum login_door,
	    struct login *);
/*
 * conn_websocket: 0 if the request asks for a WebSocket as RFC 6455, 4.2.1,
 * has it, with what accepts it in c->ws_accept; or -1.
 */
int	 conn_websocket(struct conn *, const struct http_head *);
/*
 * An upgrade request of one of our own programs: answer it with a nonce,
 * ask auth about its signature, or refuse it.
 */
void	 login_request(struct conn *, const struct http_head *,
	    enum login_door, const char *, const char *);
/*
 * A request of the api door: ask auth about its bearer token.  0, it is
 * asked or refused; or -1: that is no token of ours.
 */
int	 login_bearer_request(struct conn *, const struct http_head *);
/*
 * What somebody shows to log in can't be right, so auth, which logs who is
 * denied, is never asked: the line is for us to write.  None of it is in it.
 */
void	 login_garbled(const struct conn *);
/* A token as a log-in has it.  0, or -1: that is none of ours. */
int	 login_bearer(const struct http_str *, struct login *);
/* The credentials behind an authentication scheme; 1 if it is that one. */
int	 login_scheme(const struct http_str *, const char *,
	    struct http_str *);
int	 login_recv_beacon(struct proc_peer *, struct imsg *);
int	 login_recv_denied(struct proc_peer *, struct imsg *);
int	 login_recv_session(struct proc_peer *, struct imsg *);
void	 login_auth_gone(void);

#endif /* LISTENER_H */
