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

#ifndef RATE_H
#define RATE_H

#include <stdint.h>

/*
 * Limits of bandwidth and of bytes a month, as people write them.  "none" is
 * 0.  All return 0 or -1.
 */

/*
 * Bytes a second: "10M", with K, M or G of 1024 and its powers; or bits, as
 * networks are sold: "80Mbit", with Kbit, Mbit or Gbit of 1000 and its powers.
 * From 1K to 1024G; "/s" behind it is as well.
 */
int	rate_parse(const char *, uint64_t *);
/* Bytes: "500G", with K, M, G or T.  From 1M to 1024T. */
int	rate_quota(const char *, uint64_t *);

#endif /* RATE_H */
