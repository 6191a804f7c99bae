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

#ifndef WATCH_H
#define WATCH_H

#include <stdint.h>

#include "relayd.h"

struct relayd_conf;

#define CERT_WARN_DAYS		21	/* before it ends, once a day */
#define CERT_WARNING_LEN	(DOMAIN_LEN + 128)

/* All processes serve, or there is a new configuration: look at it now. */
void	watch_start(const struct relayd_conf *);

/*
 * cert_warning: whether one that ends then is to be warned of now, and was
 * not within a day (which is noted): 1 with the text.
 */
int	cert_warning(const char *, int64_t, int64_t, int64_t *,
	    char[CERT_WARNING_LEN]);

#endif /* WATCH_H */
