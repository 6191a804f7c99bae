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
 * Pages of the relay's own for people: no script, nothing from elsewhere, in
 * no frame.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "http_gate_internal.h"
#include "textbuf.h"

#define PAGE_MAX	(64 * 1024)
#define FIELDS_MAX	16384

static const char	 style[] =
	"body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;"
	"max-width:24em;padding:0 1em;color:#222;background:#fff}"
	"h1{font-size:1.5em}label,input,button{display:block;width:100%;"
	"box-sizing:border-box;font:inherit}input,button{padding:.5em;"
	"margin:.2em 0 1em}.bad{color:#b00020}small{color:#666}"
	"@media(prefers-color-scheme:dark){body{color:#ddd;"
	"background:#111}small{color:#999}.bad{color:#ff8a80}}";

void
web_page(struct conn *c, int status, const char *title, const char *html,
    const char *action, const char *extra)
{
	static char	 fields[FIELDS_MAX];
	struct textbuf	 t;

	textbuf_init(&t, PAGE_MAX);
	textbuf_add(&t, "<!DOCTYPE html>\n<html lang=\"en\"><head>"
	    "<meta charset=\"utf-8\">"
	    "<meta name=\"viewport\" content=\"width=device-width\">"
	    "<title>%s</title>\n<style>%s</style></head>\n"
	    "<body><h1>%s</h1>\n%s\n<hr><small>Culvert, a relay</small>"
	    "</body></html>\n", title, style, title, html);
	snprintf(fields, sizeof(fields), "Content-Security-Policy: "
	    "default-src 'none'; style-src 'unsafe-inline'; form-action "
	    "'self'%s%s; frame-ancestors 'none'; base-uri 'none'\r\n"
	    "X-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n%s",
	    action == NULL ? "" : " ", action == NULL ? "" : action,
	    extra == NULL ? "" : extra);
	if (t.failed)
		conn_error(c, NULL, 500, "no memory for the page", NULL);
	else
		conn_respond(c, status, "text/html; charset=utf-8", fields,
		    t.s);
	explicit_bzero(fields, sizeof(fields));
	textbuf_free(&t);
}

/* What the client calls itself, to be shown to people: printable, cut. */
void
web_software(const struct http_str *agent, char out[CTL_TEXT_LEN])
{
	size_t	 i;

	for (i = 0; i < agent->len && i < CTL_TEXT_LEN - 1; i++)
		out[i] = agent->s[i] >= ' ' && agent->s[i] < '\177' ?
		    agent->s[i] : '?';
	out[i] = '\0';
}
