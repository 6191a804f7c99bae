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

#ifndef FAR_LINK_H
#define FAR_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "mux_frame.h"
#include "ws.h"

#define FAR_IDS		64

/*
 * A link whose other end we are, frame by frame and without memory of its
 * own: what is opened on it is accepted, and echoed or, for http, answered;
 * what came on our own streams is counted.
 */
struct far_link {
	int		 fd;		/* -1: none, or closed */
	int		 masked;	/* we are a client */
	int		 dialer;	/* our streams have odd numbers */
	int		 lazy;		/* accepts, and no more */
	struct ws	 ws;
	uint8_t		 buf[70000];
	size_t		 len;
	uint8_t		 kind[FAR_IDS];
	uint32_t	 opened, accepted, reset, bytes, fins;
};

/* Turns of whatever is at the other end. */
extern void (*far_run)(void);

/* After the 101; says hello. */
void	 far_on(struct far_link *, int fd, enum ws_role);
/* What has come.  1: something has. */
int	 far_turn(struct far_link *);
void	 far_frame(struct far_link *, uint8_t type, uint8_t flags, uint32_t,
	    const void *, size_t);
void	 far_close(struct far_link *);
/* Open a stream, send it that and the end, run.  Returns its number. */
uint32_t far_stream(struct far_link *, uint8_t kind, const char *node,
	    const char *host, uint16_t port, uint64_t ticket,
	    const char *data, size_t len);

#endif /* FAR_LINK_H */
