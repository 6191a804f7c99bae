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


#ifndef RELAY_URL_H
#define RELAY_URL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Where a relay is, as people write it: "relay.example.org",
 * "relay.example.org:8443", "wss://relay.example.org", "[2001:db8::1]:443",
 * "ws://127.0.0.1:8000".  Schemes are wss and https, ws and http; without one
 * it is wss.  A path says nothing that we need, so it must be empty, "/", or
 * one at which a relay is known to answer; anything else is more likely a
 * mistake than a relay.
 */

#define RELAY_URL_HOST_MAX	256	/* as HTTP_HOST_MAX */
#define RELAY_URL_MAX		272	/* what relay_url_format may need */

struct relay_url {
	char		 host[RELAY_URL_HOST_MAX]; /* lower case, no trailing
						      dot, no brackets */
	uint16_t	 port;		/* never 0 */
	int		 tls;
	int		 loopback;	/* localhost, *.localhost, 127/8, ::1 */
};

/*
 * relay_url_parse: returns 0, or -1 with *errstr set to why not: static text
 * that quotes nothing of the URL, which may hold a secret.
 */
int	relay_url_parse(const char *, struct relay_url *, const char **);

/*
 * relay_url_plain_ok: whether this relay may be spoken to: over TLS always,
 * in plain text only on this machine or if the user asked for it by an
 * option that exists for nothing else (explicit is non-zero).  The scheme
 * alone is not asking.
 */
int	relay_url_plain_ok(const struct relay_url *, int);

/*
 * relay_url_format: the one form of it, "wss://host" or "ws://host", with
 * ":port" where it is not 443 or 80 and brackets round an IPv6 address.
 * relay_url_host_header: the same without the scheme, as it goes into Host.
 * Both return 0, or -1 if it does not fit.
 */
int	relay_url_format(const struct relay_url *, char *, size_t);
int	relay_url_host_header(const struct relay_url *, char *, size_t);

#endif /* RELAY_URL_H */
