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

/* link: lib/http_path.c */

/*
 * A path as it stands is told from one that only reads so; and whatever is
 * put in front of it that changes nothing for those who resolve paths, is
 * seen through.
 */

/* max_len: 256 */

#include "compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http_path.h"

#define OWN	"/.own/"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char	 front[] = "/x/%2e./";
	struct http_str		 s;
	size_t			 n = sizeof(front) - 1;
	char			*buf;
	int			 below, stands;

	/* What is behind it may not be looked at. */
	if ((buf = malloc(n + len + 1)) == NULL)
		abort();
	memcpy(buf, front, n);
	memcpy(buf + n, data, len);
	s.s = buf + n;
	s.len = len;
	below = http_path_below(&s, OWN);
	stands = len >= strlen(OWN) && memcmp(data, OWN, strlen(OWN)) == 0;
	if ((below == 1 && !stands) || (below == 0 && stands))
		abort();
	if (len > 0 && data[0] == '/') {
		s.s = buf;
		s.len = n + len;
		/* It does not stand so any more, but reads as it did. */
		if ((http_path_below(&s, OWN) != 0) !=
		    (below == 1 || (below == -1 && !stands)))
			abort();
	}
	free(buf);
	return (0);
}
