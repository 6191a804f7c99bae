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

#ifndef EGRESS_SOCKS_H
#define EGRESS_SOCKS_H

#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "dial.h"
#include "egress.h"

/*
 * SOCKS5 as a client (RFC 1928), with a user and password (RFC 1929) or
 * without.  Pure: send what socks_output has, read exactly what socks_want
 * asks for, so that nothing behind the answer is taken.
 */

#define SOCKS_OUT_MAX	(3 + 2 * EGRESS_WORD_MAX)
#define SOCKS_WHY	224

enum socks_end { SOCKS_MORE, SOCKS_OK, SOCKS_FAILED };
enum socks_state {
	SOCKS_METHOD, SOCKS_AUTH, SOCKS_REPLY, SOCKS_ADDR, SOCKS_NAME,
	SOCKS_REST, SOCKS_OVER
};

struct socks {
	const struct egress	*egress;
	char			 host[EGRESS_HOST_MAX];
	struct sockaddr_storage	 addr;		/* family 0: by its name */
	uint16_t		 port;
	enum socks_state	 state;
	uint8_t			 out[SOCKS_OUT_MAX];
	size_t			 outlen;
	size_t			 want;		/* of the answer, bytes */
	uint8_t			 in[2];
	size_t			 inlen;
	enum dial_error		 error;		/* SOCKS_FAILED */
	char			 why[SOCKS_WHY];
};

/*
 * socks_init: to this host and port, of which the address may be given
 * (NULL: the proxy resolves the name; one that is an address goes as one).
 * The way must live on.  0, or -1 if the name is too long.
 */
int		 socks_init(struct socks *, const struct egress *,
		    const char *, const struct sockaddr *, uint16_t);
/* What is to be sent now; it may hold a secret.  socks_sent: so much was. */
const uint8_t	*socks_output(const struct socks *, size_t *);
void		 socks_sent(struct socks *, size_t);
/* How many bytes may be read now; never 0 before the end. */
size_t		 socks_want(const struct socks *);
/* At most that many have come. */
enum socks_end	 socks_input(struct socks *, const uint8_t *, size_t);

#endif /* EGRESS_SOCKS_H */
