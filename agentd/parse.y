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
 * The grammar of agentd.conf(5).
 */

%{
#include "compat.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd.h"
#include "conflex.h"
#include "log.h"
#include "login.h"
#include "proxy_policy.h"

static int	yylex(void);
static int	yyparse(void);
static void	yyerror(const char *);
static void	set_token(const char *);
static void	set_token_file(const char *);
static void	set_ping(const char *);
static void	set_streams(const char *);
static void	set_control(const char *);
static void	set_proxy(const char *);
static void	set_helper(const char *);
static void	add_relay(const char *);
static void	add_rule(int, int, int, const char *, const char *);
static void	add_rule_unix(int, int, const char *);
static struct rule *rule_new(int, int, int);
static void	backend_begin(uint32_t, const char *, const char *);
static int	backend_option(const char *, unsigned int);
static void	backend_rewrite(const char *);
static void	backend_ca(const char *);
static void	backend_pin(const char *);
static void	backend_health(const char *, const char *);
static void	backend_announce(const char *);
static void	backend_end(void);
static int	parse_ports(const char *, uint16_t *, uint16_t *);

#define HOST_CHARS	"abcdefghijklmnopqrstuvwxyz" \
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

static struct agentd_conf	*conf;
static struct backend_entry	*backend;	/* of this line, or NULL */
static unsigned int		 backend_seen;	/* its options */
static int			 relays_cleared, nrules;

#define OPTION_HOST	0x01
#define OPTION_CA	0x02
#define OPTION_PIN	0x04
#define OPTION_VERIFY	0x08
#define OPTION_HEALTH	0x10
#define OPTION_ANNOUNCE	0x20
#define OPTIONS_TRUST	(OPTION_CA | OPTION_PIN | OPTION_VERIFY)
#define OPTIONS_HTTP	(OPTION_HOST | OPTION_HEALTH)

#define HEALTH_MS	10000

%}

%union {
	char	*text;
	int	 number;
}

%token	INCLUDE RELAY NAME TOKEN FILENAME CA PIN ALLOW PLAINTEXT PING
%token	INTERVAL LIMIT STREAMS PASS BLOCK QUICK TO PORT TCP UDP UNIX LOG
%token	FACILITY PROXY HELPER CONTROL HTTP TLS BACKEND SERVICE HOST KEEP
%token	REWRITE NO VERIFY HEALTH EVERY ANNOUNCE ERROR
%token	<text>	TEXT
%type	<number> action quick kind
%type	<text>	facility port

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
		| RELAY TEXT			{ add_relay($2); }
		| NAME TEXT {
			conflex_string(&conf->name, $2, "name");
		}
		| TOKEN TEXT			{ set_token($2); }
		| TOKEN FILENAME TEXT		{ set_token_file($3); }
		| CA TEXT			{
			conflex_path(&conf->ca, $2, "ca");
		}
		| PIN TEXT			{
			conflex_string(&conf->pin, $2, "pin");
		}
		| ALLOW PLAINTEXT		{ conf->plaintext = 1; }
		| CONTROL TEXT			{ set_control($2); }
		| PROXY TEXT			{ set_proxy($2); }
		| PROXY HELPER TEXT		{ set_helper($3); }
		| PING INTERVAL TEXT		{ set_ping($3); }
		| LIMIT STREAMS TEXT		{ set_streams($3); }
		| LOG TO TEXT facility {
			conflex_log_to(&conf->log_dest, &conf->log_facility,
			    $3, $4);
		}
		| LOG TEXT {
			conflex_log_level(&conf->log_level, $2);
		}
		| HTTP BACKEND TEXT {
			backend_begin(MUX_KIND_HTTP, NULL, $3);
		} options			{ backend_end(); }
		| HTTP SERVICE TEXT TEXT {
			backend_begin(MUX_KIND_HTTP, $3, $4);
		} options			{ backend_end(); }
		| TLS SERVICE TEXT TEXT {
			backend_begin(MUX_KIND_TLS, $3, $4);
		} options			{ backend_end(); }
		| action quick kind TO TEXT port {
			add_rule($1, $2, $3, $5, $6);
		}
		| action quick UNIX TEXT	{
			add_rule_unix($1, $2, $4);
		}
		| action quick UNIX TO TEXT	{
			add_rule_unix($1, $2, $5);
		}
		;

options		: /* empty */
		| options option
		;

option		: HOST KEEP {
			(void)backend_option("host", OPTION_HOST);
		}
		| HOST REWRITE TEXT		{ backend_rewrite($3); }
		| CA TEXT			{ backend_ca($2); }
		| PIN TEXT			{ backend_pin($2); }
		| NO VERIFY {
			if (backend_option("no verify", OPTION_VERIFY) == 0)
				backend->backend.unverified = 1;
		}
		| HEALTH TEXT			{ backend_health($2, NULL); }
		| HEALTH TEXT EVERY TEXT	{ backend_health($2, $4); }
		| ANNOUNCE TEXT			{ backend_announce($2); }
		;

action		: PASS		{ $$ = RULE_PASS; }
		| BLOCK		{ $$ = RULE_BLOCK; }
		;

quick		: /* empty */	{ $$ = 0; }
		| QUICK		{ $$ = 1; }
		;

kind		: /* empty */	{ $$ = 0; }
		| TCP		{ $$ = MUX_KIND_TCP; }
		| UDP		{ $$ = MUX_KIND_UDP; }
		;

facility	: /* empty */	{ $$ = NULL; }
		| FACILITY TEXT	{ $$ = $2; }
		;

port		: /* empty */	{ $$ = NULL; }
		| PORT TEXT	{ $$ = $2; }
		;

%%

static const struct conflex_keyword keywords[] = {
	{ "allow",	ALLOW },
	{ "backend",	BACKEND },
	{ "block",	BLOCK },
	{ "ca",		CA },
	{ "control",	CONTROL },
	{ "every",	EVERY },
	{ "facility",	FACILITY },
	{ "file",	FILENAME },
	{ "health",	HEALTH },
	{ "helper",	HELPER },
	{ "host",	HOST },
	{ "http",	HTTP },
	{ "include",	INCLUDE },
	{ "interval",	INTERVAL },
	{ "keep",	KEEP },
	{ "limit",	LIMIT },
	{ "log",	LOG },
	{ "name",	NAME },
	{ "no",		NO },
	{ "pass",	PASS },
	{ "pin",	PIN },
	{ "ping",	PING },
	{ "plaintext",	PLAINTEXT },
	{ "port",	PORT },
	{ "proxy",	PROXY },
	{ "proxy-protocol", ANNOUNCE },
	{ "quick",	QUICK },
	{ "relay",	RELAY },
	{ "rewrite",	REWRITE },
	{ "service",	SERVICE },
	{ "streams",	STREAMS },
	{ "tcp",	TCP },
	{ "tls",	TLS },
	{ "to",		TO },
	{ "token",	TOKEN },
	{ "udp",	UDP },
	{ "unix",	UNIX },
	{ "verify",	VERIFY },
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
	conflex_syntax(keywords, nitems(keywords), agentd_forms, agentd_nforms);
}

static void
set_token(const char *token)
{
	if (!conflex_private())
		conflex_error("token: others may read this file: chmod 600 "
		    "it, or use \"token file\"");
	config_string(&conf->token, token);
}

static void
set_token_file(const char *file)
{
	char	*token;

	if (file[0] != '/')
		conflex_error("token file %s: not an absolute path", file);
	else if ((token = login_token_file(file)) == NULL)
		conflex_error("token file %s can't be used", file);
	else {
		config_string(&conf->token, token);
		freezero(token, strlen(token));
	}
}

static void
set_control(const char *path)
{
	if (strcmp(path, "none") == 0)
		config_string(&conf->control, path);
	else
		conflex_path(&conf->control, path, "control");
}

static void
set_proxy(const char *url)
{
	struct egress	 e;
	const char	*why;

	if (strcmp(url, "none") != 0 && egress_parse(url, &e, &why) == -1)
		conflex_error("proxy: %s", why);
	else if (strchr(url, '@') != NULL && !conflex_private())
		conflex_error("proxy: others may read this file: chmod 600 "
		    "it, as there is a password in it");
	explicit_bzero(&e, sizeof(e));
	config_proxy(conf, url);
}

static void
set_helper(const char *path)
{
	if (path[0] != '/')
		conflex_error("proxy helper %s: not an absolute path", path);
	config_helper(conf, path);
}

static void
set_ping(const char *value)
{
	uint64_t	 ms;

	if (conflex_time(value, &ms) == -1 || ms < 1000 || ms > 40000)
		conflex_error("ping interval %s: from 1s to 40s", value);
	else
		conf->ping_ms = ms;
}

static void
set_streams(const char *value)
{
	long long	 n;

	if (conflex_number(value, 1, 100000, &n) == -1)
		conflex_error("limit streams %s: a number from 1 to 100000",
		    value);
	else
		conf->streams_max = n;
}

/* The first `relay` of a file takes the place of what came before it. */
static void
add_relay(const char *url)
{
	if (!relays_cleared) {
		while (conf->nrelays > 0)
			free(conf->relays[--conf->nrelays]);
		relays_cleared = 1;
	}
	if (conf->nrelays == RELAYS_MAX) {
		conflex_error("relay: at most %d", RELAYS_MAX);
		return;
	}
	if ((conf->relays[conf->nrelays] = strdup(url)) == NULL)
		fatal("configuration");
	conf->nrelays++;
}

/* "22" or "8000-8099" */
static int
parse_ports(const char *text, uint16_t *min, uint16_t *max)
{
	char	 low[8];
	size_t	 n = strcspn(text, "-");

	if (n >= sizeof(low))
		return (-1);
	memcpy(low, text, n);
	low[n] = '\0';
	if (addr_parse_port(low, min) == -1)
		return (-1);
	*max = *min;
	if (text[n] == '-' && addr_parse_port(text + n + 1, max) == -1)
		return (-1);
	return (*min <= *max ? 0 : -1);
}

/* In its place among the others; NULL: one too many. */
static struct rule *
rule_new(int action, int quick, int kind)
{
	struct rule_entry	*e;

	if (nrules == RULES_MAX) {
		conflex_error("rules: at most %d", RULES_MAX);
		return (NULL);
	}
	nrules++;
	if ((e = calloc(1, sizeof(*e))) == NULL)
		fatal("configuration");
	e->rule.action = action;
	e->rule.quick = quick;
	e->rule.kind = kind;
	TAILQ_INSERT_TAIL(&conf->rules, e, entry);
	return (&e->rule);
}

static void
add_rule(int action, int quick, int kind, const char *target,
    const char *port)
{
	struct rule	*r;
	size_t		 i;

	if ((r = rule_new(action, quick, kind)) == NULL)
		return;
	r->port_min = 1;
	r->port_max = UINT16_MAX;
	if (strcmp(target, "any") == 0)
		r->what = RULE_ANY;
	else if (strcmp(target, "loopback") == 0)
		r->what = RULE_LOOPBACK;
	else if (addr_prefix_parse(target, &r->prefix) == 0)
		r->what = RULE_PREFIX;
	else if (strspn(target, "0123456789.") < strlen(target) &&
	    strspn(target, HOST_CHARS) == strlen(target) &&
	    strlcpy(r->host, target, sizeof(r->host)) < sizeof(r->host)) {
		r->what = RULE_HOST;
		for (i = 0; r->host[i] != '\0'; i++)
			r->host[i] = tolower((unsigned char)r->host[i]);
	} else
		conflex_error("%s: not an address, a network or a name",
		    target);
	if (port != NULL && parse_ports(port, &r->port_min, &r->port_max) ==
	    -1)
		conflex_error("port %s: a number, or two with - between "
		    "them", port);
}

/* Exactly one socket: what is asked for is compared word for word. */
static void
add_rule_unix(int action, int quick, const char *path)
{
	struct sockaddr_un	 sun;
	struct rule		*r;

	if ((r = rule_new(action, quick, MUX_KIND_UNIX)) == NULL)
		return;
	r->what = RULE_PATH;
	if (strcmp(path, "any") == 0)
		r->what = RULE_ANY;
	else if (path[0] != '/')
		conflex_error("unix %s: not an absolute path", path);
	else if (strlcpy(r->host, path, sizeof(r->host)) >=
	    sizeof(sun.sun_path))
		conflex_error("unix %s: too long for a Unix socket", path);
	else if (!policy_path_plain(path))
		conflex_error("unix %s: has an empty part, . or .. in it",
		    path);
}

/* ---- backends ---- */

/* name NULL: the default one. */
static void
backend_begin(uint32_t kind, const char *name, const char *url)
{
	struct backend_url	 u;
	const char		*why, *what = mux_kind_name(kind);
	int			 r;

	backend = NULL;
	backend_seen = 0;
	if (name != NULL && !backend_name_valid(name)) {
		conflex_error("%s service %s: a name is of a-z, 0-9 and "
		    "single hyphens inside, at most %d characters", what, name,
		    MUX_NODE_MAX);
		return;
	}
	r = kind == MUX_KIND_TLS ? backend_url_parse_tcp(url, &u, &why) :
	    backend_url_parse(url, &u, &why);
	if (r == -1) {
		/* There may be a password in it. */
		if (strchr(url, '@') != NULL)
			url = "url";
		conflex_error("%s: %s", url, why);
		return;
	}
	if (config_backend_find(conf, kind, name == NULL ? "" : name) !=
	    NULL) {
		conflex_error("%s %s%s: there is one already", what,
		    name == NULL ? "backend" : "service ",
		    name == NULL ? "" : name);
		return;
	}
	if ((backend = config_backend(conf, kind, name == NULL ? "" :
	    name)) == NULL) {
		conflex_error("backends: at most %d", BACKENDS_MAX);
		return;
	}
	backend->backend.url = u;
}

/* -1: without a backend that is good there are no options. */
static int
backend_option(const char *what, unsigned int option)
{
	if (backend == NULL)
		return (-1);
	if (backend_seen & option) {
		conflex_error("%s: given twice", what);
		return (-1);
	}
	backend_seen |= option;
	return (0);
}

static void
backend_rewrite(const char *host)
{
	struct http_str	 text = { host, strlen(host) };
	char		 name[HTTP_HOST_MAX];
	uint16_t	 port;

	if (backend_option("host", OPTION_HOST) == -1)
		return;
	if (http_hostport(&text, name, &port) == -1 ||
	    strlcpy(backend->backend.rewrite, host,
	    sizeof(backend->backend.rewrite)) >=
	    sizeof(backend->backend.rewrite))
		conflex_error("host rewrite %s: not a host, with or without "
		    "a port", host);
}

static void
backend_ca(const char *file)
{
	if (backend_option("ca", OPTION_CA) == 0)
		conflex_path(&backend->ca, file, "ca");
}

static void
backend_pin(const char *pin)
{
	if (backend_option("pin", OPTION_PIN) == 0)
		conflex_string(&backend->pin, pin, "pin");
}

static void
backend_health(const char *target, const char *every)
{
	struct http_str	 text = { target, strlen(target) };
	uint64_t	 ms = HEALTH_MS;

	if (backend_option("health", OPTION_HEALTH) == -1)
		return;
	if (target[0] != '/' || !http_str_is_target(&text) ||
	    strlcpy(backend->backend.health, target,
	    sizeof(backend->backend.health)) >=
	    sizeof(backend->backend.health))
		conflex_error("health %s: a path, which begins with a slash, "
		    "of at most %d characters", target, BACKEND_PATH_MAX - 1);
	if (every != NULL && (conflex_time(every, &ms) == -1 || ms < 1000 ||
	    ms > 3600 * 1000))
		conflex_error("every %s: from 1s to 1h", every);
	backend->backend.health_ms = ms;
}

static void
backend_announce(const char *version)
{
	if (backend_option("proxy-protocol", OPTION_ANNOUNCE) == -1)
		return;
	if (strcmp(version, "v1") == 0)
		backend->backend.announce = 1;
	else if (strcmp(version, "v2") == 0)
		backend->backend.announce = 2;
	else
		conflex_error("proxy-protocol %s: v1 or v2", version);
}

static void
backend_end(void)
{
	if (backend == NULL)
		return;
	if (backend->backend.kind == MUX_KIND_TLS &&
	    backend_seen & (OPTIONS_HTTP | OPTIONS_TRUST))
		conflex_error("tls service: what is passed on unread has no "
		    "option but proxy-protocol");
	else if (backend->backend.url.scheme != BACKEND_HTTPS &&
	    backend_seen & OPTIONS_TRUST)
		conflex_error("ca, pin and no verify are for https:// only");
	else if (backend_seen & OPTION_VERIFY &&
	    backend_seen & (OPTION_CA | OPTION_PIN))
		conflex_error("no verify: there is a ca or a pin to verify "
		    "by");
	backend = NULL;
}

int
parse_config(const char *file, struct agentd_conf *into)
{
	int	 bad;

	conf = into;
	relays_cleared = nrules = 0;
	bad = conflex_open(file) == -1 || yyparse() != 0 ||
	    conflex_errors() > 0;
	conflex_close();
	return (bad ? -1 : 0);
}
