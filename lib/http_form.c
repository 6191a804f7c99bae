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

#include <stdio.h>
#include <string.h>

#include "hex.h"
#include "http_form.h"

static int	form_decode(const char *, size_t, char *, size_t);

static int
form_decode(const char *s, size_t len, char *buf, size_t size)
{
	size_t	 i, n = 0;
	int	 c, hi, lo;

	for (i = 0; i < len; i++) {
		c = (unsigned char)s[i];
		if (c == '+')
			c = ' ';
		else if (c == '%') {
			if (len - i < 3 || (hi = hex_value(s[i + 1])) == -1 ||
			    (lo = hex_value(s[i + 2])) == -1)
				return (-1);
			c = hi << 4 | lo;
			i += 2;
		}
		if (c == '\0' || n + 1 >= size)
			return (-1);
		buf[n++] = c;
	}
	buf[n] = '\0';
	return (0);
}

int
http_form_get(const char *form, size_t len, const char *name, char *buf,
    size_t size)
{
	const char	*end = form + len, *next, *eq;
	char		 key[64];
	int		 found = 0;

	buf[0] = '\0';
	for (; form < end; form = next + 1) {
		if ((next = memchr(form, '&', end - form)) == NULL)
			next = end;
		if ((eq = memchr(form, '=', next - form)) == NULL)
			eq = next;
		if (form_decode(form, eq - form, key, sizeof(key)) == -1 ||
		    strcmp(key, name) != 0)
			continue;
		if (found++ > 0 || form_decode(eq == next ? eq : eq + 1,
		    eq == next ? 0 : next - eq - 1, buf, size) == -1) {
			explicit_bzero(buf, size);
			return (-1);
		}
	}
	return (found);
}

int
http_form_escape(const char *s, char *buf, size_t size)
{
	static const char	 plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";
	size_t			 n = 0;

	for (; *s != '\0'; s++) {
		if (n + 4 > size)
			return (-1);
		if (strchr(plain, *s) != NULL)
			buf[n++] = *s;
		else
			n += snprintf(buf + n, size - n, "%%%02X",
			    (unsigned char)*s);
	}
	if (n >= size)
		return (-1);
	buf[n] = '\0';
	return (0);
}

int
http_html_escape(const char *s, char *buf, size_t size)
{
	const char	*as;
	char		 c[2] = "";
	size_t		 n = 0, len;

	for (; (c[0] = *s) != '\0'; s++) {
		as = c[0] == '&' ? "&amp;" : c[0] == '<' ? "&lt;" :
		    c[0] == '>' ? "&gt;" : c[0] == '"' ? "&quot;" :
		    c[0] == '\'' ? "&#39;" :
		    (unsigned char)c[0] < ' ' ? " " : c;
		len = strlen(as);
		if (n + len >= size)
			return (-1);
		memcpy(buf + n, as, len);
		n += len;
	}
	if (n >= size)
		return (-1);
	buf[n] = '\0';
	return (0);
}
