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
 * agentd pair: make a code, and have the agentd that runs here offer it to
 * its relay.  It learns no more of it than the relay does: its hash.
 */

#include "compat.h"

#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd.h"
#include "conflex.h"
#include "control_ask.h"
#include "ctl.h"
#include "log.h"
#include "paircode.h"
#include "pairshow.h"

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

static void
pairing_record(const void *rec, void *arg)
{
	memcpy(arg, rec, sizeof(struct ctl_pairing));
}

static int
pair(uint32_t ttl, int json, int qr)
{
	char			 code[PAIRCODE_LEN + 1];
	struct ctl_pairing	 pairing;
	struct ctl_pair		 req;
	struct ctl_end		 end;
	struct pairshow		 show;

	memset(&req, 0, sizeof(req));
	memset(&pairing, 0, sizeof(pairing));
	req.ttl = ttl;
	paircode_make(code);
	if (paircode_hash(code, strlen(code), req.hash) != 0) {
		log_warnx("no SHA-256 in libcrypto");
		return (PAIR_EXIT_REFUSED);
	}
	if (control_ask(CTL_PAIR, &req, sizeof(req), CTL_PAIRING,
	    sizeof(pairing), pairing_record, &pairing, &end) == -1)
		return (PAIR_EXIT_REFUSED);
	pairing.node[sizeof(pairing.node) - 1] = '\0';
	pairing.url[sizeof(pairing.url) - 1] = '\0';
	show.code = code;
	show.node = pairing.node;
	show.url = pairing.url;
	show.expires_at = pairing.expires_at;
	if (json)
		pairshow_json(&show, stdout);
	else
		pairshow_print(&show, qr, stdout);
	explicit_bzero(code, sizeof(code));
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_warn("standard output");
		return (PAIR_EXIT_REFUSED);
	}
	return (PAIR_EXIT_OK);
}

int
agentd_pair(int argc, char **argv)
{
	const char	*file = NULL, *named = NULL;
	char		 path[SOCKET_MAX];
	uint64_t	 ms = 0;
	int		 ch, json = 0, qr = 1;

	log_init("agentd", LOG_STYLE_COMMAND, 0);
	setlocale(LC_CTYPE, "");
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
			if (conflex_time(optarg, &ms) == -1 || ms < 1000 ||
			    ms > 86400000) {
				log_warnx("--ttl %s: a time like 90s or 5m",
				    optarg);
				return (PAIR_EXIT_USAGE);
			}
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
	return (pair(ms / 1000, json, qr));
}
