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
 * The receive queue of a stream.  Blocks of the large size come from and go
 * to a small store of the process, so that a stream whose reader lags a
 * little does not keep the allocator busy.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "mux_queue.h"

struct mux_block {
	struct mux_block	*next;
	uint32_t		 size;		/* of data */
	uint32_t		 start;		/* what is held: start to end */
	uint32_t		 end;
	uint8_t			 data[];
};

static struct mux_block	*spare;
static unsigned int	 nspare;

static struct mux_block *
block_new(uint32_t size)
{
	struct mux_block	*b;

	if (size == MUX_BLOCK_LARGE && spare != NULL) {
		b = spare;
		spare = b->next;
		nspare--;
	} else if ((b = malloc(sizeof(*b) + size)) == NULL)
		return (NULL);
	b->next = NULL;
	b->size = size;
	b->start = b->end = 0;
	return (b);
}

static void
block_free(struct mux_block *b)
{
	if (b->size != MUX_BLOCK_LARGE || nspare >= MUX_BLOCK_SPARE) {
		free(b);
		return;
	}
	b->next = spare;
	spare = b;
	nspare++;
}

int
mux_queue_add(struct mux_queue *q, const uint8_t *p, size_t n)
{
	struct mux_block	*b = q->tail;
	size_t			 len;

	while (n > 0) {
		if (b == NULL || b->end == b->size) {
			b = block_new(q->head == NULL && !q->large &&
			    n <= MUX_BLOCK_SMALL ? MUX_BLOCK_SMALL :
			    MUX_BLOCK_LARGE);
			if (b == NULL)
				return (-1);
			if (q->head == NULL)
				q->head = b;
			else
				q->tail->next = b;
			q->tail = b;
		}
		len = b->size - b->end;
		if (len > n)
			len = n;
		memcpy(b->data + b->end, p, len);
		b->end += len;
		q->len += len;
		p += len;
		n -= len;
	}
	return (0);
}

int
mux_queue_peek(const struct mux_queue *q, struct iovec *iov, int n)
{
	struct mux_block	*b;
	int			 i = 0;

	for (b = q->head; b != NULL && i < n; b = b->next) {
		iov[i].iov_base = b->data + b->start;
		iov[i].iov_len = b->end - b->start;
		i++;
	}
	return (i);
}

size_t
mux_queue_read(struct mux_queue *q, uint8_t *buf, size_t n)
{
	struct mux_block	*b;
	size_t			 len, total = 0;

	while (total < n && (b = q->head) != NULL) {
		len = b->end - b->start;
		if (len > n - total)
			len = n - total;
		if (buf != NULL)
			memcpy(buf + total, b->data + b->start, len);
		b->start += len;
		total += len;
		if (b->start == b->end) {
			if ((q->head = b->next) == NULL)
				q->tail = NULL;
			block_free(b);
		}
	}
	q->len -= total;
	return (total);
}

size_t
mux_queue_drain(struct mux_queue *q, size_t n)
{
	return (mux_queue_read(q, NULL, n));
}

void
mux_queue_clear(struct mux_queue *q)
{
	mux_queue_drain(q, q->len);
}

size_t
mux_queue_held(const struct mux_queue *q)
{
	struct mux_block	*b;
	size_t			 total = 0;

	for (b = q->head; b != NULL; b = b->next)
		total += sizeof(*b) + b->size;
	return (total);
}

size_t
mux_queue_spare(void)
{
	return (nspare * (sizeof(struct mux_block) + MUX_BLOCK_LARGE));
}

void
mux_queue_trim(void)
{
	struct mux_block	*b;

	while ((b = spare) != NULL) {
		spare = b->next;
		free(b);
	}
	nspare = 0;
}
