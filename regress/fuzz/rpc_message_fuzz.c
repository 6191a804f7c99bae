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


/* link: relayd/rpc_message.c relayd/rpc_answer.c lib/base64.c lib/ws.c
 * lib/http*.c */
/* libs: jansson libcrypto */

/*
 * What a client says: whatever request comes of it is one that our parser
 * takes whole, to the last byte and not beyond, or refuses.
 */

/* max_len: 512 */

#include "compat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http_message.h"
#include "rpc_message.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head	 head;
	struct rpc_message	 m;
	const char		*error;
	uint8_t			*body = NULL;
	size_t			 len = 0, n;
	ssize_t			 got;
	char			*text;
	int			 status, cut;

	if (rpc_message_parse((const char *)data, size, &m) == -1)
		return (0);
	for (cut = 0; m.object != NULL && cut < 2; cut++) {
		if (rpc_body(m.object, 64, cut, &body, &len, &error) == -1)
			continue;
		must(len <= 64);
		if (rpc_head(m.object, "pi", len, &text, &n) == 0) {
			must(strlen(text) == n);
			got = http_parse_request(text, n, HTTP_HEAD_MAX,
			    &head, &status);
			must(got == -1 || got == (ssize_t)n);
			must(rpc_check(m.object) == 0);
			free(text);
		}
		must(rpc_set_body(m.object, body, len) == 0);
		text = rpc_with_id(m.object, "x", &n);
		must(text != NULL);
		free(text);
		free(body);
	}
	rpc_message_free(&m);
	return (0);
}
