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

#ifndef TLS_UTIL_H
#define TLS_UTIL_H

#include <openssl/types.h>

#include "evtls.h"

/*
 * Certificates for tests, made while they run, and a signer that holds
 * their keys.  Everything here ends the test program when it fails.
 */

enum tls_util_kind {
	TLS_UTIL_P256,
	TLS_UTIL_P384,
	TLS_UTIL_RSA		/* 2048 bits */
};

struct tls_util_cert {
	X509	*x509;
	EVP_PKEY *key;
	char	*pem;			/* the certificate */
	uint8_t	 id[EVTLS_KEYID_LEN];
	struct tls_util_cert *next;	/* of all: the signer's keys */
};

/*
 * tls_util_cert: a certificate for a DNS name or an IP address, valid from
 * and until so many seconds from now.  issuer NULL: a CA, signed by itself.
 */
struct tls_util_cert	*tls_util_cert(const struct tls_util_cert *,
			    const char *, enum tls_util_kind, long, long);
/* The key in PEM; free it. */
char			*tls_util_key_pem(const struct tls_util_cert *);
/* Free all certificates that were made. */
void			 tls_util_free(void);

/* Signs with the keys of all certificates that were made. */
extern const struct evtls_signer tls_util_signer;
extern unsigned int	 tls_util_signed;	/* how often it has */

#endif /* TLS_UTIL_H */
