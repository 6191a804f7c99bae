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
 * Receiving messages piece by piece.
 */

#include "compat.h"

#include <string.h>

#include "ws.h"
#include "ws_internal.h"

static enum ws_result	piece_payload(struct ws *, uint8_t *, size_t,
			    struct ws_event *);

/* So much of the frame that has begun: a byte at least, or its end. */
static enum ws_result
piece_payload(struct ws *ws, uint8_t *buf, size_t len, struct ws_event *ev)
{
	size_t	 n = len < ws->left ? len : (size_t)ws->left;

	if (ws->role == WS_SERVER)
		ws_mask(buf, buf, n, ws->key, ws->done % 4);
	if (ws->msg_opcode == WS_TEXT &&
	    ws_utf8(&ws->utf8_state, buf, n) == -1) {
		ws_fail(ws, WS_CLOSE_DATA, "text is not UTF-8");
		return (WS_ERROR);
	}
	ev->opcode = ws->msg_opcode;
	ev->data = buf;
	ev->len = n;
	ev->consumed += n;
	ws->left -= n;
	ws->done += n;
	if (ws->left > 0)
		return (WS_PIECE);
	ws->frame = 0;
	if (!ws->fin)
		return (n > 0 ? WS_PIECE : WS_MORE);
	if (ws->msg_opcode == WS_TEXT && ws->utf8_state != 0) {
		ws_fail(ws, WS_CLOSE_DATA, "text ends inside a character");
		return (WS_ERROR);
	}
	ev->last = 1;
	ws->msg_opcode = 0;
	ws->msg_len = 0;
	ws->fragments = 0;
	return (WS_PIECE);
}

enum ws_result
ws_piece(struct ws *ws, uint8_t *buf, size_t len, struct ws_event *ev)
{
	struct ws_frame	 f;
	enum ws_result	 r;
	size_t		 need;
	int		 head;

	memset(ev, 0, sizeof(*ev));
	ev->code = WS_CLOSE_NONE;
	if (ws->error != NULL)
		return (WS_ERROR);
	if (ws->closed) {
		ev->consumed = len;
		return (WS_MORE);
	}
	for (;;) {
		if (ws->frame) {
			if (len == ev->consumed && ws->left > 0)
				return (WS_MORE);
			r = piece_payload(ws, buf + ev->consumed,
			    len - ev->consumed, ev);
			if (r != WS_MORE)
				return (r);
			continue;
		}
		head = ws_frame_head(ws, buf + ev->consumed,
		    len - ev->consumed, &f, &need);
		if (head == -1)
			return (WS_ERROR);
		if (head == 0)
			return (WS_MORE);
		if (f.opcode >= WS_CLOSE) {
			if (len - ev->consumed < need)
				return (WS_MORE);
			r = ws_control(ws, buf + ev->consumed + f.head, &f,
			    ev);
			ev->consumed += need;
			return (r);
		}
		if (f.opcode != WS_CONT) {
			ws->msg_opcode = f.opcode;
			ws->utf8_state = 0;
		}
		ws->msg_len += f.len;
		ws->fragments++;
		ws->frame = 1;
		ws->fin = f.fin;
		ws->left = f.len;
		ws->done = 0;
		if (f.key != NULL)
			memcpy(ws->key, f.key, sizeof(ws->key));
		ev->consumed += f.head;
	}
}
