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

#ifndef WS_STEPS_H
#define WS_STEPS_H

/* Frames put together and taken in, in pieces of any size. */

#include "ws.h"

#define FIN	0x80
#define MAX	70000		/* message_max of the tests */

extern const enum ws_role roles[3];
extern int		 no_memory;
extern uint8_t		 input[200000];
extern size_t		 input_len;
extern char		 said[16384];

/*
 * Add one frame to the input: first byte, payload, and the form of its
 * length: 0 the shortest, or 2 or 8 bytes.
 */
void	 put(enum ws_role, uint8_t, const void *, size_t, size_t);
/*
 * Parse the input in pieces of step bytes (0: in one), from allocations of
 * just the right size.  Returns how many bytes had come when it ended.
 */
size_t	 parse(enum ws_role, size_t, size_t);
/* The input says that, in one piece, byte by byte, and in other pieces. */
void	 expect(enum ws_role, const char *, const char *);

struct frame {
	uint8_t		 first;
	const char	*payload;
	size_t		 len;
	size_t		 form;
};

struct ws_case {
	const char	*name;
	struct frame	 frames[6];
	const char	*want;
};

#define F(first, payload)	{ first, payload, sizeof(payload) - 1, 0 }
#define F2(first, payload)	{ first, payload, sizeof(payload) - 1, 2 }
#define F8(first, payload)	{ first, payload, sizeof(payload) - 1, 8 }
#define TEXT	(FIN | WS_TEXT)
#define BINARY	(FIN | WS_BINARY)
#define CONT	(FIN | WS_CONT)
#define CLOSE	(FIN | WS_CLOSE)
#define PING	(FIN | WS_PING)
#define PONG	(FIN | WS_PONG)

extern const char x125[];

void	 run_cases(const struct ws_case *, size_t);

#endif /* WS_STEPS_H */
