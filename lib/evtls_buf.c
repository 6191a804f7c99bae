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
 * Bytes that wait: the large buffers that all connections of a process use
 * in turn, and the small exact ones in which a connection keeps what it
 * could not pass on.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "evtls_internal.h"

static struct evtls_bufs	*bufs;

/*
 * This large an allocation is mapped, not carved from the heap: a page that
 * was never written to costs nothing.
 */
struct evtls_bufs *
evtls_bufs(void)
{
	if (bufs == NULL && (bufs = malloc(sizeof(*bufs))) != NULL)
		bufs->wire_len = 0;
	return (bufs);
}

int
evtls_kept_set(struct evtls_kept *k, const uint8_t *data, size_t len)
{
	uint8_t	*new = NULL;

	if (len > 0 && k->data != NULL && data == k->data + k->off +
	    (k->len - len)) {
		evtls_kept_drain(k, k->len - len);
		return (0);
	}
	if (len > 0) {
		if ((new = malloc(len)) == NULL)
			return (-1);
		memcpy(new, data, len);
	}
	free(k->data);
	k->data = new;
	k->off = 0;
	k->len = len;
	return (0);
}

int
evtls_kept_add(struct evtls_kept *k, const uint8_t *data, size_t len)
{
	uint8_t	*new;

	if (len == 0)
		return (0);
	/* Most often there is room behind it: a byte at a time, say. */
	if (k->off > 0)
		memmove(k->data, k->data + k->off, k->len);
	k->off = 0;
	if ((new = realloc(k->data, k->len + len)) == NULL)
		return (-1);
	memcpy(new + k->len, data, len);
	k->data = new;
	k->len += len;
	return (0);
}

void
evtls_kept_drain(struct evtls_kept *k, size_t n)
{
	if (n < k->len) {
		k->off += n;
		k->len -= n;
		return;
	}
	free(k->data);
	memset(k, 0, sizeof(*k));
}

const uint8_t *
evtls_kept_data(const struct evtls_kept *k)
{
	return (k->data == NULL ? NULL : k->data + k->off);
}
