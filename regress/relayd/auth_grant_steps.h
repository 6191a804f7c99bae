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

#ifndef AUTH_GRANT_STEPS_H
#define AUTH_GRANT_STEPS_H

/* Grants: asked for, looked at and ended. */

#include "auth_fake.h"
#include "msg_list.h"

#define CLIENT	42

extern struct store_user	 you;
extern struct token		 yours;
extern struct store_node	 pi;

/* A second user with a token, and a node of the first. */
int	 setup(void **);
void	 request(struct ctl_grant *);
void	 ask(uint32_t, const struct ctl_grant *);
/* Grant it, with these targets and this end. */
void	 give(const char *, int64_t);
uint32_t may(struct grant *);
/* What router was told to end; its answer. */
void	 revoked(uint32_t, const char *, const char *, uint32_t);
/* A listener has it in use, as this. */
void	 used(const char *, const char *, int64_t);

#endif /* AUTH_GRANT_STEPS_H */
