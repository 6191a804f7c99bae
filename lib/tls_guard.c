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
 * Of each record its head, and of each message in those of the handshake: the
 * rest goes by.
 */

#include "compat.h"

#include "tls_guard.h"

#define RECORD_CCS		20
#define RECORD_HANDSHAKE	22
#define MESSAGE_HEAD		4

/* The head of a record has come. */
static void
guard_record(struct tls_guard *g, int tls13)
{
	g->nhead = 0;
	g->record = (uint32_t)g->head[3] << 8 | g->head[4];
	/* In front of all messages TLS refuses it, or takes no notice. */
	if (g->head[0] == RECORD_CCS && g->any && !tls13)
		g->done = 1;
}

/* A byte of a message's head: its type, and how long it is. */
static int
guard_head(struct tls_guard *g, uint8_t byte)
{
	g->length = g->nmessage == 0 ? 0 : g->length << 8 | byte;
	if (++g->nmessage < MESSAGE_HEAD)
		return (0);
	g->nmessage = 0;
	g->any = 1;
	g->message = g->length;
	return (g->length > TLS_GUARD_MESSAGE_MAX ? -1 : 0);
}

/*
 * Bytes of a record: how many of them were one thing, and all right; or 0, a
 * message is too long.
 */
static size_t
guard_bytes(struct tls_guard *g, const uint8_t *p, size_t len)
{
	size_t	 n = g->record < len ? g->record : len;

	if (g->head[0] == RECORD_HANDSHAKE) {
		if (g->message == 0)
			return (guard_head(g, p[0]) == -1 ? 0 : 1);
		if (n > g->message)
			n = g->message;
		g->message -= n;
	}
	return (n);
}

int
tls_guard_feed(struct tls_guard *g, const uint8_t *p, size_t len, int tls13)
{
	size_t	 n;

	while (len > 0 && !g->done) {
		if (g->record == 0) {
			g->head[g->nhead++] = *p;
			if (g->nhead == sizeof(g->head))
				guard_record(g, tls13);
			n = 1;
		} else {
			if ((n = guard_bytes(g, p, len)) == 0)
				return (-1);
			g->record -= n;
		}
		p += n;
		len -= n;
	}
	return (0);
}
