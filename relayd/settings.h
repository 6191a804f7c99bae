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

#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdint.h>

#include "ctl.h"
#include "proc.h"

/*
 * What the configuration sets and the processes obey: it travels to them
 * in IMSG_CONF_BEGIN.
 */

#define CERTS_MAX	64
#define BACKUPS_MAX	31
#define PREFORK_MAX	(PROC_INSTANCES_MAX / 2) /* as many may drain */
#define NETWORKS_MAX	256

struct relayd_limits {
	uint32_t	 handshake_ms;		/* TLS and head, together */
	uint32_t	 idle_ms;		/* between requests */
	uint32_t	 head_bytes;		/* of a request head */
	uint32_t	 head_fields;
	uint32_t	 request_line;		/* bytes */
	uint32_t	 connections;		/* per listener; 0: by rlimit */
	uint32_t	 connections_per_addr;	/* per listener */
	uint32_t	 handshakes;		/* in flight, per listener */
	uint32_t	 links_per_user;
	uint32_t	 streams_per_link;
	uint32_t	 udp_idle_ms;		/* of published ports */
	uint32_t	 http_response_ms;	/* for a backend to answer */
	uint32_t	 http_idle_ms;		/* within an answer */
	uint32_t	 http_body_rate;	/* bytes/s; 0: any */
	uint32_t	 http_per_addr;		/* connections, per listener */
	uint32_t	 nodes_per_user;	/* that are registered */
	uint64_t	 credit_per_link;	/* bytes */
	uint64_t	 credit_total;		/* bytes, per listener */
};

/* What users and nodes get without a word of their own; 0: no limit. */
struct relayd_bandwidth {
	uint64_t	 user_rate, node_rate;	/* bytes/s each way */
	uint64_t	 user_month, node_month;	/* bytes, both ways */
};

/* Of the rpc door: see relayd.conf(5). */
enum rpc_nodes { RPC_NODES_OFF, RPC_NODES_KEY, RPC_NODES_ANY };

struct relayd_rpc {
	uint32_t	 message_max;		/* bytes of JSON */
	uint32_t	 body_max;		/* bytes of a body, each way */
	uint32_t	 body_cut;		/* cut it, tell nobody */
	uint32_t	 session_s;		/* that a token lasts */
	uint32_t	 pair_s;		/* that a code does */
	uint32_t	 pending;		/* requests to a node at once */
	uint32_t	 timeout_ms;		/* for an answer */
	uint32_t	 pair_rate;		/* attempts a minute; 0: any */
	uint32_t	 origin;		/* if there is one, https:// */
	uint32_t	 nodes;			/* enum rpc_nodes */
	uint64_t	 memory;		/* bytes, per listener */
	char		 url[CTL_TEXT_LEN];	/* of the relay, or "" */
};

#define RPC_KEYS_MAX	1024
#define RPC_MESSAGE_HARD (16 * 1024 * 1024)	/* longer ones end it */
#define RPC_SESSION_MIN	60			/* s */
#define RPC_SESSION_MAX	86400
#define RPC_PAIR_MIN	30			/* s */
#define RPC_PAIR_MAX	600
#define RPC_PENDING_MAX	4096			/* requests of one node */

/* What backends are told of who visits, in which fields; "": not. */
enum identity_what {
	IDENTITY_USER, IDENTITY_EMAIL, IDENTITY_NAME, IDENTITY_WHATS
};
#define IDENTITY_WORDS	{ "user", "email", "name" }
#define IDENTITY_FIELDS	{ "X-Culvert-User", "X-Culvert-Email", \
			    "X-Culvert-Name" }
#define IDENTITY_LEN	64
struct relayd_identity {
	char		 field[IDENTITY_WHATS][IDENTITY_LEN];
};

#endif /* SETTINGS_H */
