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
 * The gate of a site.  Until there is a way to log in for visitors, only
 * public sites let anybody in.
 */

#include "compat.h"

#include <stdlib.h>

#include "http_gate.h"
#include "http_page.h"
#include "listener.h"

enum gate
gate_visit(struct conn *c, const struct http_head *head,
    const struct site *site, struct visitor **v)
{
	*v = NULL;
	if (site->access == SITE_PUBLIC)
		return (GATE_PASS);
	http_page(c, head, site, 401, "login", "this site is for those who "
	    "are logged in", "WWW-Authenticate: Bearer realm=\"culvert\"\r\n");
	return (GATE_ANSWERED);
}

void
gate_forget(struct conn *c)
{
}

struct visitor {
	struct stream_owner	 owner;
	struct session		 session;
	unsigned int		 refs;
};

struct visitor *
visitor_of_session(const struct session *s)
{
	struct visitor	*v;

	if ((v = calloc(1, sizeof(*v))) == NULL)
		return (NULL);
	v->refs = 1;
	v->session = *s;
	TAILQ_INIT(&v->owner.streams);
	SLIST_INIT(&v->owner.routes);
	owner_begin(&v->owner, s->session, s->conn);
	return (v);
}

struct visitor *
visitor_ref(struct visitor *v)
{
	if (v != NULL)
		v->refs++;
	return (v);
}

void
visitor_unref(struct visitor *v)
{
	if (v == NULL || --v->refs > 0)
		return;
	owner_end(&v->owner);
	free(v);
}

struct stream_owner *
visitor_owner(struct visitor *v)
{
	return (v == NULL ? NULL : &v->owner);
}

const char *
visitor_email(const struct visitor *v)
{
	return (v == NULL ? "" : v->session.email);
}

size_t
gate_fields(const struct http_head *head, const struct site *site,
    const struct visitor *v, struct http_set set[GATE_FIELDS_MAX])
{
	set[0].name = "X-Culvert-*";
	set[0].value = NULL;
	set[0].how = HTTP_SET_REPLACE;
	return (1);
}

int
gate_set_cookie_ok(const struct site *site, const struct http_str *value)
{
	return (1);
}
