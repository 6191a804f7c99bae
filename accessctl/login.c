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
 * accessctl login: keep relay and token for connect, forward and nodes; and
 * logout: no longer.
 */

#include "compat.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accessctl.h"
#include "log.h"

enum login_option { OPT_FROM_FILE = 256, OPT_FROM_STDIN, OPT_NO_CHECK };

static const struct option	 options[] = {
	RELAY_OPTIONS,
	{ "from-file",		required_argument, NULL, OPT_FROM_FILE },
	{ "from-stdin",		no_argument, NULL, OPT_FROM_STDIN },
	{ "no-check",		no_argument, NULL, OPT_NO_CHECK },
	OPTIONS_COMMON,
	{ NULL, 0, NULL, 0 }
};

static int
login_do(struct relay_options *o, enum login_source source,
    const char *file, int try)
{
	char	 path[PATH_MAX], ca[PATH_MAX], err[512];

	if (o->login.ca != NULL) {
		if (realpath(o->login.ca, ca) == NULL) {
			log_warn("--ca %s", o->login.ca);
			return (EXIT_OTHER);
		}
		free(o->login.ca);
		if ((o->login.ca = strdup(ca)) == NULL)
			return (EXIT_OTHER);
	}
	if (login_path("accessctl", NULL, path, sizeof(path)) == -1 ||
	    (o->login.token == NULL &&
	    (o->login.token = login_token(source, file)) == NULL))
		return (EXIT_OTHER);
	if (try && login_try(&o->login, o->plaintext,
	    "accessctl/" CULVERT_VERSION, err, sizeof(err)) == -1) {
		log_warnx("relay %s: %s; nothing was kept (--no-check keeps "
		    "it untried)", o->login.relay, err);
		return (EXIT_OTHER);
	}
	if (login_write(path, &o->login) == -1)
		return (EXIT_OTHER);
	log_info("%skept in %s", try ? "the relay knows this token; " : "",
	    path);
	return (EXIT_OK);
}

int
cmd_login(int argc, char **argv)
{
	struct relay_options	 o;
	enum login_source	 source = LOGIN_ASK;
	const char		*file = NULL;
	int			 ch, try = 1, status;

	memset(&o, 0, sizeof(o));
	while ((ch = getopt_long(argc, argv, "hv", options, NULL)) != -1) {
		if (relay_option(&o, ch, optarg))
			continue;
		switch (ch) {
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
		default:
			if (!option_common(ch))
				return (EXIT_USAGE);
			break;
		}
	}
	if (o.token_file != NULL) {
		source = LOGIN_FILE;
		file = o.token_file;
	}
	if (argc != optind || o.login.relay == NULL)
		return (usage());
	if (login_check(&o.login) == -1)
		status = EXIT_USAGE;
	else
		status = login_do(&o, source, file, try);
	relay_options_clear(&o);
	return (status);
}

int
cmd_logout(int argc, char **argv)
{
	static const struct option	 common[] = {
		OPTIONS_COMMON, { NULL, 0, NULL, 0 }
	};
	char				 path[PATH_MAX];
	int				 ch;

	while ((ch = getopt_long(argc, argv, "hv", common, NULL)) != -1) {
		if (!option_common(ch))
			return (EXIT_USAGE);
	}
	if (argc != optind)
		return (usage());
	if (login_path("accessctl", NULL, path, sizeof(path)) == -1)
		return (EXIT_OTHER);
	if (unlink(path) == -1) {
		if (errno == ENOENT) {
			log_info("no login is kept in %s", path);
			return (EXIT_OK);
		}
		log_warn("%s", path);
		return (EXIT_OTHER);
	}
	log_info("%s is gone; the token is good until it expires or is "
	    "revoked", path);
	return (EXIT_OK);
}
