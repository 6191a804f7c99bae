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

#ifndef CONFIG_H
#define CONFIG_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "conflex.h"
#include "evtls.h"
#include "log.h"
#include "publish.h"
#include "relayd.h"
#include "settings.h"

/* The configuration, as the parent has read it. */

#define RELAYD_CONF	CULVERT_SYSCONFDIR "/relayd.conf"
#define RELAYD_STATE	CULVERT_STATEDIR
#define RELAYD_CONTROL	CULVERT_RUNDIR "/relayd.sock"

struct rpc_key_entry {
	TAILQ_ENTRY(rpc_key_entry) entry;
	char		*node;
	uint8_t		 hash[32];		/* SHA-256 of its secret */
};
TAILQ_HEAD(rpc_keys, rpc_key_entry);

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
/* config_cover.c: warn of each name that no certificate, all loaded, is for. */
void			 config_cover(const struct relayd_conf *);
/* config_form.c: what its lines look like, for who got one wrong. */
extern const struct conflex_form relayd_forms[];
extern const size_t	 relayd_nforms;
int			 config_load(struct relayd_conf *);
void			 config_free(struct relayd_conf *);

/*
 * config_address.c: the name, as in DNS and compared with what clients ask for
 * (malloced, in lower case); an address to listen on (port NULL: the usual
 * one; opts: LISTEN_*); a network, which is the list's; a rule of who may
 * publish what (proto and on NULL: any).  What is wrong is reported, and is
 * not there, or NULL.
 */
#define LISTEN_TLS	0x01
#define LISTEN_PROXY	0x02

void		 domain_conf_set(char **, const char *);
void		 listen_conf_add(struct listen_addrs *, const char *,
		    const char *, int);
struct network	*network_conf_add(struct networks *, const char *,
		    const char *);
void		 publish_conf_add(struct publish_rules *, const char *,
		    const char *, const char *, const char *);

/*
 * config_limit.c, config_identity.c: one setting by its name ("head size",
 * "per user"; "user", "email" or "name", and the field or "").  0, or -1 with
 * a reason.
 */
int	limit_conf_set(struct relayd_limits *, const char *, const char *,
	    char *, size_t);
int	bandwidth_conf_set(struct relayd_bandwidth *, const char *,
	    const char *, char *, size_t);
int	identity_conf_set(struct relayd_identity *, const char *, const char *,
	    char *, size_t);

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

#endif /* CONFIG_H */
