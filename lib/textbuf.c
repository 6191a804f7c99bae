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

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "textbuf.h"

static int	 textbuf_room(struct textbuf *, size_t);
static void	 textbuf_put(struct textbuf *, const char *, size_t);
static size_t	 utf8_len(const char *);

static const char replacement[] = "\xef\xbf\xbd";

void
textbuf_init(struct textbuf *t, size_t max)
{
	memset(t, 0, sizeof(*t));
	t->max = max;
}

void
textbuf_free(struct textbuf *t)
{
	free(t->s);
	textbuf_init(t, t->max);
}

void
textbuf_clear(struct textbuf *t)
{
	t->len = 0;
	t->failed = 0;
	if (t->s != NULL)
		t->s[0] = '\0';
}

/* For so many more bytes and a NUL.  0, or -1. */
static int
textbuf_room(struct textbuf *t, size_t n)
{
	size_t	 size;
	char	*s;

	if (t->failed || n > t->max - t->len) {
		t->failed = 1;
		return (-1);
	}
	if (t->len + n < t->size)
		return (0);
	size = t->size < 256 ? 512 : t->size * 2;
	if (size < t->len + n + 1)
		size = t->len + n + 1;
	if ((s = realloc(t->s, size)) == NULL) {
		t->failed = 1;
		return (-1);
	}
	t->s = s;
	t->size = size;
	return (0);
}

static void
textbuf_put(struct textbuf *t, const char *s, size_t n)
{
	if (textbuf_room(t, n) == -1)
		return;
	memcpy(t->s + t->len, s, n);
	t->len += n;
	t->s[t->len] = '\0';
}

void
textbuf_add(struct textbuf *t, const char *fmt, ...)
{
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || textbuf_room(t, n) == -1) {
		t->failed = 1;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(t->s + t->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	t->len += n;
}

/* The length of the character at s (RFC 3629, 4), 0 if it is none. */
static size_t
utf8_len(const char *s)
{
	const unsigned char	*u = (const unsigned char *)s;
	size_t			 i, n;

	if (u[0] < 0x80)
		return (1);
	if (u[0] >= 0xc2 && u[0] <= 0xdf)
		n = 2;
	else if ((u[0] & 0xf0) == 0xe0)
		n = 3;
	else if (u[0] >= 0xf0 && u[0] <= 0xf4)
		n = 4;
	else
		return (0);
	for (i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return (0);
	}
	/* Longer than need be, halves of UTF-16, beyond U+10FFFF. */
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
	    (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
		return (0);
	return (n);
}

void
textbuf_json(struct textbuf *t, const char *s)
{
	size_t	 n;

	textbuf_put(t, "\"", 1);
	for (; *s != '\0'; s += n) {
		if ((n = utf8_len(s)) == 0) {
			textbuf_put(t, replacement, 3);
			n = 1;
		} else if (*s == '"' || *s == '\\')
			textbuf_add(t, "\\%c", *s);
		else if ((unsigned char)*s < ' ' || *s == 0x7f)
			textbuf_add(t, "\\u%04x", *s);
		else
			textbuf_put(t, s, n);
	}
	textbuf_put(t, "\"", 1);
}

void
textbuf_label(struct textbuf *t, const char *s)
{
	size_t	 n;

	textbuf_put(t, "\"", 1);
	for (; *s != '\0'; s += n) {
		if ((n = utf8_len(s)) == 0) {
			textbuf_put(t, replacement, 3);
			n = 1;
		} else if (*s == '\n')
			textbuf_put(t, "\\n", 2);
		else if (*s == '"' || *s == '\\')
			textbuf_add(t, "\\%c", *s);
		else
			textbuf_put(t, s, n);
	}
	textbuf_put(t, "\"", 1);
}
