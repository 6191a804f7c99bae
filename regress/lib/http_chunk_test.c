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
 * link: lib/http_body.c lib/http_chunk.c
 * link: lib/http.c lib/http_field.c lib/http_host.c
 */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_body.h"

static void
chunk(const char *data, int last, const char *want)
{
	char	*buf;
	size_t	 n = strlen(data), len;

	/* Exactly as much room as it may take. */
	buf = malloc(HTTP_CHUNK_FRONT + n + HTTP_CHUNK_BACK);
	assert_non_null(buf);
	memcpy(buf + HTTP_CHUNK_FRONT, data, n);
	len = http_chunk(buf, n, last);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(buf, want, len);
	free(buf);
}

static void
chunks(void **state)
{
	chunk("", 0, "");
	chunk("", 1, "0\r\n\r\n");
	chunk("a", 0, "000001\r\na\r\n");
	chunk("a", 1, "000001\r\na\r\n0\r\n\r\n");
	chunk("0123456789abcdef!", 0, "000011\r\n0123456789abcdef!\r\n");
}

static void
large_chunk(void **state)
{
	char	*buf;
	size_t	 n = 0xabcdef;

	buf = malloc(HTTP_CHUNK_FRONT + n + HTTP_CHUNK_BACK);
	assert_non_null(buf);
	memset(buf, 'x', HTTP_CHUNK_FRONT + n);
	assert_int_equal(http_chunk(buf, n, 1), n + 15);
	assert_memory_equal(buf, "abcdef\r\nx", 9);
	assert_memory_equal(buf + HTTP_CHUNK_FRONT + n - 1, "x\r\n0\r\n\r\n",
	    8);
	free(buf);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(chunks),
		cmocka_unit_test(large_chunk),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
