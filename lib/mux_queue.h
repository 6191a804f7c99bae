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

#ifndef MUX_QUEUE_H
#define MUX_QUEUE_H

#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

/*
 * What a stream has received and its owner has not yet taken: a chain of
 * blocks.  Small arrivals gather in the last block, so that the memory held
 * is near the bytes held; an empty queue holds no block.  Zeroed is empty.
 */
#define MUX_BLOCK_SMALL	1000	/* bytes in the first, if they fit */
#define MUX_BLOCK_LARGE	16384	/* in all others */
#define MUX_BLOCK_SPARE	64	/* large ones kept by the process */

struct mux_block;

struct mux_queue {
	struct mux_block	*head;
	struct mux_block	*tail;
	size_t			 len;
	int			 large;		/* no small block first: for
						   what comes and goes much */
};

/* Returns -1 without memory: part may be missing, so clear the queue. */
int	 mux_queue_add(struct mux_queue *, const uint8_t *, size_t);
/* At most n iovecs of the head; returns how many. */
int	 mux_queue_peek(const struct mux_queue *, struct iovec *, int);
/* Drop at most so many bytes; returns how many there were. */
size_t	 mux_queue_drain(struct mux_queue *, size_t);
/* Copy, and drop what was copied. */
size_t	 mux_queue_read(struct mux_queue *, uint8_t *, size_t);
/* Drop all. */
void	 mux_queue_clear(struct mux_queue *);
/* Bytes of the blocks that hold it, and of the spare ones of the process. */
size_t	 mux_queue_held(const struct mux_queue *);
size_t	 mux_queue_spare(void);
/* Free the spare blocks of the process. */
void	 mux_queue_trim(void);

#endif /* MUX_QUEUE_H */
