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

#include <string.h>

#include "hex.h"
#include "http_path.h"

static int	path_next(struct http_str *);
static int	segment_is(const struct http_str *, const char *, size_t);
static int	reads_below(const struct http_str *, const char *, size_t);

/* The next character, an escape undone; -1 at the end. */
static int
path_next(struct http_str *s)
{
	int	 c, hi, lo;

	if (s->len == 0)
		return (-1);
	c = (unsigned char)s->s[0];
	if (c == '%' && s->len >= 3 && (hi = hex_value(s->s[1])) != -1 &&
	    (lo = hex_value(s->s[2])) != -1) {
		c = hi << 4 | lo;
		s->s += 2;
		s->len -= 2;
	}
	s->s++;
	s->len--;
	return (c == '\\' ? '/' : c);
}

/* Of a segment as it stands, up to its parameters. */
static int
segment_is(const struct http_str *segment, const char *name, size_t len)
{
	struct http_str	 s = *segment;
	size_t		 i;
	int		 c;

	for (i = 0; (c = path_next(&s)) != -1 && c != ';'; i++) {
		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (i >= len || c != (unsigned char)name[i])
			return (0);
	}
	return (i == len);
}

/*
 * Resolved, is the first segment of that name, and something behind it?  Only
 * how deep we are and what the first one was need to be known.
 */
static int
reads_below(const struct http_str *path, const char *name, size_t len)
{
	struct http_str	 s = *path, segment;
	size_t		 depth = 0;
	int		 c, first = 0;

	c = path_next(&s);
	while (c == '/') {
		segment.s = s.s;
		do {
			segment.len = s.s - segment.s;
			c = path_next(&s);
		} while (c != -1 && c != '/');
		if (segment_is(&segment, "", 0) ||
		    segment_is(&segment, ".", 1)) {
			/* A folder, if it is the last one. */
			if (c == -1 && depth == 1 && first)
				return (1);
		} else if (segment_is(&segment, "..", 2)) {
			if (depth > 0)
				depth--;
			if (c == -1 && depth == 1 && first)
				return (1);
		} else {
			if (depth++ == 0)
				first = segment_is(&segment, name, len);
		}
	}
	return (depth > 1 && first);
}

int
http_path_below(const struct http_str *path, const char *folder)
{
	size_t	 len = strlen(folder);
	int	 stands, reads;

	stands = path->len >= len && memcmp(path->s, folder, len) == 0;
	reads = reads_below(path, folder + 1, len - 2);
	return (stands == reads ? stands : -1);
}
