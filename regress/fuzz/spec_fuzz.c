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

/* link: accessctl/spec.c */

/*
 * What people type: whatever is taken is within its bounds, and a date stays
 * the same when it is written out and read again.
 */

/* max_len: 64 */

#include "compat.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../accessctl/accessctl.h"
#include "fuzz.h"

static void
try_until(const char *s)
{
	struct tm	 tm;
	char		 text[64];
	int64_t		 at, again;
	time_t		 t;

	if (spec_until(s, 1000, &at) == -1)
		return;
	if (at == 0 && strcmp(s, "never") != 0)
		abort();
	if (at == 0)
		return;
	t = at;
	if (at < 0 || gmtime_r(&t, &tm) == NULL || strftime(text,
	    sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		abort();
	/* Local time may be a year behind or ahead of the last one. */
	if (tm.tm_year < 8000 && (spec_until(text, 1000, &again) == -1 ||
	    again != at))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t	 id;
	uint32_t	 scopes = 0;
	int64_t		 seconds;
	char		*s;

	if ((s = malloc(size + 1)) == NULL)
		abort();
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	try_until(s);
	if (spec_duration(s, &seconds) == 0 && seconds < 0)
		abort();
	if (spec_scopes(s, &scopes) == 0 &&
	    (scopes == 0 || scopes >= SCOPE_ADMIN << 1))
		abort();
	(void)spec_id(s, &id);
	free(s);
	return (0);
}
