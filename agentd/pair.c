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
 * agentd pair: have the agentd that runs here offer a code to its relay.
 */

#include "compat.h"

#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "agentd.h"
#include "control_ask.h"
#include "log.h"
#include "pairask.h"

/* As agentd(8) says. */
enum pair_exit {
	PAIR_EXIT_OK = 0, PAIR_EXIT_REFUSED = 1, PAIR_EXIT_USAGE = 2
};

static const struct option	 options[] = {
	{ "json",	no_argument, NULL, 'j' },
	{ "no-qr",	no_argument, NULL, 'Q' },
	{ "socket",	required_argument, NULL, 's' },
	{ "ttl",	required_argument, NULL, 't' },
	{ NULL, 0, NULL, 0 }
};

static int
usage(void)
{
	fprintf(stderr, "usage: agentd pair [-f file] [-j | --no-qr] "
	    "[-s socket] [--ttl time]\n");
	return (PAIR_EXIT_USAGE);
}

int
agentd_pair(int argc, char **argv)
{
	const char	*file = NULL, *named = NULL;
	char		 path[SOCKET_MAX];
	struct ctl_pair	 req;
	int		 ch, json = 0, qr = 1;

	log_init("agentd", LOG_STYLE_COMMAND, 0);
	setlocale(LC_CTYPE, "");
	memset(&req, 0, sizeof(req));
	while ((ch = getopt_long(argc, argv, "f:js:t:", options, NULL)) !=
	    -1) {
		switch (ch) {
		case 'f':
			file = optarg;
			break;
		case 'j':
			json = 1;
			break;
		case 'Q':
			qr = 0;
			break;
		case 's':
			named = optarg;
			break;
		case 't':
			if (pairask_ttl(optarg, &req.ttl) == -1)
				return (PAIR_EXIT_USAGE);
			break;
		default:
			return (usage());
		}
	}
	if (argc != optind)
		return (usage());
	if (agentd_socket(file, named, path, sizeof(path)) == -1)
		return (PAIR_EXIT_REFUSED);
	control_to(&control_agentd, path);
	return (pairask(&req, json, qr) == -1 ? PAIR_EXIT_REFUSED :
	    PAIR_EXIT_OK);
}
