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
 * Pages of the relay's own, where a site or its backend has no answer.
 */

#include "compat.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "door_http.h"
#include "http_page.h"
#include "listener.h"
#include "msg_site.h"

#define TEXT_MAX	512
#define BODY_MAX	4096

static void	page_safe(const char *, char[TEXT_MAX]);
static void	page_seen(const struct site *, int, const char *,
		    char[TEXT_MAX]);
static int	page_html(char *, size_t, int, const char *, const char *,
		    const char *);
static int	page_json(char *, size_t, int, const char *, const char *,
		    const char *);

/* Some texts repeat what the network said. */
static void
page_safe(const char *text, char safe[TEXT_MAX])
{
	char	*p;

	strlcpy(safe, text, TEXT_MAX);
	for (p = safe; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~' || strchr("\"\\<>&", *p) != NULL)
			*p = '?';
	}
}

/* When the node was there last; empty if that does not say anything. */
static void
page_seen(const struct site *site, int status, const char *word,
    char seen[TEXT_MAX])
{
	char		 date[64];
	struct tm	 tm;
	time_t		 t;

	seen[0] = '\0';
	if (site == NULL || status != 503)
		return;
	if (strcmp(word, "gone") == 0)
		/* What is known of the site may not have heard of that. */
		t = time(NULL);
	else if (!site->online && site->last_seen != 0)
		t = site->last_seen;
	else
		return;
	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		return;
	snprintf(seen, TEXT_MAX, "last seen %s", date);
}

static int
page_html(char *body, size_t size, int status, const char *text,
    const char *seen, const char *id)
{
	return (snprintf(body, size, "<!DOCTYPE html>\n"
	    "<html lang=\"en\"><head><meta charset=\"utf-8\">"
	    "<meta name=\"viewport\" content=\"width=device-width\">"
	    "<title>%d %s</title>\n"
	    "<style>body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;"
	    "max-width:36em;padding:0 1em;color:#222;background:#fff}"
	    "h1{font-size:1.5em}small{color:#666}"
	    "@media(prefers-color-scheme:dark){body{color:#ddd;"
	    "background:#111}small{color:#999}}</style></head>\n"
	    "<body><h1>%d %s</h1>\n<p>%c%s.</p>\n%s%s%s"
	    "<hr><small>Culvert, a relay: this page is not from the device."
	    "%s%s</small></body></html>\n", status, http_reason(status),
	    status, http_reason(status), toupper((unsigned char)text[0]),
	    text[0] != '\0' ? text + 1 : "", seen[0] != '\0' ? "<p>The "
	    "device was " : "", seen, seen[0] != '\0' ? ".</p>\n" : "",
	    id[0] != '\0' ? " Request " : "", id));
}

static int
page_json(char *body, size_t size, int status, const char *word,
    const char *text, const char *id)
{
	return (snprintf(body, size, "{\"error\":\"%s\",\"code\":\"%s\","
	    "\"status\":%d,\"request_id\":\"%s\"}\n", text, word, status,
	    id));
}

void
http_page(struct conn *c, const struct http_head *head,
    const struct site *site, int status, const char *word, const char *text,
    const char *extra)
{
	static char	 body[BODY_MAX], fields[BODY_MAX];
	char		 safe[TEXT_MAX], seen[TEXT_MAX];
	char		 said[2 * TEXT_MAX + 4];
	const char	*id = door_http_id(c);
	int		 html, n;

	html = head != NULL ? http_accepts_html(head) : door_http_html(c);
	page_safe(text, safe);
	page_seen(site, status, word, seen);
	snprintf(said, sizeof(said), "%s%s%s", safe, seen[0] != '\0' ? ": " :
	    "", seen);
	if (html)
		page_html(body, sizeof(body), status, safe, seen, id);
	else
		page_json(body, sizeof(body), status, word, said, id);
	n = snprintf(fields, sizeof(fields), HTTP_PAGE_ERROR ": %s\r\n%s%s%s"
	    "%s%s", word, id[0] != '\0' ? "X-Request-Id: " : "", id,
	    id[0] != '\0' ? "\r\n" : "", html ?
	    "Content-Security-Policy: default-src 'none'; "
	    "style-src 'unsafe-inline'\r\n" : "", extra == NULL ? "" : extra);
	if (n < 0 || (size_t)n >= sizeof(fields)) {
		/* Never half a line. */
		strlcpy(fields, HTTP_PAGE_ERROR ": internal\r\n",
		    sizeof(fields));
	}
	door_http_word(c, word);
	conn_respond(c, status, html ? "text/html; charset=utf-8" :
	    "application/json", fields, body);
}

const char *
http_page_retry(unsigned int seconds)
{
	static char	 buf[sizeof("Retry-After: 4294967295\r\n")];

	snprintf(buf, sizeof(buf), "Retry-After: %u\r\n", seconds);
	return (buf);
}
