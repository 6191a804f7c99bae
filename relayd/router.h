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

#ifndef ROUTER_H
#define ROUTER_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdint.h>

#include "msg.h"
#include "msg_audit.h"
#include "msg_conf.h"
#include "msg_link.h"
#include "msg_login.h"
#include "msg_rpc.h"
#include "msg_stats.h"
#include "relayd.h"
#include "settings.h"

/*
 * The router process: what its files share.
 *
 *	router.c		messages, configuration, peers, the clock
 *	router_session.c	sessions on record
 *	router_node.c		their links; which of them leads to a node
 *	router_end.c		ending links and streams: revocations, kicks
 *	router_publish.c	published ports
 *	router_site.c		what host names lead to
 *	router_site_wait.c	asking auth about that
 *	router_route.c		which link leads to a node
 *	router_ticket.c		what listeners are told of that: tickets
 *	router_stream.c		the list of streams
 *	router_stream_list.c	who may see them
 *	router_stats.c		asking the listeners for figures
 *	router_figures.c	all there is to count, for listeners
 *	router_conns.c		streams that a user may see
 *	router_tally.c		what users and nodes carry, and may carry
 *	router_pair.c		pairing codes
 *	router_pair_rate.c	who tries to pair how often
 *	router_pair_used.c	codes that were used
 *	router_rpc.c		who was paired with nodes of the other make,
 *				and the numbers of /health
 *	router_rpc_node.c	nodes of the other make
 *	router_rpc_slot.c	how many requests may wait for a node of ours
 *	router_audit.c		what auth is to write down
 *	control_req.c	what is asked at the control socket
 *	control_audit.c		the audit log, read at the control socket
 *	control_memory.c	what memory the processes take
 *
 * Functions with recv in their names are handlers of messages, as struct
 * proc_rule has them; the table in router.c says of which.
 */

struct imsg;
struct publication;
struct router_ask;
struct router_end;
struct router_publication;
struct router_site;
struct router_stream;
struct router_ticket;
struct router_user;
struct tally;

LIST_HEAD(router_tickets, router_ticket);
TAILQ_HEAD(router_asks, router_ask);
TAILQ_HEAD(router_streams, router_stream);

/*
 * What a session of our own, for what comes without a log-in, is remembered
 * by: a published port or a site.
 */
struct router_own {
	char	 port[CTL_ID_LEN];	/* of the publication, or "" */
	char	 by[DOMAIN_LEN];	/* "8080/tcp", a host name */
	int	 over;			/* the site leads there no more */
};

/*
 * A session that auth has vouched for, and its link once that is up.  The
 * table by id owns it.
 */
struct router_session {
	RB_ENTRY(router_session)	 by_id;
	RB_ENTRY(router_session)	 by_conn;
	RB_ENTRY(router_session)	 by_node;	/* while live */
	RB_ENTRY(router_session)	 by_name;	/* while live */
	TAILQ_ENTRY(router_session)	 untold;
	struct router_user		*user;		/* not of our own, nor
							   while checking */
	struct router_own		*own;		/* of such, or NULL */
	struct router_publication	*publication;	/* while that is there
							   and unchanged */
	struct router_site		*site;		/* likewise */
	struct tally			*tally;		/* of the user */
	struct tally			*node_tally;	/* or NULL */
	struct tally			*port_tally;	/* or NULL */
	struct session			 s;
	uint64_t			 serial;	/* order of arrival */
	int				 checking;	/* auth has not yet
							   confirmed it */
	int				 told;		/* auth knows of it */
	int				 again;		/* older than we are */
	int				 up;
	int				 live;		/* streams to its node
							   go this way */
	int				 away;		/* left for another
							   link, in peace */
	int				 kill_sent;
	int				 settled;	/* kill is answered */
	uint64_t			 relays;	/* listeners that may
							   have streams of it:
							   1 << instance */
	struct link_up			*early;		/* LINK_UP, while
							   checking */
	uint64_t			 epoch;
	int64_t				 since;		/* s since 1970 */
	uint64_t			 up_ms;
	uint64_t			 flap_ms;	/* last warning */
	char				*software;	/* or NULL */
	uint64_t			 in, out;
	uint32_t			 rtt_us;
	uint32_t			 link_streams;
	struct router_tickets		 held;		/* as a client */
	struct router_tickets		 to;		/* as a node */
	struct router_asks		 asks;
	struct router_streams		 streams;
};
RB_HEAD(router_sessions, router_session);
RB_PROTOTYPE(router_sessions, router_session, by_id, session_cmp)
int		 session_cmp(struct router_session *, struct router_session *);

struct router_counts {
	uint64_t	 nodes, clients;	/* links up */
	uint64_t	 sessions, streams, tickets, asks;
	uint64_t	 logins, logins_refused;
	uint64_t	 streams_total, streams_lost;
	uint64_t	 flaps;
	uint64_t	 audit_lost;
	/* bytes: from and to targets, nodes, clients */
	uint64_t	 stream_in, stream_out;
	uint64_t	 node_in, node_out, client_in, client_out;
	uint64_t	 closed[FIGURES_CODES];	/* streams, by code */
};

/* router.c */
extern struct relayd_limits	 router_limits;
extern struct router_counts	 router_counts;
extern int			 router_prefork;	/* listeners */
extern struct conf_old		 router_old;	/* which there are */

uint64_t	 router_ms(void);		/* monotonic */
/* When, on that clock, something since this wall-clock second began. */
uint64_t	 router_ms_since(int64_t);
uint64_t	 router_uptime(void);		/* of relayd, s */
struct proc_peer *router_auth(void);		/* NULL while it is down */
struct proc_peer *router_listener(int);
/* Of what there may be so many, those of one listener. */
uint32_t	 router_part(uint32_t);
/* There is something to do later: see router_tick. */
void		 router_wake(void);
/* 1 at most once a minute: may this be logged? */
int		 router_may_log(uint64_t *);
/* Whether an array holds a string. */
#define ROUTER_STR(a)	(memchr((a), '\0', sizeof(a)) != NULL)

/* router_session.c */
extern struct router_sessions	 router_sessions;
struct router_session *session_find(uint64_t);
uint64_t	 session_serial(void);		/* of the latest */
/*
 * The session of this id, NULL if there is none, when that listener speaks
 * of it for a connection (0: not said).  0, or -1: it is someone else's.
 */
int		 session_of(uint64_t, struct proc_peer *, uint32_t,
		    struct router_session **);
/*
 * A session for what comes by a published port (its id, else "") or a public
 * site at a listener: nobody logs in, auth has vouched for the node's owner,
 * whom s names with the node, the listener and the door.  It has no
 * connection.
 */
struct router_session *session_new_own(const struct session *s,
		    const char *port, const char *by);
/* It is over: with all that rests on it. */
void		 session_drop(struct router_session *, const char *);
/* End it, with this WebSocket close code: no new streams from now on. */
void		 session_kill(struct router_session *, uint32_t, const char *);
/*
 * Its listener has ended its streams, or should have: the others end, after
 * so many ms, what is left of those that they carry to nodes for it.
 */
void		 session_over(struct router_session *, uint32_t);
void		 sessions_auth_up(void);
/* Tell auth what it has not been told.  1: there is more to tell. */
int		 sessions_tell(void);
void		 sessions_listener_down(int);
int		 session_recv_session(struct proc_peer *, struct imsg *);
int		 session_recv_again(struct proc_peer *, struct imsg *);
int		 session_recv_gone(struct proc_peer *, struct imsg *);

/* router_node.c */
/* The link that leads to a node, by its id or its name; or NULL. */
struct router_session *node_find(const char *);
struct router_session *node_find_name(const char *);
/* It no longer gets new streams; told: auth hears that it is offline. */
void		 node_unlive(struct router_session *, int);
/* Tell auth whether a node is connected. */
void		 node_state(const struct router_session *, int);
/* Its peer has said hello; its link is gone (session_drop goes on then). */
void		 link_is_up(struct router_session *, const struct link_up *);
void		 link_is_down(struct router_session *, const char *);
int		 link_recv_up(struct proc_peer *, struct imsg *);
int		 link_recv_down(struct proc_peer *, struct imsg *);
int		 link_recv_away(struct proc_peer *, struct imsg *);
/* Links that are being left, and nodes that have no other. */
void		 links_away(uint32_t *, uint32_t *);
int		 link_recv_stats(struct proc_peer *, struct imsg *);

/* Nodes that have a live link. */
uint32_t	 nodes_live(void);

/* router_end.c */
#define END_MS		1000	/* so long listeners may take */
enum { END_LINK = REVOKE_WHATS };	/* beside enum revoke_what: by name,
					   the live link of a node */
/*
 * end_start: end every session that rests on this.  done is called once with
 * how many links and streams that were, when they are gone or END_MS later.
 */
void		 end_start(uint32_t, const char *, uint32_t, const char *,
		    void (*)(uint32_t, const struct ctl_end *), uint32_t);
/* A session is what this job ends. */
int		 end_match(const struct router_end *,
		    const struct router_session *);
/* A publication rests on what this job ends; is what it ends. */
int		 end_match_publication(const struct router_end *,
		    const struct publication *);
int		 end_is_port(const struct router_end *);
/* Its listener has ended it, or is gone. */
void		 end_settled(struct router_session *);
int		 ends_expire(uint64_t);
void		 ends_listener_up(void);
void		 ends_listener_down(int);
/* Tell auth of what it has had revoked. */
void		 end_revoked(uint32_t, const struct ctl_end *);
int		 end_recv_revoke(struct proc_peer *, struct imsg *);
int		 end_recv_killed(struct proc_peer *, struct imsg *);
int		 end_recv_grant_ended(struct proc_peer *, struct imsg *);
int		 end_recv_grants_ask(struct proc_peer *, struct imsg *);
int		 end_recv_grant_used(struct proc_peer *, struct imsg *);

/* router_route.c */
#define ROUTE_MS	5000	/* then an ask is answered, somehow */
void		 routes_session_known(struct router_session *);
void		 routes_session_gone(struct router_session *);
/* A node's link is live: who waits for one gets it. */
void		 routes_node_up(const struct router_session *);
/* For so many ms nodes without a link are taken for late, not offline. */
void		 routes_patience(uint64_t);
int		 routes_patient(void);
void		 routes_auth_up(void);
void		 routes_auth_down(void);
int		 routes_expire(uint64_t);
/*
 * routes_ask_stream: may this session reach a node of that name?
 * streams_may() is told; -1: ask again later.  routes_ask_missed: a stream
 * that waits for that has ended, and carried so much.
 */
int		 routes_ask_stream(struct router_session *, const char *);
void		 routes_ask_missed(struct router_session *, const char *,
		    uint64_t in, uint64_t out);
int		 route_recv_ask(struct proc_peer *, struct imsg *);
int		 route_recv_nodes_ask(struct proc_peer *, struct imsg *);
int		 route_recv_answer(struct proc_peer *, struct imsg *);
int		 route_recv_nodes(struct proc_peer *, struct imsg *);
int		 route_recv_nodes_end(struct proc_peer *, struct imsg *);
int		 route_recv_ticket_ok(struct proc_peer *, struct imsg *);

/* router_ticket.c */
/* No more streams from this session, or to it (node_unlive comes first). */
void		 tickets_drop(struct router_session *);
/* No more streams by this grant, unless auth says so once more. */
void		 tickets_drop_grant(const char *);
/*
 * Streams go to this node by another link now.  What is on its way to this
 * one still gets there.
 */
void		 tickets_retire(struct router_session *);
/*
 * The node whose link a ticket leads to; NULL if there is no such ticket.  0,
 * or -1: it is not this client's.
 */
int		 ticket_node(uint64_t, const struct router_session *,
		    struct router_session **);

/* router_publish.c */
/* Tell the listeners of what is to be served.  1: there is more. */
int		 publish_tell(void);
void		 publish_listener_up(int);
void		 publish_session_gone(struct router_session *);
/* What a ticket for its visitors is for. */
void		 publish_limit(const struct router_publication *,
		    struct ticket *);
/* Serve no more of what this job ends, until auth says so again. */
void		 publish_end(const struct router_end *, const char *);
/* What we know of a publication, for a list. */
void		 publish_state(struct ctl_publish *);
int		 publish_recv_try(struct proc_peer *, struct imsg *);
int		 publish_recv_publication(struct proc_peer *, struct imsg *);
int		 publish_recv_publications(struct proc_peer *, struct imsg *);
int		 publish_recv_published(struct proc_peer *, struct imsg *);

/* router_site.c, router_site_wait.c */
/* Ask auth, again and in time.  1: there is more to wait for. */
int		 sites_tick(uint64_t);
void		 sites_auth_up(void);
void		 sites_auth_down(void);
void		 sites_listener_up(int);
void		 sites_listener_down(int);
void		 site_session_gone(struct router_session *);
/* What a ticket for its visitors is for. */
void		 site_limit(const struct router_site *, struct ticket *);
/*
 * This job has ended sessions, of what and which id: listeners that have
 * asked about sites ask again.
 */
void		 sites_end(const struct router_end *, uint32_t, const char *);
/* See which names still lead to this node; then REVOKED goes to auth. */
void		 sites_revoke(const struct revoke *, uint32_t);
int		 sites_recv_ask(struct proc_peer *, struct imsg *);
int		 sites_recv_answer(struct proc_peer *, struct imsg *);
int		 sites_recv_changed(struct proc_peer *, struct imsg *);
/* How many there are, and what all take, bytes. */
size_t		 sites_memory(size_t *);

/* router_stream.c */
/* How many go by a listener that drains, or by a link that is being left. */
uint32_t	 streams_away(void);
/* How many streams a job ends. */
uint32_t	 streams_count(const struct router_end *);
/* How many a session has open. */
uint32_t	 streams_of(const struct router_session *);
/* All that are left of a session whose link is gone. */
void		 streams_session_gone(struct router_session *, const char *);
/* Auth has confirmed it: what its streams carry counts. */
void		 streams_session_known(struct router_session *);
/* And with this code (0: it may) says whether it may reach this node. */
void		 streams_may(struct router_session *, const char *, uint32_t);
/* Have it ended; control_stream_down follows.  0, or -1: no such stream. */
int		 stream_kill(uint64_t);
/* Have all ended that count there, with this; how many there are. */
uint32_t	 streams_end(const struct tally *, uint32_t, const char *);
int		 stream_recv_up(struct proc_peer *, struct imsg *);
int		 stream_recv_down(struct proc_peer *, struct imsg *);
int		 stream_recv_bytes(struct proc_peer *, struct imsg *);

/* Whose a stream is; NULL: it is not known. */
const struct router_session *stream_client(uint64_t);
/* How large one is; and one of the tickets, lines and asks below. */
size_t		 stream_size(void);
size_t		 ticket_size(void);
size_t		 ask_size(void);
/* Lines that wait for auth, bytes. */
size_t		 audit_waiting(uint32_t *);

/* router_stream_list.c */
/* The first stream with an id above this.  0, or -1: there is none. */
int		 stream_next(uint64_t, struct ctl_conn *);
/*
 * The next one behind this that a session may see, having looked at so many
 * at most.  Moves the first forward and the second down.  0, 1: that was
 * enough this time, or -1: there is none.
 */
int		 stream_next_shown(const struct router_session *, uint64_t *,
		    uint32_t *, struct ctl_conn *);

/* router_stats.c */
#define STATS_MS	1000	/* for listeners to answer */
/* Ask all listeners; done is called when they have answered, or may be now. */
void		 stats_ask(void (*)(uint32_t), uint32_t);
/* The same, but what they told a second ago will do. */
void		 stats_ask_recent(void (*)(uint32_t), uint32_t);
void		 stats_listener_down(int);
int		 stats_expire(uint64_t);
/* The sum of what the listeners have told. */
void		 stats_sum(struct listener_stats *);
/* What one of them has told.  0, or -1: nothing yet. */
int		 stats_of(int, struct listener_stats *);
int		 stats_recv(struct proc_peer *, struct imsg *);

/* router_figures.c */
void		 figures_listener_down(int);
/* What certificates there are: from the begin to the end of a configuration. */
void		 figures_conf_begin(void);
void		 figures_conf_end(void);
/* The certificate of this number, or NULL. */
const struct conf_cert_end *figures_cert(size_t);
int		 figures_recv_cert(struct proc_peer *, struct imsg *);
int		 figures_recv_usage(struct proc_peer *, struct imsg *);
int		 figures_recv_ask(struct proc_peer *, struct imsg *);

/* router_conns.c */
void		 conns_listener_down(int);
int		 conns_recv_ask(struct proc_peer *, struct imsg *);

/* router_tally.c */
/* Of this user, node or port (enum meter_what); for tally_unref. */
struct tally	*tally_ref(uint32_t, const char *);
struct tally	*tally_again(struct tally *);
void		 tally_unref(struct tally *);
const struct meter_id *tally_id(const struct tally *);
/* Its limits may be others now. */
void		 tally_changed(uint32_t, const char *);
/* It has carried so many bytes more, from the target and to it. */
void		 tally_count(struct tally *, uint64_t, uint64_t);
/* This listener may get streams that rest on it, at once. */
void		 tally_tell(struct tally *, int);
/* All that was counted goes to auth now. */
void		 tallies_flush(void);
void		 tallies_auth_up(void);
void		 tallies_listener_down(int);
int		 tally_recv_meter(struct proc_peer *, struct imsg *);
int		 tally_recv_again(struct proc_peer *, struct imsg *);
int		 tally_recv_use(struct proc_peer *, struct imsg *);

/* router_pair.c */
uint32_t	 pair_count(void);		/* codes that can be used */
/*
 * pair_offer_admin: a code for a node of ours, by its name, that
 * the administrator has made; for so many seconds, 0: as configured.
 */
enum pair_code	 pair_offer_admin(const char *, const uint8_t *, uint32_t,
		    struct pair_offered *);
/* These links are gone, and the codes that came by them. */
void		 pair_session_gone(const struct router_session *);
void		 pair_rpc_gone(const char *, int, uint32_t);
/* Has a node of the other make offered this code, or any? */
int		 pair_rpc_knows(const char *, const uint8_t *);
int		 pair_rpc_any(const char *);
/* That node offers this code no more. */
void		 pair_unoffer(const char *, const uint8_t *);
void		 pair_auth_down(void);
/* What all of it takes, bytes; and how many things that are. */
size_t		 pair_memory(uint32_t *);
int		 pair_recv_offer(struct proc_peer *, struct imsg *);
int		 pair_recv_ask(struct proc_peer *, struct imsg *);
int		 pair_recv_bought(struct proc_peer *, struct imsg *);

/* Look at what ends with time, soon. */
void		 pair_arm(void);

/* router_pair_used.c */
/* A code was used, just now or by what a listener says. */
void		 pair_used(const char *, const uint8_t *);
void		 pair_used_add(const struct pair_used *);
/* Has this node (pair_rpc_key) used this code within a day, or any? */
int		 pair_used_find(const char *, const uint8_t *);
int		 pair_used_any(const char *);
int		 pair_recv_used(struct proc_peer *, struct imsg *);
void		 pair_used_tick(void);
size_t		 pair_used_memory(uint32_t *);
/* A new listener: what it is to keep for the router after us. */
void		 pair_listener_up(int);

/* router_pair_rate.c */
/*
 * pair_rate: one more attempt at this listener, from there, as it says: 0, or
 * in how many seconds it may be.  pair_wrong: it was no code.
 */
uint32_t	 pair_rate(int, const struct addr_key *);
void		 pair_wrong(int);
/* A listener has one more code.  0, or -1: that is too many a minute. */
int		 pair_made(int);
/* Forget old ones; 1: there are others. */
int		 pair_rate_tick(uint64_t);
size_t		 pair_rate_memory(uint32_t *);

/* router_rpc.c */
extern struct relayd_rpc	 router_rpc;
void		 rpc_conf_end(const struct relayd_rpc *);
/* Something that is counted there may have changed. */
void		 health_changed(void);
/* Somebody was paired with such a node: by the hash of a token. */
int		 rpc_session_add(const uint8_t *, const char *, int64_t);
void		 rpc_listener_up(int);
void		 rpc_listener_down(int);
int		 rpc_recv_count(struct proc_peer *, struct imsg *);
int		 rpc_recv_session(struct proc_peer *, struct imsg *);

/* router_rpc_node.c */
void		 rpc_conf_begin(void);
int		 rpc_recv_key(struct proc_peer *, struct imsg *);
/* The keys that came are those of now: who may not come any more goes. */
void		 rpc_nodes_conf_end(void);
uint32_t	 rpc_nodes_live(void);
int		 rpc_node_live(const char *);
/*
 * A node of that name at this connection offers this code: is it the one that
 * has the name, or takes it by this?  0 or -1.
 */
int		 rpc_node_claim(const char *, int, uint32_t, const uint8_t *);
void		 rpc_nodes_listener_up(int);
void		 rpc_nodes_listener_down(int);
int		 rpc_recv_node_ask(struct proc_peer *, struct imsg *);
int		 rpc_recv_node_down(struct proc_peer *, struct imsg *);
int		 rpc_recv_node(struct proc_peer *, struct imsg *);

/* router_rpc_slot.c */
/* A link of this node is up, or down. */
void		 rpc_slots_node(const char *);
void		 rpc_slots_conf(void);
void		 rpc_slots_listener_up(int);
/* It has told all that it knew from the router before us. */
int		 rpc_listener_told(int);
void		 rpc_slots_listener_down(int);
size_t		 rpc_slots_memory(uint32_t *);
int		 rpc_recv_slots(struct proc_peer *, struct imsg *);

/* router_audit.c */
/* An event, now; what belongs to a session is filled in, if there is one. */
void		 audit_init(struct audit_event *, uint32_t,
		    const struct router_session *);
void		 audit_send(const struct audit_event *);
/* Send what waited for auth.  1: there is more. */
int		 audit_flush(void);

#endif /* ROUTER_H */
