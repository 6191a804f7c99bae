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

#ifndef TOKEN_H
#define TOKEN_H

#include <stddef.h>
#include <stdint.h>

/*
 * Tokens: culv_<token id>_<secret>_<checksum>.  The id is 12 characters of
 * [a-z0-9]; the secret 52 of [a-z2-7], the base32 of 32 random bytes, which
 * are the seed of an Ed25519 key (RFC 8032); the checksum 8 hex digits, the
 * CRC-32 of all before its underscore.  Pure.
 */

#define TOKEN_ID_LEN	12
#define TOKEN_SEED_LEN	32
#define TOKEN_PUBLIC_LEN 32
#define TOKEN_SIG_LEN	64
#define TOKEN_LEN	(5 + TOKEN_ID_LEN + 1 + 52 + 1 + 8)	/* 79 */

struct token {
	char		 id[TOKEN_ID_LEN + 1];
	uint8_t		 seed[TOKEN_SEED_LEN];	/* the secret */
};

/* A fresh token from the system's random source. */
void	token_make(struct token *);
/* Its one printable form.  The buffer holds a secret then. */
void	token_format(const struct token *, char[TOKEN_LEN + 1]);
/*
 * token_parse: from exactly the bytes of a NUL-terminated string.  Returns
 * 0, or -1 with a reason for a person that says nothing of the secret:
 * "not a token", "token is cut short", "token has a typing error".
 */
int	token_parse(const char *, struct token *, const char **);
int	token_id_valid(const char *);

/* The public half; 0 or -1. */
int	token_public(const struct token *, uint8_t[TOKEN_PUBLIC_LEN]);

/*
 * What is signed at log-in: "culvert-login-v1" LF host LF nonce LF path LF
 * node LF.  host is the name in Host, lower case, no port or brackets; path
 * that of the upgrade request; node is empty for clients.
 */
struct token_challenge {
	const char	*host;
	const char	*nonce;
	const char	*path;
	const char	*node;
};

int	token_sign(const struct token *, const struct token_challenge *,
	    uint8_t[TOKEN_SIG_LEN]);
/* 1 if the signature is right, else 0. */
int	token_verify(const uint8_t[TOKEN_PUBLIC_LEN],
	    const struct token_challenge *, const uint8_t[TOKEN_SIG_LEN]);

#endif /* TOKEN_H */
