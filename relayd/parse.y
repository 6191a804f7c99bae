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

#include <sys/socket.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "conflex.h"
#include "log.h"
#include "relayd.h"

static int	yylex(void);
static int	yyparse(void);
static void	yyerror(const char *);
static void	set_string(char **, char *, const char *);
static void	add_listen(char *, char *, int);
static void	add_certificate(char *, char *);
static void	set_limit(const char *, char *);
static char	*word_join(const char *, char *);

static struct relayd_conf	*conf;

%}

%union {
	char	*text;
	int	 number;
}

%token	INCLUDE LISTEN ON PORT TLS PREFORK CERTIFICATE KEY DOMAIN STATE USER
%token	CONTROL GROUP LIMIT ERROR
%token	<text>	TEXT
%type	<text>	limitname
%type	<number> tls

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
		| LISTEN ON TEXT PORT TEXT tls	{ add_listen($3, $5, $6); }
		| LISTEN ON TEXT tls		{ add_listen($3, NULL, $4); }
		| PREFORK TEXT {
			long long	 n;

			if (conflex_number($2, 1, PROC_INSTANCES_MAX, &n) ==
			    -1)
				conflex_error("prefork %s: a number from 1 "
				    "to %d", $2, PROC_INSTANCES_MAX);
			else
				conf->prefork = n;
			free($2);
		}
		| CERTIFICATE TEXT KEY TEXT	{ add_certificate($2, $4); }
		| DOMAIN TEXT {
			size_t	 i;

			for (i = 0; $2[i] != '\0'; i++)
				$2[i] = tolower((unsigned char)$2[i]);
			if (i >= DOMAIN_LEN)
				conflex_error("domain: too long");
			set_string(&conf->domain, $2, "domain");
		}
		| STATE TEXT	{ set_string(&conf->state, $2, "state"); }
		| USER TEXT	{ set_string(&conf->user, $2, "user"); }
		| CONTROL TEXT	{
			set_string(&conf->control, $2, "control");
		}
		| CONTROL TEXT GROUP TEXT {
			set_string(&conf->control, $2, "control");
			set_string(&conf->control_group, $4, "group");
		}
		| LIMIT limitname		{ free($2); }
		| LIMIT '{' optnl limits '}'
		;

limits		: limit optnl
		| limits limit optnl
		;

limit		: limitname		{ free($1); }
		;

optnl		: /* empty */
		| optnl '\n'
		;

/* "handshake timeout 10s": some words, the last of which is the value */
limitname	: TEXT TEXT {
			set_limit($1, $2);
			$$ = $1;
		}
		| TEXT TEXT TEXT {
			$$ = word_join($1, $2);
			set_limit($$, $3);
		}
		| TEXT TEXT TEXT TEXT {
			$$ = word_join(word_join($1, $2), $3);
			set_limit($$, $4);
		}
		;

tls		: /* empty */	{ $$ = 0; }
		| TLS		{ $$ = 1; }
		;

%%

static const struct {
	const char	*name;
	int		 token;
} keywords[] = {
	{ "certificate",	CERTIFICATE },
	{ "control",		CONTROL },
	{ "domain",		DOMAIN },
	{ "group",		GROUP },
	{ "include",		INCLUDE },
	{ "key",		KEY },
	{ "limit",		LIMIT },
	{ "listen",		LISTEN },
	{ "on",			ON },
	{ "port",		PORT },
	{ "prefork",		PREFORK },
	{ "state",		STATE },
	{ "tls",		TLS },
	{ "user",		USER },
};

enum limit_unit { LIMIT_TIME, LIMIT_SIZE, LIMIT_COUNT };

#define LIMIT32(f)	offsetof(struct relayd_limits, f), 4
#define LIMIT64(f)	offsetof(struct relayd_limits, f), 8

static const struct {
	const char	*name;
	enum limit_unit	 unit;
	size_t		 offset;
	int		 width;		/* of the field, bytes */
	uint64_t	 min, max;
} limit_names[] = {
	{ "handshake timeout", LIMIT_TIME, LIMIT32(handshake_ms),
	    100, 3600000 },
	{ "head size", LIMIT_SIZE, LIMIT32(head_bytes), 512, 65536 },
	{ "connections", LIMIT_COUNT, LIMIT32(connections), 1, 1000000 },
	{ "connections per address", LIMIT_COUNT,
	    LIMIT32(connections_per_addr), 1, 1000000 },
	{ "handshakes", LIMIT_COUNT, LIMIT32(handshakes), 1, 1000000 },
	{ "links per user", LIMIT_COUNT, LIMIT32(links_per_user),
	    1, 1000000 },
	{ "streams per link", LIMIT_COUNT, LIMIT32(streams_per_link),
	    1, 1000000 },
	{ "credit per link", LIMIT_SIZE, LIMIT64(credit_per_link),
	    1024 * 1024, 1ULL << 40 },
	{ "credit", LIMIT_SIZE, LIMIT64(credit_total),
	    1024 * 1024, 1ULL << 40 },
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

static char *
word_join(const char *a, char *b)
{
	char	*s;

	if (asprintf(&s, "%s %s", a, b) == -1)
		fatal("configuration");
	free(b);
	return (s);
}

static void
add_listen(char *host, char *port, int tls)
{
	struct listen_addr	*l, *other;
	const char		*p;

	p = port != NULL ? port : tls ? "443" : "80";
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("configuration");
	l->tls = tls;
	if (addr_parse(strcmp(host, "*") == 0 ? "0.0.0.0" : host, p,
	    &l->ss) == -1) {
		conflex_error("listen on %s port %s: not an address and a "
		    "port", host, p);
		free(l);
		goto done;
	}
	TAILQ_FOREACH(other, &conf->listens, entry) {
		if (memcmp(&other->ss, &l->ss, sizeof(l->ss)) == 0) {
			conflex_error("listen on %s port %s: twice", host, p);
			free(l);
			goto done;
		}
	}
	TAILQ_INSERT_TAIL(&conf->listens, l, entry);
 done:
	free(host);
	free(port);
}

static void
add_certificate(char *cert_file, char *key_file)
{
	struct certificate	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal("configuration");
	c->cert_file = cert_file;
	c->key_file = key_file;
	TAILQ_INSERT_TAIL(&conf->certs, c, entry);
}

static void
set_limit(const char *name, char *value)
{
	uint64_t	 v = 0;
	long long	 n = 0;
	uint32_t	 v32;
	size_t		 i;
	int		 bad;

	for (i = 0; i < nitems(limit_names); i++) {
		if (strcmp(limit_names[i].name, name) == 0)
			break;
	}
	if (i == nitems(limit_names)) {
		conflex_error("limit %s: there is none of this name", name);
		goto done;
	}
	switch (limit_names[i].unit) {
	case LIMIT_TIME:
		bad = conflex_time(value, &v);
		break;
	case LIMIT_SIZE:
		bad = conflex_size(value, &v);
		break;
	default:
		bad = conflex_number(value, 0, 1000000000, &n);
		v = n;
		break;
	}
	if (bad || v < limit_names[i].min || v > limit_names[i].max) {
		conflex_error("limit %s %s: from %llu to %llu%s", name, value,
		    (unsigned long long)limit_names[i].min,
		    (unsigned long long)limit_names[i].max,
		    limit_names[i].unit == LIMIT_TIME ? " ms" :
		    limit_names[i].unit == LIMIT_SIZE ? " bytes" : "");
		goto done;
	}
	v32 = v;
	memcpy((char *)&conf->limits + limit_names[i].offset,
	    limit_names[i].width == 4 ? (void *)&v32 : (void *)&v,
	    limit_names[i].width);
 done:
	free(value);
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
