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

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "http.h"
#include "rpc_message.h"

/* Text that grows. */
struct text {
	char	*s;
	size_t	 len, size;
	int	 failed;
};

static void	text_add(struct text *, const char *, size_t);
static void	text_str(struct text *, const char *);
static int	given(const json_t *);
static int	dropped(const char *);
static int	add_target(struct text *, const json_t *);
static int	add_fields(struct text *, const json_t *, size_t);

static const struct {
	const char	*name;
	enum rpc_type	 type;
} types[] = {
	{ "ping", RPC_PING },
	{ "http_proxy", RPC_HTTP_PROXY },
	{ "pair_offer", RPC_PAIR_OFFER },
	{ "http_response", RPC_HTTP_RESPONSE },
	{ "pong", RPC_PONG },
};

/* Of the connection to the relay or to the backend, which are ours. */
static int	 lacked;		/* memory */

static const char *const	 ours[] = {
	"host", "expect", "upgrade", "te", "trailer", "keep-alive",
	"proxy-connection"
};

static void
text_add(struct text *t, const char *s, size_t len)
{
	size_t	 size;
	char	*new;

	if (t->failed)
		return;
	if (t->len + len + 1 > t->size) {
		size = (t->len + len + 1) * 2;
		if ((new = realloc(t->s, size)) == NULL) {
			t->failed = 1;
			return;
		}
		t->s = new;
		t->size = size;
	}
	memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = '\0';
}

static void
text_str(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

/* ---- messages ---- */

char *
rpc_json(const json_t *v, size_t flags)
{
	size_t	 n = json_dumpb(v, NULL, 0, flags);
	char	*s;

	if (n == 0 || (s = malloc(n + 1)) == NULL)
		return (NULL);
	if (json_dumpb(v, s, n, flags) != n) {
		free(s);
		return (NULL);
	}
	s[n] = '\0';
	return (s);
}

char *
rpc_text(const json_t *v)
{
	char	 buf[64];

	switch (v == NULL ? JSON_NULL : json_typeof(v)) {
	case JSON_STRING:
		return (strndup(json_string_value(v),
		    json_string_length(v)));
	case JSON_INTEGER:
		if (json_integer_value(v) == 0)
			return (strdup(""));
		snprintf(buf, sizeof(buf), "%" JSON_INTEGER_FORMAT,
		    json_integer_value(v));
		return (strdup(buf));
	case JSON_REAL:
		if (json_real_value(v) == 0.0)
			return (strdup(""));
		return (rpc_json(v, RPC_DUMP | JSON_ENCODE_ANY));
	case JSON_TRUE:
		return (strdup("True"));
	case JSON_ARRAY:
		return (json_array_size(v) == 0 ? strdup("") :
		    rpc_json(v, RPC_DUMP));
	case JSON_OBJECT:
		return (json_object_size(v) == 0 ? strdup("") :
		    rpc_json(v, RPC_DUMP));
	default:
		return (strdup(""));
	}
}

/* Without memory jansson may say that the text is wrong. */
static void *
message_malloc(size_t n)
{
	void	*p = malloc(n);

	lacked |= p == NULL;
	return (p);
}

void
rpc_message_start(void)
{
	json_set_alloc_funcs(message_malloc, free);
}

int
rpc_load(const char *text, size_t len, size_t flags, json_t **v)
{
	json_error_t	 error;

	lacked = 0;
	*v = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL |
	    flags, &error);
	return (*v == NULL && lacked ? -1 : 0);
}

int
rpc_message_parse(const char *text, size_t len, struct rpc_message *m)
{
	const json_t	*v;
	size_t		 i;

	memset(m, 0, sizeof(*m));
	if (rpc_load(text, len, 0, &m->object) == -1)
		return (-1);
	if (m->object != NULL && json_typeof(m->object) != JSON_OBJECT) {
		json_decref(m->object);
		m->object = NULL;
	}
	if (m->object == NULL)
		return ((m->id = strdup("")) == NULL ? -1 : 0);
	v = json_object_get(m->object, "type");
	for (i = 0; json_is_string(v) && i < nitems(types); i++) {
		if (strlen(types[i].name) == json_string_length(v) &&
		    strcmp(types[i].name, json_string_value(v)) == 0)
			m->type = types[i].type;
	}
	v = json_object_get(m->object, "id");
	if ((m->id = rpc_text(v)) == NULL) {
		rpc_message_free(m);
		return (-1);
	}
	/* With a NUL in it there is more of it than that. */
	m->bad_id = strlen(m->id) > RPC_ID_MAX || (json_is_string(v) &&
	    json_string_length(v) != strlen(m->id));
	return (0);
}

void
rpc_message_free(struct rpc_message *m)
{
	json_decref(m->object);
	free(m->id);
	m->object = NULL;
	m->id = NULL;
}

/* ---- requests ---- */

/* A null is as good as nothing. */
static int
given(const json_t *v)
{
	return (v != NULL && json_typeof(v) != JSON_NULL);
}

/*
 * As the other make reads it: what is not of the alphabet is not there, nor
 * is anything behind the padding.  What remains of it; -1: nothing can be
 * made of it.
 */
static ssize_t
base64_lenient(char *text, size_t len)
{
	size_t	 i, n = 0, pads = 0;

	for (i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x80)
			return (-1);
		if (text[i] == '=') {
			if (n % 4 >= 2 && n % 4 + ++pads >= 4)
				return (n);
		} else if (isalnum((unsigned char)text[i]) ||
		    text[i] == '+' || text[i] == '/') {
			pads = 0;
			text[n++] = text[i];
		}
	}
	return (n % 4 == 0 ? (ssize_t)n : -1);
}

/* The bytes that this text stands for, which is changed; 0: for none. */
static size_t
base64_cut(uint8_t *body, char *text, size_t len)
{
	ssize_t	 n = base64_lenient(text, len);
	size_t	 i, got = 0;

	if (n == -1)
		return (0);
	/* Stray bits behind the last byte are not looked at. */
	for (i = 0; i + 4 <= (size_t)n; i += 4)
		got += base64_decode(body + got, 3, text + i, 4);
	if (n - i >= 2) {
		memcpy(text + n, "AA", 4 - (n - i));
		if (base64_decode(body + got, 3, text + i, 4) == 3)
			got += n - i - 1;
	}
	return (got);
}

int
rpc_body(const json_t *request, size_t max, int cut, uint8_t **body,
    size_t *len, const char **error)
{
	const json_t	*v = json_object_get(request, "body_b64");
	const char	*text = "";
	size_t		 n = 0;
	ssize_t		 got;
	char		*copy;

	*error = RPC_BAD_BASE64;
	if (json_is_string(v)) {
		text = json_string_value(v);
		n = json_string_length(v);
	} else if (given(v) && !cut)
		return (-1);
	copy = cut ? malloc(n + 4) : NULL;
	*body = malloc(BASE64_BYTES(n) + 4);
	if (*body == NULL || (cut && copy == NULL)) {
		*error = "relay_error";
		free(copy);
		free(*body);
		*body = NULL;
		return (-1);
	}
	if (cut) {
		memcpy(copy, text, n);
		got = base64_cut(*body, copy, n);
		if ((size_t)got > max)
			got = max;
	} else
		got = base64_decode(*body, BASE64_BYTES(n) + 3, text, n);
	free(copy);
	if (got == -1 || (size_t)got > max) {
		if (got != -1)
			*error = RPC_BODY_TOO_LARGE;
		free(*body);
		*body = NULL;
		return (-1);
	}
	*len = got;
	return (0);
}

static int
dropped(const char *name)
{
	struct http_str	 s = { name, strlen(name) };
	size_t		 i;

	for (i = 0; i < nitems(ours); i++) {
		if (http_name_matches(&s, ours[i]))
			return (1);
	}
	return (0);
}

/* "GET /path?query HTTP/1.1\r\n" */
static int
add_target(struct text *t, const json_t *request)
{
	const json_t	*v;
	const char	*s = "GET";
	char		 buf[4];
	size_t		 i, len = 3;
	unsigned char	 c;

	v = json_object_get(request, "method");
	if (given(v)) {
		if (json_typeof(v) != JSON_STRING)
			return (-1);
		s = json_string_value(v);
		len = json_string_length(v);
		if (len == 0) {
			s = "GET";
			len = 3;
		}
	}
	if (!http_str_is_token(&(struct http_str){ s, len }))
		return (-1);
	for (i = 0; i < len; i++) {
		buf[0] = toupper((unsigned char)s[i]);
		text_add(t, buf, 1);
	}
	if (t->failed || strcmp(t->s, "CONNECT") == 0)
		return (-1);
	text_str(t, " ");
	v = json_object_get(request, "path");
	s = "/";
	len = 1;
	if (given(v)) {
		if (json_typeof(v) != JSON_STRING)
			return (-1);
		s = json_string_value(v);
		len = json_string_length(v);
	}
	for (i = 0; i < len; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return (-1);
	}
	/* It is a path here, whatever it looks like. */
	if (len == 0 || s[0] != '/')
		text_str(t, "/");
	for (i = 0; i < len && s[i] != '#'; i++) {
		c = s[i];
		if (c == ' ' || c >= 0x80) {
			snprintf(buf, sizeof(buf), "%%%02X", c);
			text_add(t, buf, 3);
		} else
			text_add(t, s + i, 1);
	}
	text_str(t, " HTTP/1.1\r\n");
	return (0);
}

static int
add_field(struct text *t, const char *name, size_t namelen, const json_t *v)
{
	struct http_str	 s;
	char		*value = NULL;
	int		 ret = -1;

	switch (json_typeof(v)) {
	case JSON_NULL:
		return (0);
	case JSON_OBJECT:
	case JSON_ARRAY:
		return (-1);
	case JSON_STRING:
		s.s = json_string_value(v);
		s.len = json_string_length(v);
		break;
	default:
		value = json_typeof(v) == JSON_FALSE ? strdup("False") :
		    json_typeof(v) == JSON_TRUE ? strdup("True") :
		    rpc_json(v, RPC_DUMP | JSON_ENCODE_ANY);
		if (value == NULL)
			return (-1);
		s.s = value;
		s.len = strlen(value);
	}
	if (http_str_is_text(&s)) {
		text_add(t, name, namelen);
		text_str(t, ": ");
		text_add(t, s.s, s.len);
		text_str(t, "\r\n");
		ret = 0;
	}
	free(value);
	return (ret);
}

/* What may be expected: the body is there already. */
static int
continues(const json_t *v)
{
	return (!given(v) || (json_typeof(v) == JSON_STRING &&
	    strcasecmp(json_string_value(v), "100-continue") == 0));
}

static int
add_fields(struct text *t, const json_t *request, size_t len)
{
	json_t		*headers = json_object_get(request, "headers"), *v;
	const char	*name;
	size_t		 was;
	char		 buf[64];
	int		 told = 0, expects = 0;

	if (given(headers)) {
		if (json_typeof(headers) != JSON_OBJECT)
			return (-1);
		json_object_foreach(headers, name, v) {
			struct http_str	 s = { name, strlen(name) };

			/* A name is to be one even if it is left out. */
			if (!http_str_is_token(&s))
				return (-1);
			/* And so is a value. */
			was = t->len;
			if (add_field(t, name, s.len, v) == -1)
				return (-1);
			if (http_name_matches(&s, "expect") &&
			    (expects++ > 0 || !continues(v)))
				return (-1);
			if (dropped(name) && !t->failed)
				t->s[t->len = was] = '\0';
			told |= http_str_caseeq(&s, "content-length") &&
			    given(v);
		}
	}
	if (!told && (len > 0 || strncmp(t->s, "POST ", 5) == 0 ||
	    strncmp(t->s, "PUT ", 4) == 0 ||
	    strncmp(t->s, "PATCH ", 6) == 0)) {
		snprintf(buf, sizeof(buf), "Content-Length: %zu\r\n", len);
		text_str(t, buf);
	}
	return (0);
}

int
rpc_head(const json_t *request, const char *host, size_t body, char **text,
    size_t *len)
{
	struct text	 t = { 0 };

	if (add_target(&t, request) == -1)
		goto fail;
	text_str(&t, "Host: ");
	text_str(&t, host);
	text_str(&t, "\r\n");
	if (t.failed || add_fields(&t, request, body) == -1)
		goto fail;
	text_str(&t, "\r\n");
	if (t.failed)
		goto fail;
	*text = t.s;
	*len = t.len;
	return (0);
fail:
	free(t.s);
	return (-1);
}

int
rpc_check(const json_t *request)
{
	char	*text;
	size_t	 len;

	if (rpc_head(request, "node", 0, &text, &len) == -1)
		return (-1);
	free(text);
	return (0);
}
