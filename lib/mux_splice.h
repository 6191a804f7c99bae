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

#ifndef MUX_SPLICE_H
#define MUX_SPLICE_H

#include <stdint.h>

struct meter_flow;
struct mux_open;
struct mux;
struct mux_memory;
struct mux_stream;

/*
 * A stream that goes on as another stream on another link: what the relay
 * is made of.  Bytes, half-close, accept and reset pass both ways; what one
 * side has not taken earns the other no credit.  Datagrams go on whole, and
 * wait in the queue of the stream that they leave by.
 */
struct mux_splice;

/*
 * Called once, when the splice is over, before it is freed: bytes that went
 * from the opening side to the far side and back, whether it ended cleanly
 * (code 0 and text NULL) or with which code and text.
 */
struct mux_splice_ops {
	void	(*accepted)(struct mux_splice *, void *);
	void	(*closed)(struct mux_splice *, void *, uint16_t, const char *);
};

/*
 * mux_splice_new: from is a stream that its peer opened, which nobody owns
 * yet or whose owner gives it up (what it left queued is passed on); it is
 * continued by opening one with *open on the link to.  ops must last as long
 * as the splice; its members may be NULL.  Both carry bytes or both
 * datagrams.  On failure NULL, and from is left to the caller.
 */
struct mux_splice	*mux_splice_new(struct mux_stream *, struct mux *,
			    const struct mux_open *,
			    const struct mux_splice_ops *, void *);
/*
 * mux_splice_metered: the same, with a limit of bandwidth (or NULL) on what
 * comes from the far side: see mux_meter.  mux_splice_meter: limits, or
 * NULLs, from now on: on what comes from the opener, and from the far side.
 */
struct mux_splice	*mux_splice_metered(struct mux_stream *, struct mux *,
			    const struct mux_open *,
			    const struct mux_splice_ops *, void *,
			    struct meter_flow *);
void			 mux_splice_meter(struct mux_splice *,
			    struct meter_flow *, struct meter_flow *);
/* mux_splice_kill: reset both sides; closed() is called. */
void			 mux_splice_kill(struct mux_splice *, uint16_t,
			    const char *);
/* Bytes from the opener to the far side, and back. */
void			 mux_splice_bytes(const struct mux_splice *,
			    uint64_t *, uint64_t *);
/*
 * What waits between them: from the opener's side to the far one, and back.
 * The state is that of the splice alone; its streams are their links'.
 */
void			 mux_splice_memory(const struct mux_splice *,
			    struct mux_memory *, struct mux_memory *);

#endif /* MUX_SPLICE_H */
