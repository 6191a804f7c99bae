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

#ifndef HOSTILE_H
#define HOSTILE_H

#include <stddef.h>
#include <stdint.h>

#include "relayd.h"

/*
 * Relayd's processes for flood.c: each with its configuration and peers, what
 * a hostile peer might lay into its messages, and whether it still does for
 * others what it is there for (if not, the test ends).  link: needs
 * regress/lib/flood.c, all of relayd and
 *
 *	flags: -Wl,--wrap=main,--wrap=proc_parent,--wrap=proc_upgrade
 *		-Wl,--wrap=crypt_r
 */

/* The test itself, with relayd's configuration read; what main returns. */
int	 hostile_tests(void);

void	 hostile_parent(void);
void	 hostile_auth(void);
void	 hostile_router(void);
void	 hostile_parent_answers(void);
void	 hostile_auth_answers(void);
void	 hostile_router_answers(void);
/* Another auth has another key of beacons. */
void	 hostile_parent_next_auth(void);
/* No more reloads and upgrades, of which the log tells, after so many. */
void	 hostile_parent_had_enough(void);
void	 hostile_to_parent(uint32_t type, uint8_t *, size_t);
void	 hostile_to_auth(uint32_t type, uint8_t *, size_t);

#endif /* HOSTILE_H */
