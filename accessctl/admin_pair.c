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
 * A pairing code for a node, made here: the relay learns its hash.
 */

#include "compat.h"

#include <string.h>

#include "accessctl.h"
#include "pairask.h"

enum { OPT_NO_QR = 256, OPT_TTL };

static const struct option	 options[] = {
	{ "no-qr",	no_argument, NULL, OPT_NO_QR },
	{ "ttl",	required_argument, NULL, OPT_TTL },
	OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
};

int
cmd_pair(int argc, char **argv)
{
	struct ctl_pair	 req;
	int		 ch, qr = 1;

	memset(&req, 0, sizeof(req));
	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		switch (ch) {
		case OPT_NO_QR:
			qr = 0;
			break;
		case OPT_TTL:
			if (pairask_ttl(optarg, &req.ttl) == -1)
				return (EXIT_USAGE);
			break;
		default:
			if (!admin_option(ch, optarg))
				return (EXIT_USAGE);
		}
	}
	if (argc - optind != 1)
		return (usage());
	if (admin_word(req.node, sizeof(req.node), "name", argv[optind]) ==
	    -1)
		return (EXIT_USAGE);
	return (pairask(&req, json, qr) == -1 ? EXIT_OTHER : EXIT_OK);
}
