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

#ifndef AUTH_ASK_H
#define AUTH_ASK_H

#include <stdint.h>

#include "auth_fake.h"

/*
 * For tests of auth: log-ins that a listener asks about, with a connection of
 * its own.
 */

#define ASK_LISTENER	2
#define ASK_CONN	77

/* A log-in that is right in every way, but not yet signed. */
void	 ask_make(struct login *, const struct token *, uint32_t door,
	    const char *node);
/* Signed, from now on, for what a listener gave then (fake_mono). */
void	 ask_nonce(struct login *, uint64_t when);
/* From another address, one of 192.0.2.0/24. */
void	 ask_from(struct login *, unsigned int);
void	 ask_sign(struct login *, const struct token *);
/* As the handler says. */
int	 ask_deliver(const struct login *);
/* All of it: the session's id, or 0 and a denial; which must be so. */
uint64_t ask_log_in(const struct token *, uint32_t door, const char *node);
void	 ask_denied(uint32_t status, const char *part);

/* Another user in the store. */
void	 ask_user(struct store_user *, const char *email);

#endif /* AUTH_ASK_H */
