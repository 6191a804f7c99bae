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

/* link: lib/target.c lib/addr.c */

/*
 * "list\0host\0": a list that is taken comes out in a way that is taken
 * again, stays the same then, and covers the same.
 */

/* max_len: 300 */

#include "compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "target.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t	 ports[] = { 0, 1, 22, 80, 8080, 65535 };
	struct targets		 t, again;
	const char		*why = NULL, *host;
	char			 text[TARGETS_LEN], text2[TARGETS_LEN], *s;
	size_t			 i;

	if ((s = malloc(size + 2)) == NULL)
		abort();
	if (size > 0)
		memcpy(s, data, size);
	s[size] = s[size + 1] = '\0';
	host = s + strlen(s) + 1;
	if (targets_parse(s, &t, &why) == -1) {
		if (why == NULL)
			abort();
		free(s);
		return (0);
	}
	targets_format(&t, text);
	if (targets_parse(text, &again, &why) == -1 || again.n != t.n ||
	    strpbrk(text, "\"\\ \t\n") != NULL)
		abort();
	targets_format(&again, text2);
	if (strcmp(text, text2) != 0)
		abort();
	if (host <= s + size) {
		for (i = 0; i < nitems(ports); i++) {
			if (targets_cover(&t, host, ports[i]) !=
			    targets_cover(&again, host, ports[i]))
				abort();
		}
	}
	free(s);
	return (0);
}
