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

#ifndef CTL_H
#define CTL_H

#include <stdint.h>

#include "egress.h"
#include "mux_frame.h"
#include "relay_url.h"
#include "target.h"
#include "token.h"

/*
 * What accessctl and relayd, and agentd status and agentd, say to each other
 * over a control socket:
 * imsgs with these payloads, one request at a time, answered by any number
 * of records and then CTL_OK or CTL_ERROR.  Strings are NUL-terminated and
 * zero-padded.  Passwords and token secrets never cross it: accessctl sends
 * the crypt(3) hash and the token's public half.
 */

#define CTL_EMAIL_LEN	128
#define CTL_NAME_LEN	64
#define CTL_HASH_LEN	256
#define CTL_TEXT_LEN	256
#define CTL_ADDR_LEN	64
#define CTL_HOST_LEN	256			/* of a host's name */
#define CTL_ID_LEN	40			/* of a UUID as text */
#define CTL_SPEC_LEN	96			/* "192.0.2.1:80-89/tcp" */
#define CTL_TARGET_LEN	352			/* "pi:192.168.1.5:80" */
#define CTL_FROM_LEN	768			/* "192.0.2.0/24,..." */

/* Token scopes, a bit each; their names in this order. */
#define SCOPE_NODE	0x01
#define SCOPE_CONNECT	0x02
#define SCOPE_HTTP	0x04
#define SCOPE_SSH	0x08
#define SCOPE_MESH	0x10
#define SCOPE_ADMIN	0x20
#define SCOPE_NAMES	{ "node", "connect", "http", "ssh", "mesh", "admin" }

/* Who may see what a node shows by HTTP; their names in this order. */
enum site_access {
	SITE_PRIVATE = 1,	/* who is logged in and may reach the node; a
				   browser is sent to the login page */
	SITE_PUBLIC,		/* anybody */
	SITE_BASIC		/* as private, but asks by HTTP's Basic */
};
#define SITE_ACCESS_NAMES	{ "?", "private", "public", "basic" }

enum ctl_type {
	/*
	 * Neither these numbers nor what goes with them, struct ctl_end
	 * included, ever change: by them the accessctl of a new version asks
	 * the relayd of an old one to be replaced.
	 */
	CTL_UPGRADE = 1000,	/* struct ctl_name: empty; answered by the
				   parent, or, if all goes well, not at all */
	CTL_UPGRADE_STATE,	/* struct ctl_name: empty; by router */
	CTL_UPGRADE_RECORD,	/* struct ctl_upgrade */
	CTL_OK = 1008,		/* struct ctl_end */
	CTL_ERROR,		/* struct ctl_end */
	/* requests, answered by auth */
	CTL_USER_ADD = 1024,	/* struct ctl_user */
	CTL_USER_LIST,		/* struct ctl_name: empty */
	CTL_USER_PASSWD,	/* struct ctl_user: email and hash */
	CTL_USER_ENABLE,	/* struct ctl_name: email */
	CTL_USER_DISABLE,
	CTL_USER_DELETE,
	CTL_TOKEN_CREATE,	/* struct ctl_token */
	CTL_TOKEN_LIST,		/* struct ctl_name: email, or empty: all */
	CTL_TOKEN_REVOKE,	/* struct ctl_name: token id */
	CTL_NODE_LIST,		/* struct ctl_name: empty */
	CTL_NODE_SHOW,		/* struct ctl_name: node */
	CTL_NODE_RENAME,	/* struct ctl_rename */
	CTL_NODE_REMOVE,	/* struct ctl_name */
	CTL_GRANT_SET,		/* struct ctl_grant */
	CTL_GRANT_LIST,		/* struct ctl_grant: email, node; empty: all */
	CTL_GRANT_REVOKE,	/* struct ctl_grant: email and node */
	CTL_PUBLISH_ADD,	/* struct ctl_publish */
	CTL_PUBLISH_LIST,	/* struct ctl_name: empty */
	CTL_PUBLISH_REMOVE,	/* struct ctl_name: id, or what is published */
	CTL_BACKUP,		/* struct ctl_name: empty; answered by
				   CTL_COPY, the last with a descriptor */
	CTL_CHECK,		/* the same, for who wants to look at it */
	CTL_USER_LIMIT,		/* struct ctl_limit */
	CTL_NODE_LIMIT,		/* struct ctl_limit */
	CTL_TRAFFIC_LIST,	/* struct ctl_traffic: month, or empty: this
				   one; what and name, or empty: all */
	CTL_SITE_SET,		/* struct ctl_site */
	CTL_SITE_LIST,		/* struct ctl_site: node, or empty: all */
	CTL_SITE_REMOVE,	/* struct ctl_site: node and service */
	CTL_DOMAIN_ADD,		/* struct ctl_domain */
	CTL_DOMAIN_LIST,	/* struct ctl_name: empty */
	CTL_DOMAIN_REMOVE,	/* struct ctl_domain: name */
	CTL_SESSION_LIST,	/* struct ctl_session: email, node; "": all */
	CTL_SESSION_REVOKE,	/* struct ctl_session: id, email or node */
	/* requests, answered by router */
	CTL_NODE_KICK,		/* struct ctl_name */
	CTL_CONN_LIST,		/* struct ctl_name: empty */
	CTL_CONN_KILL,		/* struct ctl_id */
	CTL_STATS,		/* struct ctl_name: empty */
	CTL_PAIR,		/* struct ctl_pair; by agentd's tunnel, too:
				   node empty */
	/* answered by router, from what auth knows */
	CTL_AUDIT,		/* struct ctl_audit_ask; no end if follow */
	CTL_MEMORY,		/* struct ctl_memory_ask: zeros */
	/* answered by the parent */
	CTL_RELOAD,		/* struct ctl_name: empty */
	CTL_LOG,		/* struct ctl_name: level; empty: which? */
	/* records */
	CTL_USER = 1100,	/* struct ctl_user */
	CTL_TOKEN,		/* struct ctl_token */
	CTL_NODE,		/* struct ctl_node */
	CTL_CONN,		/* struct ctl_conn */
	CTL_STAT,		/* struct ctl_stat */
	CTL_AUDIT_LINE,		/* struct ctl_audit */
	CTL_GRANT,		/* struct ctl_grant */
	CTL_PUBLISH,		/* struct ctl_publish */
	CTL_COPY,		/* struct ctl_copy */
	CTL_TRAFFIC,		/* struct ctl_traffic */
	CTL_MEMORY_LINE,	/* struct ctl_memory */
	CTL_SITE,		/* struct ctl_site */
	CTL_DOMAIN,		/* struct ctl_domain */
	CTL_PAIRING,		/* struct ctl_pairing */
	CTL_SESSION,		/* struct ctl_session */
	/* requests, answered by agentd's tunnel: struct ctl_name, empty */
	CTL_AGENT_STATUS = 1200,
	CTL_AGENT_TRIES,
	CTL_AGENT_STREAMS,
	CTL_AGENT_BACKENDS,
	/* records */
	CTL_AGENT,		/* struct ctl_agent */
	CTL_AGENT_TRY,		/* struct ctl_agent_try */
	CTL_AGENT_STREAM,	/* struct ctl_agent_stream */
	CTL_AGENT_BACKEND	/* struct ctl_agent_backend */
};

struct ctl_name {
	char		 name[CTL_EMAIL_LEN];
};

struct ctl_rename {
	char		 from[CTL_NAME_LEN];
	char		 to[CTL_NAME_LEN];
};

struct ctl_id {
	uint64_t	 id;
};

struct ctl_user {
	char		 email[CTL_EMAIL_LEN];
	char		 username[CTL_NAME_LEN];
	char		 hash[CTL_HASH_LEN];	/* crypt(3), or empty: none;
						   never in a record */
	uint32_t	 admin;
	uint32_t	 enabled;
	uint32_t	 has_password;
	uint32_t	 tokens, nodes;		/* in records: how many */
	int64_t		 created_at;		/* s since 1970 */
	uint64_t	 rate, quota;		/* in records: what counts */
	uint64_t	 used;			/* bytes of this month */
};

struct ctl_token {
	char		 token_id[TOKEN_ID_LEN + 4];
	uint8_t		 public[TOKEN_PUBLIC_LEN];
	char		 email[CTL_EMAIL_LEN];
	char		 name[CTL_NAME_LEN];
	uint32_t	 scopes;
	char		 nodes[CTL_TEXT_LEN];	/* with commas; empty: all */
	int64_t		 created_at;
	int64_t		 expires_at;		/* 0: never */
	int64_t		 last_used_at;		/* 0: never */
};

struct ctl_node {
	char		 name[CTL_NAME_LEN];
	char		 email[CTL_EMAIL_LEN];	/* of its owner */
	char		 token_id[TOKEN_ID_LEN + 4];
	int64_t		 created_at;
	uint32_t	 online;
	uint32_t	 streams;
	int64_t		 since;			/* of the link, or of its end */
	char		 addr[CTL_ADDR_LEN];	/* where the link comes from */
	char		 software[CTL_TEXT_LEN];
	uint32_t	 rtt_us;
	uint64_t	 in, out;		/* bytes from and to the node */
	uint64_t	 rate, quota;		/* limits that count */
	uint64_t	 used;			/* bytes of this month */
	/* when it is shown alone: */
	uint32_t	 http;			/* enum site_access, or 0 */
	char		 host[CTL_HOST_LEN];	/* by which; empty: none */
};

struct ctl_grant {
	char		 email[CTL_EMAIL_LEN];	/* who may */
	char		 node[CTL_NAME_LEN];
	uint32_t	 scopes;
	uint32_t	 expired;		/* in records */
	char		 targets[TARGETS_LEN];	/* with commas; empty: all */
	int64_t		 expires_at;		/* 0: never */
	/* in records: */
	int64_t		 created_at;
	char		 owner[CTL_EMAIL_LEN];	/* of the node */
	char		 granted_by[CTL_EMAIL_LEN];	/* empty: the host */
};

/* A session of a browser, or of a paired program. */
struct ctl_session {
	char		 id[CTL_ID_LEN];
	char		 kind[8];		/* "web" or "rpc" */
	char		 email[CTL_EMAIL_LEN];
	char		 node[CTL_NAME_LEN];	/* empty: any */
	char		 host[CTL_HOST_LEN];	/* of a site; empty: the
						   relay's own pages */
	char		 addr[CTL_ADDR_LEN];	/* of the log-in */
	char		 software[CTL_TEXT_LEN];	/* as it said */
	int64_t		 created_at;
	int64_t		 expires_at;
	int64_t		 last_used_at;
};

struct ctl_conn {
	uint64_t	 id;
	char		 email[CTL_EMAIL_LEN];
	char		 by[CTL_HOST_LEN];	/* the port or site of this user
						   that a visitor came by */
	char		 node[CTL_NAME_LEN];
	char		 host[MUX_HOST_MAX + 1];
	uint16_t	 port;
	uint16_t	 kind;			/* enum mux_kind */
	char		 addr[CTL_ADDR_LEN];	/* of the client */
	int64_t		 since;
	uint64_t	 in, out;		/* bytes from and to target */
};

enum ctl_publish_state {
	CTL_PUBLISH_OPENING = 0,	/* not heard of yet */
	CTL_PUBLISH_OPEN,
	CTL_PUBLISH_DENIED,		/* relayd.conf does not allow it */
	CTL_PUBLISH_DISABLED,		/* its user is disabled */
	CTL_PUBLISH_FAILED		/* it can't be opened: tried again */
};

/* A published port (publish.h), with its texts as those are parsed. */
struct ctl_publish {
	char		 id[CTL_ID_LEN];
	char		 spec[CTL_SPEC_LEN];
	char		 target[CTL_TARGET_LEN];
	char		 from[CTL_FROM_LEN];	/* empty: all */
	uint32_t	 proxy;			/* 1, 2: PROXY header */
	uint32_t	 connections;		/* at once; 0: no limit */
	uint64_t	 bandwidth;		/* bytes/s each way; 0: none */
	/* in records: */
	char		 email[CTL_EMAIL_LEN];	/* of the node's owner */
	char		 node[CTL_NAME_LEN];
	int64_t		 created_at;
	uint32_t	 state;			/* enum ctl_publish_state */
	uint32_t	 streams;		/* open now */
	uint32_t	 online;		/* the node is */
	char		 text[CTL_TEXT_LEN];	/* why it is not open */
};

/* What a node shows by HTTP under the name of a service. */
struct ctl_site {
	char		 node[CTL_NAME_LEN];
	char		 service[CTL_NAME_LEN];	/* empty: the default, and
						   that of all without a word
						   of their own */
	uint32_t	 access;		/* enum site_access */
	/* in records: */
	char		 host[CTL_HOST_LEN];	/* empty: it can have none */
	char		 email[CTL_EMAIL_LEN];	/* of the node's owner */
};

/* A host name that leads to a node. */
struct ctl_domain {
	char		 name[CTL_HOST_LEN];
	char		 node[CTL_NAME_LEN];
	char		 service[CTL_NAME_LEN];
	uint32_t	 passthrough;
	/* in records: */
	uint32_t	 access;		/* enum site_access */
	char		 email[CTL_EMAIL_LEN];
	int64_t		 created_at;
};

/* Limits of bandwidth and of bytes a month, of a user or a node. */
enum ctl_limit_set { CTL_LIMIT_KEEP, CTL_LIMIT_SET, CTL_LIMIT_DEFAULT };

struct ctl_limit {
	char		 name[CTL_EMAIL_LEN];	/* email or node */
	uint32_t	 rate_set;		/* enum ctl_limit_set */
	uint32_t	 quota_set;
	uint64_t	 rate;			/* bytes/s each way; 0: none */
	uint64_t	 quota;			/* bytes; 0: none */
};

struct ctl_traffic {
	char		 month[8];		/* "2026-11", in UTC */
	char		 what[8];		/* "user", "node" or "port" */
	char		 name[CTL_EMAIL_LEN];
	/* in records: */
	uint64_t	 in, out;		/* bytes from and to nodes */
	uint64_t	 quota;			/* of this month; 0: none */
	uint64_t	 rest;			/* of it; UINT64_MAX: none */
};

/* A pairing code, made by who asks: only its hash goes further. */
struct ctl_pair {
	char		 node[CTL_NAME_LEN];
	uint8_t		 hash[32];		/* SHA-256 */
	uint32_t	 ttl;			/* s; 0: the relay's default */
};

struct ctl_pairing {
	int64_t		 expires_at;		/* s since 1970 */
	char		 node[CTL_NAME_LEN];
	char		 url[CTL_TEXT_LEN];	/* of the relay; or empty */
};

struct ctl_stat {
	char		 name[CTL_NAME_LEN];	/* "links", "streams", ... */
	uint64_t	 value;
};

/* Lines of the audit log that are not older, of whom, of which node. */
struct ctl_audit_ask {
	int64_t		 since;			/* s since 1970; 0: all */
	uint64_t	 after;			/* id: the last known, or 0 */
	uint32_t	 follow;		/* and those that come */
	uint32_t	 pad;
	char		 email[CTL_EMAIL_LEN];	/* empty: everybody */
	char		 node[CTL_NAME_LEN];	/* empty: every one */
};

struct ctl_audit {
	uint64_t	 id;			/* grows */
	int64_t		 at;			/* of the end */
	char		 what[16];		/* "login", "stream", ... */
	char		 email[CTL_EMAIL_LEN];
	char		 token_id[TOKEN_ID_LEN + 4];
	char		 node[CTL_NAME_LEN];
	char		 addr[CTL_ADDR_LEN];
	char		 target[MUX_TARGET_LEN];
	uint64_t	 ms;			/* how long */
	uint64_t	 in, out;		/* bytes */
	char		 text[CTL_TEXT_LEN];
};

/* What memory is taken for what.  The request is where relayd is in it. */
struct ctl_memory_ask {
	uint32_t	 process;
	uint32_t	 part;
	uint64_t	 after;
};

enum ctl_memory_kind {
	MEMORY_PROCESS = 1,	/* what the system says of a process */
	MEMORY_THINGS,		/* so many things of one kind */
	MEMORY_LINK,		/* a connection, and its link if it has one */
	MEMORY_STREAM		/* a stream, where it passes a listener */
};

struct ctl_memory {
	uint32_t	 kind;			/* enum ctl_memory_kind */
	uint32_t	 pad;
	char		 process[24];		/* "listener 0" */
	uint64_t	 id;			/* pid, connection, stream */
	char		 what[32];		/* "sessions"; "node", ... */
	char		 email[CTL_EMAIL_LEN];	/* whose; empty: nobody's */
	char		 node[CTL_NAME_LEN];
	char		 addr[CTL_ADDR_LEN];
	char		 target[MUX_TARGET_LEN];
	uint64_t	 count;			/* things, streams of a link */
	uint64_t	 state;			/* bytes of structures... */
	uint64_t	 buffers;		/* ...and what waits to leave or
						   to be looked at */
	/*
	 * Data of streams: what waits, in blocks of so many bytes, and what
	 * is reserved for more.  Of a stream, to the node and from it.
	 */
	uint64_t	 queued[2];
	uint64_t	 held[2];
	uint64_t	 window[2];
	uint64_t	 rss, pss, own;		/* of a process */
};

/* How far a copy of the store is. */
struct ctl_copy {
	uint64_t	 done, total;		/* pages */
	uint64_t	 bytes;			/* of all, when it is whole */
};

/* How agentd is; the relay and the way to it: of the link, if there is one. */
struct ctl_agent {
	char		 name[CTL_NAME_LEN];
	char		 state[16];		/* "connected", "waiting" ... */
	uint32_t	 connected;
	char		 relay[RELAY_URL_MAX];
	char		 way[EGRESS_NAME_MAX];	/* empty: straight */
	char		 software[CTL_TEXT_LEN];	/* of the relay */
	char		 tls[128];
	int64_t		 since;			/* of the link */
	uint32_t	 rtt_us;
	uint32_t	 links;			/* that were left, and still
						   carry streams */
	char		 next_relay[RELAY_URL_MAX];	/* without a link */
	uint32_t	 has_next;		/* a time... */
	uint32_t	 next_ms;		/* ...until it is tried */
	int64_t		 started;		/* counters begin then */
	uint64_t	 times_up, times_failed;
	uint32_t	 streams;		/* open */
	uint64_t	 streams_total;
	uint64_t	 in, out;		/* bytes from and to targets */
};

/* What became of an attempt or a link. */
struct ctl_agent_try {
	int64_t		 at;
	char		 what[16];		/* "up", "failed", "ended" */
	char		 relay[RELAY_URL_MAX];
	char		 way[EGRESS_NAME_MAX];
	char		 text[CTL_TEXT_LEN];	/* why */
};

struct ctl_agent_stream {
	uint64_t	 id;
	char		 user[CTL_TEXT_LEN];
	char		 addr[CTL_TEXT_LEN];	/* of the client */
	char		 target[MUX_TARGET_LEN];
	uint16_t	 kind;			/* enum mux_kind */
	uint16_t	 connected;		/* or: being connected */
	int64_t		 since;
	uint64_t	 in, out;		/* bytes from and to target */
};

/* What visitors of the device's pages come to. */
struct ctl_agent_backend {
	char		 name[CTL_NAME_LEN];	/* of the service, or empty */
	uint16_t	 kind;			/* enum mux_kind */
	uint16_t	 pad[3];
	char		 url[272];
	char		 health[256];		/* what is asked for, or "" */
	char		 state[16];		/* "up", "down", "unknown"; or
						   empty: nobody asks */
	int64_t		 since;			/* of that state */
	uint64_t	 checks, failed;	/* so far */
	char		 text[CTL_TEXT_LEN];	/* why the last check failed */
};

struct ctl_upgrade {
	uint64_t	 upgrades;		/* that this relayd has seen */
	uint32_t	 listeners;		/* that drain */
	uint32_t	 nodes;			/* that have yet to come over */
	uint32_t	 links;			/* old ones that are left */
	uint32_t	 streams;		/* that use them */
	int64_t		 until;			/* when these are ended; s since
						   1970; 0: there are none */
	char		 version[32];		/* of what serves now */
	char		 from[32];		/* and of what served before */
};

enum ctl_code {
	CTL_CODE_OK = 0,
	CTL_CODE_INVALID,	/* the request makes no sense */
	CTL_CODE_EXISTS,
	CTL_CODE_NOT_FOUND,
	CTL_CODE_DENIED,
	CTL_CODE_STORE,		/* the store can't write or read now */
	CTL_CODE_INTERNAL
};

struct ctl_end {
	uint32_t	 code;			/* enum ctl_code */
	uint32_t	 links, streams;	/* ended by a revocation */
	uint32_t	 ms;			/* and within how long */
	char		 text[CTL_TEXT_LEN];	/* for a person; may be empty */
};

#endif /* CTL_H */
