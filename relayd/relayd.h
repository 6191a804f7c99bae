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

#ifndef RELAYD_H
#define RELAYD_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "ctl.h"
#include "evtls.h"
#include "mux_frame.h"
#include "proc.h"
#include "publish.h"
#include "target.h"
#include "token.h"

/*
 * What crosses relayd's processes: the process kinds, the configuration,
 * and every message with its payload.
 */

enum relayd_kind {
	/* PROC_PARENT = 0 */
	PROC_KEYS = 1,
	PROC_AUTH,
	PROC_ROUTER,
	PROC_LISTENER,
	PROC_KINDS
};

#define RELAYD_CONF	CULVERT_SYSCONFDIR "/relayd.conf"
#define RELAYD_STATE	CULVERT_STATEDIR
#define RELAYD_CONTROL	CULVERT_RUNDIR "/relayd.sock"

#define USER_ID_LEN	36		/* a UUID as text */
#define DOMAIN_LEN	256
#define NONCE_LEN	96
#define CERTS_MAX	64
#define BACKUPS_MAX	31
#define PREFORK_MAX	(PROC_INSTANCES_MAX / 2) /* as many may drain */
#define NETWORKS_MAX	256

/* ---- the configuration ---- */

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
	uint32_t	 pad;
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

struct rpc_key_entry {
	TAILQ_ENTRY(rpc_key_entry) entry;
	char		*node;
	uint8_t		 hash[32];		/* SHA-256 of its secret */
};
TAILQ_HEAD(rpc_keys, rpc_key_entry);
#define RPC_KEYS_MAX	1024
#define RPC_MESSAGE_HARD (16 * 1024 * 1024)	/* longer ones end it */
#define RPC_SESSION_MIN	60			/* s */
#define RPC_SESSION_MAX	86400
#define RPC_PAIR_MIN	30			/* s */
#define RPC_PAIR_MAX	600

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

struct listen_addr {
	TAILQ_ENTRY(listen_addr) entry;
	struct sockaddr_storage	 ss;
	int			 tls;
	int			 proxy;		/* PROXY headers, from those
						   who are trusted */
	int			*fds;		/* one per listener */
};
TAILQ_HEAD(listen_addrs, listen_addr);

/*
 * Who may say for whom it speaks, and by which field of HTTP; or who may see
 * the metrics.
 */
struct network {
	TAILQ_ENTRY(network)	 entry;
	struct addr_prefix	 prefix;
	uint32_t		 field;		/* enum forwarded_field */
};
TAILQ_HEAD(networks, network);

struct certificate {
	TAILQ_ENTRY(certificate) entry;
	char		*cert_file;
	char		*key_file;
	char		*chain;			/* PEM, loaded by the parent */
	char		*key;			/* PEM, secret */
	uint8_t		 keyid[EVTLS_KEYID_LEN];
	char		 name[DOMAIN_LEN];	/* of the names in it one */
	int64_t		 ends;			/* s since 1970 */
	int64_t		 warned;		/* that it does; likewise */
};
TAILQ_HEAD(certificates, certificate);

struct own_name {
	TAILQ_ENTRY(own_name)	 entry;
	char			*name;		/* lower case; or "*.name" */
};
TAILQ_HEAD(own_names, own_name);

struct relayd_conf {
	struct listen_addrs	 listens;
	struct certificates	 certs;
	struct networks		 proxies;	/* that are trusted */
	struct networks		 monitors;	/* that see the metrics */
	char			*metrics_token;	/* or NULL */
	struct own_names	 names;		/* `domain`, and what the
						   certificates say */
	char			*domain;	/* or NULL */
	char			*state;		/* folder of the store */
	char			*control;	/* path of the control socket */
	char			*control_group;	/* or NULL */
	char			*user;		/* of the listeners */
	int			 prefork;
	uint32_t		 upgrade_drain_ms, upgrade_spread_ms;
	char			*access_log;	/* its file, or NULL */
	int			 access_format;	/* enum access_format */
	enum log_dest		 log_dest;
	int			 log_facility;	/* of syslog(3); 0: daemon */
	int			 log_level;
	int			 backups;	/* that are kept, a day each */
	struct relayd_limits	 limits;
	struct publish_rules	 publish;
	struct relayd_bandwidth	 bandwidth;
	struct relayd_rpc	 rpc;
	struct rpc_keys		 rpc_keys;
	struct relayd_identity	 identity;
};

/*
 * parse.y: read a configuration.  Errors go to the log with file and line;
 * NULL then.  config.c: check what can only be checked against the system
 * (certificates and keys match, the state folder), fill the names, free.
 */
struct relayd_conf	*config_new(void);
struct relayd_conf	*parse_config(const char *);
int			 cmdline_symset(const char *);
int			 config_load(struct relayd_conf *);
void			 config_free(struct relayd_conf *);

/*
 * config_rpc.c: the defaults; one setting by its name ("pair ttl"); a node of
 * the other make that has a secret.  0, or -1 with a reason.
 */
void	rpc_conf_init(struct relayd_rpc *);
int	rpc_conf_set(struct relayd_rpc *, const char *, const char *, char *,
	    size_t);
int	rpc_conf_key(struct rpc_keys *, const char *, const char *, char *,
	    size_t);
void	rpc_conf_free(struct rpc_keys *);

/* ---- messages ---- */

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
	IMSG_KEYS_READY,	/* struct conf_end; keys -> parent: taken */
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

struct conf_begin {
	struct relayd_limits	 limits;
	struct relayd_bandwidth	 bandwidth;
	struct relayd_rpc	 rpc;
	struct relayd_identity	 identity;	/* to listeners only */
	char			 domain[DOMAIN_LEN];
	char			 state[1024];	/* to auth only */
	char			 user[CTL_NAME_LEN];
	int32_t			 prefork;
	uint32_t		 verbose;
	uint32_t		 backups;	/* to keep, a day each */
	int64_t			 started;	/* s since 1970: the daemon */
	/* to listeners only: */
	uint8_t			 nonce_key[32];
	uint8_t			 metrics_hash[32];	/* SHA-256 of the token
							   for metrics */
	uint32_t		 has_metrics_token;
};

struct conf_listen {
	struct sockaddr_storage	 ss;
	uint32_t		 tls;
	uint32_t		 proxy;
};

/* A trusted proxy, or who may see the metrics; or a network of them. */
enum conf_network_what { NETWORK_PROXY = 1, NETWORK_MONITOR };
struct conf_network {
	struct addr_prefix	 prefix;
	uint32_t		 what;
	uint32_t		 field;		/* enum forwarded_field */
};

/* What each certificate is called, and when it ends. */
struct conf_cert_end {
	uint32_t		 index;
	int64_t			 ends;		/* s since 1970 */
	char			 name[DOMAIN_LEN];
};

/* A piece of certificate chain or key number index; pieces come in order. */
#define CONF_CHUNK_MAX	8192
struct conf_chunk {
	uint8_t			 keyid[EVTLS_KEYID_LEN];
	uint32_t		 index;
	uint32_t		 total;		/* bytes of the whole */
	uint32_t		 len;		/* bytes in data */
	char			 data[CONF_CHUNK_MAX];
};

struct conf_access {
	uint32_t		 format;	/* enum access_format */
	uint32_t		 pad;
};

struct conf_name {
	char			 name[DOMAIN_LEN];
};

struct conf_end {
	uint32_t		 generation;
};

struct conf_serve {
	uint32_t		 patience_ms;	/* with nodes that may come */
	uint32_t		 unused;
};

struct conf_old {
	uint64_t		 present;	/* 1 << instance of listeners */
	uint64_t		 upgrades;	/* that this relayd has seen */
	uint32_t		 listeners;	/* that drain */
	uint32_t		 joined;	/* of these, with our own */
	int64_t			 until;		/* then they are ended */
	char			 from[32];	/* the last version */
};

struct sign_socket {
	int32_t			 listener;
};

struct listener_link {
	int32_t			 peer;		/* the other instance */
	int32_t			 dialer;	/* 1 at one end */
};

/* Signing, on a SOCK_SEQPACKET of its own, one exchange at a time. */
struct sign_ask {
	uint64_t		 seq;		/* repeated in the answer */
	uint8_t			 keyid[EVTLS_KEYID_LEN];
	uint32_t		 kind;		/* enum evtls_sign_kind */
	uint32_t		 len;
	uint8_t			 data[EVTLS_SIGN_MAX];
};
struct sign_answer {
	uint64_t		 seq;
	uint32_t		 ok;
	uint32_t		 len;
	uint8_t			 data[EVTLS_SIGN_MAX];
};

/* DOOR_PORT: nobody logged in; router speaks for the node's owner. */
enum login_door {
	DOOR_NODE = 1, DOOR_ACCESS = 2, DOOR_PORT = 3, DOOR_API = 4,
	DOOR_HTTP = 5, DOOR_RPC = 6
};
#define DOORS		7	/* 0: none */
/* Whether those who come in there have to log in. */
#define DOOR_LOGS_IN(d)	((d) == DOOR_NODE || (d) == DOOR_ACCESS || \
			    (d) == DOOR_API || (d) == DOOR_HTTP || \
			    (d) == DOOR_RPC)
/* Whether what holds the session is a link, or about to be one. */
#define DOOR_IS_LINK(d)	((d) == DOOR_NODE || (d) == DOOR_ACCESS)
/* With which log-ins are denied; the last one stands for any other. */
#define LOGIN_STATUSES	7
#define LOGIN_STATUS_LIST { 401, 403, 409, 421, 429, 503, 0 }
/* By the first digit of their status; 0: there was none. */
#define RESPONSES	6
enum login_method {
	LOGIN_SIGNATURE = 1,
	LOGIN_BEARER = 2,	/* the token itself */
	LOGIN_SECRET = 3	/* that of a session in the store: of a
				   browser (http), of a paired program (rpc) */
};

struct login {
	uint32_t		 door;
	uint32_t		 method;
	char			 token_id[TOKEN_ID_LEN + 4];
	uint8_t			 sig[TOKEN_SIG_LEN];
	uint8_t			 seed[TOKEN_SEED_LEN];	/* bearer: its secret;
							   LOGIN_SECRET: the
							   SHA-256 of that */
	char			 host[DOMAIN_LEN];	/* http: of the site */
	char			 nonce[NONCE_LEN];
	char			 path[CTL_NAME_LEN];
	char			 node[CTL_NAME_LEN];
	struct sockaddr_storage	 peer;
};

#define PASSWORD_LEN	512	/* with its NUL; crypt(3) takes no more */

/* The same with an email address and a password, for a site. */
struct login_password {
	char			 host[DOMAIN_LEN];
	char			 email[CTL_EMAIL_LEN];
	char			 password[PASSWORD_LEN];
	struct sockaddr_storage	 peer;
};

struct login_denied {
	uint32_t		 status;	/* 401 403 409 421 429 503 */
	uint32_t		 retry_after;	/* s, or 0 */
	char			 text[CTL_TEXT_LEN];
};

struct session_id {
	uint64_t		 session;
};

struct session {
	uint64_t		 session;	/* random, never 0 */
	int32_t			 listener;
	uint32_t		 conn;		/* the listener's id of it */
	uint32_t		 door;
	uint32_t		 scopes;
	char			 user_id[USER_ID_LEN + 4];
	char			 email[CTL_EMAIL_LEN];
	char			 username[CTL_NAME_LEN];
	char			 token_id[TOKEN_ID_LEN + 4];	/* or "" */
	/* The node that came in; http, rpc: the only one it may reach. */
	char			 node_id[USER_ID_LEN + 4];
	char			 node[CTL_NAME_LEN];
	char			 addr[CTL_ADDR_LEN];
	/* In the store: the session it shows the secret of, and what that
	   goes with; or "". */
	char			 held[USER_ID_LEN + 4];
	char			 parent[USER_ID_LEN + 4];
	int64_t			 expires_at;	/* of what it has; 0: never */
	uint32_t		 restricted;	/* token is for some nodes */
	uint32_t		 pad;
};

/*
 * The login page and what comes of it.  A browser that logs in at the relay
 * has a session there; a ticket takes it to a site, where it gets another,
 * for that host only, which goes with the first.  The secrets of all of them
 * are the listener's and the browser's; auth knows the SHA-256 of each.
 */
enum web_what {
	WEB_LOGIN = 1,		/* email, password; make: the session's */
	WEB_TICKET,		/* secret: a relay's session's; host; make:
				   the ticket's, for who shows way there.  way
				   zeroed: only, may it go there? */
	WEB_ENTER,		/* secret: the ticket's; host, way; make: the
				   session's */
	WEB_LOGOUT		/* secret: a session's, of host or (host "")
				   the relay: that of the relay ends, and all
				   that came of it */
};
#define WEB_HASH_LEN	32

struct web_ask {
	uint32_t		 what;
	uint32_t		 pad;
	uint8_t			 secret[WEB_HASH_LEN];
	uint8_t			 make[WEB_HASH_LEN];
	uint8_t			 way[WEB_HASH_LEN];
	char			 host[DOMAIN_LEN];
	char			 email[CTL_EMAIL_LEN];
	char			 password[PASSWORD_LEN];
	char			 software[CTL_TEXT_LEN];
	struct sockaddr_storage	 peer;
};

struct web_answer {
	uint32_t		 what;
	uint32_t		 status;	/* 200, or to refuse it with:
						   401 403 404 429 503 */
	uint32_t		 retry_after;	/* s, or 0 */
	uint32_t		 pad;
	int64_t			 expires_at;	/* of what was made */
	char			 email[CTL_EMAIL_LEN];	/* who, if known */
	char			 text[CTL_TEXT_LEN];
};

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
	char			 email[CTL_EMAIL_LEN];
	char			 grant[USER_ID_LEN + 4];	/* or "" */
};

struct ticket_id {
	uint64_t		 ticket;
};

/* Who or what carries bytes, and may carry so many. */
enum meter_what { METER_USER = 1, METER_NODE, METER_PORT };
#define METER_NAMES	{ "?", "user", "node", "port" }

struct meter_id {
	uint32_t		 what;		/* 0: none */
	char			 id[USER_ID_LEN + 4];
};

/* Its ways: to the node, and from it. */
enum { WAY_OUT, WAY_IN, WAYS };
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

struct meter_info {
	struct meter_id		 meter;
	char			 name[CTL_EMAIL_LEN];	/* for people */
	uint64_t		 rate;		/* bytes/s each way; 0: any */
	uint64_t		 quota;		/* bytes a month; 0: any */
	uint64_t		 used;		/* of it */
	uint32_t		 month;		/* 202611, in UTC */
};

struct traffic {
	struct meter_id		 meter;
	uint64_t		 in, out;	/* bytes more */
};

/* What a listener may use of a limit. */
struct share_set {
	struct meter_id		 meter;
	uint64_t		 rate[WAYS];	/* bytes/s; 0: any */
	uint32_t		 full;		/* no streams: its quota of the
						   month is used up */
};

struct share_use {
	struct meter_id		 meter;
	uint64_t		 used[WAYS];	/* bytes since the last time */
	uint32_t		 lack[WAYS];	/* streams it held up */
	uint32_t		 ms;		/* how long that is */
};

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

/* The question, and the end of its answer. */
struct nodes_ask {
	uint64_t		 session;
	uint32_t		 max;		/* about so many; 0: all */
	uint32_t		 code;		/* end: 0, or enum mux_code:
						   it broke off */
	uint32_t		 more;		/* end: ask again for them */
	uint32_t		 pad;
	char			 after[CTL_NAME_LEN];	/* behind this node */
};

struct nodes_entry {
	uint64_t		 session;
	uint32_t		 online;
	int64_t			 since;
	char			 node[CTL_NAME_LEN];
	char			 node_id[USER_ID_LEN + 4];
	char			 owner[CTL_EMAIL_LEN];
	uint32_t		 scopes;	/* of a grant; 0: its own */
	int64_t			 expires_at;	/* of the grant */
	char			 targets[TARGETS_LEN];	/* sent to its NUL */
};
#define NODES_ENTRY_MIN	(offsetof(struct nodes_entry, targets) + 1)

/* Streams that a session may see; the question, and the end of its answer. */
struct conns_ask {
	uint64_t		 session;
	uint64_t		 after;		/* behind this stream */
	uint32_t		 max;
	uint32_t		 code;		/* end: 0, or enum mux_code */
	uint32_t		 more;		/* end: ask again for them */
	uint32_t		 pad;
};
#define CONNS_ASK_MAX	64

struct conns_entry {
	uint64_t		 session;
	struct ctl_conn		 conn;
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

/* A published port, as auth says it is. */
struct publication {
	char			 id[CTL_ID_LEN];
	char			 user_id[USER_ID_LEN + 4];	/* the owner */
	char			 email[CTL_EMAIL_LEN];
	char			 node_id[USER_ID_LEN + 4];
	char			 node[CTL_NAME_LEN];
	struct publish_spec	 spec;
	char			 host[MUX_HOST_MAX + 1];	/* target */
	uint16_t		 port;		/* of spec.port_min */
	uint16_t		 proxy;		/* 1, 2: PROXY header */
	uint32_t		 connections;	/* at once; 0: no limit */
	uint64_t		 bandwidth;	/* bytes/s each way; 0: none */
	uint32_t		 nfrom;		/* 0: all may come */
	uint32_t		 pad;
	struct addr_prefix	 from[PUBLISH_FROM_MAX];
};

struct publication_id {
	char			 id[CTL_ID_LEN];
};

struct publications {
	uint32_t		 serial;	/* the same at both ends */
	uint32_t		 begin;		/* 1: here they come; 0: all
						   were said */
};

struct publish {
	char			 id[CTL_ID_LEN];
	char			 email[CTL_EMAIL_LEN];
	struct publish_spec	 spec;
	uint32_t		 connections;
	uint32_t		 pad;	/* the parent compares them whole */
};

enum publish_code {
	PUBLISH_OK = 0,
	PUBLISH_DENIED,		/* by the rules */
	PUBLISH_OWN,		/* relayd listens there itself */
	PUBLISH_TAKEN,		/* another program does */
	PUBLISH_FAILED
};

struct publish_result {
	char			 id[CTL_ID_LEN];
	uint32_t		 code;		/* enum publish_code */
	char			 text[CTL_TEXT_LEN];	/* for a person */
};

struct port_socket {
	char			 id[CTL_ID_LEN];
	struct publish_spec	 spec;
	uint32_t		 port;
};

/*
 * A pipe that all listeners share, with a byte for each connection that may
 * still come: who takes one reads it, and writes it back at the end.
 */
struct port_slots {
	char			 id[CTL_ID_LEN];
	uint32_t		 end;		/* 0: to read; 1: to write */
};

struct port {
	uint64_t		 session;	/* of its streams here */
	struct publication	 p;
};

/*
 * A site: what is shown of a node by HTTP under one host name, which is
 * <node>.<domain>, <service>--<node>.<domain>, or a domain of its owner's.
 * Without a `domain` in the configuration that is localhost.
 *
 * For public sites, and for what passes through, router makes a session for
 * the node's owner: it is ended, by LINK_KILL with id 0, when the name leads
 * there no more, and also when nothing has used it for long; then the
 * listener forgets the site, ends what rested on it, says LINK_KILLED, and
 * asks again when somebody comes.  A new router knows none of these sessions:
 * it is asked again about every site with streams, which then are told by
 * STREAM_UP under the new one.
 */
#define SITE_SERVICE_LEN	CTL_NAME_LEN	/* a label; "": default */

struct site_ask {
	char			 host[DOMAIN_LEN];	/* lower case, no port,
							   no dot at the end */
	uint32_t		 passthrough;	/* TLS by its SNI: is it to go
						   to the node as it is? */
};

struct site {
	char			 host[DOMAIN_LEN];	/* as asked */
	uint32_t		 code;		/* 0, or enum mux_code: NO_NODE;
						   INTERNAL: not known now */
	uint32_t		 access;	/* enum site_access */
	uint32_t		 passthrough;
	uint32_t		 own_domain;	/* not below our own */
	uint64_t		 session;	/* of router's, for the node's
						   owner: to carry what needs
						   no visitor who is logged in
						   (public, passthrough); 0 from
						   auth, and for others */
	uint32_t		 online;	/* router's word... */
	int64_t			 last_seen;	/* ...and auth's; 0: never */
	char			 node[CTL_NAME_LEN];
	char			 node_id[USER_ID_LEN + 4];
	char			 service[SITE_SERVICE_LEN];
	char			 user_id[USER_ID_LEN + 4];	/* the owner */
	char			 email[CTL_EMAIL_LEN];
};

/* What was not known to lead anywhere may do so now, whatever is said. */
struct passthrough {
	uint32_t		 any;		/* there may be such domains */
};

struct sites_changed {
	char			 node_id[USER_ID_LEN + 4];	/* "": any */
	uint32_t		 passthrough;	/* domains with that: there may
						   be some */
};

/* Kinds of sessions that the store keeps. */
enum session_kind {
	SESSION_WEB = 1,	/* a browser that logged in */
	SESSION_RPC		/* a program that was paired */
};
#define SESSION_NAMES	{ "?", "web", "rpc" }

/*
 * The rpc door.  Codes and tokens are known by their SHA-256 only.  An offer
 * is of a node with an account, by its link's session, or of one of the other
 * make, by its name.
 */
#define RPC_HASH_LEN	32
#define RPC_NODE_LEN	128
#define RPC_NAME_MAX	120		/* bytes that those call themselves */

struct pair_offer {
	uint64_t		 session;	/* 0: rpc_node is set */
	char			 rpc_node[RPC_NODE_LEN];
	uint8_t			 hash[RPC_HASH_LEN];
	uint32_t		 ttl;		/* s; 0: as configured */
	uint32_t		 again;		/* to a new router... */
	int64_t			 expires_at;	/* ...until then */
};

enum pair_code {
	PAIR_OK = 0,
	PAIR_EMPTY,		/* no code in it */
	PAIR_RATE,		/* too many attempts from there */
	PAIR_INVALID,		/* no such code */
	PAIR_OFFLINE,		/* its node is not connected */
	PAIR_USED,		/* an offer: it was used already */
	PAIR_TAKEN,		/* an offer: it is another node's */
	PAIR_FULL,		/* an offer: there are too many */
	PAIR_LATER		/* who should know is away */
};

struct pair_offered {
	uint32_t		 code;		/* enum pair_code */
	uint32_t		 pad;
	uint8_t			 hash[RPC_HASH_LEN];
	int64_t			 expires_at;
	char			 url[CTL_TEXT_LEN];	/* the relay's, or "" */
};

struct pair_gone {
	uint8_t			 hash[RPC_HASH_LEN];
};

struct pair_used {
	uint8_t			 hash[RPC_HASH_LEN];
	char			 node[RPC_NODE_LEN];	/* id, or "rpc:" and
							   a name */
	int64_t			 at;
};

struct pair_ask {
	uint8_t			 hash[RPC_HASH_LEN];	/* of the code... */
	uint8_t			 fold[RPC_HASH_LEN];	/* ...and of what was
							   meant by it */
	uint32_t		 empty;			/* there is none */
	uint32_t		 pad;
	uint8_t			 token[RPC_HASH_LEN];	/* of what it buys */
	struct addr_key		 from;
	char			 addr[CTL_ADDR_LEN];
	char			 software[CTL_TEXT_LEN];
};

struct pair_answer {
	uint32_t		 code;		/* enum pair_code */
	uint32_t		 retry_after;	/* s */
	int64_t			 expires_at;
	char			 node[RPC_NODE_LEN];
};

struct pair_buy {
	uint8_t			 token[RPC_HASH_LEN];
	char			 node_id[USER_ID_LEN + 4];
	char			 node[CTL_NAME_LEN];
	char			 addr[CTL_ADDR_LEN];
	char			 software[CTL_TEXT_LEN];
};

struct pair_bought {
	uint32_t		 code;		/* enum pair_code */
	uint32_t		 pad;
	int64_t			 expires_at;
	char			 node[CTL_NAME_LEN];
};

struct rpc_count {
	uint64_t		 sessions;
};

struct health {
	uint64_t		 nodes, pairs, sessions;
};

struct rpc_key {
	char			 node[RPC_NODE_LEN];
	uint8_t			 hash[RPC_HASH_LEN];	/* of its secret */
};

struct rpc_node_ask {
	char			 node[RPC_NODE_LEN];
	uint8_t			 key[RPC_HASH_LEN];
	uint32_t		 has_key;
	struct addr_key		 from;
	char			 addr[CTL_ADDR_LEN];
};

struct rpc_node_may {
	uint32_t		 status;	/* 101, or to refuse it with */
	uint32_t		 retry_after;	/* s */
};

struct rpc_node {
	char			 node[RPC_NODE_LEN];
	int32_t			 listener;
	uint32_t		 conn;
	uint32_t		 live;		/* it gets requests, or waits to
						   show that it may have them */
	struct addr_key		 from;
	char			 addr[CTL_ADDR_LEN];
	int64_t			 since;
};

struct rpc_session {
	uint8_t			 token[RPC_HASH_LEN];
	char			 node[RPC_NODE_LEN];
	int64_t			 expires_at;	/* 0: it has ended */
};

enum audit_what {
	AUDIT_LOGIN = 1, AUDIT_DENIED, AUDIT_LINK_UP, AUDIT_LINK_DOWN,
	AUDIT_STREAM, AUDIT_STREAM_DENIED, AUDIT_REVOKE, AUDIT_ADMIN,
	AUDIT_GRANT, AUDIT_GRANT_EXPIRED, AUDIT_QUOTA
};

struct audit_event {
	uint32_t		 what;
	int64_t			 at;		/* s since 1970; of the end */
	char			 email[CTL_EMAIL_LEN];
	char			 token_id[TOKEN_ID_LEN + 4];
	char			 node[CTL_NAME_LEN];
	char			 addr[CTL_ADDR_LEN];
	char			 target[MUX_TARGET_LEN];
	uint64_t		 ms;		/* how long */
	uint64_t		 in, out;
	char			 text[CTL_TEXT_LEN];
};

struct audit_ask {
	uint64_t		 after;		/* id; 0: from since on */
	int64_t			 since;
	char			 email[CTL_EMAIL_LEN];
	char			 node[CTL_NAME_LEN];
};

struct memory_page {
	uint32_t		 part;		/* 0: the first */
	uint32_t		 more;		/* 0: that was all */
	uint64_t		 after;		/* of that part */
};

struct audit_page {
	uint64_t		 after;		/* where to go on */
	uint32_t		 more;		/* there is more already */
	uint32_t		 failed;	/* the store can't be read */
};

/* The month that it is, in UTC: 202611; and as text. */
#define MONTH_LEN	8
uint32_t		 month_of(int64_t);
void			 month_text(uint32_t, char[MONTH_LEN]);
/* 0, or -1: it is none. */
int			 month_parse(const char *, uint32_t *);

/* ---- the processes ---- */

extern const struct proc_daemon	 relayd_daemon;
extern const struct proc_rule	 keys_rules[], auth_rules[], router_rules[],
				 listener_rules[];
extern const size_t		 keys_nrules, auth_nrules, router_nrules,
				 listener_nrules;

/*
 * The head of a line about a process of ours, and about a number of things of
 * one kind in it (memory.c).
 */
void	memory_line(struct ctl_memory *, uint32_t kind, int process,
	    int instance);
void	memory_things(struct proc_peer *, uint32_t id, int process,
	    int instance, const char *what, uint64_t count, uint64_t bytes);

void	keys_start(void);
void	keys_serve(void);
void	auth_start(void);
void	auth_serve(void);
void	auth_stop(void);
void	auth_peer_up(struct proc_peer *);
void	router_start(void);
void	router_serve(void);
void	router_peer_up(struct proc_peer *);
void	router_peer_down(struct proc_peer *);
void	listener_start(void);
void	listener_serve(void);
void	listener_stop(void);
void	listener_peer_up(struct proc_peer *);
void	listener_peer_down(struct proc_peer *);
void	listener_congested(struct proc_peer *, int);
void	listener_drain(uint32_t);

#endif /* RELAYD_H */
