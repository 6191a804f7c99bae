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

#ifndef AUTH_ADMIN_STEPS_H
#define AUTH_ADMIN_STEPS_H

/* What administrators ask of auth, and what auth says to the others then. */

#include "auth_fake.h"

#define CLIENT	42

int	 ask(int (*)(struct proc_peer *, struct imsg *), uint32_t, const void *,
		    size_t);
void	 ask_name(uint32_t, const char *);
void	 ask_user(uint32_t, const char *, const char *, int);
void	 ask_rename(const char *, const char *);
/* A token as accessctl would send it. */
void	 token_request(struct ctl_token *, const char *);
void	 ask_token(const struct ctl_token *);
const struct ctl_end *assert_ok(void);
/* The revocation that was sent; router's answer to it. */
void	 revoked(uint32_t, const char *, uint32_t);
/* A session of fake_token; node "" for a client. */
uint64_t session(const char *);

#endif /* AUTH_ADMIN_STEPS_H */
