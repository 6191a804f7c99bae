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
 * When to warn of a certificate that is about to end.  Pure.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "watch.h"

#define DAY	86400

static void	cert_span(int64_t, char *, size_t);

/* "3 days", "1 hour". */
static void
cert_span(int64_t s, char *buf, size_t size)
{
	const char	*unit = "day";
	int64_t		 n = s / DAY;

	if (n < 1) {
		unit = "hour";
		n = s / 3600;
	}
	snprintf(buf, size, "%lld %s%s", (long long)n, unit,
	    n == 1 ? "" : "s");
}

int
cert_warning(const char *name, int64_t ends, int64_t now, int64_t *warned,
    char text[CERT_WARNING_LEN])
{
	char		 span[32], date[32] = "";
	struct tm	 tm;
	time_t		 t = ends;

	/* A clock that was set back must not silence us. */
	if (ends - now > CERT_WARN_DAYS * DAY || (*warned != 0 &&
	    now >= *warned && now - *warned < DAY))
		return (0);
	*warned = now;
	if (gmtime_r(&t, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	if (ends <= now) {
		cert_span(now - ends, span, sizeof(span));
		snprintf(text, CERT_WARNING_LEN, "%s: ended %s ago, on %s: "
		    "clients refuse it; renew it, and reload", name, span,
		    date);
	} else {
		cert_span(ends - now, span, sizeof(span));
		snprintf(text, CERT_WARNING_LEN, "%s: ends in %s, on %s: "
		    "renew it, and reload", name, span, date);
	}
	return (1);
}
