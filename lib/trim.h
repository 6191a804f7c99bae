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

#ifndef TRIM_H
#define TRIM_H

struct event_base;

/*
 * Memory goes back to the system after work that took much of it: what is
 * free, where malloc(3) would keep it; and, where that work is not done again
 * soon, the code of programs and libraries, which the kernel finds again,
 * page by page, when it is run.
 *
 * trim_all: both, now: a start is over.
 * trim_all_later: both, within a second: a log-in is over.
 * trim_free_later: what is free, within a second: handshakes, bulk.  However
 * often it is called before.
 * trim_init: 0, or -1 without memory; before it those do nothing.
 */
void	 trim_all(void);
int	 trim_init(struct event_base *);
void	 trim_all_later(void);
void	 trim_free_later(void);

#endif /* TRIM_H */
