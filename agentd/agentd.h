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

#ifndef AGENTD_H
#define AGENTD_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <stdint.h>

#include "addr.h"
#include "backend.h"
#include "conflex.h"
#include "ctl.h"
#include "egress.h"
#include "evtls.h"
#include "http_prologue.h"
#include "mux_frame.h"
#include "proc.h"
#include "relay_url.h"
#include "token.h"

/*
 * What crosses agentd's processes: the kinds, the configuration, every
 * message with its payload.
 */

enum agentd_kind {
	/* PROC_PARENT = 0: has the token, signs with it */
	PROC_TUNNEL = 1,	/* has the link */
	PROC_PROXY,		/* resolves and connects */
	PROC_KINDS
};

struct control_daemon;

#define AGENTD_CONF	CULVERT_SYSCONFDIR "/agentd.conf"
#define RELAYS_MAX	16
#define RULES_MAX	1024
#define NONCE_LEN	128
#define SOCKET_MAX	104	/* a path, as the shortest system has it */

/* ---- the configuration ---- */

enum rule_action { RULE_BLOCK = 1, RULE_PASS = 2 };

/* A line about targets; the last that matches wins, quick ends the search. */
struct rule {
	uint32_t		 action;
	uint32_t		 quick;
	uint32_t		 kind;		/* enum mux_kind, or 0: any */
	uint32_t		 what;		/* enum rule_what */
	struct addr_prefix	 prefix;	/* RULE_PREFIX */
	char			 host[MUX_HOST_MAX + 1]; /* RULE_HOST, as asked
						   for, lower case; RULE_PATH */
	uint16_t		 port_min, port_max;
	uint32_t		 pad;
};
enum rule_what {
	RULE_ANY = 1, RULE_LOOPBACK, RULE_PREFIX, RULE_HOST,
	RULE_PATH		/* of MUX_KIND_UNIX, as is RULE_ANY of it */
};

struct rule_entry {
	TAILQ_ENTRY(rule_entry)	 entry;
	struct rule		 rule;
};
TAILQ_HEAD(rules, rule_entry);

struct backend_entry {
	TAILQ_ENTRY(backend_entry) entry;
	struct backend	 backend;
	char		*ca;		/* of BACKEND_HTTPS: a file... */
	char		*pin;
	char		*ca_pem;	/* ...and by config_load its text, or
					   the system's */
};
TAILQ_HEAD(backends, backend_entry);

struct agentd_conf {
	char		*relays[RELAYS_MAX];
	int		 nrelays;
	char		*name;
	char		*token;		/* a secret */
	char		*ca, *pin;
	int		 plaintext;	/* ws:// to anywhere */
	char		*proxy;		/* a secret; a URL or "none"... */
	char		*helper;	/* ...or a path, or neither */
	char		*control;	/* the control socket's path, "none", or
					   NULL: where it usually is */
	uint32_t	 ping_ms;
	uint32_t	 streams_max;
	enum log_dest	 log_dest;
	int		 log_facility;	/* of syslog(3); 0: daemon */
	int		 log_level;
	struct rules	 rules;
	struct backends	 backends;
	char		*backend;	/* a URL: the default one, whatever
					   the file says */
	/* filled in by config_load */
	struct relay_url urls[RELAYS_MAX];
	struct egress	 ways[RELAYS_MAX];	/* to each of them */
	char		*ca_pem;
};

/*
 * parse.y: read agentd.conf, adding to what is there.  0, or -1 (logged).
 * config.c: defaults; login file, configuration file, environment and flags
 * in that order, each beating the one before; checks.
 */
int		 parse_config(const char *, struct agentd_conf *);
/* config_form.c: what its lines look like, for who got one wrong. */
extern const struct conflex_form agentd_forms[];
extern const size_t agentd_nforms;
struct agentd_conf *config_new(void);
void		 config_free(struct agentd_conf *);	/* takes NULL */
/* What the environment says, on top of what is there; and wipe the secrets in
   it. */
void		 config_environment(struct agentd_conf *);
void		 config_scrub_environment(void);
/* Fill in the rest, and check all of it: 0, or -1 (logged). */
int		 config_load(struct agentd_conf *);
/* A node's name, made lower case: 0, or -1 (logged) if it can't be one. */
int		 config_name(char *);
/* A copy of this in place of what is there; NULL: that stays. */
void		 config_string(char **, const char *);
/* One relay, a URL, in place of all. */
void		 config_relay(struct agentd_conf *, const char *);
/* A URL or "none", or a helper: the other one no longer. */
void		 config_proxy(struct agentd_conf *, const char *);
void		 config_helper(struct agentd_conf *, const char *);

/* A new one, NULL if there are BACKENDS_MAX, or one of this kind and name. */
struct backend_entry *config_backend(struct agentd_conf *, uint32_t,
		    const char *);
/* The one of this kind and name, or NULL. */
struct backend_entry *config_backend_find(const struct agentd_conf *,
		    uint32_t, const char *);

/* Where that is for who runs this: 0, or -1 if there is no such place. */
int		 config_control(char *, size_t);

/*
 * options.c: take the command line apart (1: only look at the configuration;
 * where it is bad, the program ends), and the environment, which is scrubbed;
 * then make of them, the login file and agentd.conf a configuration: the last
 * of login file, agentd.conf, environment and flags wins.  NULL: logged.
 */
int		 options_parse(int, char **, struct proc_options *);
void		 options_environment(void);
struct agentd_conf *options_load(void);

/* login.c: `agentd login`.  status.c: `agentd status`.  Their own arguments
   behind our name, for getopt(3); the exit status. */
int		 agentd_login(int, char **);
int		 agentd_status(int, char **);
/* pair.c: `agentd pair`. */
int		 agentd_pair(int, char **);
/*
 * Which socket to ask at: the argument's, the environment's, the
 * configuration's if we may read it, the usual one; for who has none there,
 * root's.  0 or -1 (logged).  And who answers there.
 */
int		 agentd_socket(const char *, const char *, char *, size_t);
extern const struct control_daemon	 control_agentd;

/* ---- messages ---- */

enum imsg_type {
	/* parent -> tunnel, proxy */
	IMSG_CONF_BEGIN = PROC_IMSG_FIRST,	/* struct conf_begin */
	IMSG_CONF_RELAY,	/* struct conf_relay */
	IMSG_CONF_CA,		/* struct conf_chunk; to tunnel; to proxy: of
				   the backend before it */
	IMSG_CONF_BACKEND,	/* struct backend; to proxy */
	IMSG_CONF_RULE,		/* struct rule; to proxy */
	IMSG_CONF_HELPER,	/* struct conf_end, fd; to proxy */
	IMSG_CONF_CONTROL,	/* struct conf_end, fd: the control socket, to
				   accept on; to tunnel */
	IMSG_CONF_END,		/* struct conf_end */
	/* tunnel -> parent and back */
	IMSG_SIGN,		/* struct sign_ask */
	IMSG_UNIX,		/* struct connect_target; id: the tunnel's */
	IMSG_SIGNED,		/* struct sign_answer */
	/* tunnel -> proxy; id: the tunnel's */
	IMSG_DIAL,		/* struct dial_relay */
	IMSG_CONNECT,		/* struct connect_target */
	IMSG_CANCEL,		/* struct conf_end: never mind */
	/* proxy, and for IMSG_UNIX the parent -> tunnel; same id */
	IMSG_CONNECTED,		/* struct connected, fd */
	IMSG_CONNECT_FAILED,	/* struct connect_failed */
	/* proxy -> tunnel: of a socket that is a bridge to TLS; same id */
	IMSG_ENDED,		/* struct connect_failed; code 0: in order */
	/* proxy -> tunnel: to be shown */
	IMSG_BACKEND,		/* struct backend_state */
	/* proxy -> parent, answered as IMSG_UNIX; id: proxy's */
	IMSG_BACKEND_UNIX	/* struct backend_ask */
};

struct conf_begin {
	uint64_t	 epoch;			/* ms since 1970: our start */
	char		 name[MUX_NODE_MAX + 1];
	char		 token_id[TOKEN_ID_LEN + 4];
	uint8_t		 pin[EVTLS_KEYID_LEN];
	uint32_t	 has_pin;
	uint32_t	 ping_ms;
	uint32_t	 streams_max;
	uint32_t	 verbose;
};

struct conf_relay {
	struct relay_url url;
	struct egress	 way;		/* without its secrets for tunnel */
};

#define CONF_CHUNK_MAX	8192
struct conf_chunk {
	uint32_t	 total, len;
	char		 data[CONF_CHUNK_MAX];
};

struct conf_end {
	uint32_t	 unused;
};

struct sign_ask {
	uint32_t	 relay;			/* which of the list */
	char		 host[256];
	char		 nonce[NONCE_LEN];
	char		 path[64];
};

struct sign_answer {
	uint32_t	 ok;
	uint8_t		 sig[TOKEN_SIG_LEN];
};

struct dial_relay {
	uint32_t	 relay;
};

struct connect_target {
	uint32_t	 kind;			/* enum mux_kind */
	uint32_t	 port;
	char		 host[MUX_HOST_MAX + 1];
	char		 client[MUX_TEXT_MAX + 1];
	char		 user[MUX_TEXT_MAX + 1];
};

struct connected {
	uint32_t	 bridge;		/* its end is none before
						   IMSG_ENDED says so */
	uint32_t	 prologue_len;		/* of MUX_KIND_HTTP */
	uint8_t		 prologue[HTTP_PROLOGUE_MAX];
};

struct connect_failed {
	uint32_t	 code;			/* enum mux_code */
	char		 text[MUX_TEXT_MAX + 1];
};

struct backend_state {
	uint32_t	 index, count;		/* count 0: there are none */
	struct ctl_agent_backend shown;
};

struct backend_ask {
	char		 name[MUX_NODE_MAX + 1];	/* of http */
};

/* ---- the processes ---- */

/*
 * unix.c: the parent connects, if the rules say so; and to a backend of the
 * configuration.  The peer is answered by IMSG_CONNECTED or
 * IMSG_CONNECT_FAILED with this id.
 */
void	unix_connect(struct proc_peer *, uint32_t, const struct rules *,
	    const struct connect_target *);
void	unix_connect_backend(struct proc_peer *, uint32_t,
	    const struct backend *);

extern const struct proc_rule	 tunnel_rules[], proxy_rules[];
extern const size_t		 tunnel_nrules, proxy_nrules;

/* What struct proc_def (proc.h) has of each process, and when it is called. */
void	tunnel_start(void);
void	tunnel_serve(void);
void	tunnel_stop(void);
void	tunnel_peer_up(struct proc_peer *);
void	tunnel_peer_down(struct proc_peer *);
void	proxy_start(void);
void	proxy_serve(void);
void	proxy_peer_up(struct proc_peer *);
void	proxy_peer_down(struct proc_peer *);

#endif /* AGENTD_H */
