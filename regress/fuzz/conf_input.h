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

#ifndef CONF_INPUT_H
#define CONF_INPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * From now on every file that is opened by fopen(3) is these bytes (lent), of
 * which there is at least one; so a configuration can include itself, a few
 * times.  What is logged has to fit, and is of no further interest.  For
 * programs linked with -Wl,--wrap=fopen,--wrap=log_warn,--wrap=log_warnx.
 */
void	conf_input(const uint8_t *, size_t);

#endif /* CONF_INPUT_H */
