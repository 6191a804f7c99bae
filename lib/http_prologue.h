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

#ifndef HTTP_PROLOGUE_H
#define HTTP_PROLOGUE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "http.h"

/*
 * What a node says on a stream of kind http before its backend says
 * anything: how the backend wants its requests, as culvert(7) documents it.
 * Pure.
 *
 *	length u8 of what follows, 1 to 255; flags u8; then the Host that
 *	the backend wants, or nothing
 */

#define HTTP_PROLOGUE_MAX	256	/* bytes, all of it */
#define HTTP_PROLOGUE_HOST_MAX	(HTTP_PROLOGUE_MAX - 2)

struct http_prologue {
	int	 announced;	/* a PROXY header has told the backend who
				   visits: no Forwarded fields */
	char	 host[HTTP_PROLOGUE_HOST_MAX + 1]; /* instead of the
				   visitor's, "name" or "name:port"; "": as
				   the visitor sent it */
};

/*
 * http_prologue_put: returns the length, or -1 if it does not fit or the host
 * is none.
 * http_prologue_get: from the start of a buffer.  Returns the length, 0 for
 * more bytes, or -1 if malformed: nothing behind the length, or a host that
 * http_hostport refuses.  Unknown flags are ignored.  The answer is the same
 * for any cut.
 */
ssize_t	http_prologue_put(uint8_t *, size_t, const struct http_prologue *);
ssize_t	http_prologue_get(const uint8_t *, size_t, struct http_prologue *);

#endif /* HTTP_PROLOGUE_H */
