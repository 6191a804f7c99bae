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


/* link: lib/relay_url.c lib/http_host.c lib/http_field.c */

/* max_len: 300 */

#include "compat.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http.h"
#include "relay_url.h"


/* What is accepted has one form, and that form is accepted as the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct relay_url	 url, again;
	struct http_str		 header;
	const char		*errstr = NULL;
	char			*s, out[RELAY_URL_MAX], host[HTTP_HOST_MAX];
	uint16_t		 port;

	must((s = malloc(size + 1)) != NULL);
	memcpy(s, data, size);
	s[size] = '\0';
	if (relay_url_parse(s, &url, &errstr) == -1) {
		must(errstr != NULL);
		free(s);
		return (0);
	}
	free(s);
	must(url.host[0] != '\0' && url.port != 0);
	must(relay_url_format(&url, out, sizeof(out)) == 0);
	must(relay_url_parse(out, &again, &errstr) == 0);
	must(memcmp(&url, &again, sizeof(url)) == 0);
	must(relay_url_host_header(&url, out, sizeof(out)) == 0);
	header.s = out;
	header.len = strlen(out);
	must(http_hostport(&header, host, &port) == 0);
	must(strcmp(host, url.host) == 0);
	must(port == url.port || (port == 0 &&
	    url.port == (url.tls ? 443 : 80)));
	return (0);
}
