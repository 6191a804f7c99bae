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

#ifndef HTTP_PAGE_H
#define HTTP_PAGE_H

#include "http.h"

/*
 * Honest answers of the relay's own to requests for a site: HTML for
 * browsers, JSON for programs.  Each says that it is ours, by a field
 * Culvert-Error with one word, and has the request's id.
 */

#define HTTP_PAGE_ERROR	"Culvert-Error"

struct conn;
struct site;

/*
 * http_page: answer the request of this connection.  head: the request, NULL
 * if it is not at hand any more (what it accepts is known then).  site: NULL
 * if there is none.  text: for people, a sentence without a full stop.
 * extra: NULL, or more header lines with CRLF.  The word is by the status
 * and text's cause: "offline", "refused", "timeout", "no-site", ...
 */
void	http_page(struct conn *, const struct http_head *,
	    const struct site *, int status, const char *word,
	    const char *text, const char *extra);
/* "Retry-After: n\r\n" (RFC 9110, 10.2.3), seconds, for extra; static. */
const char *http_page_retry(unsigned int);

#endif /* HTTP_PAGE_H */
