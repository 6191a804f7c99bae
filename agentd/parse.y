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

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd.h"
#include "conflex.h"
#include "log.h"
#include "login.h"

static int	yylex(void);
static int	yyparse(void);
static void	yyerror(const char *);
static void	set_string(char **, char *, const char *);
static void	add_relay(char *);
static void	add_rule(int, int, int, char *, char *);
static int	parse_ports(char *, uint16_t *, uint16_t *);

static struct agentd_conf	*conf;
static int			 relays_cleared;

%}

%union {
	char	*text;
	int	 number;
}

%token	INCLUDE RELAY NAME TOKEN FILENAME CA PIN USER ALLOW PLAINTEXT PING
%token	INTERVAL LIMIT STREAMS PASS BLOCK QUICK TO PORT TCP UDP ERROR
%token	<text>	TEXT
%type	<number> action quick kind
%type	<text>	target port

%%

grammar		: /* empty */
		| grammar '\n'
		| grammar statement '\n'
		| grammar error '\n'		{ yyerrok; }
		;

statement	: INCLUDE TEXT {
			(void)conflex_include($2);
			free($2);
		}
		| TEXT '=' TEXT {
			if (conflex_macro($1, $3, 0) == -1)
				conflex_error("%s: a macro's name is of "
				    "letters, digits and _", $1);
			free($1);
			free($3);
		}
		| RELAY TEXT		{ add_relay($2); }
		| NAME TEXT		{ set_string(&conf->name, $2, "name"); }
		| TOKEN TEXT {
			free(conf->token);
			conf->token = $2;
		}
		| TOKEN FILENAME TEXT {
			char	*token;

			if ((token = login_token_file($3)) == NULL)
				conflex_error("token file %s can't be used",
				    $3);
			else {
				free(conf->token);
				conf->token = token;
			}
			free($3);
		}
		| CA TEXT		{ set_string(&conf->ca, $2, "ca"); }
		| PIN TEXT		{ set_string(&conf->pin, $2, "pin"); }
		| USER TEXT		{ set_string(&conf->user, $2, "user"); }
		| ALLOW PLAINTEXT	{ conf->plaintext = 1; }
		| PING INTERVAL TEXT {
			uint64_t	 ms;

			if (conflex_time($3, &ms) == -1 || ms < 1000 ||
			    ms > 40000)
				conflex_error("ping interval %s: from 1s to "
				    "40s", $3);
			else
				conf->ping_ms = ms;
			free($3);
		}
		| LIMIT STREAMS TEXT {
			long long	 n;

			if (conflex_number($3, 1, 100000, &n) == -1)
				conflex_error("limit streams %s: a number "
				    "from 1 to 100000", $3);
			else
				conf->streams_max = n;
			free($3);
		}
		| action quick kind TO target port {
			add_rule($1, $2, $3, $5, $6);
		}
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

target		: TEXT		{ $$ = $1; }
		;

port		: /* empty */	{ $$ = NULL; }
		| PORT TEXT	{ $$ = $2; }
		;

%%

static const struct {
	const char	*name;
	int		 token;
} keywords[] = {
	{ "allow",	ALLOW },
	{ "block",	BLOCK },
	{ "ca",		CA },
	{ "file",	FILENAME },
	{ "include",	INCLUDE },
	{ "interval",	INTERVAL },
	{ "limit",	LIMIT },
	{ "name",	NAME },
	{ "pass",	PASS },
	{ "pin",	PIN },
	{ "ping",	PING },
	{ "plaintext",	PLAINTEXT },
	{ "port",	PORT },
	{ "quick",	QUICK },
	{ "relay",	RELAY },
	{ "streams",	STREAMS },
	{ "tcp",	TCP },
	{ "to",		TO },
	{ "token",	TOKEN },
	{ "udp",	UDP },
	{ "user",	USER },
};

static int
yylex(void)
{
	struct conflex_token	 t;
	size_t			 i;
	int			 token;

	conflex_next(&t);
	switch (t.type) {
	case CONFLEX_EOF:
		return (0);
	case CONFLEX_ERROR:
		return (ERROR);
	case CONFLEX_NEWLINE:
		return ('\n');
	case CONFLEX_CHAR:
		return (t.ch);
	case CONFLEX_WORD:
		for (i = 0; i < nitems(keywords); i++) {
			if (strcmp(keywords[i].name, t.text) != 0)
				continue;
			token = keywords[i].token;
			free(t.text);
			return (token);
		}
		break;
	case CONFLEX_STRING:
		break;
	}
	yylval.text = t.text;
	return (TEXT);
}

static void
yyerror(const char *text)
{
	if (conflex_errors() == 0)
		conflex_error("%s", text);
}

static void
set_string(char **where, char *value, const char *what)
{
	if (value[0] == '\0')
		conflex_error("%s: empty", what);
	free(*where);
	*where = value;
}

/* The first `relay` of a file takes the place of what came before it. */
static void
add_relay(char *url)
{
	if (!relays_cleared) {
		while (conf->nrelays > 0)
			free(conf->relays[--conf->nrelays]);
		relays_cleared = 1;
	}
	if (conf->nrelays == RELAYS_MAX) {
		conflex_error("relay: at most %d", RELAYS_MAX);
		free(url);
		return;
	}
	conf->relays[conf->nrelays++] = url;
}

static int
parse_ports(char *text, uint16_t *min, uint16_t *max)
{
	char	*dash;

	if ((dash = strchr(text, '-')) != NULL)
		*dash++ = '\0';
	if (addr_parse_port(text, min) == -1)
		return (-1);
	*max = *min;
	if (dash != NULL && addr_parse_port(dash, max) == -1)
		return (-1);
	return (*min <= *max ? 0 : -1);
}

static void
add_rule(int action, int quick, int kind, char *target, char *port)
{
	struct rule_entry	*e;
	struct rule		*r;
	size_t			 i;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		fatal("configuration");
	r = &e->rule;
	r->action = action;
	r->quick = quick;
	r->kind = kind;
	r->port_min = 1;
	r->port_max = UINT16_MAX;
	if (strcmp(target, "any") == 0)
		r->what = RULE_ANY;
	else if (strcmp(target, "loopback") == 0)
		r->what = RULE_LOOPBACK;
	else if (addr_prefix_parse(target, &r->prefix) == 0)
		r->what = RULE_PREFIX;
	else if (strchr(target, '/') == NULL && strlcpy(r->host, target,
	    sizeof(r->host)) < sizeof(r->host)) {
		r->what = RULE_HOST;
		for (i = 0; r->host[i] != '\0'; i++)
			r->host[i] = tolower((unsigned char)r->host[i]);
	} else
		conflex_error("%s: not an address, a network or a name",
		    target);
	if (port != NULL && parse_ports(port, &r->port_min, &r->port_max) ==
	    -1)
		conflex_error("port: a number, or two with - between them");
	free(target);
	free(port);
	TAILQ_INSERT_TAIL(&conf->rules, e, entry);
}

int
parse_config(const char *file, struct agentd_conf *into)
{
	int	 bad;

	conf = into;
	relays_cleared = 0;
	bad = conflex_open(file) == -1 || yyparse() != 0 ||
	    conflex_errors() > 0;
	conflex_close();
	return (bad ? -1 : 0);
}
