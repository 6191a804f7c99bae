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

#ifndef PHYSMEM_H
#define PHYSMEM_H

#include <stddef.h>
#include <stdint.h>

/*
 * What of a machine's memory a process may promise to its peers: a quarter,
 * or as much as the caller says if that is less; 16 MiB in any case, with
 * which a few streams go on.  physmem_part is that of a machine with so many
 * bytes, 0 if it does not say; physmem_budget that of this one, to be asked
 * before the sandbox closes.
 */
#define PHYSMEM_LEAST	(16UL << 20)

size_t	 physmem_part(uint64_t, size_t);
size_t	 physmem_budget(size_t);

#endif /* PHYSMEM_H */
