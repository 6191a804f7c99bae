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
 * Values for people and for programs, whatever the list they stand in.
 */

#include "compat.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

#include "print.h"

void
print_bytes(uint64_t n, char *buf, size_t size)
{
	static const char	 units[] = "BKMGTPE";
	size_t			 unit = 0;
	uint64_t		 part = 0;

	while (n >= 1024 && units[unit + 1] != '\0') {
		part = n % 1024;
		n /= 1024;
		unit++;
	}
	if (unit == 0)
		snprintf(buf, size, "%llu", (unsigned long long)n);
	else if (n < 10)
		snprintf(buf, size, "%llu.%u%c", (unsigned long long)n,
		    (unsigned int)(part * 10 / 1024), units[unit]);
	else
		snprintf(buf, size, "%llu%c", (unsigned long long)n,
		    units[unit]);
}

/* "0.0 ms" would say that it takes no time. */
void
print_ms(uint32_t us, char *buf, size_t size)
{
	if (us < 100)
		strlcpy(buf, "<0.1 ms", size);
	else
		snprintf(buf, size, "%u.%u ms", us / 1000, us % 1000 / 100);
}

void
print_age(int64_t s, char *buf, size_t size)
{
	long long	 n = s < 0 ? 0 : s;

	if (n < 60)
		snprintf(buf, size, "%llds", n);
	else if (n < 3600)
		snprintf(buf, size, "%lldm%llds", n / 60, n % 60);
	else if (n < 86400)
		snprintf(buf, size, "%lldh%lldm", n / 3600, n % 3600 / 60);
	else
		snprintf(buf, size, "%lldd%lldh", n / 86400,
		    n % 86400 / 3600);
}

void
print_time(int64_t t, char *buf, size_t size)
{
	struct tm	 tm;
	time_t		 when = t;

	if (localtime_r(&when, &tm) == NULL ||
	    strftime(buf, size, "%Y-%m-%d %H:%M", &tm) == 0)
		strlcpy(buf, "?", size);
}

void
print_second(int64_t t, char *buf, size_t size)
{
	struct tm	 tm;
	time_t		 when = t;

	if (localtime_r(&when, &tm) == NULL ||
	    strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		strlcpy(buf, "?", size);
}

void
print_time_json(int64_t t, char *buf, size_t size)
{
	struct tm	 tm;
	time_t		 when = t;

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		strlcpy(buf, "?", size);
}

int
print_clean(const char *s, char *buf, size_t size)
{
	mbstate_t	 mbs;
	wchar_t		 wc;
	size_t		 n, off = 0, left = strlen(s);
	int		 width = 0;

	memset(&mbs, 0, sizeof(mbs));
	while (left > 0) {
		n = mbrtowc(&wc, s, left, &mbs);
		if (n == (size_t)-1 || n == (size_t)-2 || n == 0 ||
		    !iswprint(wc) || wcwidth(wc) < 1) {
			memset(&mbs, 0, sizeof(mbs));
			if (off + 5 > size)
				break;
			snprintf(buf + off, size - off, "\\%03o",
			    (unsigned char)*s);
			off += 4;
			width += 4;
			n = 1;
		} else {
			if (off + n + 1 > size)
				break;
			memcpy(buf + off, s, n);
			off += n;
			width += wcwidth(wc);
		}
		s += n;
		left -= n;
	}
	buf[off] = '\0';
	return (width);
}

char *
print_utf8(const char *s)
{
	static const char	 replacement[] = "\xef\xbf\xbd";
	size_t			 i, n, len = strlen(s), off = 0;
	json_t			*probe = NULL;
	char			*out;

	if ((out = calloc(3, len + 1)) == NULL)
		return (NULL);
	for (i = 0; i < len; i += n) {
		/* As far as the library agrees that it is a character. */
		for (n = 1; n <= 4 && i + n <= len; n++) {
			if ((probe = json_stringn(s + i, n)) != NULL)
				break;
		}
		if (probe != NULL) {
			memcpy(out + off, s + i, n);
			off += n;
			json_decref(probe);
			probe = NULL;
		} else {
			n = 1;
			memcpy(out + off, replacement, 3);
			off += 3;
		}
	}
	return (out);
}
