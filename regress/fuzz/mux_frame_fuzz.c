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

/* link: lib/mux_frame.c */

/*
 * What was read, written and read again must be the same.  The first byte
 * chooses the payload.
 */

/* max_len: 600 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "mux_frame.h"

static void
fuzz_open(const uint8_t *p, size_t n)
{
	struct mux_open	 a, b;
	uint8_t		 buf[MUX_OPEN_MAX];
	ssize_t		 len;

	if (mux_open_get(p, n, &a) == -1)
		return;
	must((len = mux_open_put(buf, sizeof(buf), &a)) != -1);
	must(mux_open_get(buf, len, &b) == 0);
	must(a.kind == b.kind && a.port == b.port && a.credit == b.credit &&
	    a.ticket == b.ticket && strcmp(a.host, b.host) == 0 &&
	    strcmp(a.node, b.node) == 0 && strcmp(a.client, b.client) == 0 &&
	    strcmp(a.user, b.user) == 0 &&
	    strcmp(a.request_id, b.request_id) == 0);
}

static void
fuzz_reset(const uint8_t *p, size_t n)
{
	char		 a[MUX_TEXT_MAX + 1], b[MUX_TEXT_MAX + 1];
	uint8_t		 buf[MUX_CONTROL_MAX];
	uint16_t	 code, code2;
	ssize_t		 len;

	if (mux_reset_get(p, n, &code, a) == -1)
		return;
	must((len = mux_reset_put(buf, sizeof(buf), code, a)) != -1);
	must(mux_reset_get(buf, len, &code2, b) == 0);
	must(code == code2 && strcmp(a, b) == 0);
}

static void
fuzz_control(const uint8_t *p, size_t n)
{
	struct mux_hello h, h2;
	struct mux_goaway g, g2;
	uint8_t		 buf[MUX_CONTROL_MAX];
	ssize_t		 len;

	(void)mux_control_what(p, n);
	if (mux_hello_get(p, n, &h) == 0) {
		must((len = mux_hello_put(buf, sizeof(buf), &h)) != -1);
		must(mux_hello_get(buf, len, &h2) == 0);
		must(h.version == h2.version && h.credit == h2.credit &&
		    h.epoch == h2.epoch &&
		    strcmp(h.software, h2.software) == 0 &&
		    strcmp(h.name, h2.name) == 0);
	}
	if (mux_goaway_get(p, n, &g) == 0) {
		must((len = mux_goaway_put(buf, sizeof(buf), &g)) != -1);
		must(mux_goaway_get(buf, len, &g2) == 0);
		must(g.delay == g2.delay && strcmp(g.text, g2.text) == 0);
	}
}

static void
fuzz_head(const uint8_t *p, size_t n)
{
	struct mux_head	 h;
	uint8_t		 buf[MUX_HEAD_LEN];

	if (mux_head_get(p, n, &h) == -1)
		return;
	mux_head_put(buf, h.type, h.flags, h.id);
	must(memcmp(buf, p, sizeof(buf)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return (0);
	switch (p[0] & 3) {
	case 0:
		fuzz_open(p + 1, n - 1);
		break;
	case 1:
		fuzz_reset(p + 1, n - 1);
		break;
	case 2:
		fuzz_control(p + 1, n - 1);
		break;
	default:
		fuzz_head(p + 1, n - 1);
		break;
	}
	return (0);
}
