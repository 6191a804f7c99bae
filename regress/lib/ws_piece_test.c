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


/* link: lib/ws.c lib/ws_piece.c lib/base64.c */
/* libs: libcrypto */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ws.h"

static const uint8_t	 key[4] = { 0x37, 0xfa, 0x21, 0x3d };

static uint8_t		 wire[300000];
static size_t		 wirelen;
static char		 got[300000];
static size_t		 gotlen;

static void
put(int first, const char *payload, size_t len)
{
	uint8_t	 head[WS_HEAD_MAX];
	size_t	 n = ws_head(head, WS_TEXT, len, key);

	head[0] = first;
	memcpy(wire + wirelen, head, n);
	ws_mask(wire + wirelen + n, (const uint8_t *)payload, len, key, 0);
	wirelen += n + len;
}

/* What comes of it in pieces of at most so many bytes; the close code. */
static int
run(size_t step, size_t max)
{
	static uint8_t	 buf[300000];
	struct ws	 ws;
	struct ws_event	 ev;
	enum ws_result	 r;
	size_t		 have = 0, off = 0;
	int		 code = 0;

	gotlen = 0;
	ws_init(&ws, WS_SERVER, max);
	while (code == 0) {
		r = ws_piece(&ws, buf, have, &ev);
		if (r == WS_PIECE) {
			memcpy(got + gotlen, ev.data, ev.len);
			gotlen += ev.len;
			if (ev.last)
				got[gotlen++] = '|';
			assert_true(ev.len > 0 || ev.last);
		} else if (r == WS_CONTROL)
			got[gotlen++] = ev.opcode == WS_CLOSE ? 'C' : 'P';
		else if (r == WS_ERROR)
			code = ws.close_code;
		memmove(buf, buf + ev.consumed, have - ev.consumed);
		have -= ev.consumed;
		if (r != WS_MORE)
			continue;
		if (off == wirelen)
			break;
		if (step > wirelen - off)
			step = wirelen - off;
		memcpy(buf + have, wire + off, step);
		have += step;
		off += step;
	}
	got[gotlen] = '\0';
	ws_done(&ws);
	return (code);
}

static void
same_for_any_cut(void **state)
{
	static char	 big[70001];
	size_t		 step;

	wirelen = 0;
	memset(big, 'x', sizeof(big) - 1);
	put(0x81, "hello", 5);
	put(0x81, "", 0);
	put(0x01, "a", 1);
	put(0x89, "ping", 4);
	put(0x00, "", 0);
	put(0x00, "b\xc3", 2);
	put(0x80, "\xa9", 1);
	put(0x82, "\xff\xfe", 2);
	put(0x01, "c", 1);
	put(0x80, "", 0);
	put(0x81, big, 70000);
	put(0x88, "\x03\xe8", 2);
	put(0x81, "after", 5);
	for (step = 1; step < 40; step++) {
		assert_int_equal(run(step, 100000), 0);
		assert_int_equal(gotlen, 5 + 1 + 1 + 1 + 1 + 3 + 1 + 2 + 1 +
		    1 + 1 + 70000 + 1 + 1);
		assert_memory_equal(got, "hello||aPb\xc3\xa9|\xff\xfe|c|xx",
		    20);
		assert_int_equal(got[gotlen - 1], 'C');
	}
	assert_int_equal(run(sizeof(wire), 100000), 0);
	assert_memory_equal(got, "hello||aPb\xc3\xa9|\xff\xfe|c|xx", 20);
}

static void
errors(void **state)
{
	static const struct {
		int		 first[3];
		const char	*payload[3];
		int		 code;
	}		 cases[] = {
		{ { 0x81 }, { "\xff" }, 1007 },
		{ { 0x81 }, { "\xc3" }, 1007 },
		{ { 0x01, 0x80 }, { "\xc3", "" }, 1007 },
		{ { 0x80 }, { "x" }, 1002 },
		{ { 0x01, 0x81 }, { "x", "y" }, 1002 },
		{ { 0xc1 }, { "x" }, 1002 },
		{ { 0x83 }, { "x" }, 1002 },
		{ { 0x09 }, { "x" }, 1002 },
		{ { 0x81 }, { "12345678901" }, 1009 },
		{ { 0x01, 0x80 }, { "123456", "12345" }, 1009 },
	};
	size_t		 i, k, step;

	for (i = 0; i < nitems(cases); i++) {
		wirelen = 0;
		for (k = 0; k < 3 && cases[i].first[k] != 0; k++)
			put(cases[i].first[k], cases[i].payload[k],
			    strlen(cases[i].payload[k]));
		for (step = 1; step < 20; step++)
			assert_int_equal(run(step, 10), cases[i].code);
	}
	/* At the limit. */
	wirelen = 0;
	put(0x01, "12345", 5);
	put(0x80, "67890", 5);
	put(0x81, "1234567890", 10);
	assert_int_equal(run(3, 10), 0);
	assert_string_equal(got, "1234567890|1234567890|");
}

static void
fragments_are_counted(void **state)
{
	int	 i;

	wirelen = 0;
	put(0x01, "", 0);
	for (i = 0; i < WS_FRAGMENTS_MAX - 1; i++)
		put(0x00, "x", 1);
	assert_int_equal(run(1000, 10000), 0);
	put(0x80, "", 0);
	assert_int_equal(run(1000, 10000), 1008);
}

/* What a server sends has no key; and nothing comes behind an error. */
static void
a_client_reads_without_a_key(void **state)
{
	uint8_t		 buf[] = "\x81\x05hello\x01\x01x";
	uint8_t		 bad[] = { 0x83, 0x00 };
	struct ws	 ws;
	struct ws_event	 ev;

	ws_init(&ws, WS_CLIENT, 10);
	assert_int_equal(ws_piece(&ws, buf, 4, &ev), WS_PIECE);
	assert_int_equal(ev.consumed, 4);
	assert_int_equal(ev.len, 2);
	assert_memory_equal(ev.data, "he", 2);
	assert_int_equal(ws_piece(&ws, buf + 4, 3, &ev), WS_PIECE);
	assert_int_equal(ev.last, 1);
	assert_memory_equal(ev.data, "llo", 3);
	assert_int_equal(ws_piece(&ws, buf + 7, 3, &ev), WS_PIECE);
	assert_int_equal(ev.last, 0);
	assert_int_equal(ws_piece(&ws, bad, sizeof(bad), &ev), WS_ERROR);
	assert_int_equal(ws_piece(&ws, buf, 7, &ev), WS_ERROR);
	assert_int_equal(ev.consumed, 0);
	assert_int_equal(ws.close_code, 1002);
	ws_done(&ws);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(same_for_any_cut),
		cmocka_unit_test(errors),
		cmocka_unit_test(fragments_are_counted),
		cmocka_unit_test(a_client_reads_without_a_key),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
