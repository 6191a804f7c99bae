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

#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_body.h"

#define IN(s)		(s), sizeof(s) - 1
#define NOLIMIT		UINT64_MAX

enum cut {
	WHOLE,
	BYTES,
	RANDOM
};

/*
 * What came out: the data, each trailer as "|name=value", and the end: "|end
 * N" with the bytes taken, "|status", or "|more".
 */
static char	*said;
static size_t	 saidlen, saidsize;

static void
say(const char *s, size_t len)
{
	if (saidlen + len + 1 > saidsize) {
		saidsize = 2 * (saidlen + len + 1);
		assert_non_null(said = realloc(said, saidsize));
	}
	memcpy(said + saidlen, s, len);
	saidlen += len;
	said[saidlen] = '\0';
}

static void
say_end(const struct http_body_event *ev, size_t taken)
{
	char	 text[64];

	if (ev->what == HTTP_BODY_END)
		snprintf(text, sizeof(text), "|end %zu", taken);
	else if (ev->what == HTTP_BODY_ERROR) {
		assert_non_null(ev->reason);
		snprintf(text, sizeof(text), "|%d", ev->status);
	} else
		snprintf(text, sizeof(text), "|more");
	say(text, strlen(text));
}

/* Read from an allocation of just that size, and say what comes. */
static size_t
read_copy(struct http_body *b, const char *s, size_t len,
    struct http_body_event *ev)
{
	char	*copy;
	size_t	 n;

	assert_non_null(copy = malloc(len > 0 ? len : 1));
	if (len > 0)
		memcpy(copy, s, len);
	n = http_body_read(b, copy, len, ev);
	assert_true(n <= len);
	if (ev->what == HTTP_BODY_DATA) {
		assert_true(ev->data.len > 0 && ev->data.s >= copy &&
		    ev->data.s + ev->data.len <= copy + len);
		say(ev->data.s, ev->data.len);
	} else if (ev->what == HTTP_BODY_TRAILER) {
		say("|", 1);
		say(ev->field.name.s, ev->field.name.len);
		say("=", 1);
		say(ev->field.value.s, ev->field.value.len);
	}
	free(copy);
	return (n);
}

static void
run(const struct http_framing *f, enum http_body_of of, uint64_t limit,
    const char *s, size_t len, enum cut cut, int eof)
{
	struct http_body	 b;
	struct http_body_event	 ev;
	size_t			 off = 0, have = cut == WHOLE ? len : 0;

	saidlen = 0;
	http_body_init(&b, f, of, limit);
	for (;;) {
		off += read_copy(&b, s + off, have - off, &ev);
		if (ev.what == HTTP_BODY_DATA ||
		    ev.what == HTTP_BODY_TRAILER)
			continue;
		if (ev.what != HTTP_BODY_MORE || have == len)
			break;
		have += cut == BYTES ? 1 : 1 + (size_t)rand() % (len - have);
	}
	if (ev.what == HTTP_BODY_MORE && eof)
		http_body_eof(&b, &ev);
	say_end(&ev, off);
	if (ev.what == HTTP_BODY_MORE)
		return;
	/* It stays so, whatever is asked. */
	off = saidlen;
	assert_int_equal(read_copy(&b, "5\r\nhello", 8, &ev), 0);
	assert_int_equal(saidlen, off);
	assert_true(ev.what == HTTP_BODY_END || ev.what == HTTP_BODY_ERROR);
	http_body_eof(&b, &ev);
	assert_true(ev.what == HTTP_BODY_END || ev.what == HTTP_BODY_ERROR);
}

static void
expect(const char *name, const struct http_framing *f, enum http_body_of of,
    uint64_t limit, const char *s, size_t len, int eof, const char *want)
{
	int	 i;

	for (i = 0; i < 8; i++) {
		run(f, of, limit, s, len, i < 2 ? (enum cut)i : RANDOM, eof);
		if (strcmp(said, want) != 0)
			fail_msg("%s, cut %d: %s, not %s", name, i, said,
			    want);
	}
}

static const struct http_framing	 chunked = { HTTP_BODY_CHUNKED, 0, 0 };
static const struct http_framing	 to_end = { HTTP_BODY_CLOSE, 0, 0 };
static const struct http_framing	 none = { HTTP_BODY_NONE, 1, 5 };

static struct http_framing
length(uint64_t n)
{
	const struct http_framing	 f = { HTTP_BODY_LENGTH, 1, n };

	return (f);
}

struct text {
	const char	*name;
	const char	*s;
	size_t		 len;
	const char	*want;
};

static void
chunks_taken(void **state)
{
	static const struct text good[] = {
		{ "empty", IN("0\r\n\r\n"), "|end 5" },
		{ "zeros", IN("0000000000000000\r\n\r\n"), "|end 20" },
		{ "one", IN("5\r\nhello\r\n0\r\n\r\n"), "hello|end 15" },
		{ "next", IN("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n"),
		    "a|end 11" },
		{ "bytes", IN("1\r\na\r\n1\r\nb\r\n01\r\nc\r\n0\r\n\r\n"),
		    "abc|end 24" },
		{ "case", IN("A\r\n0123456789\r\n00b\r\nabcdefghijk\r\n"
		    "0\r\n\r\n"), "0123456789abcdefghijk|end 38" },
		{ "CRLF inside", IN("4\r\n\r\n\r\n\r\n0\r\n\r\n"),
		    "\r\n\r\n|end 14" },
		{ "not yet", IN("5\r\nhel"), "hel|more" },
		{ "not ended", IN("5\r\nhello\r\n0\r\n\r"), "hello|more" },
		{ "nothing", "", 0, "|more" },
		{ "extension", IN("1;a\r\nx\r\n0;b\r\n\r\n"), "x|end 15" },
		{ "quotes", IN("1;a=b;c=\"d;\\\"\t\xff\";e\r\nx\r\n0\r\n\r\n"),
		    "x|end 28" },
		{ "white space", IN("1 ; a = b ;c= \"\" ;\td\r\nx\r\n"
		    "0\r\n\r\n"), "x|end 30" },
		{ "space, no value", IN("1;a \t;b\r\nx\r\n0\r\n\r\n"),
		    "x|end 17" },
		{ "longer value", IN("1;a=bcd;e\r\nx\r\n0\r\n\r\n"),
		    "x|end 19" },
	};
	size_t	 i;

	for (i = 0; i < nitems(good); i++)
		expect(good[i].name, &chunked, HTTP_REQUEST, NOLIMIT,
		    good[i].s, good[i].len, 0, good[i].want);
}

static void
chunks_refused(void **state)
{
	static const struct text bad[] = {
		{ "prefix", IN("0x1\r\na\r\n"), "" },
		{ "sign", IN("+1\r\na\r\n"), "" },
		{ "minus", IN("-1\r\na\r\n"), "" },
		{ "underscore", IN("1_0\r\na\r\n"), "" },
		{ "space", IN(" 1\r\na\r\n"), "" },
		{ "tab", IN("\t1\r\na\r\n"), "" },
		{ "space behind", IN("1 \r\na\r\n"), "" },
		{ "17 digits", IN("00000000000000001\r\na\r\n"), "" },
		{ "2^63", IN("8000000000000000\r\na\r\n"), "" },
		{ "all bits", IN("ffffffffffffffff\r\na\r\n"), "" },
		{ "empty size", IN("\r\na\r\n"), "" },
		{ "extension alone", IN(";a\r\na\r\n"), "" },
		{ "no digit", IN("g\r\na\r\n"), "" },
		{ "NUL", IN("1\0\r\na\r\n"), "" },
		{ "high byte", IN("1\xb2\r\na\r\n"), "" },
		{ "LF behind the size", IN("1\na\r\n"), "" },
		{ "CR behind the size", IN("1\ra\r\n"), "" },
		{ "CR CR LF", IN("1\r\r\na\r\n"), "" },
		{ "CR behind the data", IN("1\r\na\r0\r\n\r\n"), "a" },
		{ "LF behind the data", IN("1\r\na\n0\r\n\r\n"), "a" },
		{ "nothing behind the data", IN("1\r\na0\r\n\r\n"), "a" },
		{ "more data", IN("1\r\nab\r\n0\r\n\r\n"), "a" },
		{ "less data", IN("2\r\na\r\n0\r\n\r\n"), "a\r" },
		{ "comma", IN("1,1\r\na\r\n"), "" },
		{ "no name", IN("1;\r\na\r\n"), "" },
		{ "two semicolons", IN("1;;a\r\na\r\n"), "" },
		{ "no value", IN("1;a=\r\na\r\n"), "" },
		{ "space at the end", IN("1;a \r\na\r\n"), "" },
		{ "space behind quotes", IN("1;a=\"b\" \r\na\r\n"), "" },
		{ "letters behind quotes", IN("1;a=\"b\"c\r\na\r\n"), "" },
		{ "letters behind a value", IN("1;a=b c\r\na\r\n"), "" },
		{ "words", IN("1;a b\r\na\r\n"), "" },
		{ "two values", IN("1;a=b=c\r\na\r\n"), "" },
		{ "LF in a name", IN("1;a\nb\r\na\r\n"), "" },
		{ "LF in quotes", IN("1;a=\"\n\"\r\na\r\n"), "" },
		{ "CR in quotes", IN("1;a=\"\r\n\"\r\na\r\n"), "" },
		{ "NUL in quotes", IN("1;a=\"\0\"\r\na\r\n"), "" },
		{ "LF escaped", IN("1;a=\"\\\n\"\r\na\r\n"), "" },
		{ "LF at the end", IN("0\r\n\n"), "" },
		{ "CR CR LF at the end", IN("0\r\n\r\r\n"), "" },
		{ "trailer fold", IN("0\r\nA: b\r\n c\r\n\r\n"), "|A=b" },
		{ "trailer name", IN("0\r\nA : b\r\n\r\n"), "" },
		{ "trailer colon", IN("0\r\nA\r\n\r\n"), "" },
		{ "trailer empty name", IN("0\r\n: b\r\n\r\n"), "" },
		{ "trailer LF", IN("0\r\nA: b\nC: d\r\n\r\n"), "" },
		{ "trailer NUL", IN("0\r\nA: \0\r\n\r\n"), "" },
		{ "request for a trailer", IN("0\r\nGET / HTTP/1.1\r\n\r\n"),
		    "" },
	};
	char	 want[64];
	size_t	 i;

	for (i = 0; i < nitems(bad); i++) {
		snprintf(want, sizeof(want), "%s|400", bad[i].want);
		expect(bad[i].name, &chunked, HTTP_REQUEST, NOLIMIT, bad[i].s,
		    bad[i].len, 0, want);
		snprintf(want, sizeof(want), "%s|502", bad[i].want);
		expect(bad[i].name, &chunked, HTTP_RESPONSE, NOLIMIT,
		    bad[i].s, bad[i].len, 0, want);
	}
}

static void
extension_lengths(void **state)
{
	static char	 s[300 * (HTTP_CHUNK_EXT_MAX + 8)];
	char		 want[160];
	size_t		 n = 0, i, data = 0;

	memcpy(s, "1;", 2);
	memset(s + 2, 'x', HTTP_CHUNK_EXT_MAX);
	memcpy(s + 1 + HTTP_CHUNK_EXT_MAX, "\r\na\r\n", 5);
	expect("at", &chunked, HTTP_REQUEST, NOLIMIT, s,
	    HTTP_CHUNK_EXT_MAX + 6, 0, "a|more");
	memcpy(s + 1 + HTTP_CHUNK_EXT_MAX, "x\r\na\r\n", 6);
	expect("above", &chunked, HTTP_REQUEST, NOLIMIT, s,
	    HTTP_CHUNK_EXT_MAX + 7, 0, "|400");

	/* Many for little data: 256 each, and the data of those before. */
	for (i = 0; i < 80; i++) {
		memcpy(s + n, "1;", 2);
		memset(s + n + 2, 'x', HTTP_CHUNK_EXT_MAX - 1);
		memcpy(s + n + 1 + HTTP_CHUNK_EXT_MAX, "\r\na\r\n", 5);
		n += HTTP_CHUNK_EXT_MAX + 6;
		if ((i + 1) * HTTP_CHUNK_EXT_MAX <= HTTP_CHUNK_EXT_SURPLUS + i)
			want[data++] = 'a';
	}
	assert_true(data > 60 && data < 80);
	memcpy(want + data, "|400", 5);
	expect("all", &chunked, HTTP_REQUEST, NOLIMIT, s, n, 0, want);

	/* Few for much data, however long it goes on. */
	for (n = 0, i = 0; i < 2000; i++) {
		memcpy(s + n, "a;abcdefg\r\n0123456789\r\n", 23);
		n += 23;
	}
	run(&chunked, HTTP_REQUEST, NOLIMIT, s, n, RANDOM, 0);
	assert_string_equal(said + 20000, "|more");
}

static void
trailers_kept_and_dropped(void **state)
{
	static const char *const dropped[] = { "Content-Length", "te",
	    "Transfer-Encoding", "transfer_encoding", "Host", "HOST",
	    "Authorization", "Cookie", "Set-Cookie", "Set-Cookie2",
	    "Connection", "Keep-Alive", "Proxy-Authorization", "Upgrade",
	    "Trailer", "X-Forwarded-For", "X_Forwarded_For", "Forwarded",
	    "Via", "If-Match", "Content-Encoding", "Content-Type",
	    "Content-Range", "Expect", "Location", "Cache-Control", "Range",
	    "WWW-Authenticate", "Proxy", "Sec-WebSocket-Accept",
	    "X-Culvert-User", "x_culvert_name", "Culvert-Error" };
	char	 s[128], want[32];
	size_t	 i;

	expect("kept", &chunked, HTTP_REQUEST, NOLIMIT,
	    IN("1\r\na\r\n0\r\nX-Sum: \t1 2 \r\nGrpc-Status:0\r\n"
	    "Digest:\r\n\r\nmore"), 0,
	    "a|X-Sum=1 2|Grpc-Status=0|Digest=|end 49");
	for (i = 0; i < nitems(dropped); i++) {
		snprintf(s, sizeof(s), "0\r\n%s: 5\r\nX: y\r\n\r\n",
		    dropped[i]);
		snprintf(want, sizeof(want), "|X=y|end %zu", strlen(s));
		expect(dropped[i], &chunked, HTTP_RESPONSE, NOLIMIT, s,
		    strlen(s), 0, want);
	}
}

/* A body whose trailer section has that many bytes, in lines of 1000. */
static size_t
long_trailer(char *s, size_t len)
{
	size_t	 n = 3, end = len + 3 - 2, line;

	memcpy(s, "0\r\n", 3);
	while (n < end) {
		line = end - n > 1100 ? 1000 : end - n;
		memset(s + n, 'x', line);
		memcpy(s + n, "te:", 3);
		memcpy(s + n + line - 2, "\r\n", 2);
		n += line;
	}
	memcpy(s + n, "\r\n", 2);
	return (n + 2);
}

static void
trailer_lengths(void **state)
{
	static char	 s[2 * HTTP_TRAILER_MAX];
	char		 want[32];
	size_t		 n, i;

	n = long_trailer(s, HTTP_TRAILER_MAX);
	snprintf(want, sizeof(want), "|end %zu", n);
	assert_int_equal(n, HTTP_TRAILER_MAX + 3);
	expect("at", &chunked, HTTP_REQUEST, NOLIMIT, s, n, 0, want);
	n = long_trailer(s, HTTP_TRAILER_MAX + 1);
	expect("above", &chunked, HTTP_REQUEST, NOLIMIT, s, n, 0, "|431");
	expect("above", &chunked, HTTP_RESPONSE, NOLIMIT, s, n, 0, "|502");
	/* No room even for a line's CRLF. */
	n = long_trailer(s, HTTP_TRAILER_MAX - 1);
	memcpy(s + n - 2, "t:\r\n\r\n", 6);
	expect("full", &chunked, HTTP_REQUEST, NOLIMIT, s, n + 4, 0, "|431");

	memcpy(s, "0\r\n", n = 3);
	for (i = 0; i < HTTP_TRAILERS_MAX; i++, n += 6)
		memcpy(s + n, "te:x\r\n", 6);
	memcpy(s + n, "\r\n", 2);
	snprintf(want, sizeof(want), "|end %zu", n + 2);
	expect("lines", &chunked, HTTP_REQUEST, NOLIMIT, s, n + 2, 0, want);
	memcpy(s + n, "te:x\r\n\r\n", 8);
	expect("too many", &chunked, HTTP_REQUEST, NOLIMIT, s, n + 8, 0,
	    "|431");
}

static void
known_lengths(void **state)
{
	struct http_framing	 f = length(5);

	expect("five", &f, HTTP_REQUEST, NOLIMIT, IN("hello"), 0,
	    "hello|end 5");
	expect("next", &f, HTTP_REQUEST, 5, IN("helloGET / "), 0,
	    "hello|end 5");
	expect("wait", &f, HTTP_REQUEST, NOLIMIT, IN("hell"), 0, "hell|more");
	expect("cut", &f, HTTP_REQUEST, NOLIMIT, IN("hell"), 1, "hell|400");
	expect("cut", &f, HTTP_RESPONSE, NOLIMIT, IN("hell"), 1, "hell|502");
	expect("none came", &f, HTTP_RESPONSE, NOLIMIT, "", 0, 1, "|502");
	expect("limit", &f, HTTP_REQUEST, 4, IN("hello"), 0, "|413");
	expect("limit", &f, HTTP_RESPONSE, 4, IN("hello"), 0, "|502");
	f = length(0);
	expect("empty", &f, HTTP_REQUEST, 0, IN("GET / "), 0, "|end 0");
	f = length(INT64_MAX);
	expect("huge", &f, HTTP_REQUEST, NOLIMIT, IN("x"), 0, "x|more");
	expect("no body", &none, HTTP_RESPONSE, 0, IN("hello"), 0, "|end 0");
}

static void
until_the_end(void **state)
{
	expect("ended", &to_end, HTTP_RESPONSE, NOLIMIT, IN("0\r\n\r\n"), 1,
	    "0\r\n\r\n|end 5");
	expect("empty", &to_end, HTTP_RESPONSE, 0, "", 0, 1, "|end 0");
	expect("goes on", &to_end, HTTP_RESPONSE, NOLIMIT, IN("a"), 0,
	    "a|more");
	expect("at", &to_end, HTTP_RESPONSE, 3, IN("abc"), 1, "abc|end 3");
	expect("above", &to_end, HTTP_RESPONSE, 3, IN("abcd"), 1, "abc|502");
	expect("request", &to_end, HTTP_REQUEST, NOLIMIT, IN("abc"), 0,
	    "|400");
}

static void
chunks_cut_short(void **state)
{
	const char	 s[] = "3;a=\"b\"\r\nabc\r\n0\r\nX: y\r\n\r\n";
	struct http_body_event	 ev;
	struct http_body	 b;
	size_t			 i;

	for (i = 0; i < sizeof(s) - 1; i++) {
		run(&chunked, HTTP_RESPONSE, NOLIMIT, s, i, RANDOM, 1);
		assert_non_null(strstr(said, "|502"));
	}
	expect("whole", &chunked, HTTP_RESPONSE, NOLIMIT, IN(s), 1,
	    "abc|X=y|end 25");
	http_body_init(&b, &chunked, HTTP_REQUEST, NOLIMIT);
	http_body_eof(&b, &ev);
	assert_int_equal(ev.what, HTTP_BODY_ERROR);
	assert_int_equal(ev.status, 400);
}

static void
chunk_limits(void **state)
{
	expect("at", &chunked, HTTP_REQUEST, 5,
	    IN("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"), 0, "abcde|end 20");
	/* Refused before its data is seen. */
	expect("above", &chunked, HTTP_REQUEST, 5,
	    IN("2\r\nab\r\n4\r\n"), 0, "ab|413");
	expect("above", &chunked, HTTP_RESPONSE, 5,
	    IN("2\r\nab\r\n7fffffffffffffff\r\n"), 0, "ab|502");
	expect("largest", &chunked, HTTP_RESPONSE, INT64_MAX,
	    IN("7fffffffffffffff\r\nx"), 0, "x|more");
}

static void
encoded_and_decoded(void **state)
{
	static char		 s[1 << 17], data[1 << 15];
	static const char	 end[] =
	    "0\r\nX-Sum: 1 2\r\nHost: a\r\nY: \r\n\r\n";
	size_t			 i, n, total, size;
	int			 round;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)('a' + i % 23);
	for (round = 0; round < 50; round++) {
		for (n = total = 0; total < sizeof(data); total += size) {
			size = 1 + (size_t)rand() % 4000;
			if (round < 2 && n < sizeof(s) / 2)
				size = 1;
			if (size > sizeof(data) - total)
				size = sizeof(data) - total;
			memcpy(s + n + HTTP_CHUNK_FRONT, data + total, size);
			n += http_chunk(s + n, size, 0);
			assert_true(n < sizeof(s) - 5000);
		}
		memcpy(s + n, end, sizeof(end) - 1);
		n += sizeof(end) - 1;
		run(&chunked, HTTP_RESPONSE, sizeof(data), s, n, RANDOM, 0);
		assert_memory_equal(said, data, sizeof(data));
		snprintf(s, sizeof(s), "|X-Sum=1 2|Y=|end %zu", n);
		assert_string_equal(said + sizeof(data), s);
	}
}

/* 16 MiB in one chunk of a peer's. */
static void
large_chunk(void **state)
{
	static char	 s[(1 << 24) + 32];
	size_t		 n, size = 1 << 24;

	n = (size_t)snprintf(s, sizeof(s), "%zx\r\n", size);
	memset(s + n, 'x', size);
	memcpy(s + n + size, "\r\n0\r\n\r\n", 7);
	run(&chunked, HTTP_REQUEST, size, s, n + size + 7, RANDOM, 0);
	assert_int_equal(strspn(said, "x"), size);
	assert_int_equal(strncmp(said + size, "|end ", 5), 0);
}

int
main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(chunks_taken),
		cmocka_unit_test(chunks_refused),
		cmocka_unit_test(extension_lengths),
		cmocka_unit_test(trailers_kept_and_dropped),
		cmocka_unit_test(trailer_lengths),
		cmocka_unit_test(known_lengths),
		cmocka_unit_test(until_the_end),
		cmocka_unit_test(chunks_cut_short),
		cmocka_unit_test(chunk_limits),
		cmocka_unit_test(encoded_and_decoded),
		cmocka_unit_test(large_chunk),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(cases, NULL, NULL));
}
