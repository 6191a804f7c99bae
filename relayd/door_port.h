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

#ifndef DOOR_PORT_H
#define DOOR_PORT_H

/*
 * The port door: what its files share.
 *
 *	door_port.c		ports: their sockets, what parent and router
 *				say of them, and their limits
 *	door_port_visitor.c	who comes by them: one record and one stream
 *	door_port_tcp.c		visitors by TCP: a connection each
 *	door_port_udp.c		visitors by UDP: a source address each
 */

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/tree.h>

#include <event2/util.h>

#include <stdint.h>

#include "listener.h"
#include "msg_publish.h"

struct event;
struct fdstream;
struct udp_session;
struct udp_sessions;
struct visitor;
struct port_entry;

struct port_listen {
	TAILQ_ENTRY(port_listen)	 entry;
	struct port_entry		*port;
	struct event			*ev;	/* of TCP */
	struct udp_sessions		*udp;	/* or of UDP */
	int				 fd;
	uint16_t			 number;
};

/* A publication as far as it is ours.  The table by id owns it. */
struct port_entry {
	RB_ENTRY(port_entry)	 by_id;
	struct publication	 p;		/* only the id, until known */
	int			 known;		/* router has told of it */
	int			 named;		/* the present router has */
	struct stream_owner	 owner;
	TAILQ_HEAD(, port_listen) sockets;
	TAILQ_HEAD(, visitor)	 waiting;	/* for the route */
	uint32_t		 nwaiting;
	int			 slots[2];	/* see struct port_slots */
	int			 next_slots;	/* its first half */
	uint32_t		 held;		/* slots that visitors have */
	uint32_t		 debt;		/* of them, not in this pipe:
						   not given back to it */
	uint64_t		 refused_ms;	/* last line about that */
	uint64_t		 refused;	/* since */
};
RB_HEAD(port_table, port_entry);
RB_PROTOTYPE(port_table, port_entry, by_id, port_cmp)

/* Who came by a port.  The list of streams of the port's owner owns it. */
struct visitor {
	struct stream_record	 record;	/* at our address */
	TAILQ_ENTRY(visitor)	 entry;
	struct port_entry	*port;
	struct fdstream		*stream;	/* of TCP, once it is open */
	struct udp_session	*udp;		/* of UDP */
	int			 fd;		/* of TCP */
	int			 waiting;	/* for the route */
	int			 slot;
	uint16_t		 number;	/* the port it came to */
	uint64_t		 since_ms;
	struct sockaddr_storage	 peer;
};

/* door_port.c */
extern struct port_table ports;
/* One more connection, if its limit, which all listeners share, allows it: 0,
   or -1.  port_slot_give: one of those has ended. */
int	 port_slot_take(struct port_entry *);
void	 port_slot_give(struct port_entry *);

/* door_port_visitor.c */
/*
 * From a network that may come?  If not, that is said; fd, the connection or
 * -1, is closed.
 */
int	 visitor_welcome(struct port_listen *, int,
	    const struct sockaddr_storage *);
/*
 * One that is welcome: with a slot, and on record.  fd is its connection by
 * TCP, or -1.  NULL: there is no room, and that is said; fd is closed.
 */
struct visitor *visitor_new(struct port_listen *, int,
	    const struct sockaddr_storage *);
/* As route_find; 1 too while a new router has not named the port yet. */
int	 visitor_route(struct visitor *, const struct route **, uint32_t *);
/*
 * Wait for the route: visitor_go or visitor_refuse follows.  visitor_unwait:
 * no longer, if it does.
 */
void	 visitor_wait(struct visitor *);
void	 visitor_unwait(struct visitor *);
/* Give it its stream.  NULL, or why not, for people, with the mux code. */
const char *visitor_open(struct visitor *, const struct route *, uint16_t *);
/* The same, or refuse it: it is gone then. */
void	 visitor_go(struct visitor *, const struct route *);
/*
 * No: with a reset, so that it is not taken for an answer.  Of a flood of
 * them only some are on record.
 */
void	 visitor_turn_away(struct visitor *, uint16_t, const char *);
/* The same, and it is gone. */
void	 visitor_refuse(struct visitor *, uint16_t, const char *);
/* End it, whatever it is at; it is gone.  See struct stream_record_ops. */
void	 visitor_kill(struct stream_record *, uint16_t, const char *);
/*
 * Of UDP: what the source says next comes to another listener, which needs a
 * slot for it.  Ours only passes on what still comes back.
 */
void	 visitor_leave_slot(struct stream_record *);
/* It is over, and its socket or UDP session another's or closed: off the
   record, its slot is free. */
void	 visitor_free(struct visitor *);
/* See struct stream_owner. */
void	 visitors_routed(struct stream_owner *, const char *,
	    const struct route *, uint32_t);

/* door_port_tcp.c */
/* Of libevent: somebody comes at a struct port_listen. */
void	 port_accept(evutil_socket_t, short, void *);
/* A close(2) that the visitor can't take for an answer. */
void	 visitor_reset(int);
/* Its stream: 0, or -1 if the link has no more. */
int	 visitor_open_tcp(struct visitor *, struct link *,
	    const struct mux_open *);
/* Who it is, for a target that wants to know (a PROXY header of the port's
   version): v may be gone then. */
void	 visitor_prefix(struct visitor *);

/* door_port_udp.c */
/* Sources at a socket, none served yet.  NULL: no memory. */
struct udp_sessions *port_udp_new(struct port_listen *);
/* As visitor_open_tcp. */
int	 visitor_open_udp(struct visitor *, struct link *,
	    const struct mux_open *);

#endif /* DOOR_PORT_H */
