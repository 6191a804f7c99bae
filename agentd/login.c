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
 * agentd login: ask for the token, try it, keep it.
 */

#include "compat.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agentd.h"
#include "log.h"
#include "login.h"

enum login_option {
	OPT_RELAY = 256, OPT_NAME, OPT_CA, OPT_PIN, OPT_FROM_FILE,
	OPT_FROM_STDIN, OPT_NO_CHECK, OPT_PROXY, OPT_HELPER, OPT_PLAINTEXT
};

static const struct option	 options[] = {
	{ "relay",		required_argument, NULL, OPT_RELAY },
	{ "relay-url",		required_argument, NULL, OPT_RELAY },
	{ "name",		required_argument, NULL, OPT_NAME },
	{ "ca",			required_argument, NULL, OPT_CA },
	{ "pin",		required_argument, NULL, OPT_PIN },
	{ "proxy",		required_argument, NULL, OPT_PROXY },
	{ "proxy-helper",	required_argument, NULL, OPT_HELPER },
	{ "from-file",		required_argument, NULL, OPT_FROM_FILE },
	{ "from-stdin",		no_argument, NULL, OPT_FROM_STDIN },
	{ "no-check",		no_argument, NULL, OPT_NO_CHECK },
	{ "allow-plaintext",	no_argument, NULL, OPT_PLAINTEXT },
	{ NULL, 0, NULL, 0 }
};

static int	usage(void);
static int	login_do(struct login *, enum login_source, const char *, int,
		    int);

static int
usage(void)
{
	fprintf(stderr, "usage: agentd login --relay url --name name "
	    "[--ca file] [--pin pin]\n"
	    "              [--from-file file | --from-stdin] "
	    "[--no-check] [--allow-plaintext]\n"
	    "              [--proxy url | --proxy-helper program]\n");
	return (2);
}

int
agentd_login(int argc, char **argv)
{
	struct login		 l;
	enum login_source	 source = LOGIN_ASK;
	const char		*file = NULL;
	char			 path[PATH_MAX];
	int			 ch, try = 1, plaintext = 0, ret;

	memset(&l, 0, sizeof(l));
	while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (ch) {
		case OPT_RELAY:
			config_string(&l.relay, optarg);
			break;
		case OPT_NAME:
			config_string(&l.name, optarg);
			break;
		case OPT_CA:
			/* The daemon runs in "/". */
			if (realpath(optarg, path) == NULL) {
				log_warn("--ca %s", optarg);
				return (1);
			}
			config_string(&l.ca, path);
			break;
		case OPT_PIN:
			config_string(&l.pin, optarg);
			break;
		case OPT_PROXY:
			config_string(&l.proxy, optarg);
			if (strchr(optarg, '@') != NULL)
				memset(optarg, 'x', strlen(optarg));
			break;
		case OPT_HELPER:
			config_string(&l.helper, optarg);
			break;
		case OPT_FROM_FILE:
			source = LOGIN_FILE;
			file = optarg;
			break;
		case OPT_FROM_STDIN:
			source = LOGIN_STDIN;
			break;
		case OPT_NO_CHECK:
			try = 0;
			break;
		case OPT_PLAINTEXT:
			plaintext = 1;
			break;
		default:
			return (usage());
		}
	}
	if (optind != argc || l.relay == NULL || l.name == NULL)
		return (usage());
	if (config_name(l.name) == -1 || login_check(&l) == -1)
		ret = 2;
	else
		ret = login_do(&l, source, file, try, plaintext);
	login_clear(&l);
	return (ret);
}

static int
login_do(struct login *l, enum login_source source, const char *file,
    int try, int plaintext)
{
	char	 path[PATH_MAX], err[512];

	if (login_path("agentd", geteuid() == 0 ? CULVERT_SYSCONFDIR : NULL,
	    path, sizeof(path)) == -1 ||
	    (l->token = login_token(source, file)) == NULL)
		return (1);
	if (try && login_try(l, plaintext, "agentd/" CULVERT_VERSION, err,
	    sizeof(err)) == -1) {
		log_warnx("relay %s: %s", l->relay, err);
		log_warnx("nothing was kept; --no-check keeps it unseen");
		return (1);
	}
	if (login_write(path, l) == -1)
		return (1);
	fprintf(stderr, "%slogin kept in %s; start agentd now\n",
	    try ? "the relay knows this node; " : "", path);
	return (0);
}
