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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "conflex.h"
#include "log.h"
#include "paircode.h"
#include "pairshow.h"

enum { OPT_NO_QR = 256, OPT_TTL };

static const struct option	 options[] = {
	{ "no-qr",	no_argument, NULL, OPT_NO_QR },
	{ "ttl",	required_argument, NULL, OPT_TTL },
	OPTIONS_ADMIN, { NULL, 0, NULL, 0 }
};

static void
pairing_record(const void *rec, void *arg)
{
	memcpy(arg, rec, sizeof(struct ctl_pairing));
}

int
cmd_pair(int argc, char **argv)
{
	char			 code[PAIRCODE_LEN + 1];
	struct ctl_pairing	 pairing;
	struct ctl_pair		 req;
	struct ctl_end		 end;
	struct pairshow		 show;
	uint64_t		 ms;
	int			 ch, qr = 1;

	memset(&req, 0, sizeof(req));
	memset(&pairing, 0, sizeof(pairing));
	while ((ch = getopt_long(argc, argv, OPTIONS_ADMIN_SHORT, options,
	    NULL)) != -1) {
		switch (ch) {
		case OPT_NO_QR:
			qr = 0;
			break;
		case OPT_TTL:
			if (conflex_time(optarg, &ms) == -1 || ms < 1000 ||
			    ms > 86400000) {
				log_warnx("--ttl %s: a time like 90s or 5m",
				    optarg);
				return (EXIT_USAGE);
			}
			req.ttl = ms / 1000;
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
	paircode_make(code);
	if (paircode_hash(code, strlen(code), req.hash) != 0)
		fatalx("no SHA-256 in libcrypto");
	if (control_ask(CTL_PAIR, &req, sizeof(req), CTL_PAIRING,
	    sizeof(pairing), pairing_record, &pairing, &end) == -1)
		return (EXIT_OTHER);
	pairing.url[sizeof(pairing.url) - 1] = '\0';
	show.code = code;
	show.node = req.node;
	show.url = pairing.url;
	show.expires_at = pairing.expires_at;
	if (json)
		pairshow_json(&show, stdout);
	else
		pairshow_print(&show, qr, stdout);
	explicit_bzero(code, sizeof(code));
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_warn("standard output");
		return (EXIT_OTHER);
	}
	return (EXIT_OK);
}
