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

#ifndef FD_SIDES_H
#define FD_SIDES_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "fdstream.h"
#include "mux_side.h"

/*
 * For tests of streams with descriptors at both ends: a local program's
 * connection, two muxes that pass each other's frames, and the target's.  The
 * local one is a's; b takes what is opened, with its fd.
 */

extern const char		*last_words;	/* of a, or NULL */
extern const struct fdstream_ops fd_ops;	/* they count in a side */

/* For cmocka. */
int	 fd_setup(void **);
int	 fd_teardown(void **);

/* Both ends of a connection, non-blocking. */
void	 tcp_pair(int[2]);
void	 unix_pair(int[2]);
/* A stream between two new connections; la and ta are for the test. */
void	 open_stream(void (*)(int[2]), int *la, int *ta);

/* What arrives within many passes: a length, 0 for the end, or -errno. */
ssize_t	 receive(int, void *, size_t);
/* That this arrives; the end; a reset. */
void	 expect(int, const char *);
void	 expect_end(int);
void	 expect_reset(int);
void	 say(int, const char *);
/* A close(2) that is a reset. */
void	 abort_close(int);

#endif /* FD_SIDES_H */
