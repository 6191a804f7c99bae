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


#ifndef PAIRSHOW_H
#define PAIRSHOW_H

#include <stdint.h>
#include <stdio.h>

/*
 * A pairing code, for the person who wants to use it.
 */

struct pairshow {
	const char	*code;
	const char	*node;
	const char	*url;		/* of the relay; "": not told */
	int64_t		 expires_at;	/* s since 1970 */
};

/*
 * pairshow_print: the code, until when it is good, and, if a QR code is wanted,
 * that: of a URL of the relay with the code in it, or of the code alone.
 * pairshow_json: as an object.
 */
void	pairshow_print(const struct pairshow *, int qr, FILE *);
void	pairshow_json(const struct pairshow *, FILE *);

#endif /* PAIRSHOW_H */
