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

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "http.h"

static char	lower(char);
static char	fold(char);
static int	token_char(char);
static size_t	skip_space(const struct http_str *, size_t);
static size_t	param_value(const struct http_str *, size_t,
		    struct http_str *);
static int	media_refused(const struct http_str *);

/* ASCII only, whatever the locale. */
static char
lower(char c)
{
	return (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

int
http_str_eq(const struct http_str *str, const char *s)
{
	return (str->len == strlen(s) &&
	    (str->len == 0 || memcmp(str->s, s, str->len) == 0));
}

int
http_str_caseeq(const struct http_str *str, const char *s)
{
	size_t	 i;

	for (i = 0; i < str->len; i++)
		if (s[i] == '\0' || lower(str->s[i]) != lower(s[i]))
			return (0);
	return (s[i] == '\0');
}

/* As a part of a variable's name: what can't be in one is all the same. */
static char
fold(char c)
{
	c = lower(c);
	return ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-');
}

int
http_name_matches(const struct http_str *name, const char *pattern)
{
	size_t	 i;

	for (i = 0; i < name->len; i++) {
		if (pattern[i] == '*')
			return (1);
		if (pattern[i] == '\0' || fold(name->s[i]) != fold(pattern[i]))
			return (0);
	}
	return (pattern[i] == '\0' || pattern[i] == '*');
}

int
http_name_same(const struct http_str *a, const struct http_str *b)
{
	size_t	 i;

	if (a->len != b->len)
		return (0);
	for (i = 0; i < a->len; i++)
		if (fold(a->s[i]) != fold(b->s[i]))
			return (0);
	return (1);
}

int
http_str_copy(const struct http_str *str, char *dst, size_t size)
{
	if (str->len >= size)
		return (-1);
	if (str->len > 0) {
		if (memchr(str->s, '\0', str->len) != NULL)
			return (-1);
		memcpy(dst, str->s, str->len);
	}
	dst[str->len] = '\0';
	return (0);
}

void
http_str_trim(struct http_str *str)
{
	while (str->len > 0 && (str->s[0] == ' ' || str->s[0] == '\t')) {
		str->s++;
		str->len--;
	}
	while (str->len > 0 && (str->s[str->len - 1] == ' ' ||
	    str->s[str->len - 1] == '\t'))
		str->len--;
}

const struct http_str *
http_field(const struct http_head *h, const char *name)
{
	size_t	 i;

	for (i = 0; i < h->nfields; i++)
		if (http_str_caseeq(&h->fields[i].name, name))
			return (&h->fields[i].value);
	return (NULL);
}

size_t
http_field_count(const struct http_head *h, const char *name)
{
	size_t	 i, n = 0;

	for (i = 0; i < h->nfields; i++)
		if (http_str_caseeq(&h->fields[i].name, name))
			n++;
	return (n);
}

/*
 * Quoted strings are no shelter for a comma: none of the lists we look for
 * tokens in has any that matter.
 */
int
http_list_next(struct http_str *rest, struct http_str *element)
{
	const char	*comma;

	if (rest->len == 0)
		return (0);
	*element = *rest;
	if ((comma = memchr(rest->s, ',', rest->len)) != NULL)
		element->len = (size_t)(comma - rest->s);
	rest->s += element->len + (comma != NULL);
	rest->len -= element->len + (comma != NULL);
	http_str_trim(element);
	return (1);
}

int
http_field_has_token(const struct http_head *h, const char *name,
    const char *token)
{
	struct http_str	 rest, element;
	size_t		 i;

	for (i = 0; i < h->nfields; i++) {
		if (!http_str_caseeq(&h->fields[i].name, name))
			continue;
		rest = h->fields[i].value;
		while (http_list_next(&rest, &element))
			if (http_str_caseeq(&element, token))
				return (1);
	}
	return (0);
}

static int
token_char(char c)
{
	return ((lower(c) >= 'a' && lower(c) <= 'z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL));
}

static size_t
skip_space(const struct http_str *str, size_t i)
{
	while (i < str->len && (str->s[i] == ' ' || str->s[i] == '\t'))
		i++;
	return (i);
}

/*
 * The value of a parameter, from i on: a token, or a quoted string without
 * backslashes, which no value of ours needs and parsers disagree on.
 * Returns where it ends, or 0 if it is none.
 */
static size_t
param_value(const struct http_str *list, size_t i, struct http_str *value)
{
	size_t	 start = i;

	if (i < list->len && list->s[i] == '"') {
		for (start = ++i; i < list->len && list->s[i] != '"'; i++)
			if (list->s[i] == '\\')
				return (0);
		if (i == list->len)
			return (0);
		value->s = list->s + start;
		value->len = i - start;
		return (i + 1);
	}
	while (i < list->len && token_char(list->s[i]))
		i++;
	value->s = list->s + start;
	value->len = i - start;
	return (value->len > 0 ? i : 0);
}

int
http_param(const struct http_str *list, const char *name,
    struct http_str *value)
{
	struct http_str	 key, v;
	size_t		 i = 0;
	int		 found = 0;

	for (;;) {
		i = skip_space(list, i);
		if (i < list->len && list->s[i] == ',') {
			i++;
			continue;
		}
		if (i == list->len)
			return (found ? 0 : -1);
		key.s = list->s + i;
		while (i < list->len && token_char(list->s[i]))
			i++;
		key.len = (size_t)(list->s + i - key.s);
		i = skip_space(list, i);
		if (key.len == 0 || i == list->len || list->s[i++] != '=')
			return (-1);
		i = skip_space(list, i);
		if ((i = param_value(list, i, &v)) == 0)
			return (-1);
		i = skip_space(list, i);
		if (i < list->len && list->s[i] != ',')
			return (-1);
		if (!http_str_caseeq(&key, name))
			continue;
		if (found)
			return (-1);
		found = 1;
		*value = v;
	}
}

/* Whether the parameters of a media range, from the first ';', say q=0. */
static int
media_refused(const struct http_str *params)
{
	struct http_str	 p;
	size_t		 i, start;

	for (start = 0; start < params->len; start = i) {
		for (i = start + 1; i < params->len; i++)
			if (params->s[i] == ';')
				break;
		p.s = params->s + start + 1;
		p.len = i - start - 1;
		http_str_trim(&p);
		if (p.len < 3 || lower(p.s[0]) != 'q' || p.s[1] != '=')
			continue;
		for (p.s += 2, p.len -= 2; p.len > 0; p.s++, p.len--)
			if (*p.s != '0' && *p.s != '.')
				return (0);
		return (1);
	}
	return (0);
}

int
http_accepts_html(const struct http_head *h)
{
	struct http_str	 rest, range, params;
	const char	*semicolon;
	size_t		 i;

	for (i = 0; i < h->nfields; i++) {
		if (!http_str_caseeq(&h->fields[i].name, "accept"))
			continue;
		rest = h->fields[i].value;
		while (http_list_next(&rest, &range)) {
			params = range;
			params.len = 0;
			semicolon = memchr(range.s, ';', range.len);
			if (semicolon != NULL) {
				params.s = semicolon;
				params.len = (size_t)(range.s + range.len -
				    semicolon);
				range.len -= params.len;
			}
			http_str_trim(&range);
			if (http_str_caseeq(&range, "text/html"))
				return (!media_refused(&params));
		}
	}
	return (0);
}

const char *
http_reason(int status)
{
	static const struct {
		int		 status;
		const char	*reason;
	} reasons[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 103, "Early Hints" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 425, "Too Early" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" }
	};
	size_t	 i;

	for (i = 0; i < nitems(reasons); i++)
		if (reasons[i].status == status)
			return (reasons[i].reason);
	return ("Unknown");
}
