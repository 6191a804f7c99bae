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

/* link: regress/lib/ws_steps.c lib/ws.c lib/base64.c */
/* libs: libcrypto */
/* flags: -Wl,--wrap=realloc */

#include "compat.h"

#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ws.h"
#include "ws_steps.h"

static void
framing(void **state)
{
	static const struct ws_case cases[] = {
		{ "text", { F(TEXT, "hello") }, "text 5 hello; " },
		{ "binary", { F(BINARY, "\0\xff") }, "binary 2 \\00\\ff; " },
		{ "empty text", { F(TEXT, "") }, "text 0 ; " },
		{ "empty binary", { F(BINARY, "") }, "binary 0 ; " },
		{ "two", { F(TEXT, "a"), F(BINARY, "b") },
		    "text 1 a; binary 1 b; " },
		{ "RSV1", { F(TEXT | 0x40, "a") }, "error 1002" },
		{ "RSV2", { F(BINARY | 0x20, "a") }, "error 1002" },
		{ "RSV3", { F(PING | 0x10, "a") }, "error 1002" },
		{ "all RSV", { F(CLOSE | 0x70, "") }, "error 1002" },
		{ "RSV behind a good one", { F(TEXT, "a"), F(TEXT | 0x40, "") },
		    "text 1 a; error 1002" },
		{ "RSV in a continuation", { F(WS_TEXT, "a"),
		    F(CONT | 0x40, "b") }, "error 1002" },
		{ "opcode 3", { F(FIN | 3, "a") }, "error 1002" },
		{ "opcode 4", { F(FIN | 4, "") }, "error 1002" },
		{ "opcode 5", { F(FIN | 5, "") }, "error 1002" },
		{ "opcode 6", { F(FIN | 6, "") }, "error 1002" },
		{ "opcode 7", { F(7, "") }, "error 1002" },
		{ "opcode 11", { F(FIN | 11, "") }, "error 1002" },
		{ "opcode 12", { F(FIN | 12, "") }, "error 1002" },
		{ "opcode 13", { F(FIN | 13, "") }, "error 1002" },
		{ "opcode 14", { F(FIN | 14, "") }, "error 1002" },
		{ "opcode 15", { F(FIN | 15, "") }, "error 1002" },
	};

	run_cases(cases, nitems(cases));
}

static void
control_frames(void **state)
{
	static const struct ws_case cases[] = {
		{ "ping", { F(PING, "a\0b") }, "ping 3 a\\00b; " },
		{ "empty ping", { F(PING, "") }, "ping 0 ; " },
		{ "pong nobody asked for", { F(PONG, "x") }, "pong 1 x; " },
		{ "125", { { PING, x125, 125, 0 } },
		    "ping 125 xxxxxxxxxxxxxxxx; " },
		{ "126", { { PING, "", 0, 2 } }, "error 1002" },
		{ "127", { { PONG, "", 0, 8 } }, "error 1002" },
		{ "close, 126", { { CLOSE, "", 0, 2 } }, "error 1002" },
		{ "fragmented ping", { F(WS_PING, "a") }, "error 1002" },
		{ "fragmented pong", { F(WS_PONG, "") }, "error 1002" },
		{ "fragmented close", { F(WS_CLOSE, "") }, "error 1002" },
		{ "binary that is not UTF-8", { F(PING, "\xff") },
		    "ping 1 \\ff; " },
	};

	run_cases(cases, nitems(cases));
}

static void
fragments(void **state)
{
	static const struct ws_case cases[] = {
		{ "two", { F(WS_TEXT, "ab"), F(CONT, "cd") },
		    "text 4 abcd; " },
		{ "three", { F(WS_BINARY, "a"), F(WS_CONT, "\xff"),
		    F(CONT, "c") }, "binary 3 a\\ffc; " },
		{ "empty ones", { F(WS_TEXT, ""), F(WS_CONT, ""),
		    F(CONT, "") }, "text 0 ; " },
		{ "empty binary ones", { F(WS_BINARY, ""), F(CONT, "") },
		    "binary 0 ; " },
		{ "some empty", { F(WS_TEXT, ""), F(WS_CONT, "a"),
		    F(WS_CONT, ""), F(CONT, "") }, "text 1 a; " },
		{ "two messages", { F(WS_TEXT, "a"), F(CONT, "b"),
		    F(WS_BINARY, "c"), F(CONT, "d"), F(TEXT, "e") },
		    "text 2 ab; binary 2 cd; text 1 e; " },
		{ "controls between", { F(WS_TEXT, "a"), F(PING, "p"),
		    F(WS_CONT, "b"), F(PONG, "q"), F(CONT, "c") },
		    "ping 1 p; pong 1 q; text 3 abc; " },
		{ "close between", { F(WS_TEXT, "a"),
		    F(CLOSE, "\x03\xe8"), F(CONT, "b") },
		    "close 1000 0 ; " },
		{ "never ended", { F(WS_TEXT, "a"), F(WS_CONT, "b") }, "" },
		{ "continuation of nothing", { F(CONT, "a") }, "error 1002" },
		{ "same, without FIN", { F(WS_CONT, "a") }, "error 1002" },
		{ "continuation behind a message", { F(TEXT, "a"),
		    F(CONT, "b") }, "text 1 a; error 1002" },
		{ "continuation behind the last", { F(WS_TEXT, "a"),
		    F(CONT, "b"), F(CONT, "c") }, "text 2 ab; error 1002" },
		{ "text inside", { F(WS_TEXT, "a"), F(TEXT, "b") },
		    "error 1002" },
		{ "binary inside", { F(WS_BINARY, "a"), F(WS_CONT, "b"),
		    F(WS_BINARY, "c") }, "error 1002" },
	};

	run_cases(cases, nitems(cases));
}

static void
utf8_text(void **state)
{
	static const struct ws_case cases[] = {
		{ "one to four bytes", { F(TEXT, "a\xc2\x80\xe0\xa0\x80"
		    "\xf0\x90\x80\x80\xed\x9f\xbf") }, "text 13 "
		    "a\\c2\\80\\e0\\a0\\80\\f0\\90\\80\\80\\ed\\9f\\bf; " },
		{ "the last ones", { F(TEXT, "\xdf\xbf\xef\xbf\xbf"
		    "\xf4\x8f\xbf\xbf") }, "text 9 "
		    "\\df\\bf\\ef\\bf\\bf\\f4\\8f\\bf\\bf; " },
		{ "NUL", { F(TEXT, "\0") }, "text 1 \\00; " },
		{ "cut in a character", { F(WS_TEXT, "\xf0\x90"),
		    F(WS_CONT, ""), F(WS_CONT, "\x80"), F(CONT, "\x80") },
		    "text 4 \\f0\\90\\80\\80; " },
		{ "same, with a ping", { F(WS_TEXT, "\xc3"), F(PING, "\xff"),
		    F(CONT, "\xa9") }, "ping 1 \\ff; text 2 \\c3\\a9; " },
		{ "ends in a character", { F(TEXT, "a\xc3") }, "error 1007" },
		{ "ends in one, fragments", { F(WS_TEXT, "\xe2\x82"),
		    F(CONT, "") }, "error 1007" },
		{ "next frame goes wrong", { F(WS_TEXT, "\xe2\x82"),
		    F(WS_CONT, "a") }, "error 1007" },
		{ "bad one behind a good one", { F(TEXT, "a"),
		    F(TEXT, "\x80") }, "text 1 a; error 1007" },
		{ "a broken one leaves nothing behind", { F(BINARY, "\xc3"),
		    F(TEXT, "a") }, "binary 1 \\c3; text 1 a; " },
		{ "bad in a long run", { F(TEXT, "0123456789abcdef0123\xc0"
		    "456789") }, "error 1007" },
	};

	run_cases(cases, nitems(cases));
}

/* Each of these must be refused at its last byte, and not before. */
static void
utf8_fails_at_the_bad_byte(void **state)
{
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0", "\xc1", "\xf5", "\xfe", "\xff",
		"a\x80", "\xc2\x7f", "\xc2\xc0", "\xdf" "a",
		"\xe0\x9f", "\xe0\x80", "\xe1\x7f", "\xe1\x80\x7f",
		"\xe1\x80\xc0", "\xed\xa0", "\xed\xbf", "\xef\xbf" "a",
		"\xf0\x8f", "\xf0\x80", "\xf0\x90\x7f", "\xf0\x90\x80\xc0",
		"\xf1\x80\x80" "a", "\xf4\x90", "\xf4\x8f\xbf\xc0",
		"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0",
		"01234567\xff",
	};
	char	 payload[2000];
	size_t	 i, j, n, front, head;

	for (i = 0; i < nitems(bad); i++)
		for (j = 0; j < nitems(roles); j++)
			for (front = 0; front < 1200; front += 400) {
				memset(payload, 'x', sizeof(payload));
				n = strlen(bad[i]);
				memcpy(payload + front, bad[i], n);
				input_len = 0;
				put(roles[j], TEXT, payload, sizeof(payload),
				    0);
				head = input_len - sizeof(payload);
				assert_int_equal(parse(roles[j], MAX, 1),
				    head + front + n);
				assert_string_equal(said, "error 1007");
				parse(roles[j], MAX, 0);
				assert_string_equal(said, "error 1007");
				/* Long pieces, of which nothing is whole. */
				input_len--;
				parse(roles[j], MAX, 0);
				assert_string_equal(said, "error 1007");
			}
}

static void
close_frames(void **state)
{
	static const struct ws_case cases[] = {
		{ "empty", { F(CLOSE, "") }, "close 1005 0 ; " },
		{ "one byte", { F(CLOSE, "\x03") }, "error 1002" },
		{ "code", { F(CLOSE, "\x03\xe8") }, "close 1000 0 ; " },
		{ "reason", { F(CLOSE, "\x0f\xa0why\xc3\xa9") },
		    "close 4000 5 why\\c3\\a9; " },
		{ "bad reason", { F(CLOSE, "\x03\xe8\xff") }, "error 1007" },
		{ "cut reason", { F(CLOSE, "\x03\xe8" "a\xc3") },
		    "error 1007" },
		{ "bad code and reason", { F(CLOSE, "\x03\xed\xff") },
		    "error 1002" },
		{ "data behind", { F(CLOSE, "\x03\xe8"), F(TEXT, "a") },
		    "close 1000 0 ; " },
		{ "close behind", { F(CLOSE, ""), F(CLOSE, "") },
		    "close 1005 0 ; " },
		{ "nonsense behind", { F(CLOSE, ""), F(0x7f, "a") },
		    "close 1005 0 ; " },
	};
	char	 payload[126] = "\x03\xe8", want[32];
	size_t	 i;
	int	 code, valid;

	run_cases(cases, nitems(cases));

	memset(payload + 2, 'r', 123);
	for (i = 0; i < nitems(roles); i++) {
		input_len = 0;
		put(roles[i], CLOSE, payload, 125, 0);
		expect(roles[i], "125", "close 1000 123 rrrrrrrrrrrrrrrr; ");
	}

	for (code = -1; code <= 70000; code++) {
		valid = (code >= 1000 && code <= 1014 && code != 1004 &&
		    code != 1005 && code != 1006) ||
		    (code >= 3000 && code <= 4999);
		assert_int_equal(ws_close_code_valid(code), valid);
		if (code < 0 || code > 65535 || (code > 1100 && code % 100 > 1))
			continue;
		payload[0] = code >> 8;
		payload[1] = code & 0xff;
		input_len = 0;
		put(WS_SERVER, CLOSE, payload, 2, 0);
		snprintf(want, sizeof(want), "close %d 0 ; ", code);
		expect(WS_SERVER, "code", valid ? want : "error 1002");
	}
}

static void
lengths(void **state)
{
	static const size_t	 good[] = { 0, 1, 124, 125, 126, 127, 128,
				    255, 256, 1000, 65535, 65536, MAX };
	static const struct ws_case cases[] = {
		{ "0 in 16 bits", { F2(TEXT, "") }, "error 1002" },
		{ "5 in 16 bits", { F2(TEXT, "hello") }, "error 1002" },
		{ "125 in 16 bits", { { TEXT, x125, 125, 2 } }, "error 1002" },
		{ "5 in 64 bits", { F8(TEXT, "hello") }, "error 1002" },
		{ "125 in 64 bits", { { TEXT, x125, 125, 8 } }, "error 1002" },
		{ "fragment in 16 bits", { F(WS_TEXT, "a"), F2(CONT, "b") },
		    "error 1002" },
	};
	char	*payload, want[64];
	size_t	 i, j, k, n;

	run_cases(cases, nitems(cases));
	assert_non_null(payload = malloc(MAX));
	for (i = 0; i < MAX; i++)
		payload[i] = 'a' + i % 26;
	for (i = 0; i < nitems(good); i++)
		for (j = 0; j < nitems(roles); j++) {
			input_len = 0;
			put(roles[j], BINARY, payload, good[i], 0);
			put(roles[j], TEXT, payload, good[i], 0);
			n = (size_t)snprintf(want, sizeof(want), "%zu ",
			    good[i]);
			for (k = 0; k < good[i]; k++)
				if (k < 8 || k + 8 >= good[i])
					want[n++] = payload[k];
			want[n] = '\0';
			parse(roles[j], MAX, good[i] > 5000 ? 4096 : 1);
			assert_memory_equal(said, "binary ", 7);
			assert_memory_equal(said + 7, want, strlen(want));
			assert_non_null(strstr(said, "; text "));
		}
	/* The longest that 16 bits hold, in 64. */
	input_len = 0;
	put(WS_CLIENT, BINARY, payload, 65535, 8);
	expect(WS_CLIENT, "65535 in 64 bits", "error 1002");
	free(payload);
}

static void
length_top_bit(void **state)
{
	const uint8_t	 head[] = { BINARY, 127, 0x80, 0, 0, 0, 0, 0, 0, 0 };

	memcpy(input, head, input_len = sizeof(head));
	expect(WS_CLIENT, "top bit", "error 1002");
	input[2] = 0x7f;
	expect(WS_CLIENT, "2^63 - 1", "error 1009");
	/* No message_max lets a frame's length wrap. */
	memset(input + 2, 0xff, 8);
	input[2] = 0x7f;
	parse(WS_CLIENT, SIZE_MAX, 0);
	assert_string_equal(said, "");
}

static void
too_big_before_the_payload(void **state)
{
	size_t	 i;

	for (i = 0; i < nitems(roles); i++) {
		input_len = 0;
		put(roles[i], BINARY, "", 0, 0);
		put(roles[i], BINARY, x125, 101, 0);
		/* Head without mask key: two empty ones and the byte 101. */
		assert_int_equal(parse(roles[i], 100, 1),
		    roles[i] == WS_SERVER ? 8 : 4);
		assert_string_equal(said, "binary 0 ; error 1009");

		input_len = 0;
		put(roles[i], WS_TEXT, x125, 60, 0);
		put(roles[i], PING, x125, 125, 0);
		put(roles[i], WS_CONT, x125, 40, 0);
		put(roles[i], WS_CONT, "", 0, 0);
		put(roles[i], CONT, x125, 1, 0);
		parse(roles[i], 100, 1);
		assert_string_equal(said,
		    "ping 125 xxxxxxxxxxxxxxxx; error 1009");
		parse(roles[i], 100, 0);
		assert_string_equal(said,
		    "ping 125 xxxxxxxxxxxxxxxx; error 1009");
		parse(roles[i], 101, 0);
		assert_string_equal(said, "ping 125 xxxxxxxxxxxxxxxx; "
		    "text 101 xxxxxxxxxxxxxxxx; ");
	}

	input_len = 0;
	put(WS_CLIENT, TEXT, "", 0, 0);
	put(WS_CLIENT, TEXT, "x", 1, 0);
	parse(WS_CLIENT, 0, 0);
	assert_string_equal(said, "text 0 ; error 1009");
}

static void
masked_as_the_role_demands(void **state)
{
	input_len = 0;
	put(WS_CLIENT, TEXT, "a", 1, 0);
	expect(WS_SERVER, "not masked", "error 1002");
	input_len = 0;
	put(WS_CLIENT, PING, "", 0, 0);
	expect(WS_SERVER, "ping not masked", "error 1002");
	input_len = 0;
	put(WS_SERVER, TEXT, "a", 1, 0);
	expect(WS_CLIENT, "masked", "error 1002");
	expect(WS_INTERNAL, "masked", "error 1002");
	input_len = 0;
	put(WS_SERVER, CLOSE, "", 0, 0);
	expect(WS_CLIENT, "close masked", "error 1002");
}

static void
fragments_are_counted(void **state)
{
	size_t	 i, j, k;

	for (i = 0; i < nitems(roles); i++)
		for (j = 0; j < 2; j++) {
			input_len = 0;
			put(roles[i], WS_BINARY, "a", 1, 0);
			for (k = 1; k < WS_FRAGMENTS_MAX - 1 + j; k++) {
				put(roles[i], WS_CONT, "b", k % 2, 0);
				put(roles[i], PONG, "", 0, 0);
			}
			put(roles[i], CONT, "c", 1, 0);
			parse(roles[i], MAX, 1);
			assert_non_null(strstr(said, j == 0 ?
			    "binary 513 abbbbbbbbbbbbbbc; " : "error 1008"));
			parse(roles[i], MAX, 0);
			assert_non_null(strstr(said, j == 0 ?
			    "binary 513 abbbbbbbbbbbbbbc; " : "error 1008"));
		}
}

static void
large_fragments(void **state)
{
	char	*payload;
	size_t	 i, k;

	assert_non_null(payload = malloc(20000));
	memset(payload, 'y', 20000);
	for (i = 0; i < nitems(roles); i++) {
		input_len = 0;
		put(roles[i], WS_TEXT, payload, 10000, 0);
		for (k = 0; k < 2; k++)
			put(roles[i], WS_CONT, payload, 20000, 0);
		put(roles[i], CONT, payload, 20000, 0);
		expect(roles[i], "70000", "text 70000 yyyyyyyyyyyyyyyy; ");
	}
	free(payload);
}

static void
no_memory_for_fragments(void **state)
{
	input_len = 0;
	put(WS_CLIENT, WS_TEXT, "a", 1, 0);
	no_memory = 1;
	parse(WS_CLIENT, MAX, 0);
	no_memory = 0;
	assert_string_equal(said, "error 1011");
}

/* A caller that reads no more than it is told to. */
static void
need_is_exact(void **state)
{
	struct ws_event	 ev;
	struct ws	 ws;
	uint8_t		 buf[600] = { 0 };
	size_t		 i, need, n, heads[] = { 6, 8 };

	for (i = 0; i < 2; i++) {
		input_len = 0;
		put(WS_SERVER, BINARY, buf, i == 0 ? 100 : 500, 0);
		ws_init(&ws, WS_SERVER, MAX);
		assert_int_equal(ws_parse(&ws, input, 0, &ev, &need), WS_MORE);
		assert_int_equal(need, 2);
		assert_int_equal(ws_parse(&ws, input, 1, &ev, &need), WS_MORE);
		assert_int_equal(need, 2);
		assert_int_equal(ws_parse(&ws, input, 2, &ev, &need), WS_MORE);
		assert_int_equal(need, i == 0 ? input_len : 8);
		assert_int_equal(ws_parse(&ws, input, heads[i], &ev, &need),
		    WS_MORE);
		assert_int_equal(need, input_len);
		assert_int_equal(ws_parse(&ws, input, input_len, &ev, NULL),
		    WS_MESSAGE);
		assert_int_equal(ev.consumed, input_len);
		assert_ptr_equal(ev.data, input + heads[i]);
	}

	/* Behind a fragment, what was consumed counts. */
	input_len = 0;
	put(WS_SERVER, WS_BINARY, "ab", 2, 0);
	n = input_len;
	put(WS_SERVER, CONT, "cd", 2, 0);
	assert_int_equal(ws_parse(&ws, input, n + 2, &ev, &need), WS_MORE);
	assert_int_equal(ev.consumed, n);
	assert_int_equal(need, input_len);
	assert_int_equal(ws_parse(&ws, input + n, input_len - n, &ev, &need),
	    WS_MESSAGE);
	assert_int_equal(ev.len, 4);
	assert_memory_equal(ev.data, "abcd", 4);
	/* The message lives until the next call. */
	assert_int_equal(ws_parse(&ws, input, 0, &ev, &need), WS_MORE);
	assert_null(ws.msg);
	ws_done(&ws);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(framing),
		cmocka_unit_test(control_frames),
		cmocka_unit_test(fragments),
		cmocka_unit_test(utf8_text),
		cmocka_unit_test(utf8_fails_at_the_bad_byte),
		cmocka_unit_test(close_frames),
		cmocka_unit_test(lengths),
		cmocka_unit_test(length_top_bit),
		cmocka_unit_test(too_big_before_the_payload),
		cmocka_unit_test(masked_as_the_role_demands),
		cmocka_unit_test(fragments_are_counted),
		cmocka_unit_test(large_fragments),
		cmocka_unit_test(no_memory_for_fragments),
		cmocka_unit_test(need_is_exact),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
