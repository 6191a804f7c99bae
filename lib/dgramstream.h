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

#ifndef DGRAMSTREAM_H
#define DGRAMSTREAM_H

#include <stdint.h>

#include "mux.h"

/*
 * A datagram stream's end at descriptors, as fdstream is one of bytes: a
 * connected UDP socket on the device, standard input and output on the
 * laptop.  Of a socket each datagram is one of the stream's; of a pipe, a
 * terminal or a file each read(2), of at most DGRAM_READ_MAX bytes, and each
 * datagram that comes is written by itself.  What the network says of a
 * target (ICMP) resets the stream.  FIN of the peer is answered by FIN once
 * all that came was written.  The process must ignore SIGPIPE.
 */
#define DGRAM_READ_MAX	16384

struct event_base;
struct dgramstream;

struct dgramstream_ops {
	/* The far end is connected (only when we opened the stream). */
	void	(*accepted)(struct dgramstream *, void *);
	/*
	 * The source has ended (never of a socket).  Without this member,
	 * dgramstream_end is called.
	 */
	void	(*eof)(struct dgramstream *, void *);
	/* As in fdstream.h. */
	void	(*closed)(struct dgramstream *, void *, uint16_t, const char *);
	/*
	 * Whoever has the other end of the descriptors has gone, as a write
	 * tells that finds nobody.  To be answered by dgramstream_kill.
	 * Without this member it is the target that has.
	 */
	void	(*gone)(struct dgramstream *, void *);
};

/* As fdstream_new and fdstream_open; the stream is of datagrams. */
struct dgramstream *dgramstream_new(struct event_base *, int, int,
		    struct mux_stream *, const struct dgramstream_ops *,
		    void *);
struct dgramstream *dgramstream_open(struct event_base *, int, int,
		    struct mux *, const struct mux_open *,
		    const struct dgramstream_ops *, void *);
/*
 * End it in order once nothing has come or gone for so many ms; 0: never,
 * which is how it begins.  -1 without memory.
 */
int		 dgramstream_idle(struct dgramstream *, unsigned int);
/* End it in order: what is queued leaves first. */
void		 dgramstream_end(struct dgramstream *);
/* Reset the stream, close the descriptors; closed() is called. */
void		 dgramstream_kill(struct dgramstream *, uint16_t,
		    const char *);
/* Its stream, which is the dgramstream's. */
struct mux_stream *dgramstream_stream(struct dgramstream *);
/* Bytes read from the source and written to the sink; in closed(), too. */
void		 dgramstream_bytes(const struct dgramstream *, uint64_t *,
		    uint64_t *);

#endif /* DGRAMSTREAM_H */
