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
 * Links that were left for a newer one: each stays as long as it carries
 * something.
 */

#include "compat.h"

#include <string.h>

#include "tunnel.h"

#define LEFT_MAX	8	/* and no more of them */

static struct link	*left[LEFT_MAX];	/* oldest first */
static size_t		 nleft;

void
left_add(struct link *link)
{
	struct link	*oldest = left[0];

	if (nleft == LEFT_MAX) {
		left_forget(oldest);
		link_close(oldest, WS_CLOSE_AWAY, "left long ago");
	}
	left[nleft++] = link;
	if (link_retire(link, "moved") == -1)
		link_close(link, WS_CLOSE_AWAY, "moved");
}

int
left_forget(const struct link *link)
{
	size_t	 i;

	for (i = 0; i < nleft; i++) {
		if (left[i] != link)
			continue;
		nleft--;
		memmove(&left[i], &left[i + 1], (nleft - i) * sizeof(left[0]));
		return (1);
	}
	return (0);
}

void
left_close(int code, const char *text)
{
	size_t	 i;

	for (i = 0; i < nleft; i++)
		link_close(left[i], code, text);
}

size_t
left_count(void)
{
	return (nleft);
}
