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


#ifndef PAIRING_H
#define PAIRING_H

#include <stddef.h>
#include <stdint.h>

/*
 * What agentd and relayd say on a stream of the kind api named "pair": a node
 * offers a pairing code, by its hash, and hears how long it is good for.
 * Numbers are in network byte order.
 *
 *	node	version 1 (1 byte), hash (32), seconds that it wants (4; 0: as
 *		the relay likes), FIN
 *	relay	result (1, 0: it is good), when it ends (8, s since 1970),
 *		length (1) and text of the relay's URL, FIN
 */

#define PAIRING_ASK_LEN		37
#define PAIRING_ANSWER_MAX	(1 + 8 + 1 + 255)

/* What the node says: its hash, and seconds. */
void	pairing_ask_put(uint8_t[PAIRING_ASK_LEN], const uint8_t[32],
	    uint32_t);
/* 0, or -1: it is none. */
int	pairing_ask_get(const uint8_t *, size_t, uint8_t[32], uint32_t *);
/*
 * What the relay says: result, end, URL.  Returns its length; a longer URL is
 * left out.  pairing_answer_get: as pairing_ask_get.
 */
size_t	pairing_answer_put(uint8_t[PAIRING_ANSWER_MAX], uint8_t, int64_t,
	    const char *);
int	pairing_answer_get(const uint8_t *, size_t, uint8_t *, int64_t *,
	    char[256]);

#endif /* PAIRING_H */
