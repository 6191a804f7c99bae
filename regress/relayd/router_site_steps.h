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

#ifndef ROUTER_SITE_STEPS_H
#define ROUTER_SITE_STEPS_H

/* Sites: what listeners and auth say of them, and what the router must. */

#include "msg_site.h"
#include "router.h"
#include "router_fake.h"

#define L	PROC_LISTENER
#define A	PROC_AUTH
#define TICK	60	/* ms; the router's, and some more */

int	 teardown(void **);
int	 ask_site(int, uint32_t, const char *, uint32_t);
/* Auth's answer to the first question it has; 0: it was not asked. */
int	 answer(uint32_t, uint32_t, const char *);
/* What the listener is told, with the id of its question. */
void	 told(int, uint32_t, struct site *);
uint64_t public(int, const char *);
void	 node_up(void);
void	 stream_up(uint64_t, uint64_t);
uint64_t kill_told(int);
void	 kill_done(int, uint64_t);
void	 revoke(uint32_t, const char *);
int	 revoked(struct ctl_end *);
void	 changed(const char *);

#endif /* ROUTER_SITE_STEPS_H */
