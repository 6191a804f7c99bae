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

#ifndef FORWARD_H
#define FORWARD_H

#include <stddef.h>

#include "accessctl.h"
#include "addr.h"
#include "forward_spec.h"

/* What forward.c, forward_listen.c and forward_wait.c share. */

struct forward {
	struct forward	*next;
	struct mux_open	 open;		/* what its connections become */
	char		 name[ADDR_STRLEN];	/* where it listens first */
};

/* ---- forward_listen.c ---- */

/*
 * listen_add: bind what the spec says and listen; connections are handed to
 * the callback, non-blocking.  0 or -1 (logged).
 */
int	listen_add(struct event_base *, const struct forward_spec *,
	    struct forward *, void (*)(struct forward *, int));
/* Accept, from all; or don't for now. */
void	listen_resume(void);
void	listen_pause(void);

/* ---- forward_wait.c: connections for which there is no link yet ---- */

void	wait_init(struct event_base *);
/* Keep it for a while; it is closed then.  -1: no room. */
int	wait_add(struct forward *, int);
/* The link is there: hand over all. */
void	wait_serve(void (*)(struct forward *, int));
/* Close; the program at its end sees a reset, not an end. */
void	wait_reset(int);

#endif /* FORWARD_H */
