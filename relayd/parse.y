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

/*
 * The grammar of relayd.conf(5).
 */

%{
#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "access_log.h"
#include "config.h"
#include "conflex.h"
#include "forwarded.h"
#include "log.h"

static int	yylex(void);
static int	yyparse(void);
static void	yyerror(const char *);
static void	set_prefork(const char *);
static void	set_time(uint32_t *, const char *, const char *, uint64_t);
static void	set_access_log(const char *, const char *);
static void	set_backups(const char *);
static void	add_proxy(const char *);
static void	set_metrics_token(const char *);
static void	set_field(const char *);
static void	add_certificate(const char *, const char *);
static void	limit_word(const char *);
static void	limit_end(void);
static void	bandwidth_end(void);
static void	rpc_end(void);
static void	rpc_set(const char *, const char *);
static void	add_rpc_key(const char *, const char *, const char *);
static void	set_identity(const char *, const char *);

static struct relayd_conf	*conf;
/* A limit as far as it has been read: "handshake timeout", "10s". */
static char			 limit_name[64];
static const char		*limit_value;
/* The first network of the `trusted proxy` that is being read. */
static struct network		*first_proxy;

#define UPGRADE_DRAIN_MAX	(30ULL * 24 * 3600 * 1000)	/* ms */
#define UPGRADE_SPREAD_MAX	(30ULL * 1000)	/* agents wait no longer */

%}

%union {
	char	*text;
	int	 number;
}

%token	INCLUDE LISTEN ON PORT TLS PREFORK CERTIFICATE KEY DOMAIN STATE
%token	ACCESS FORMAT BANDWIDTH CONTROL GROUP LIMIT LOG TO FACILITY BACKUP KEEP
%token	OFF IDENTITY
%token	TRUSTED PROXY PROXYPROTOCOL HEADER PUBLISH PORTS BY
%token	METRICS ALLOW TOKEN UPGRADE DRAIN SPREAD RPC ERROR
%token	<text>	TEXT USER
%type	<text>	limitword facility proto on
%type	<number> listenopts

%%

grammar		: /* empty */
		| grammar '\n'
		| grammar statement '\n'
		| grammar INCLUDE TEXT '\n'	{
			(void)conflex_include($3);
		}
		| grammar error '\n'		{ yyerrok; }
		;

statement	: TEXT '=' TEXT {
			if (conflex_macro($1, $3, 0) == -1)
				conflex_error("%s: a macro's name is of "
				    "letters, digits and _", $1);
		}
		| LISTEN ON TEXT PORT TEXT listenopts {
			listen_conf_add(&conf->listens, $3, $5, $6);
		}
		| LISTEN ON TEXT listenopts {
			listen_conf_add(&conf->listens, $3, NULL, $4);
		}
		| TRUSTED PROXY proxies
		| TRUSTED PROXY proxies HEADER TEXT { set_field($5); }
		| METRICS metric
		| METRICS '{' metrics '}'
		| PREFORK TEXT			{ set_prefork($2); }
		| CERTIFICATE TEXT KEY TEXT	{ add_certificate($2, $4); }
		| DOMAIN TEXT {
			domain_conf_set(&conf->domain, $2);
		}
		| STATE TEXT {
			conflex_path(&conf->state, $2, "state");
		}
		| USER TEXT {
			conflex_string(&conf->user, $2, "user");
		}
		| CONTROL TEXT {
			conflex_path(&conf->control, $2, "control");
		}
		| CONTROL TEXT GROUP TEXT {
			conflex_path(&conf->control, $2, "control");
			conflex_string(&conf->control_group, $4, "group");
		}
		| UPGRADE upgradeopts
		| LOG TO TEXT facility {
			conflex_log_to(&conf->log_dest, &conf->log_facility,
			    $3, $4);
		}
		| LOG TEXT {
			conflex_log_level(&conf->log_level, $2);
		}
		| ACCESS LOG TEXT		{ set_access_log($3, NULL); }
		| ACCESS LOG TEXT FORMAT TEXT	{ set_access_log($3, $5); }
		| IDENTITY OFF {
			memset(&conf->identity, 0, sizeof(conf->identity));
		}
		| IDENTITY HEADER limitword OFF	{ set_identity($3, ""); }
		| IDENTITY HEADER limitword TEXT { set_identity($3, $4); }
		| PUBLISH proto ports TEXT on BY TEXT {
			publish_conf_add(&conf->publish, $2, $4, $5, $7);
		}
		| BACKUP KEEP TEXT		{ set_backups($3); }
		| BACKUP OFF			{ conf->backups = 0; }
		| LIMIT limit
		| LIMIT '{' limits '}'
		| LIMIT '{' limits limit '}'
		| BANDWIDTH bandwidth
		| BANDWIDTH '{' bandwidths '}'
		| BANDWIDTH '{' bandwidths bandwidth '}'
		| RPC rpc
		| RPC '{' rpcs '}'
		| RPC '{' rpcs rpc '}'
		;

facility	: /* empty */	{ $$ = NULL; }
		| FACILITY TEXT	{ $$ = $2; }
		;

proto		: /* empty */	{ $$ = NULL; }
		| TEXT
		;

ports		: PORT
		| PORTS
		;

on		: /* empty */	{ $$ = NULL; }
		| ON TEXT	{ $$ = $2; }
		;

metrics		: /* empty */
		| metrics '\n'
		| metrics metric
		;

metric		: ALLOW monitors
		| ALLOW '{' monitorlist '}'
		| TOKEN TEXT			{ set_metrics_token($2); }
		;

monitors	: monitor
		| monitors monitor
		;

monitorlist	: /* empty */
		| monitorlist '\n'
		| monitorlist ','
		| monitorlist monitor
		;

monitor		: TEXT {
			(void)network_conf_add(&conf->monitors, $1,
			    "metrics allow");
		}
		;

upgradeopts	: upgradeopt
		| upgradeopts upgradeopt
		;

upgradeopt	: DRAIN TEXT {
			set_time(&conf->upgrade_drain_ms, $2, "drain",
			    UPGRADE_DRAIN_MAX);
		}
		| SPREAD TEXT {
			set_time(&conf->upgrade_spread_ms, $2, "spread",
			    UPGRADE_SPREAD_MAX);
		}
		;

/* One to a line. */
limits		: /* empty */
		| limits '\n'
		| limits limit '\n'
		| limits error '\n'		{ yyerrok; }
		;

limit		: limitwords			{ limit_end(); }
		;

bandwidths	: /* empty */
		| bandwidths '\n'
		| bandwidths bandwidth '\n'
		| bandwidths error '\n'		{ yyerrok; }
		;

bandwidth	: limitwords			{ bandwidth_end(); }
		;

rpcs		: /* empty */
		| rpcs '\n'
		| rpcs rpc '\n'
		| rpcs error '\n'		{ yyerrok; }
		;

rpc		: limitwords			{ rpc_end(); }
		| limitword OFF			{ rpc_set($1, "off"); }
		| limitword KEY			{ rpc_set($1, "key"); }
		| limitword limitword KEY TEXT	{ add_rpc_key($1, $2, $4); }
		;

/* "handshake timeout 10s": some words, the last of which is the value. */
limitwords	: limitword limitword {
			limit_name[0] = '\0';
			limit_value = NULL;
			limit_word($1);
			limit_word($2);
		}
		| limitwords limitword		{ limit_word($2); }
		;

limitword	: TEXT
		| USER
		;

listenopts	: /* empty */			{ $$ = 0; }
		| listenopts TLS		{ $$ = $1 | LISTEN_TLS; }
		| listenopts PROXYPROTOCOL	{ $$ = $1 | LISTEN_PROXY; }
		;

proxies		: proxiesbegin TEXT		{ add_proxy($2); }
		| proxiesbegin '{' proxylist '}'
		;

proxiesbegin	: /* empty */			{ first_proxy = NULL; }
		;

/* White space, commas or lines between them. */
proxylist	: /* empty */
		| proxylist '\n'
		| proxylist ','
		| proxylist TEXT		{ add_proxy($2); }
		;

%%

static const struct conflex_keyword keywords[] = {
	{ "access",		ACCESS },
	{ "allow",		ALLOW },
	{ "backup",		BACKUP },
	{ "bandwidth",		BANDWIDTH },
	{ "by",			BY },
	{ "certificate",	CERTIFICATE },
	{ "control",		CONTROL },
	{ "domain",		DOMAIN },
	{ "drain",		DRAIN },
	{ "facility",		FACILITY },
	{ "format",		FORMAT },
	{ "group",		GROUP },
	{ "header",		HEADER },
	{ "identity",		IDENTITY },
	{ "include",		INCLUDE },
	{ "keep",		KEEP },
	{ "key",		KEY },
	{ "limit",		LIMIT },
	{ "listen",		LISTEN },
	{ "log",		LOG },
	{ "metrics",		METRICS },
	{ "off",		OFF },
	{ "on",			ON },
	{ "port",		PORT },
	{ "ports",		PORTS },
	{ "prefork",		PREFORK },
	{ "proxy",		PROXY },
	{ "proxy-protocol",	PROXYPROTOCOL },
	{ "publish",		PUBLISH },
	{ "rpc",		RPC },
	{ "spread",		SPREAD },
	{ "state",		STATE },
	{ "tls",		TLS },
	{ "to",			TO },
	{ "token",		TOKEN },
	{ "trusted",		TRUSTED },
	{ "upgrade",		UPGRADE },
	{ "user",		USER },
};

static int
yylex(void)
{
	return (conflex_lex(keywords, nitems(keywords), TEXT, ERROR,
	    &yylval.text));
}

static void
yyerror(const char *text)
{
	conflex_syntax(keywords, nitems(keywords), relayd_forms, relayd_nforms);
}

static void
set_time(uint32_t *where, const char *value, const char *what, uint64_t max)
{
	uint64_t	 ms;

	if (conflex_time(value, &ms) == -1 || ms > max)
		conflex_error("upgrade %s %s: a time up to %llu s", what,
		    value, (unsigned long long)max / 1000);
	else
		*where = ms;
}

static void
set_prefork(const char *value)
{
	long long	 n;

	if (conflex_number(value, 1, PREFORK_MAX, &n) == -1)
		conflex_error("prefork %s: a number from 1 to %d", value,
		    PREFORK_MAX);
	else
		conf->prefork = n;
}

static void
set_access_log(const char *file, const char *format)
{
	if (conf->access_log != NULL) {
		conflex_error("access log %s: there is one already", file);
		return;
	}
	conflex_path(&conf->access_log, file, "access log");
	if (format == NULL || strcmp(format, "combined") == 0)
		conf->access_format = ACCESS_COMBINED;
	else if (strcmp(format, "json") == 0)
		conf->access_format = ACCESS_JSON;
	else
		conflex_error("access log format %s: combined or json",
		    format);
}

static void
set_backups(const char *value)
{
	long long	 n;

	if (conflex_number(value, 1, BACKUPS_MAX, &n) == -1)
		conflex_error("backup keep %s: a number from 1 to %d", value,
		    BACKUPS_MAX);
	else
		conf->backups = n;
}

static void
add_proxy(const char *text)
{
	struct network	*n;

	n = network_conf_add(&conf->proxies, text, "trusted proxy");
	if (first_proxy == NULL)
		first_proxy = n;
}

/* What those of this statement add their client's address to. */
static void
set_field(const char *name)
{
	struct network	*n;
	uint32_t	 field;

	if (strcasecmp(name, "x-forwarded-for") == 0)
		field = FORWARDED_X;
	else if (strcasecmp(name, "forwarded") == 0)
		field = FORWARDED_RFC7239;
	else {
		conflex_error("header %s: X-Forwarded-For or Forwarded",
		    name);
		return;
	}
	for (n = first_proxy; n != NULL; n = TAILQ_NEXT(n, entry))
		n->field = field;
}

/* Long enough that nobody finds it by trying. */
static void
set_metrics_token(const char *token)
{
	size_t	 len = strlen(token), i;

	if (!conflex_private())
		conflex_error("metrics token: others may read this file: "
		    "chmod 600 it, or include one that is so");
	for (i = 0; i < len && token[i] > ' ' && token[i] <= '~'; i++)
		;
	if (i < len || len < 16 || len > 256) {
		conflex_error("metrics token: 16 to 256 characters without "
		    "spaces");
		return;
	}
	conflex_string(&conf->metrics_token, token, "metrics token");
}

static void
add_certificate(const char *cert_file, const char *key_file)
{
	struct certificate	*c;
	int			 n = 0;

	TAILQ_FOREACH(c, &conf->certs, entry)
		n++;
	if (n >= CERTS_MAX) {
		conflex_error("certificate: at most %d", CERTS_MAX);
		return;
	}
	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal("configuration");
	TAILQ_INSERT_TAIL(&conf->certs, c, entry);
	conflex_path(&c->cert_file, cert_file, "certificate");
	conflex_path(&c->key_file, key_file, "key");
}

/* The last word so far is the value, those before it are the name. */
static void
limit_word(const char *word)
{
	if (limit_value != NULL) {
		if (limit_name[0] != '\0')
			(void)strlcat(limit_name, " ", sizeof(limit_name));
		(void)strlcat(limit_name, limit_value, sizeof(limit_name));
	}
	limit_value = word;
}

/* "handshake timeout 10s". */
static void
limit_end(void)
{
	char	 err[256];

	if (limit_conf_set(&conf->limits, limit_name, limit_value, err,
	    sizeof(err)) == -1)
		conflex_error("%s", err);
}

/* "per user 10M", "month per node 100G". */
static void
bandwidth_end(void)
{
	char	 err[256];

	if (bandwidth_conf_set(&conf->bandwidth, limit_name, limit_value, err,
	    sizeof(err)) == -1)
		conflex_error("%s", err);
}

static void
set_identity(const char *word, const char *name)
{
	char	 err[256];

	if (identity_conf_set(&conf->identity, word, name, err,
	    sizeof(err)) == -1)
		conflex_error("%s", err);
}

/* "pair ttl 2m". */
static void
rpc_end(void)
{
	rpc_set(limit_name, limit_value);
}

static void
rpc_set(const char *name, const char *value)
{
	char	 err[256];

	if (rpc_conf_set(&conf->rpc, name, value, err, sizeof(err)) == -1)
		conflex_error("%s", err);
}

static void
add_rpc_key(const char *word, const char *node, const char *secret)
{
	char	 err[256];

	if (strcmp(word, "node") != 0) {
		conflex_error("rpc %s: only a node has a key", word);
		return;
	}
	if (!conflex_private())
		conflex_error("rpc node %s: others may read this file: "
		    "chmod 600 it, or include one that is so", node);
	if (rpc_conf_key(&conf->rpc_keys, node, secret, err,
	    sizeof(err)) == -1)
		conflex_error("%s", err);
}

int
cmdline_symset(const char *arg)
{
	return (conflex_macro_arg(arg));
}

struct relayd_conf *
parse_config(const char *file)
{
	struct relayd_conf	*c;
	int			 bad;

	conf = config_new();
	bad = conflex_open(file) == -1 || yyparse() != 0 ||
	    conflex_errors() > 0;
	conflex_close();
	c = conf;
	conf = NULL;
	if (bad) {
		config_free(c);
		return (NULL);
	}
	return (c);
}
