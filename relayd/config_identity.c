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
 * `identity` in relayd.conf: the fields that the backends of sites are told
 * who visits in.
 */

#include "compat.h"

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "http.h"

int
identity_conf_set(struct relayd_identity *id, const char *word,
    const char *name, char *err, size_t errlen)
{
	static const char *const words[] = IDENTITY_WORDS;
	static const char *const taken[] = {
		"Accept*", "Authorization", "Connection", "Content-*",
		"Cookie", "Date", "Expect", "Forwarded", "Host", "Keep-Alive",
		"Origin", "Proxy-*", "Range", "Sec-*", "TE", "Trailer",
		"Transfer-Encoding", "Upgrade", "Via", "X-Forwarded-*",
		"X-Request-Id"
	};
	struct http_str		 s = { name, strlen(name) };
	size_t			 i, what;

	for (what = 0; what < nitems(words); what++) {
		if (strcmp(words[what], word) == 0)
			break;
	}
	if (what == nitems(words)) {
		snprintf(err, errlen, "identity header %s: user, email or "
		    "name", word);
		return (-1);
	}
	if (s.len > 0 && (!http_str_is_token(&s) || s.len >= IDENTITY_LEN ||
	    strchr(name, '*') != NULL)) {
		snprintf(err, errlen, "identity header %s: %s is no name of "
		    "a field", word, name);
		return (-1);
	}
	for (i = 0; s.len > 0 && i < nitems(taken); i++) {
		if (http_name_matches(&s, taken[i])) {
			snprintf(err, errlen, "identity header %s: %s says "
			    "something else", word, name);
			return (-1);
		}
	}
	strlcpy(id->field[what], name, IDENTITY_LEN);
	return (0);
}
