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

#ifndef MSG_STATS_H
#define MSG_STATS_H

#include <stdint.h>

#include "msg_login.h"
#include "mux_frame.h"
#include "proc.h"
#include "relayd.h"

/* Messages: what there is to count. */

/* By the first digit of their status; 0: there was none. */
#define RESPONSES	6

struct link_stats {
	uint64_t		 session;
	uint64_t		 in, out;
	uint32_t		 rtt_us;
	uint32_t		 streams;
};

struct listener_stats {
	uint64_t		 ask;		/* ctl_id.id of the question */
	uint64_t		 connections;	/* open now */
	uint64_t		 accepted;	/* since start */
	uint64_t		 handshakes_failed;
	uint64_t		 refused;	/* at a limit */
	uint64_t		 buffered;	/* bytes in connections */
	uint64_t		 credit;	/* bytes reserved for windows */
	uint64_t		 lost;		/* datagrams, since start */
	uint64_t		 requests[DOORS];	/* HTTP, by door */
	uint64_t		 denied[LOGIN_STATUSES];
	uint32_t		 responses[RESPONSES];	/* of the http door;
						   there is little room */
};

/* What a process takes. */
struct process_usage {
	uint32_t		 kind;		/* enum relayd_kind */
	int32_t			 instance;
	uint32_t		 starts;	/* of it, so far */
	uint32_t		 pad;
	uint64_t		 rss;		/* bytes */
	uint64_t		 cpu_us;
	int64_t			 started;	/* s since 1970 */
};

#define FIGURES_CODES	(MUX_CODE_NO_SERVICE + 2)	/* the last: others */
#define FIGURES_USAGE	(PROC_INSTANCES_MAX + PROC_KINDS)
struct figures {
	uint64_t		 ask;		/* ctl_id.id of the question */
	uint64_t		 nodes, clients;	/* links up */
	uint64_t		 sessions, streams, tickets, asks;
	uint64_t		 logins, logins_refused, flaps;
	uint64_t		 streams_total, streams_lost, audit_lost;
	uint64_t		 stream_in, stream_out;	/* bytes from and to
							   targets */
	uint64_t		 node_in, node_out;	/* and nodes... */
	uint64_t		 client_in, client_out;	/* ...and clients */
	uint64_t		 closed[FIGURES_CODES];	/* streams, by code */
	uint64_t		 listeners;	/* 1 << instance of each */
	uint32_t		 nusage;
	uint32_t		 pad;
	struct listener_stats	 listener[PROC_INSTANCES_MAX];
	struct process_usage		 usage[FIGURES_USAGE];
};

#endif /* MSG_STATS_H */
