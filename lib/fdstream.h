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

#ifndef FDSTREAM_H
#define FDSTREAM_H

#include <stddef.h>
#include <stddef.h>
#include <stdint.h>

#include "mux.h"

/*
 * A stream's end at descriptors: a target's socket on the device, a local
 * connection or standard input and output on the laptop.  Reads the source
 * straight into the frame that leaves, writes what arrives straight to the
 * sink; both half-closes pass; an error on the socket resets the stream.
 * While it lives, and when it ends early, the close of its TCP socket is a
 * reset: nothing cut short looks complete.  Files and devices that never
 * block will do as well as sockets, pipes and terminals.  The process must
 * ignore SIGPIPE.
 */

struct event_base;
struct fdstream;
struct meter_flow;

struct fdstream_ops {
	/* The far end is connected (only when we opened the stream). */
	void	(*accepted)(struct fdstream *, void *);
	/*
	 * It is over, both ways, and everything was written; called once,
	 * before it is freed.  code and text say why it ended early; code 0
	 * and text NULL when it ended in order.
	 */
	void	(*closed)(struct fdstream *, void *, uint16_t, const char *);
	/*
	 * It ends early, and the sink was told nothing yet: what should it
	 * be told?  Fills the buffer (FDSTREAM_LAST_MAX), returns how much;
	 * the socket is then closed in order, if that is not 0.  Or NULL.
	 */
	size_t	(*last)(struct fdstream *, void *, uint16_t, uint8_t *);
};
#define FDSTREAM_LAST_MAX	64

/*
 * fdstream_new: rfd and wfd are non-blocking and the same for a socket; they
 * are closed at the end.  The stream is taken over (mux_stream_own).  NULL
 * without memory, everything left to the caller.
 */
struct fdstream	*fdstream_new(struct event_base *, int, int,
		    struct mux_stream *, const struct fdstream_ops *, void *);
/*
 * fdstream_open: the same, opening the stream on the mux first.  NULL if the
 * mux refuses.
 */
struct fdstream	*fdstream_open(struct event_base *, int, int, struct mux *,
		    const struct mux_open *, const struct fdstream_ops *,
		    void *);
/*
 * fdstream_metered: the same, with limits of bandwidth (or NULL) on what is
 * read from the source, and on what comes for the sink.  fdstream_meter:
 * others from now on.
 */
struct fdstream	*fdstream_metered(struct event_base *, int, int, struct mux *,
		    const struct mux_open *, const struct fdstream_ops *,
		    void *, struct meter_flow *, struct meter_flow *);
void		 fdstream_meter(struct fdstream *, struct meter_flow *,
		    struct meter_flow *);
/*
 * fdstream_prefix: send these bytes before what the source says; to be called
 * right after fdstream_open or fdstream_new, once.  0, or -1 without memory.
 */
int		 fdstream_prefix(struct fdstream *, const uint8_t *, size_t);
/*
 * fdstream_guard: the source's end does not tell whether all has come.  It is
 * reported to the owner, who says by fdstream_release, now or later, that it
 * is one in order, or by fdstream_kill that it is not.
 */
void		 fdstream_guard(struct fdstream *, void (*)(struct fdstream *,
		    void *));
void		 fdstream_release(struct fdstream *);
/* Reset the stream, close the descriptors; closed() is called. */
void		 fdstream_kill(struct fdstream *, uint16_t, const char *);
/* Its stream, which is the fdstream's. */
struct mux_stream *fdstream_stream(struct fdstream *);
/* What it takes besides its stream, bytes. */
size_t		 fdstream_memory(const struct fdstream *);
/* Bytes read from the source and written to the sink; in closed(), too. */
void		 fdstream_bytes(const struct fdstream *, uint64_t *,
		    uint64_t *);

#endif /* FDSTREAM_H */
