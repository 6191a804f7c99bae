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
 * The tcp door: where accessctl comes in, to reach targets on nodes.  GET
 * /api/access/ws, signed; then a stream for each target.
 */

#include "compat.h"

#include "doors.h"
#include "link_client.h"
#include "listener.h"

void
door_tcp_request(struct conn *c, const struct http_head *head)
{
	login_request(c, head, DOOR_ACCESS, LINK_PATH_ACCESS, "");
}

void
door_tcp_open(struct conn *c, struct mux_stream *s,
    const struct mux_open *open)
{
	if (!(c->session->scopes & SCOPE_CONNECT)) {
		mux_reset(s, MUX_CODE_DENIED,
		    "this token has no scope connect");
		return;
	}
	if (open->host[0] == '\0' ||
	    (open->kind == MUX_KIND_UNIX) != (open->port == 0) ||
	    (open->kind == MUX_KIND_UNIX && open->host[0] != '/')) {
		mux_reset(s, MUX_CODE_PROTOCOL, "no target");
		return;
	}
	stream_new(c, s, open);
}
