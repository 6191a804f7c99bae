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
 * What people type, taken apart: durations, dates, scopes, ids.  Pure but
 * for the time zone, and strict: what is not understood whole is refused.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accessctl.h"

#define DURATION_MAX	(100LL * 365 * 86400)

static int	number(const char **, size_t, int, int, int *);
static int	date(const char *, struct tm *, int *);

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

/* Exactly so many digits, within these bounds. */
static int
number(const char **s, size_t len, int min, int max, int *n)
{
	size_t	 i;

	*n = 0;
	for (i = 0; i < len; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return (-1);
		*n = *n * 10 + (**s - '0');
	}
	return (*n >= min && *n <= max ? 0 : -1);
}

/* "2026-12-31", "2026-12-31 18:00", "2026-12-31T18:00:30Z". */
static int
date(const char *s, struct tm *tm, int *utc)
{
	memset(tm, 0, sizeof(*tm));
	*utc = 0;
	if (number(&s, 4, 1970, 9999, &tm->tm_year) == -1 || *s++ != '-' ||
	    number(&s, 2, 1, 12, &tm->tm_mon) == -1 || *s++ != '-' ||
	    number(&s, 2, 1, 31, &tm->tm_mday) == -1)
		return (-1);
	tm->tm_year -= 1900;
	tm->tm_mon--;
	tm->tm_isdst = -1;
	if (*s == '\0')
		return (0);
	if ((*s != ' ' && *s != 'T') || *++s == '\0' ||
	    number(&s, 2, 0, 23, &tm->tm_hour) == -1 || *s++ != ':' ||
	    number(&s, 2, 0, 59, &tm->tm_min) == -1)
		return (-1);
	if (*s == ':' && (*++s == '\0' ||
	    number(&s, 2, 0, 59, &tm->tm_sec) == -1))
		return (-1);
	if (*s == 'Z') {
		*utc = 1;
		s++;
	}
	return (*s == '\0' ? 0 : -1);
}

int
spec_until(const char *s, int64_t now, int64_t *at)
{
	struct tm	 tm, asked;
	int64_t		 seconds;
	time_t		 t;
	int		 utc;

	if (spec_duration(s, &seconds) == 0) {
		*at = seconds == 0 ? 0 : now + seconds;
		return (0);
	}
	if (date(s, &tm, &utc) == -1)
		return (-1);
	asked = tm;
	t = utc ? timegm(&tm) : mktime(&tm);
	/* The 31st of June would become another day. */
	if (t <= 0 || tm.tm_mday != asked.tm_mday ||
	    tm.tm_mon != asked.tm_mon)
		return (-1);
	*at = t;
	return (0);
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
