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
 * What agentd is to do: its command line, its environment, and the files they
 * name.
 */

#include "compat.h"

#include <err.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentd.h"
#include "conflex.h"
#include "egress.h"
#include "login.h"
#include "print.h"

__dead static void	usage(void);
static void	secret_arg(char **, char *);
static void	path_arg(char **, const char *);
static void	long_arg(int, char *);
static int	login_apply(struct agentd_conf *);
static void	environment_apply(struct agentd_conf *);
static int	flags_apply(struct agentd_conf *);

/* What the command line says; it beats the environment and the files. */
static struct {
	char	*relay;
	char	*name;
	char	*token;
	char	*token_file;
	char	*ca;
	char	*pin;
	char	*proxy;
	char	*helper;
	char	*control;
	char	*backend;
	int	 plaintext;
} flags;

static struct agentd_conf	*from_environment;
static char			*conffile;
static int			 conffile_given;

enum long_option {
	OPT_RELAY = 256, OPT_NAME, OPT_TOKEN, OPT_TOKEN_FILE, OPT_CA, OPT_PIN,
	OPT_PROXY, OPT_HELPER, OPT_CONTROL, OPT_PLAINTEXT, OPT_BACKEND,
	OPT_VERSION, OPT_HELP
};

static const struct option	 longopts[] = {
	{ "backend",		required_argument, NULL, OPT_BACKEND },
	{ "relay",		required_argument, NULL, OPT_RELAY },
	{ "relay-url",		required_argument, NULL, OPT_RELAY },
	{ "name",		required_argument, NULL, OPT_NAME },
	{ "token",		required_argument, NULL, OPT_TOKEN },
	{ "secret",		required_argument, NULL, OPT_TOKEN },
	{ "token-file",		required_argument, NULL, OPT_TOKEN_FILE },
	{ "ca",			required_argument, NULL, OPT_CA },
	{ "pin",		required_argument, NULL, OPT_PIN },
	{ "proxy",		required_argument, NULL, OPT_PROXY },
	{ "proxy-helper",	required_argument, NULL, OPT_HELPER },
	{ "control",		required_argument, NULL, OPT_CONTROL },
	{ "allow-plaintext",	no_argument, NULL, OPT_PLAINTEXT },
	{ "version",		no_argument, NULL, OPT_VERSION },
	{ "help",		no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

__dead static void
usage(void)
{
	fprintf(stderr,
	    "usage: agentd [-dnvV] [-D macro=value] [-f file] [--relay url] "
	    "[--name name]\n"
	    "              [--token-file file] [--ca file] [--pin pin] "
	    "[--allow-plaintext]\n"
	    "              [--proxy url | --proxy-helper program] "
	    "[--control socket]\n              [--backend url]\n"
	    "       agentd status [-f file] [-j] [-s socket]\n"
	    "       agentd pair [-f file] [-j | --no-qr] [-s socket] "
	    "[--ttl time]\n"
	    "       agentd login --relay url --name name [--ca file] "
	    "[--pin pin]\n"
	    "              [--from-file file | --from-stdin] [--no-check] "
	    "[--allow-plaintext]\n"
	    "              [--proxy url | --proxy-helper program]\n");
	exit(2);
}

/* A copy, and the original out of sight of ps(1). */
static void
secret_arg(char **where, char *arg)
{
	config_string(where, arg);
	memset(arg, 'x', strlen(arg));
}

/*
 * The daemon runs in "/", where a reload looks for it again.  What a link leads
 * to may be another file by then.
 */
static void
path_arg(char **where, const char *arg)
{
	char	 dir[PATH_MAX], path[2 * PATH_MAX];

	if (arg[0] == '/' || arg[0] == '\0' ||
	    getcwd(dir, sizeof(dir)) == NULL) {
		config_string(where, arg);
		return;
	}
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, arg) >=
	    sizeof(path))
		errx(2, "%s: the path is too long", arg);
	config_string(where, path);
}

/* Options of one letter are in options_parse. */
static void
long_arg(int opt, char *arg)
{
	switch (opt) {
	case OPT_RELAY:
		config_string(&flags.relay, arg);
		break;
	case OPT_NAME:
		config_string(&flags.name, arg);
		break;
	case OPT_TOKEN:
		secret_arg(&flags.token, arg);
		break;
	case OPT_TOKEN_FILE:
		path_arg(&flags.token_file, arg);
		break;
	case OPT_CA:
		path_arg(&flags.ca, arg);
		break;
	case OPT_PIN:
		config_string(&flags.pin, arg);
		break;
	case OPT_PROXY:
		if (strchr(arg, '@') != NULL)
			secret_arg(&flags.proxy, arg);
		else
			config_string(&flags.proxy, arg);
		break;
	case OPT_HELPER:
		config_string(&flags.helper, arg);
		break;
	case OPT_CONTROL:
		if (strcmp(arg, "none") == 0)
			config_string(&flags.control, arg);
		else
			path_arg(&flags.control, arg);
		break;
	case OPT_BACKEND:
		config_string(&flags.backend, arg);
		break;
	case OPT_PLAINTEXT:
		flags.plaintext = 1;
		break;
	default:
		usage();
	}
}

int
options_parse(int argc, char **argv, struct proc_options *opt)
{
	const char	*errstr;
	int		 ch, check = 0;

	while ((ch = getopt_long(argc, argv, "D:dI:f:nT:vVx:", longopts,
	    NULL)) != -1) {
		switch (ch) {
		case 'D':
			if (conflex_macro_arg(optarg) == -1)
				errx(2, "-D %s: not macro=value", optarg);
			break;
		case 'd':
			opt->foreground = 1;
			break;
		case 'I':
			opt->instance = strtonum(optarg, 0,
			    PROC_INSTANCES_MAX - 1, &errstr);
			if (errstr != NULL)
				usage();
			break;
		case 'f':
			path_arg(&conffile, optarg);
			conffile_given = 1;
			break;
		case 'n':
			check = 1;
			break;
		case 'T':
			opt->test = proc_arg(optarg);
			break;
		case 'v':
			opt->verbose++;
			break;
		case 'V':
		case OPT_VERSION:
			printf("agentd %s\n", CULVERT_VERSION);
			exit(print_end(stdout) == -1);
		case 'x':
			opt->child = proc_arg(optarg);
			break;
		default:
			long_arg(ch, optarg);
			break;
		}
	}
	if (optind != argc)
		usage();
	return (check);
}

void
options_environment(void)
{
	if (conffile == NULL)
		config_string(&conffile, AGENTD_CONF);
	from_environment = config_new();
	config_environment(from_environment);
	config_scrub_environment();
	egress_keep_environment();
}

/* What agentd login has kept.  0, or -1. */
static int
login_apply(struct agentd_conf *c)
{
	struct login	 login;
	char		 path[PATH_MAX];

	if (login_path("agentd", geteuid() == 0 ? CULVERT_SYSCONFDIR : NULL,
	    path, sizeof(path)) == -1)
		return (-1);
	switch (login_read(path, &login)) {
	case 0:
		break;
	case -1:
		return (-1);
	default:
		return (0);
	}
	if (login.relay != NULL)
		config_relay(c, login.relay);
	config_string(&c->name, login.name);
	config_string(&c->token, login.token);
	config_string(&c->ca, login.ca);
	config_string(&c->pin, login.pin);
	if (login.helper != NULL)
		config_helper(c, login.helper);
	if (login.proxy != NULL)
		config_proxy(c, login.proxy);
	login_clear(&login);
	return (0);
}

static void
environment_apply(struct agentd_conf *c)
{
	const struct agentd_conf	*env = from_environment;

	if (env->nrelays > 0)
		config_relay(c, env->relays[0]);
	config_string(&c->control, env->control);
	config_string(&c->backend, env->backend);
	config_string(&c->name, env->name);
	config_string(&c->token, env->token);
	if (env->ping_ms != 0)
		c->ping_ms = env->ping_ms;
}

static int
flags_apply(struct agentd_conf *c)
{
	if (flags.relay != NULL)
		config_relay(c, flags.relay);
	config_string(&c->name, flags.name);
	config_string(&c->ca, flags.ca);
	config_string(&c->pin, flags.pin);
	config_string(&c->control, flags.control);
	config_string(&c->backend, flags.backend);
	if (flags.helper != NULL)
		config_helper(c, flags.helper);
	if (flags.proxy != NULL)
		config_proxy(c, flags.proxy);
	if (flags.token_file != NULL) {
		free(c->token);
		if ((c->token = login_token_file(flags.token_file)) == NULL)
			return (-1);
	}
	config_string(&c->token, flags.token);
	c->plaintext |= flags.plaintext;
	return (0);
}

/* Each beats those before: the login, the file, the environment, flags. */
struct agentd_conf *
options_load(void)
{
	struct agentd_conf	*c = config_new();

	if (login_apply(c) == -1)
		goto fail;
	if ((conffile_given || access(conffile, F_OK) == 0) &&
	    parse_config(conffile, c) == -1)
		goto fail;
	environment_apply(c);
	if (flags_apply(c) == -1 || config_load(c) == -1)
		goto fail;
	return (c);
 fail:
	config_free(c);
	return (NULL);
}
