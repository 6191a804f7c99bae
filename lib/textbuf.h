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

#ifndef TEXTBUF_H
#define TEXTBUF_H

#include <stddef.h>
#include <stdint.h>

/*
 * Text that grows as it is written, up to a bound.  What goes wrong on the
 * way, the bound or no memory, is remembered and told at the end.
 */

struct textbuf {
	char	*s;		/* NUL-terminated, or NULL: nothing yet */
	size_t	 len;
	size_t	 size;		/* allocated */
	size_t	 max;		/* the bound on len */
	int	 failed;
};

/* An empty one, of at most so many bytes. */
void	 textbuf_init(struct textbuf *, size_t);
void	 textbuf_free(struct textbuf *);
/* Empty it, and keep the memory. */
void	 textbuf_clear(struct textbuf *);
void	 textbuf_add(struct textbuf *, const char *, ...)
	    __attribute__((__format__ (printf, 2, 3)));
/*
 * A string in quotes, as JSON wants it (RFC 8259, 7), and as Prometheus wants
 * the value of a label.  Bytes that are no UTF-8 become U+FFFD.
 */
void	 textbuf_json(struct textbuf *, const char *);
void	 textbuf_label(struct textbuf *, const char *);

#endif /* TEXTBUF_H */
