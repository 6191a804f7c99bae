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

#ifndef MSG_H
#define MSG_H

#include "proc.h"

/*
 * What relayd's processes say to each other: every message, by conversation.
 * Their payloads are in
 *
 *	msg_conf.h	what the parent gives its children
 *	msg_login.h	who comes in, and the sessions they get
 *	msg_link.h	links, routes, grants, streams, and their end
 *	msg_meter.h	bandwidth and traffic
 *	msg_stats.h	what there is to count
 *	msg_list.h	what there is to list
 *	msg_audit.h	the audit log
 *	msg_publish.h	published ports
 *	msg_site.h	what host names lead to
 *	msg_rpc.h	pairing codes, and nodes of the other make
 *
 * and in ctl.h, for the requests of the control socket.
 */

enum imsg_type {
	/* parent -> children: the configuration, all or nothing */
	IMSG_CONF_BEGIN = PROC_IMSG_FIRST,	/* struct conf_begin */
	IMSG_CONF_LISTEN,	/* struct conf_listen, fd; to listeners */
	IMSG_CONF_NETWORK,	/* struct conf_network; to listeners */
	IMSG_CONF_CERT_END,	/* struct conf_cert_end; to router, listeners */
	IMSG_CONF_CERT,		/* struct conf_chunk: chains; to listeners */
	IMSG_CONF_KEY,		/* struct conf_chunk: keys; to keys */
	IMSG_CONF_ACCESS,	/* struct conf_access, fd: the access log, to
				   listeners; outside of a configuration: it
				   was opened anew */
	IMSG_CONF_NAME,		/* struct conf_name; to auth, listeners */
	IMSG_CONF_PUBLISH,	/* struct publish_rule; to auth */
	IMSG_CONF_END,		/* struct conf_end: take it into use */
	IMSG_CONF_CONTROL,	/* struct conf_end, fd: the control socket,
				   to router */
	IMSG_SIGN_SOCKET,	/* struct sign_socket, fd; to keys, listeners */
	IMSG_LISTENER_LINK,	/* struct listener_link, fd; to listeners */
	IMSG_LISTENER_AGAIN,	/* struct listener_link; listener -> parent:
				   that one is lost */
	IMSG_CONF_TAKEN,	/* struct conf_end; all -> parent: the answer
				   to IMSG_CONF_END */
	/*
	 * Begin to serve; to all but keys, and not before those of a binary
	 * that is being replaced have ended.  And then what is left of them,
	 * to router.
	 */
	IMSG_CONF_SERVE,	/* struct conf_serve */
	IMSG_SERVES,		/* struct conf_end; auth -> parent */
	IMSG_CONF_OLD,		/* struct conf_old; to router */
	IMSG_OLD_END,		/* struct conf_end; router -> parent: something
				   was revoked, and not all can be told */
	/* auth's log-ins, from the last to the next, struct session each */
	IMSG_SESSIONS_GIVE,	/* struct conf_end, fd */
	IMSG_SESSIONS_TAKE,	/* struct conf_end, fd */
	IMSG_SESSIONS_TAKEN,	/* struct conf_end; auth -> parent */
	/* router -> parent and back */
	IMSG_RELOAD,		/* struct ctl_name; id: control client */
	IMSG_UPGRADE,		/* struct ctl_name; id: control client; if all
				   is well, no answer */
	IMSG_LOG_LEVEL,		/* struct ctl_name; id: control client */
	IMSG_RELOADED,		/* struct ctl_end: to both */
	/* log-in: listener -> auth; auth -> listener or router -> listener */
	IMSG_LOGIN_BEACON,	/* struct login_beacon; auth -> listeners, ahead
				   of log-ins */
	IMSG_LOGIN,		/* struct login; id: connection */
	IMSG_LOGIN_PASSWORD,	/* struct login_password; likewise */
	IMSG_LOGIN_DENIED,	/* struct login_denied; id: connection */
	IMSG_SESSION,		/* struct session; auth -> router, then router
				   -> listener, when it is on record */
	IMSG_SESSION_END,	/* struct session_id; router -> auth */
	IMSG_SESSION_KNOWN,	/* struct session; router -> auth, to an auth
				   that was started anew */
	IMSG_WEB_ASK,		/* struct web_ask; listener -> auth; id: the
				   asker's */
	IMSG_WEB_ANSWER,	/* struct web_answer; the answer */
	/* links: listener -> router */
	IMSG_LINK_UP,		/* struct link_up; id: connection */
	IMSG_LINK_DOWN,		/* struct link_down; id: connection */
	IMSG_LINK_AWAY,		/* struct link_away; id: connection: its peer
				   was asked to come by another link */
	IMSG_LINK_AGAIN,	/* struct session: to a router that was started
				   anew, which asks auth; then LINK_UP */
	IMSG_SESSION_CHECK,	/* struct session; router -> auth, answered by
				   IMSG_SESSION or IMSG_SESSION_GONE */
	IMSG_SESSION_GONE,	/* struct session */
	/* router -> listener */
	IMSG_LINK_KILL,		/* struct link_kill; id: connection */
	IMSG_LINK_KILLED,	/* struct link_killed; listener -> router */
	/* routes: listener -> router -> (auth ->) listeners */
	IMSG_ROUTE_ASK,		/* struct route_ask; id: the asker's */
	IMSG_NODE_ASK,		/* struct node_ask; router -> auth */
	IMSG_NODE_ANSWER,	/* struct node_answer; auth -> router */
	IMSG_TICKET,		/* struct ticket; router -> node's listener */
	IMSG_TICKET_OK,		/* struct ticket_id; the answer */
	IMSG_ROUTE,		/* struct route; router -> asker; id: its id */
	IMSG_TICKET_DROP,	/* struct ticket_id; router -> both */
	IMSG_SESSION_OVER,	/* struct session_over; router -> listeners of
				   nodes that it had tickets for */
	IMSG_GRANT,		/* struct grant; router -> listener, before a
				   ROUTE or TICKET that rests on it */
	/* streams: listener -> router */
	IMSG_STREAM_UP,		/* struct stream_up */
	IMSG_STREAM_DOWN,	/* struct stream_down */
	IMSG_STREAM_BYTES,	/* struct stream_bytes */
	IMSG_STREAM_KILL,	/* struct stream_kill; router -> listener */
	IMSG_STATS_ASK,		/* struct ctl_id; router -> listeners; they
				   send STREAM_BYTES, LINK_STATS, then */
	IMSG_LINK_STATS,	/* struct link_stats; id: connection */
	IMSG_STATS,		/* struct listener_stats: the end */
	/* all there is to count: listener -> router and back */
	IMSG_FIGURES_ASK,	/* struct ctl_id */
	IMSG_FIGURES,		/* struct figures */
	IMSG_USAGE,		/* struct process_usage; parent -> router */
	/* the nodes a user may reach: listener -> router -> auth and back */
	IMSG_NODES_ASK,		/* struct nodes_ask; id: the asker's */
	IMSG_NODES_ENTRY,	/* struct nodes_entry */
	IMSG_NODES_END,		/* struct nodes_ask */
	/* the streams a user may see: listener -> router and back */
	IMSG_CONNS_ASK,		/* struct conns_ask; id: the asker's */
	IMSG_CONNS_ENTRY,	/* struct conns_entry */
	IMSG_CONNS_END,		/* struct conns_ask */
	/*
	 * Published ports.  Auth says which there are, from the store and
	 * the rules; the parent opens them, if its rules say so too; the
	 * listeners serve them.
	 */
	IMSG_PUBLISH_TRY,	/* struct publication; auth -> router: can it
				   be opened?  id: control client */
	IMSG_PUBLISH_TRIED,	/* struct publish_result; the answer */
	IMSG_PUBLICATION,	/* struct publication; auth -> router: it is
				   there, or has changed */
	IMSG_PUBLICATIONS,	/* struct publications; auth -> router: around
				   all that there are */
	IMSG_PUBLISH,		/* struct publish; router -> parent: open */
	IMSG_PUBLISHED,		/* struct publish_result; the answer, and when
				   a reload has closed it */
	IMSG_UNPUBLISH,		/* struct publication_id; router -> parent */
	IMSG_PUBLISH_END,	/* struct conf_end; router -> parent: what a
				   new router did not ask for may close */
	IMSG_PORT_SOCKET,	/* struct port_socket, fd; parent ->
				   listeners */
	IMSG_PORT_SLOTS,	/* struct port_slots, fd; parent ->
				   listeners */
	IMSG_PORT_CLOSE,	/* struct publication_id; parent ->
				   listeners */
	IMSG_PORT,		/* struct port; router -> listener: serve */
	IMSG_PORTS_END,		/* struct conf_end; router -> listener: what a
				   new router did not name has ended */
	/* sites: what a host name leads to */
	IMSG_SITE_ASK,		/* struct site_ask; listener -> router -> auth;
				   id: the asker's */
	IMSG_SITE,		/* struct site; auth -> router -> listener: the
				   answer, same id */
	IMSG_SITES_CHANGED,	/* struct sites_changed; auth -> router ->
				   listeners: ask again */
	IMSG_PASSTHROUGH,	/* struct passthrough; router -> listeners */
	/* the rpc door: pairing codes, and the sessions that they buy */
	IMSG_PAIR_OFFER,	/* struct pair_offer; listener -> router: a
				   node has made a code; id: its connection */
	IMSG_PAIR_OFFERED,	/* struct pair_offered; the answer */
	IMSG_PAIR_GONE,		/* struct pair_gone; router -> that listener:
				   the code was used, or has ended */
	IMSG_PAIR_USED,		/* struct pair_used; router -> listeners, and
				   from them to a new router */
	IMSG_PAIR_ASK,		/* struct pair_ask; listener -> router; id:
				   the asker's connection */
	IMSG_PAIR_ANSWER,	/* struct pair_answer; the answer */
	IMSG_PAIR_BUY,		/* struct pair_buy; router -> auth; id:
				   router's */
	IMSG_PAIR_BOUGHT,	/* struct pair_bought; the answer */
	IMSG_RPC_COUNT,		/* struct rpc_count; auth -> router: sessions
				   of the rpc door in the store */
	IMSG_HEALTH,		/* struct health; router -> listeners */
	/*
	 * Nodes of the other make, which have no account: router says which
	 * may come, and where they are.
	 */
	IMSG_CONF_RPC_KEY,	/* struct rpc_key; parent -> router */
	IMSG_RPC_NODE_ASK,	/* struct rpc_node_ask; listener -> router;
				   id: connection */
	IMSG_RPC_NODE_MAY,	/* struct rpc_node_may; the answer */
	IMSG_RPC_NODE,		/* struct rpc_node; router -> listeners: where
				   it is; and from its listener to a new
				   router */
	IMSG_RPC_NODE_DOWN,	/* struct rpc_node; listener -> router */
	IMSG_RPC_NODE_KILL,	/* struct rpc_node; router -> listener */
	IMSG_RPC_SESSION,	/* struct rpc_session; router -> listeners:
				   this token is for such a node; and from
				   them to a new router */
	IMSG_RPC_SLOTS,		/* struct rpc_slots; listener <-> router: how
				   many requests for a node of ours may wait */
	/* auth -> router: end what rests on these; answered by REVOKED */
	IMSG_REVOKE,		/* struct revoke; id: auth's */
	IMSG_REVOKED,		/* struct ctl_end; router -> auth */
	IMSG_GRANT_END,		/* struct revoke; id: router's; router ->
				   listeners: end what it covers no more */
	IMSG_GRANT_ENDED,	/* struct grant_ended; the answer */
	/* after a restart: which grants do routes and streams rest on? */
	IMSG_GRANTS_ASK,	/* nothing; auth -> router -> listeners */
	IMSG_GRANT_USED,	/* struct grant, as it is known there; listener
				   -> router -> auth, which says REVOKE of what
				   has changed */
	/* bandwidth and traffic: of users, nodes, published ports */
	IMSG_METER_ASK,		/* struct meter_id; router -> auth */
	IMSG_METER,		/* struct meter_info; the answer, and again
				   when it changes */
	IMSG_METERS_AGAIN,	/* struct conf_end; auth -> router: ask again
				   about all */
	IMSG_TRAFFIC,		/* struct traffic; router -> auth */
	IMSG_SHARE,		/* struct share_set; router -> listener */
	IMSG_SHARE_USE,		/* struct share_use; listener -> router */
	/* router -> auth */
	IMSG_NODE_STATE,	/* struct node_state */
	IMSG_AUDIT,		/* struct audit_event */
	/* the audit log, a page at a time; id: control client */
	IMSG_AUDIT_ASK,		/* struct audit_ask; router -> auth, which
				   sends CTL_AUDIT_LINE, then */
	IMSG_AUDIT_PAGE,	/* struct audit_page */
	/* what memory is taken; id: control client */
	IMSG_MEMORY_ASK,	/* struct memory_page; router -> parent, auth,
				   listeners, who send CTL_MEMORY_LINE, then */
	IMSG_MEMORY_PAGE,	/* struct memory_page: where to go on */
	/* a copy of the store; id: control client */
	IMSG_COPY_FILE,		/* struct ctl_copy, fd; auth -> router */
	IMSG_COPY_CANCEL,	/* struct ctl_name: empty; router -> auth */
	/*
	 * And the CTL_* requests: router -> auth with id: control client;
	 * records and ends: auth -> router.
	 */
};

#endif /* MSG_H */
