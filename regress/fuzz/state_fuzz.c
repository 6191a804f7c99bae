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
 * What is read can be written, and reads the same again.
 */

/* link: lib/state.c */

/* max_len: 300 */

#include "compat.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "state.h"

static int
copy(const struct state_line *line, void *arg)
{
	struct state	*out = arg;
	long long	 n;
	size_t		 i;

	if (line->n > STATE_FIELDS_MAX || line->name[0] == '\0')
		abort();
	state_begin(out, line->name);
	for (i = 0; i <= line->n; i++) {
		if (state_get(line, i, -5, 5, &n) == 0 && (n < -5 || n > 5))
			abort();
		if (i < line->n)
			state_text(out, line->fields[i]);
	}
	state_end(out);
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct state	 once = { 0 }, twice = { 0 };
	const char	*why;
	char		*buf, *again;

	if (len == 0 || len > 65536 || (buf = malloc(len)) == NULL)
		return (0);
	memcpy(buf, data, len);
	if (state_read(buf, len, copy, &once, &why) == 0) {
		if (once.len == 0)	/* no line but the first and last */
			goto done;
		if (state_done(&once) == -1 ||
		    (again = malloc(once.len)) == NULL)
			abort();
		memcpy(again, once.buf, once.len);
		if (state_read(again, once.len, copy, &twice, &why) == -1 ||
		    state_done(&twice) == -1 || once.len != twice.len ||
		    memcmp(once.buf, twice.buf, once.len) != 0)
			abort();
		free(again);
	}
 done:
	state_free(&once);
	state_free(&twice);
	free(buf);
	return (0);
}
