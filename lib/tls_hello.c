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
 * The message is a sequence of parts; each is so many bytes that are skipped,
 * or make a number, or are the name.  What contains them counts down: a part
 * never reaches beyond its list, extension, or message.
 */

#include "compat.h"

#include <string.h>

#include "tls_hello.h"

#define RECORD_HANDSHAKE	22
#define RECORD_MAX		(16 * 1024)	/* RFC 8446, 5.1 */
#define CLIENT_HELLO		1
#define EXT_SERVER_NAME		0
#define EXT_ALPN		16
#define NAME_HOST		0		/* RFC 6066, 3 */
#define SESSION_ID_MAX		32

enum part {
	PART_TYPE,
	PART_LENGTH,		/* of the message */
	PART_BEGINNING,		/* its version and random bytes */
	PART_SESSION_LEN,
	PART_SESSION,
	PART_SUITES_LEN,
	PART_SUITES,
	PART_COMPRESSION_LEN,
	PART_COMPRESSION,
	PART_EXTENSIONS_LEN,
	PART_EXT_TYPE,
	PART_EXT_LEN,
	PART_EXT,		/* one that is of no interest */
	PART_NAMES_LEN,
	PART_NAME_TYPE,
	PART_NAME_LEN,
	PART_NAME,
	PART_PROTOCOLS_LEN,
	PART_PROTOCOL_LEN,
	PART_PROTOCOL,
	PARTS
};

/* How long each is; 0: as the part before it says. */
static const uint8_t part_len[PARTS] = {
	[PART_TYPE] = 1, [PART_LENGTH] = 3, [PART_BEGINNING] = 2 + 32,
	[PART_SESSION_LEN] = 1, [PART_SUITES_LEN] = 2,
	[PART_COMPRESSION_LEN] = 1, [PART_EXTENSIONS_LEN] = 2,
	[PART_EXT_TYPE] = 2, [PART_EXT_LEN] = 2, [PART_NAMES_LEN] = 2,
	[PART_NAME_TYPE] = 1, [PART_NAME_LEN] = 2, [PART_PROTOCOLS_LEN] = 2,
	[PART_PROTOCOL_LEN] = 1,
};

static void	hello_next(struct tls_hello *, enum part, uint32_t);
static void	hello_bad(struct tls_hello *);
static void	hello_end(struct tls_hello *);
static void	hello_extension(struct tls_hello *);
static void	hello_part_end(struct tls_hello *);
static void	hello_name_end(struct tls_hello *);
static void	hello_byte(struct tls_hello *, uint8_t);
static void	hello_record(struct tls_hello *, uint8_t);

void
tls_hello_begin(struct tls_hello *h)
{
	memset(h, 0, sizeof(*h));
	h->verdict = TLS_HELLO_MORE;
	hello_next(h, PART_TYPE, 0);
}

static void
hello_bad(struct tls_hello *h)
{
	h->verdict = TLS_HELLO_BAD;
}

/*
 * This part follows, of so many bytes if it has no length of its own.  A part
 * without bytes ends where it begins.
 */
static void
hello_next(struct tls_hello *h, enum part part, uint32_t len)
{
	uint32_t	 room = h->message;

	h->part = part;
	h->want = part_len[part] != 0 ? part_len[part] : len;
	h->number = 0;
	if (part >= PART_EXT_TYPE)
		room = h->extensions;
	if (part >= PART_EXT)
		room = h->extension;
	if (part > PART_NAMES_LEN && part != PART_PROTOCOLS_LEN)
		room = h->list;
	if (part > PART_LENGTH && h->want > room) {
		hello_bad(h);
		return;
	}
	if (h->want == 0)
		hello_part_end(h);
}

/* All of the message has come. */
static void
hello_end(struct tls_hello *h)
{
	h->verdict = h->host[0] != '\0' ? TLS_HELLO_FOUND : TLS_HELLO_NONE;
}

/* The name as a whole: not every one can be a host. */
static void
hello_name_end(struct tls_hello *h)
{
	struct http_str	 name;
	char		 host[HTTP_HOST_MAX];
	uint16_t	 port;

	name.s = h->host;
	name.len = h->namelen;
	if (memchr(h->host, '\0', name.len) != NULL) {
		hello_bad(h);
		return;
	}
	if (memchr(h->host, ':', name.len) != NULL ||
	    http_hostport(&name, host, &port) == -1)
		host[0] = '\0';
	strlcpy(h->host, host, sizeof(h->host));
}

/* The head of an extension has come: what is in it? */
static void
hello_extension(struct tls_hello *h)
{
	uint32_t	 type = h->number >> 16;

	h->extension = h->number & 0xffff;
	if (h->extension > h->extensions) {
		hello_bad(h);
		return;
	}
	if (type == EXT_SERVER_NAME) {
		/* With two of them it would be a matter of taste. */
		if (h->named)
			hello_bad(h);
		else
			hello_next(h, PART_NAMES_LEN, 0);
		h->named = 1;
	} else if (type == EXT_ALPN) {
		h->alpn = 1;
		hello_next(h, PART_PROTOCOLS_LEN, 0);
	} else
		hello_next(h, PART_EXT, h->extension);
}

/* One of those before the extensions. */
static void
hello_beginning_end(struct tls_hello *h)
{
	uint32_t	 n = h->number;

	switch (h->part) {
	case PART_TYPE:
		if (n == CLIENT_HELLO)
			hello_next(h, PART_LENGTH, 0);
		else
			hello_bad(h);
		break;
	case PART_LENGTH:
		h->message = n;
		if (n <= TLS_HELLO_MAX)
			hello_next(h, PART_BEGINNING, 0);
		else
			hello_bad(h);
		break;
	case PART_BEGINNING:
		hello_next(h, PART_SESSION_LEN, 0);
		break;
	case PART_SESSION_LEN:
		if (n <= SESSION_ID_MAX)
			hello_next(h, PART_SESSION, n);
		else
			hello_bad(h);
		break;
	case PART_SESSION:
		hello_next(h, PART_SUITES_LEN, 0);
		break;
	case PART_SUITES_LEN:
		if (n > 0 && n % 2 == 0)
			hello_next(h, PART_SUITES, n);
		else
			hello_bad(h);
		break;
	case PART_SUITES:
		hello_next(h, PART_COMPRESSION_LEN, 0);
		break;
	case PART_COMPRESSION_LEN:
		if (n > 0)
			hello_next(h, PART_COMPRESSION, n);
		else
			hello_bad(h);
		break;
	case PART_COMPRESSION:
		/* Old ones may end here. */
		if (h->message == 0)
			hello_end(h);
		else
			hello_next(h, PART_EXTENSIONS_LEN, 0);
		break;
	case PART_EXTENSIONS_LEN:
		h->extensions = n;
		if (n != h->message)
			hello_bad(h);
		else if (n == 0)
			hello_end(h);
		else
			hello_next(h, PART_EXT_TYPE, 0);
		break;
	}
}

/* One of an extension, or of what is in it. */
static void
hello_inner_end(struct tls_hello *h)
{
	uint32_t	 n = h->number;

	switch (h->part) {
	case PART_EXT_TYPE:
		hello_next(h, PART_EXT_LEN, 0);
		h->number = n;
		break;
	case PART_EXT_LEN:
		hello_extension(h);
		break;
	case PART_NAMES_LEN:
	case PART_PROTOCOLS_LEN:
		h->list = n;
		if (n == 0 || n != h->extension)
			hello_bad(h);
		else
			hello_next(h, h->part + 1, 0);
		break;
	case PART_NAME_TYPE:
		/* No other has ever been. */
		if (n == NAME_HOST)
			hello_next(h, PART_NAME_LEN, 0);
		else
			hello_bad(h);
		break;
	case PART_NAME_LEN:
		/* And one is all that a list may hold of a type. */
		if (n == 0 || n >= sizeof(h->host) || n != h->list)
			hello_bad(h);
		else
			hello_next(h, PART_NAME, n);
		break;
	case PART_NAME:
		hello_name_end(h);
		if (h->verdict == TLS_HELLO_MORE)
			hello_next(h, PART_EXT, 0);
		break;
	case PART_PROTOCOL_LEN:
		if (n > 0)
			hello_next(h, PART_PROTOCOL, n);
		else
			hello_bad(h);
		break;
	case PART_PROTOCOL:
		if (h->list > 0)
			hello_next(h, PART_PROTOCOL_LEN, 0);
		else
			hello_next(h, PART_EXT, 0);
		break;
	case PART_EXT:
		if (h->extensions > 0)
			hello_next(h, PART_EXT_TYPE, 0);
		else
			hello_end(h);
		break;
	}
}

static void
hello_part_end(struct tls_hello *h)
{
	if (h->part < PART_EXT_TYPE)
		hello_beginning_end(h);
	else
		hello_inner_end(h);
}

/* A byte of the message. */
static void
hello_byte(struct tls_hello *h, uint8_t byte)
{
	if (h->part > PART_LENGTH)
		h->message--;
	if (h->part >= PART_EXT_TYPE)
		h->extensions--;
	if (h->part >= PART_EXT)
		h->extension--;
	if (h->part > PART_NAMES_LEN && h->part != PART_PROTOCOLS_LEN)
		h->list--;
	if (h->part == PART_NAME)
		h->host[h->namelen++] = (char)byte;
	h->number = h->number << 8 | byte;
	if (--h->want == 0)
		hello_part_end(h);
}

/* A byte of a record's head. */
static void
hello_record(struct tls_hello *h, uint8_t byte)
{
	static const uint8_t	 begins[] = { RECORD_HANDSHAKE, 3 };
	int			 first = h->part == PART_TYPE;

	if (h->headlen < sizeof(begins) && byte != begins[h->headlen]) {
		h->verdict = first ? TLS_HELLO_NOT_TLS : TLS_HELLO_BAD;
		return;
	}
	h->head[h->headlen++] = byte;
	if (h->headlen < sizeof(h->head))
		return;
	h->headlen = 0;
	h->record = (uint32_t)h->head[3] << 8 | h->head[4];
	/* An empty one would be a way to go on for ever. */
	if (h->record == 0 || h->record > RECORD_MAX)
		hello_bad(h);
}

enum tls_hello_verdict
tls_hello_feed(struct tls_hello *h, const uint8_t *buf, size_t len)
{
	size_t	 i;

	for (i = 0; i < len && h->verdict == TLS_HELLO_MORE; i++) {
		if (h->record == 0)
			hello_record(h, buf[i]);
		else {
			h->record--;
			hello_byte(h, buf[i]);
		}
		if (++h->wire >= TLS_HELLO_WIRE_MAX &&
		    h->verdict == TLS_HELLO_MORE)
			hello_bad(h);
	}
	return (h->verdict);
}
