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
 * What the rpc door makes of answers, and of what nodes of the other make are
 * asked.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "http.h"
#include "rpc_message.h"
#include "ws.h"

static json_t	*json_latin(const char *, size_t);

/* A string, of what may not be UTF-8. */
static json_t *
json_latin(const char *s, size_t len)
{
	uint32_t	 state = 0;
	json_t		*v;
	size_t		 i, n = 0;
	char		*out;

	if (ws_utf8(&state, (const uint8_t *)s, len) == 0 && state == 0)
		return (json_stringn_nocheck(s, len));
	if ((out = malloc(len * 2 + 1)) == NULL)
		return (NULL);
	for (i = 0; i < len; i++) {
		unsigned char	 c = s[i];

		if (c < 0x80)
			out[n++] = c;
		else {
			out[n++] = 0xc0 | c >> 6;
			out[n++] = 0x80 | (c & 0x3f);
		}
	}
	v = json_stringn_nocheck(out, n);
	free(out);
	return (v);
}

/* Its key, if the object has one that is only spelt differently. */
static const char *
key_like(json_t *o, const char *name)
{
	const char	*key;
	json_t		*v;

	json_object_foreach(o, key, v) {
		if (strcasecmp(key, name) == 0)
			return (key);
	}
	return (NULL);
}

/* Cookies can't be joined: the last one is the field, all are in a list. */
static int
response_cookie(json_t *headers, const char *name, json_t *v, json_t *cookies)
{
	const char	*key = key_like(headers, name);

	if (json_array_append(cookies, v) == -1) {
		json_decref(v);
		return (-1);
	}
	return (json_object_set_new_nocheck(headers, key == NULL ? name : key,
	    v));
}

static int
response_field(json_t *headers, const struct http_field *f, json_t *cookies)
{
	char		 name[HTTP_FIELD_MAX];
	const char	*key;
	json_t		*v, *old;
	char		*both = NULL;
	int		 len, ret;

	if (http_str_copy(&f->name, name, sizeof(name)) == -1 ||
	    (v = json_latin(f->value.s, f->value.len)) == NULL)
		return (-1);
	if (strcasecmp(name, "set-cookie") == 0)
		return (response_cookie(headers, name, v, cookies));
	if ((key = key_like(headers, name)) == NULL)
		return (json_object_set_new_nocheck(headers, name, v));
	old = json_object_get(headers, key);
	len = asprintf(&both, "%s, %s", json_string_value(old),
	    json_string_value(v));
	json_decref(v);
	if (len == -1)
		return (-1);
	ret = json_string_setn_nocheck(old, both, len);
	free(both);
	return (ret);
}

char *
rpc_response(const char *id, const struct http_head *head,
    const uint8_t *body, size_t len, size_t *outlen)
{
	json_t	*o = json_object(), *headers = json_object(), *v = NULL;
	json_t	*cookies = json_array();
	char	*b64 = NULL, *out = NULL;
	size_t	 i;

	if (o == NULL || headers == NULL || cookies == NULL)
		goto done;
	for (i = 0; i < head->nfields; i++) {
		if (response_field(headers, &head->fields[i], cookies) == -1)
			goto done;
	}
	if ((b64 = malloc(BASE64_LEN(len) + 1)) == NULL ||
	    base64_encode(b64, BASE64_LEN(len) + 1, body, len) == -1 ||
	    (v = json_stringn_nocheck(b64, BASE64_LEN(len))) == NULL)
		goto done;
	if (json_object_set_new(o, "type", json_string("http_response")) ==
	    -1 || json_object_set_new(o, "id", json_string_nocheck(id)) ==
	    -1 || json_object_set_new(o, "status",
	    json_integer(head->status)) == -1 ||
	    json_object_set(o, "headers", headers) == -1 ||
	    json_object_set(o, "body_b64", v) == -1 ||
	    (json_array_size(cookies) > 1 &&
	    json_object_set(o, "set_cookies", cookies) == -1))
		goto done;
	out = rpc_json(o, RPC_DUMP);
	if (out != NULL)
		*outlen = strlen(out);
done:
	json_decref(v);
	json_decref(cookies);
	json_decref(headers);
	json_decref(o);
	free(b64);
	return (out);
}

char *
rpc_error(const char *id, const char *error)
{
	json_t	*o;
	char	*out;

	if ((o = json_pack("{s:s, s:o, s:s}", "type", "http_response", "id",
	    json_string_nocheck(id), "error", error)) == NULL)
		return (NULL);
	out = rpc_json(o, RPC_DUMP);
	json_decref(o);
	return (out);
}

int
rpc_set_body(json_t *o, const uint8_t *body, size_t len)
{
	char	*b64;
	int	 ret = -1;

	if ((b64 = malloc(BASE64_LEN(len) + 1)) == NULL)
		return (-1);
	if (base64_encode(b64, BASE64_LEN(len) + 1, body, len) != -1)
		ret = json_object_set_new(o, "body_b64",
		    json_stringn_nocheck(b64, BASE64_LEN(len)));
	free(b64);
	return (ret);
}

char *
rpc_with_id(json_t *o, const char *id, size_t *len)
{
	char	*out;

	*len = 0;
	if (json_object_set_new_nocheck(o, "id", json_string_nocheck(id)) ==
	    -1 || (out = rpc_json(o, RPC_DUMP)) == NULL)
		return (NULL);
	*len = strlen(out);
	return (out);
}
