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

#ifndef ADDR_H
#define ADDR_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdint.h>

/*
 * Addresses, always numeric: nothing here asks a name server or opens a
 * file, so all of it works inside a sandbox.  An IPv4 address mapped into
 * IPv6 (::ffff:192.0.2.1) is taken for the IPv4 address it is.
 */

/* "[" 39 characters "%" 10 digits "]:65535" and the NUL fit. */
#define ADDR_STRLEN	64

/*
 * A network to count by: an IPv4 address, or the /64 of an IPv6 one, which
 * one customer has whole.  No padding: compare with memcmp(3).
 */
struct addr_key {
	uint8_t	 addr[16];		/* network byte order, rest 0 */
	uint8_t	 family;		/* 4, 6, or 0 for anything else */
	uint8_t	 zero[3];
};

struct addr_prefix {
	uint8_t	 addr[16];		/* network byte order, masked */
	uint8_t	 family;		/* 4 or 6 */
	uint8_t	 bits;			/* 0 to 32, or to 128 */
	uint8_t	 zero[2];
};

/*
 * addr_parse: a numeric host ("192.0.2.1", "2001:db8::1", "[2001:db8::1]",
 * "fe80::1%2" with the number of the interface) and a port, NULL for 0.
 * addr_parse_port: 1 to 65535 in plain decimal, into host byte order.
 * 0, or -1 for anything else.
 */
int		 addr_parse(const char *, const char *,
		    struct sockaddr_storage *);
int		 addr_parse_port(const char *, uint16_t *);

/* The length of an address as bind(2) wants it; 0 for an unknown family. */
socklen_t	 addr_len(const struct sockaddr *);
/* The port in host byte order, 0 if it has none. */
uint16_t	 addr_port(const struct sockaddr *);

/*
 * "192.0.2.1:22", "[2001:db8::1]:22", "local" for AF_UNIX, "unknown"; host
 * has neither brackets nor a port.  Both return the buffer.
 */
const char	*addr_format(const struct sockaddr *, char [ADDR_STRLEN]);
const char	*addr_format_host(const struct sockaddr *, char [ADDR_STRLEN]);

/* 127.0.0.0/8 or ::1; not the unspecified address. */
int		 addr_is_loopback(const struct sockaddr *);
/* The unspecified address: 4 or 6 for whose it is, else 0. */
int		 addr_is_any(const struct sockaddr *);

/* What it counts as. */
void		 addr_key(const struct sockaddr *, struct addr_key *);

/*
 * "192.168.0.0/16", "fd00::/8", or one address; bits behind the prefix are
 * cleared.  0, or -1.  Whether it covers an address: 1 or 0; a prefix of one
 * family never covers the other.
 */
int		 addr_prefix_parse(const char *, struct addr_prefix *);
int		 addr_prefix_match(const struct addr_prefix *,
		    const struct sockaddr *);
/* As it is parsed, one address without its length.  Returns the buffer. */
const char	*addr_prefix_format(const struct addr_prefix *,
		    char [ADDR_STRLEN]);

#endif /* ADDR_H */
