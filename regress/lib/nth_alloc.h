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

#ifndef NTH_ALLOC_H
#define NTH_ALLOC_H

/*
 * An allocation that fails: the at-th from now (0: none) that code of ours
 * asks for; libraries have theirs tested by others.  link: needs
 * regress/lib/nth_alloc.c and
 *
 *	flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *		-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup
 *
 * and -Wl,--wrap=asprintf where that is called.
 */
void		 nth_alloc_fail(unsigned int at);
/* From now on, none is counted (0), or they are again (1). */
void		 nth_alloc_works(int);
/* How many were asked for since; at or more: it has failed. */
unsigned int	 nth_alloc_seen(void);

#endif /* NTH_ALLOC_H */
