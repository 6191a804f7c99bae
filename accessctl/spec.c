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
 * What people type, taken apart: durations, scopes, ids.  Pure, and strict:
 * what is not understood whole is refused.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "accessctl.h"

#define DURATION_MAX	(100LL * 365 * 86400)

int
spec_duration(const char *s, int64_t *seconds)
{
	static const struct {
		char	 unit;
		int64_t	 seconds;
	} units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'w', 7 * 86400 }, { 'y', 365 * 86400 }
	};
	size_t	 i, len = strspn(s, "0123456789");
	int64_t	 n;

	if (strcmp(s, "never") == 0) {
		*seconds = 0;
		return (0);
	}
	if (len == 0 || len > 10 || s[len] == '\0' || s[len + 1] != '\0')
		return (-1);
	n = strtoll(s, NULL, 10);
	for (i = 0; i < nitems(units); i++) {
		if (units[i].unit != s[len])
			continue;
		if (n == 0 || n > DURATION_MAX / units[i].seconds)
			return (-1);
		*seconds = n * units[i].seconds;
		return (0);
	}
	return (-1);
}

int
spec_scopes(const char *s, uint32_t *scopes)
{
	static const char *const names[] = SCOPE_NAMES;
	uint32_t	 found = 0;
	size_t		 i, len;

	for (;;) {
		len = strcspn(s, ",");
		for (i = 0; i < nitems(names); i++) {
			if (strlen(names[i]) == len &&
			    strncmp(names[i], s, len) == 0)
				break;
		}
		if (i == nitems(names))
			return (-1);
		found |= 1U << i;
		if (s[len] == '\0')
			break;
		s += len + 1;
	}
	*scopes |= found;
	return (0);
}

int
spec_id(const char *s, uint64_t *id)
{
	size_t	 len = strspn(s, "0123456789abcdefABCDEF");

	if (len == 0 || len > 16 || s[len] != '\0')
		return (-1);
	*id = strtoull(s, NULL, 16);
	return (0);
}
