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


#ifndef WS_INTERNAL_H
#define WS_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "ws.h"

/*
 * Receiving, between ws.c, which gathers messages, and ws_piece.c, which does
 * not.
 */

/* The head of one received frame. */
struct ws_frame {
	int		 fin;
	uint8_t		 opcode;
	const uint8_t	*key;		/* NULL if not masked */
	size_t		 head;		/* bytes */
	size_t		 len;		/* of the payload */
};

/* It is over, with this close code; returns -1. */
int	ws_fail(struct ws *, int, const char *);
/*
 * Returns 1 for a whole head, 0 if more bytes are needed (so many of them
 * from the start, in all), or -1.
 */
int	ws_frame_head(struct ws *, const uint8_t *, size_t, struct ws_frame *,
	    size_t *);
/* A whole control frame. */
enum ws_result	ws_control(struct ws *, uint8_t *, const struct ws_frame *,
	    struct ws_event *);

#endif /* WS_INTERNAL_H */
