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

#ifndef EGRESS_HTTP_H
#define EGRESS_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "dial.h"
#include "egress.h"

/*
 * CONNECT at an HTTP proxy (RFC 9110, 9.3.6): what is asked, and what to
 * make of the answer.  Pure.
 */

#define CONNECT_HEAD_MAX	8192	/* of the answer, bytes */
#define CONNECT_REQUEST_MAX	2048
#define CONNECT_WHY		224

enum connect_end { CONNECT_MORE, CONNECT_OK, CONNECT_FAILED };

struct connect_answer {
	size_t		 used;		/* CONNECT_OK: bytes of the head */
	enum dial_error	 error;		/* CONNECT_FAILED... */
	char		 why[CONNECT_WHY];	/* ...for a person */
};

/*
 * connect_request: write the request for a tunnel to host and port, with
 * user and password where the way has them.  Returns its length, or -1 if
 * it does not fit.  It holds a secret.
 */
int	connect_request(const struct egress *, const char *, uint16_t,
	    const char *, char *, size_t);
/*
 * connect_answer: look at all that has come so far.  The same for every cut
 * of the input.  has_auth: whether the request had a user and password.
 */
enum connect_end connect_answer(const char *, size_t, int,
	    struct connect_answer *);

#endif /* EGRESS_HTTP_H */
