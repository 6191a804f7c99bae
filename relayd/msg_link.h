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

#ifndef MSG_LINK_H
#define MSG_LINK_H

#include <stdint.h>

#include "ctl.h"
#include "msg_meter.h"
#include "mux_frame.h"
#include "relayd.h"
#include "target.h"

/*
 * Messages: the links that are there, the routes between them, the grants
 * these rest on, the streams they carry; and what ends all that.
 */

struct link_up {
	uint64_t		 session;
	uint64_t		 epoch;
	int64_t			 since;		/* s since 1970 */
	uint32_t		 away;		/* as by IMSG_LINK_AWAY */
	uint32_t		 pad;
	char			 software[CTL_TEXT_LEN];
};

struct link_away {
	uint64_t		 session;
};

struct link_down {
	uint64_t		 session;
	uint64_t		 in, out;
	char			 text[CTL_TEXT_LEN];
};

struct link_kill {
	uint64_t		 session;
	uint32_t		 code;		/* WebSocket close code */
	char			 text[CTL_TEXT_LEN];
};

struct link_killed {
	uint64_t		 session;
	uint32_t		 streams;	/* that ended with it */
};

struct route_ask {
	uint64_t		 session;
	char			 node[CTL_NAME_LEN];
};

struct node_ask {
	uint64_t		 session;	/* for http and rpc, auth looks
						   at what it knows of it */
	char			 user_id[USER_ID_LEN + 4];
	char			 token_id[TOKEN_ID_LEN + 4];
	char			 node[CTL_NAME_LEN];
};

/* What a user may do on somebody else's node. */
struct grant {
	char			 id[USER_ID_LEN + 4];	/* "": none is needed,
							   the node is theirs */
	uint32_t		 scopes;	/* 0: it has ended */
	int64_t			 expires_at;	/* 0: never */
	char			 targets[TARGETS_LEN];	/* lib/target.h */
};

struct grant_ended {
	uint32_t		 streams;
};

struct node_answer {
	uint64_t		 session;
	uint32_t		 code;		/* 0: may; else enum mux_code */
	char			 node[CTL_NAME_LEN];	/* as asked */
	char			 node_id[USER_ID_LEN + 4];
	struct grant		 grant;
};

struct ticket {
	uint64_t		 ticket;
	int32_t			 from;		/* listener that may use it */
	uint32_t		 conn;		/* the node's link */
	uint64_t		 session;	/* of the node's link */
	uint64_t		 client;	/* session whose ticket it is */
	char			 email[CTL_EMAIL_LEN];	/* whose streams they
						   are; "": nobody logged in */
	char			 grant[USER_ID_LEN + 4];	/* or "" */
	/* What it is for: streams of this kind, 0: whatever a client's link
	   may ask for; and if exact is set, to this host, and one of these
	   ports. */
	uint32_t		 kind;		/* enum mux_kind */
	uint32_t		 exact;
	uint16_t		 port_min, port_max;
	char			 host[MUX_HOST_MAX + 1];
};

/* Another listener's: what is left of its streams ends so much later. */
struct session_over {
	uint64_t		 session;
	uint32_t		 ms;
	uint32_t		 pad;
};

struct ticket_id {
	uint64_t		 ticket;
};

#define STREAM_METERS	3	/* that a stream rests on, at most */

struct route {
	uint64_t		 session;
	uint32_t		 code;		/* 0, or enum mux_code */
	uint64_t		 ticket;
	int32_t			 listener;
	uint32_t		 conn;		/* the node's link there */
	char			 node[CTL_NAME_LEN];
	char			 grant[USER_ID_LEN + 4];	/* or "" */
	struct meter_id		 meters[STREAM_METERS];
};

struct stream_up {
	uint64_t		 id;		/* instance << 56 | counter */
	uint64_t		 session;
	uint64_t		 ticket;
	int64_t			 since;
	uint64_t		 in, out;	/* told already, to a router
						   before */
	uint16_t		 kind;
	uint16_t		 port;
	char			 host[MUX_HOST_MAX + 1];
	char			 node[CTL_NAME_LEN];
	char			 addr[CTL_ADDR_LEN];	/* of the client; empty:
							   the session's */
};

struct stream_down {
	uint64_t		 id;
	uint64_t		 in, out;
	uint32_t		 code;
	char			 text[CTL_TEXT_LEN];
};

struct stream_bytes {
	uint64_t		 id;
	uint64_t		 in, out;
};

struct stream_kill {
	uint64_t		 id;
	uint32_t		 code;		/* enum mux_code */
	char			 text[CTL_TEXT_LEN];
};

enum revoke_what {
	REVOKE_USER = 1, REVOKE_TOKEN, REVOKE_NODE,
	REVOKE_GRANT,		/* its streams, no session */
	REVOKE_PORT,		/* a publication */
	REVOKE_SESSION,		/* one in the store, and what goes with it */
	REVOKE_PASSWORD,	/* of a user: who came in by it */
	REVOKE_USER_SESSIONS,	/* of a user: all of the store, and those */
	REVOKE_NODE_SESSIONS,	/* of a node: all of the store */
	REVOKE_SITE,		/* of this node, what its host names lead to
				   no more */
	REVOKE_WHATS
};

struct revoke {
	uint32_t		 what;
	char			 id[USER_ID_LEN + 4];	/* user, token, node,
							   grant id */
	char			 text[CTL_TEXT_LEN];
	struct grant		 left;		/* of a grant; scopes 0: none */
	uint32_t		 relayed;	/* GRANT_END: also those that a
						   listener relays for others */
};

struct node_state {
	char			 node_id[USER_ID_LEN + 4];
	uint32_t		 online;
	int64_t			 since;
};

#endif /* MSG_LINK_H */
