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

/*
 * The words of configurations, each of which is read as a value as well.
 */

/* link: regress/fuzz/conf_input.c lib/conflex.c lib/conflex_value.c
 * lib/log.c */
/* flags: -Wl,--wrap=fopen,--wrap=log_warn,--wrap=log_warnx */
/* max_len: 300 */

#include "compat.h"

#include <ctype.h>
#include <stdlib.h>

#include "conf_input.h"
#include "conflex.h"
#include "fuzz.h"

static void
value(const char *s)
{
	long long	 n;
	uint64_t	 v;

	if (conflex_number(s, 1, 1000, &n) == 0)
		must(n >= 1 && n <= 1000);
	if (conflex_time(s, &v) == 0)
		must(isdigit((unsigned char)s[0]));
	if (conflex_size(s, &v) == 0)
		must(isdigit((unsigned char)s[0]));
	/* The next word may be $ and this. */
	(void)conflex_macro(s, s, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conflex_token	 t;
	size_t			 n = 0;
	int			 newline = 1;

	if (size == 0)
		return (0);
	conf_input(data, size);
	must(conflex_open("words") == 0);
	for (;;) {
		conflex_next(&t);
		must((t.text != NULL) == (t.type == CONFLEX_WORD ||
		    t.type == CONFLEX_STRING));
		must((t.ch != 0) == (t.type == CONFLEX_CHAR));
		if (t.type == CONFLEX_EOF)
			break;
		newline = t.type == CONFLEX_NEWLINE;
		must(t.type != CONFLEX_ERROR || conflex_errors() > 0);
		if (t.text != NULL)
			value(t.text);
		free(t.text);
		must(++n <= 1000000);
	}
	/* Every line ends. */
	must(newline || conflex_errors() > 0);
	conflex_close();
	must(conflex_errors() == 0);
	return (0);
}
