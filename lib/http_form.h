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

#ifndef HTTP_FORM_H
#define HTTP_FORM_H

#include <stddef.h>

/*
 * application/x-www-form-urlencoded: what forms of HTML send, and queries.
 * Pure, without allocation.
 */

/*
 * http_form_get: the value of that name, decoded, with a NUL.  Returns 1; 0
 * if there is none (the buffer holds "" then); or -1: there are two, it has a
 * NUL or an escape that is none, or it is too long.
 */
int	http_form_get(const char *, size_t, const char *, char *, size_t);

/*
 * http_form_escape: a value as it stands in a form or a query.  Returns 0, or
 * -1 if it does not fit.
 */
int	http_form_escape(const char *, char *, size_t);

/* http_html_escape: text as it stands in HTML, in quotes as well. */
int	http_html_escape(const char *, char *, size_t);

#endif /* HTTP_FORM_H */
