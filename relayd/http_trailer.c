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
 * Trailer fields of exchanges: those pass that were announced, may stand in a
 * trailer, and are not what we say ourselves in the head.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "http_exchange_internal.h"
#include "http_message.h"

int
trailer_list(const struct http_head *head, const struct http_rewrite *rw,
    char **list)
{
	const struct http_str	*v = http_field(head, "trailer");
	struct http_str		 rest, one;
	size_t			 n = 0;

	*list = NULL;
	if (v == NULL)
		return (0);
	if ((*list = malloc(v->len + 1)) == NULL)
		return (-1);
	rest = *v;
	while (http_list_next(&rest, &one)) {
		/* A backend may put one of the trailer in the head's place. */
		if (one.len == 0 || (rw != NULL &&
		    http_rewrite_drops(rw, &one)))
			continue;
		if (n > 0)
			(*list)[n++] = ',';
		memcpy(*list + n, one.s, one.len);
		n += one.len;
	}
	(*list)[n] = '\0';
	return (0);
}

int
trailer_announced(const char *list, const struct http_str *name)
{
	struct http_str	 rest, one;

	if (list == NULL)
		return (0);
	rest.s = list;
	rest.len = strlen(list);
	while (http_list_next(&rest, &one)) {
		if (one.len == name->len &&
		    strncasecmp(one.s, name->s, one.len) == 0)
			return (1);
	}
	return (0);
}

void
exchange_trailer(struct exchange *ex, const struct http_field *f)
{
	size_t	 n = f->name.len + f->value.len + 4;
	char	*p;

	if (request_over(ex) || !http_str_is_token(&f->name) ||
	    !http_str_is_text(&f->value) || !http_trailer_allowed(&f->name) ||
	    !trailer_announced(ex->announced, &f->name))
		return;
	/* "0\r\n", this one, and the end. */
	if (ex->taillen + n > HTTP_TRAILER_MAX)
		return;
	if ((p = realloc(ex->tail, ex->taillen + n + 5)) == NULL) {
		exchange_fail(ex, 503, MUX_CODE_LIMIT, "limit", "no memory");
		ex->ops->readable(ex->arg);
		return;
	}
	ex->tail = p;
	if (ex->taillen == 0) {
		memcpy(p, "0\r\n", 3);
		ex->taillen = 5;
	}
	p += ex->taillen - 2;
	memcpy(p, f->name.s, f->name.len);
	p += f->name.len;
	memcpy(p, ": ", 2);
	p += 2;
	if (f->value.len > 0)
		memcpy(p, f->value.s, f->value.len);
	p += f->value.len;
	memcpy(p, "\r\n\r\n", 4);
	ex->taillen += n;
}
