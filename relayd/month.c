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
 * Months, as bytes are counted by them: in UTC, so that a change of the
 * host's time zone moves nothing.
 */

#include "compat.h"

#include <stdio.h>
#include <time.h>

#include "month.h"

uint32_t
month_of(int64_t at)
{
	struct tm	 tm;
	time_t		 t = at;

	if (gmtime_r(&t, &tm) == NULL || tm.tm_year < 0 || tm.tm_year > 8099)
		return (0);
	return ((tm.tm_year + 1900) * 100 + tm.tm_mon + 1);
}

void
month_text(uint32_t month, char text[MONTH_LEN])
{
	(void)snprintf(text, MONTH_LEN, "%04u-%02u", month / 100 % 10000,
	    month % 100);
}

int
month_parse(const char *text, uint32_t *month)
{
	uint32_t	 v = 0;
	size_t		 i;

	for (i = 0; i < 7; i++) {
		if (i == 4 ? text[i] != '-' :
		    text[i] < '0' || text[i] > '9')
			return (-1);
		if (i != 4)
			v = v * 10 + (text[i] - '0');
	}
	if (text[i] != '\0' || v % 100 < 1 || v % 100 > 12)
		return (-1);
	*month = v;
	return (0);
}
