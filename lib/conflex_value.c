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
 * What the words of a configuration file stand for: numbers, times, sizes.
 */

#include "compat.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conflex.h"

int
conflex_number(const char *s, long long min, long long max, long long *out)
{
	const char	*errstr;

	*out = strtonum(s, min, max, &errstr);
	return (errstr == NULL ? 0 : -1);
}

/* digits and a unit; the value is in the smallest one */
static int
value_unit(const char *s, const char *const *units, const uint64_t *factors,
    size_t n, uint64_t *out)
{
	uint64_t	 v = 0;
	size_t		 i;
	const char	*p;

	for (p = s; isdigit((unsigned char)*p); p++) {
		if (v > (UINT64_MAX - 9) / 10)
			return (-1);
		v = v * 10 + (*p - '0');
	}
	if (p == s)
		return (-1);
	for (i = 0; i < n; i++) {
		if (strcasecmp(p, units[i]) != 0)
			continue;
		if (v > UINT64_MAX / factors[i])
			return (-1);
		*out = v * factors[i];
		return (0);
	}
	return (-1);
}

int
conflex_time(const char *s, uint64_t *ms)
{
	static const char *const	 units[] =
	    { "ms", "", "s", "m", "h", "d" };
	static const uint64_t		 factors[] =
	    { 1, 1000, 1000, 60000, 3600000, 86400000 };

	return (value_unit(s, units, factors, nitems(units), ms));
}

int
conflex_size(const char *s, uint64_t *bytes)
{
	static const char *const	 units[] = { "", "k", "m", "g" };
	static const uint64_t		 factors[] =
	    { 1, 1024, 1024 * 1024, 1024 * 1024 * 1024 };

	return (value_unit(s, units, factors, nitems(units), bytes));
}
