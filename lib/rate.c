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

#include "compat.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "rate.h"

#define KILO	1024ULL
#define RATE_MIN	KILO
#define RATE_MAX	(KILO * KILO * KILO * KILO)
#define QUOTA_MIN	(KILO * KILO)
#define QUOTA_MAX	(KILO * RATE_MAX)

struct unit {
	const char	*name;
	uint64_t	 num, den;
};

static int	rate_number(const char *, const struct unit *, size_t,
		    uint64_t *);

static const struct unit rate_units[] = {
	{ "", 1, 1 },
	{ "k", KILO, 1 },
	{ "m", KILO * KILO, 1 },
	{ "g", KILO * KILO * KILO, 1 },
	{ "kbit", 1000, 8 },
	{ "mbit", 1000000, 8 },
	{ "gbit", 1000000000, 8 }
};

static const struct unit quota_units[] = {
	{ "", 1, 1 },
	{ "k", KILO, 1 },
	{ "m", KILO * KILO, 1 },
	{ "g", KILO * KILO * KILO, 1 },
	{ "t", KILO * KILO * KILO * KILO, 1 }
};

static int
rate_number(const char *s, const struct unit *units, size_t n, uint64_t *out)
{
	const char	*p;
	uint64_t	 v = 0;
	size_t		 i;

	if (strcmp(s, "none") == 0) {
		*out = 0;
		return (0);
	}
	for (p = s; isdigit((unsigned char)*p); p++) {
		if (v > UINT64_MAX / 100)
			return (-1);
		v = v * 10 + (*p - '0');
	}
	if (p == s)
		return (-1);
	for (i = 0; i < n; i++) {
		if (strcasecmp(p, units[i].name) != 0)
			continue;
		if (v == 0 || v > UINT64_MAX / units[i].num)
			return (-1);
		*out = v * units[i].num / units[i].den;
		return (0);
	}
	return (-1);
}

int
rate_parse(const char *s, uint64_t *rate)
{
	char		 buf[32];
	size_t		 len;
	uint64_t	 v;

	/* As lists show it. */
	if ((len = strlcpy(buf, s, sizeof(buf))) >= sizeof(buf))
		return (-1);
	if (len > 2 && strcmp(buf + len - 2, "/s") == 0)
		buf[len - 2] = '\0';
	if (rate_number(buf, rate_units, nitems(rate_units), &v) == -1)
		return (-1);
	if (strcmp(s, "none") != 0 && (v < RATE_MIN || v > RATE_MAX))
		return (-1);
	*rate = v;
	return (0);
}

int
rate_quota(const char *s, uint64_t *bytes)
{
	uint64_t	 v;

	if (rate_number(s, quota_units, nitems(quota_units), &v) == -1 ||
	    (v != 0 && (v < QUOTA_MIN || v > QUOTA_MAX)))
		return (-1);
	*bytes = v;
	return (0);
}
