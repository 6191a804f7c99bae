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

/* Figures of the whole relay, one a line. */

#include "compat.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "control_req.h"
#include "router.h"

static void
control_stat(struct control *c, const char *name, uint64_t value)
{
	struct ctl_stat	 st;

	memset(&st, 0, sizeof(st));
	strlcpy(st.name, name, sizeof(st.name));
	st.value = value;
	control_send(c, CTL_STAT, &st, sizeof(st));
}

void
control_stats(struct control *c)
{
	const struct router_counts	*n = &router_counts;
	struct listener_stats		 l;
	const struct conf_cert_end	*cert;
	char				 name[CTL_NAME_LEN];
	uint64_t			 listeners = 0;
	int64_t				 now = time(NULL);
	size_t				 k;
	uint32_t			 links, nodes;
	int				 i;

	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		listeners += router_listener(i) != NULL;
	stats_sum(&l);
	control_stat(c, "uptime_s", router_uptime());
	control_stat(c, "links_nodes", n->nodes);
	control_stat(c, "links_clients", n->clients);
	control_stat(c, "sessions", n->sessions);
	control_stat(c, "logins", n->logins);
	control_stat(c, "logins_over_limit", n->logins_refused);
	control_stat(c, "flaps", n->flaps);
	control_stat(c, "streams", n->streams);
	control_stat(c, "streams_total", n->streams_total);
	control_stat(c, "streams_unrecorded", n->streams_lost);
	control_stat(c, "tickets", n->tickets);
	control_stat(c, "routes_waiting", n->asks);
	control_stat(c, "audit_lost", n->audit_lost);
	control_stat(c, "listeners", listeners - router_old.joined);
	control_stat(c, "listeners_draining", router_old.listeners);
	links_away(&links, &nodes);
	control_stat(c, "links_draining", links);
	control_stat(c, "streams_draining", streams_away());
	control_stat(c, "connections", l.connections);
	control_stat(c, "accepted", l.accepted);
	control_stat(c, "handshakes_failed", l.handshakes_failed);
	control_stat(c, "refused", l.refused);
	control_stat(c, "buffered_bytes", l.buffered);
	control_stat(c, "credit_bytes", l.credit);
	control_stat(c, "datagrams_lost", l.lost);
	control_stat(c, "bytes_from_targets", n->stream_in);
	control_stat(c, "bytes_to_targets", n->stream_out);
	for (k = 0; (cert = figures_cert(k)) != NULL; k++) {
		snprintf(name, sizeof(name), "certificate_expires_s:%.40s",
		    cert->name);
		control_stat(c, name, cert->ends > now ? cert->ends - now : 0);
	}
	control_done(c, CTL_CODE_OK, "");
}
