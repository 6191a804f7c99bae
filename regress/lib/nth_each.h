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

#ifndef NTH_EACH_H
#define NTH_EACH_H

/*
 * What a process does, for each N in a process of its own.  It says where
 * failures may begin and where they end; it may end by itself, in order, with
 * status 1, but not with another, nor by a signal.  link: needs
 * regress/lib/flood.c
 */

/* Which one is to fail, from 1. */
unsigned int	 nth_at(void);
/* So many there were: fewer than that, and it was the last. */
void		 nth_seen(unsigned int);
/* All of them; how many there were. */
unsigned int	 nth_each(void (*scenario)(void));

#endif /* NTH_EACH_H */
