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
 * A pairing code: made here, offered by who answers at the control socket,
 * and shown.  They learn no more of it than its hash.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "conflex.h"
#include "control_ask.h"
#include "log.h"
#include "paircode.h"
#include "pairask.h"
#include "pairshow.h"
#include "print.h"

#define TTL_MAX_MS	86400000

int
pairask_ttl(const char *text, uint32_t *ttl)
{
	uint64_t	 ms;

	if (conflex_time(text, &ms) == -1 || ms < 1000 || ms > TTL_MAX_MS) {
		log_warnx("--ttl %s: a time like 90s or 5m", text);
		return (-1);
	}
	*ttl = ms / 1000;
	return (0);
}

static void
pairing_record(const void *rec, void *arg)
{
	memcpy(arg, rec, sizeof(struct ctl_pairing));
}

int
pairask(struct ctl_pair *req, int json, int qr)
{
	char			 code[PAIRCODE_LEN + 1];
	struct ctl_pairing	 pairing;
	struct ctl_end		 end;
	struct pairshow		 show;

	memset(&pairing, 0, sizeof(pairing));
	paircode_make(code);
	if (paircode_hash(code, strlen(code), req->hash) != 0) {
		log_warnx("no SHA-256 in libcrypto");
		return (-1);
	}
	if (control_ask(CTL_PAIR, req, sizeof(*req), CTL_PAIRING,
	    sizeof(pairing), pairing_record, &pairing, &end) == -1)
		return (-1);
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
	return (print_end(stdout));
}
