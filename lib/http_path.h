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

#ifndef HTTP_PATH_H
#define HTTP_PATH_H

#include "http.h"

/*
 * Which part of a site a path is in.  The path itself is never changed: what
 * a backend makes of it is the backend's business.
 */

/*
 * http_path_below: whether a path is below a folder ("/name/"): 1, as it
 * stands; 0, it is not in any reading; -1, it is for those who undo escapes,
 * dots, doubled and backward slashes, parameters and capitals, but not as it
 * stands, or the other way round (RFC 3986, 6.2.2).
 */
int	http_path_below(const struct http_str *, const char *);

#endif /* HTTP_PATH_H */
