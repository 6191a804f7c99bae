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
 * Hellos made by hand, with one thing wrong in each.
 */

/* link: lib/tls_hello.c lib/http.c lib/http_field.c lib/http_host.c
 * regress/lib/hello_bytes.c */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hello_bytes.h"
#include "tls_hello.h"

#define CUTS	40

/* ---- hellos made by hand ---- */

static struct bytes	 wire;

static void
put_extension(struct bytes *o, int type, const void *p, size_t n)
{
	put_number(o, 2, type);
	put_vector(o, 2, p, n);
}

static void
put_sni(struct bytes *o, int type, const void *name, size_t n)
{
	static struct bytes	 list, ext;

	list.n = ext.n = 0;
	put_number(&list, 1, type);
	put_vector(&list, 2, name, n);
	put_vector(&ext, 2, list.b, list.n);
	put_extension(o, 0, ext.b, ext.n);
}

/* The message of a hello; exts NULL: it ends before them. */
static void
put_message(struct bytes *o, const struct bytes *exts)
{
	static struct bytes	 body;

	body.n = 0;
	put(&body, "\x03\x03" "0123456789abcdef0123456789abcdef", 34);
	put_vector(&body, 1, "", 0);
	put_vector(&body, 2, "\x13\x01\x13\x02", 4);
	put_vector(&body, 1, "", 1);
	if (exts != NULL)
		put_vector(&body, 2, exts->b, exts->n);
	o->n = 0;
	put_number(o, 1, 1);
	put_vector(o, 3, body.b, body.n);
}

/* ---- the parser ---- */

static struct tls_hello	 hello;

/* The verdict in one piece; it is the same in many. */
static enum tls_hello_verdict
feed(const uint8_t *b, size_t len)
{
	enum tls_hello_verdict	 v;
	struct tls_hello	 h;
	size_t			 off, n;
	uint8_t			*copy;
	int			 i;

	tls_hello_begin(&hello);
	v = tls_hello_feed(&hello, b, len);
	for (i = 0; i < CUTS; i++) {
		tls_hello_begin(&h);
		for (off = 0; off < len; off += n) {
			n = i == 0 ? 1 : 1 + rnd(i * 16);
			if (n > len - off)
				n = len - off;
			/* Of its own: what is read too far is found. */
			if ((copy = malloc(n)) == NULL)
				abort();
			memcpy(copy, b + off, n);
			(void)tls_hello_feed(&h, copy, n);
			free(copy);
		}
		assert_int_equal(h.verdict, v);
		assert_int_equal(h.alpn, hello.alpn);
		if (v != TLS_HELLO_MORE && v != TLS_HELLO_BAD)
			assert_string_equal(h.host, hello.host);
	}
	return (v);
}

/* A hello with these extensions, whatever its records. */
static enum tls_hello_verdict
feed_extensions(const struct bytes *exts)
{
	static const size_t	 sizes[] = { 16384, 7, 1, 100 };
	static struct bytes	 message;
	enum tls_hello_verdict	 v = 0;
	size_t			 i;

	put_message(&message, exts);
	for (i = 0; i < nitems(sizes); i++) {
		put_records(&wire, &message, sizes[i]);
		v = feed(wire.b, wire.n);
		/* Without its last byte it is not there yet. */
		if (v == TLS_HELLO_FOUND || v == TLS_HELLO_NONE) {
			assert_int_equal(feed(wire.b, wire.n - 1),
			    TLS_HELLO_MORE);
			put(&wire, "more", 4);
			assert_int_equal(feed(wire.b, wire.n), v);
		}
	}
	return (v);
}

static enum tls_hello_verdict
feed_name(const char *name, size_t len)
{
	static struct bytes	 exts;

	exts.n = 0;
	put_extension(&exts, 10, "\0\2\0\x1d", 4);
	put_sni(&exts, 0, name, len);
	put_extension(&exts, 21, "\0\0\0\0", 4);
	return (feed_extensions(&exts));
}

static void
names_are_found(void **state)
{
	static const struct {
		const char	*sent, *host;
	} t[] = {
		{ "a", "a" },
		{ "app.example.com", "app.example.com" },
		{ "App.EXAMPLE.com", "app.example.com" },
		{ "app.example.com.", "app.example.com" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "_tls.grafana--pi.example", "_tls.grafana--pi.example" },
		{ "192.0.2.1", "192.0.2.1" },
	};
	char	 name[300];
	size_t	 i;

	for (i = 0; i < nitems(t); i++) {
		assert_int_equal(feed_name(t[i].sent, strlen(t[i].sent)),
		    TLS_HELLO_FOUND);
		assert_string_equal(hello.host, t[i].host);
		assert_int_equal(hello.alpn, 0);
	}
	for (i = 0; i < sizeof(name); i++)
		name[i] = i % 50 == 49 ? '.' : 'x';
	assert_int_equal(feed_name(name, 253), TLS_HELLO_FOUND);
	assert_int_equal(strlen(hello.host), 253);
}

static void
names_that_no_host_has(void **state)
{
	static const char *const t[] = {
		".", "a..b", ".a", "a b", "a:443", "[::1]", "a/b", "a\n",
		"user@a", "b\xc3\xbc\x62\x63",
	};
	char	 name[300];
	size_t	 i;

	for (i = 0; i < nitems(t); i++) {
		if (feed_name(t[i], strlen(t[i])) != TLS_HELLO_NONE)
			fail_msg("%s", t[i]);
		assert_string_equal(hello.host, "");
	}
	for (i = 0; i < sizeof(name); i++)
		name[i] = i % 50 == 49 ? '.' : 'x';
	assert_int_equal(feed_name(name, 255), TLS_HELLO_NONE);
	/* Those that can't be in a hello at all. */
	assert_int_equal(feed_name(name, 256), TLS_HELLO_BAD);
	assert_int_equal(feed_name("", 0), TLS_HELLO_BAD);
	assert_int_equal(feed_name("a\0b", 3), TLS_HELLO_BAD);
}

static void
no_name(void **state)
{
	static struct bytes	 exts;

	assert_int_equal(feed_extensions(NULL), TLS_HELLO_NONE);
	exts.n = 0;
	assert_int_equal(feed_extensions(&exts), TLS_HELLO_NONE);
	put_extension(&exts, 10, "\0\2\0\x1d", 4);
	put_extension(&exts, 0x3a3a, "", 0);
	assert_int_equal(feed_extensions(&exts), TLS_HELLO_NONE);
	assert_int_equal(hello.alpn, 0);
	put_extension(&exts, 16, "\0\x0c\x02h2\x08http/1.1", 14);
	assert_int_equal(feed_extensions(&exts), TLS_HELLO_NONE);
	assert_int_equal(hello.alpn, 1);
	put_sni(&exts, 0, "b", 1);
	assert_int_equal(feed_extensions(&exts), TLS_HELLO_FOUND);
	assert_string_equal(hello.host, "b");
	assert_int_equal(hello.alpn, 1);
}

static void
bad_extensions(void **state)
{
	static const struct {
		int		 type;
		const char	*body;
		size_t		 len;
	} t[] = {
		{ 0, "", 0 }, { 0, "\0", 1 },
		{ 0, "\0\0", 2 },			/* no name in it */
		{ 0, "\0\4\0\0\1a", 6 },
		{ 0, "\0\5\0\0\1a", 6 },		/* longer than it */
		{ 0, "\0\3\0\0\1a", 6 },		/* shorter */
		{ 0, "\0\4\0\0\2a", 6 }, { 0, "\0\4\0\0\0a", 6 },
		{ 0, "\0\4\0\0\1ab", 7 },
		{ 0, "\0\4\1\0\1a", 6 },		/* not a host's */
		{ 0, "\0\10\0\0\1a\0\0\1b", 10 },	/* two */
		{ 0, "\0\6\0\0\1a\0\0", 8 },
		{ 16, "", 0 }, { 16, "\0\0", 2 }, { 16, "\0\1\0", 3 },
		{ 16, "\0\2\1", 3 }, { 16, "\0\2\2a", 4 },
		{ 16, "\0\3\1a\0", 5 }, { 16, "\0\2\1aa", 5 },
	};
	static struct bytes	 exts;
	size_t			 i;

	for (i = 0; i < nitems(t); i++) {
		exts.n = 0;
		put_extension(&exts, t[i].type, t[i].body, t[i].len);
		put_extension(&exts, 21, "", 0);
		/* The fourth is the one that is well. */
		if ((feed_extensions(&exts) == TLS_HELLO_BAD) == (i == 3))
			fail_msg("%zu", i);
	}
	exts.n = 0;
	put_sni(&exts, 0, "a", 1);
	put_sni(&exts, 0, "a", 1);
	assert_int_equal(feed_extensions(&exts), TLS_HELLO_BAD);
	/* One that says it is longer than all of them. */
	exts.n = 0;
	put_number(&exts, 2, 21);
	put_vector(&exts, 2, "abc", 3);
	exts.b[3]++;
	assert_int_equal(feed_extensions(&exts), TLS_HELLO_BAD);
	exts.n = 3;
	assert_int_equal(feed_extensions(&exts), TLS_HELLO_BAD);
}

static void
bad_messages(void **state)
{
	static const struct {
		size_t	 at;
		uint8_t	 byte;
	} t[] = {
		{ 0, 2 },			/* a ServerHello */
		{ 1, 1 },			/* 64 KiB and more */
		{ 4 + 34, 33 },			/* of the session */
		{ 4 + 35, 1 },			/* suites */
		{ 4 + 36, 0 }, { 4 + 36, 3 }, { 4 + 36, 5 },
		{ 4 + 41, 0 }, { 4 + 41, 200 },	/* compression */
		{ 4 + 43, 1 }, { 4 + 44, 0 },	/* extensions */
		{ 3, 44 }, { 3, 40 }, { 3, 10 },
	};
	static struct bytes	 message, exts;
	enum tls_hello_verdict	 v;
	size_t			 i;

	exts.n = 0;
	put_sni(&exts, 0, "host", 4);
	for (i = 0; i < nitems(t); i++) {
		put_message(&message, &exts);
		message.b[t[i].at] = t[i].byte;
		put_records(&wire, &message, 16384);
		v = feed(wire.b, wire.n);
		if (v != TLS_HELLO_BAD)
			fail_msg("%zu: %d", i, v);
		put_records(&wire, &message, 3);
		assert_int_equal(feed(wire.b, wire.n), TLS_HELLO_BAD);
	}
}

static void
records(void **state)
{
	static const struct {
		const char		*s;
		size_t			 len;
		enum tls_hello_verdict	 v;
	} t[] = {
		{ "", 0, TLS_HELLO_MORE },
		{ "\x16", 1, TLS_HELLO_MORE },
		{ "\x16\x03", 2, TLS_HELLO_MORE },
		{ "\x16\x03\x09\0\1", 5, TLS_HELLO_MORE },
		{ "GET / HTTP/1.1\r\n", 16, TLS_HELLO_NOT_TLS },
		{ "\x16\x02", 2, TLS_HELLO_NOT_TLS },
		{ "\x15\x03\x01\0\2\1\0", 7, TLS_HELLO_NOT_TLS },
		{ "\x80\x2e\1\3\1", 5, TLS_HELLO_NOT_TLS },	/* SSL 2 */
		{ "\0\0\0\0\0", 5, TLS_HELLO_NOT_TLS },
		{ "\x16\x03\x01\0\0", 5, TLS_HELLO_BAD },
		{ "\x16\x03\x01\x40\x01", 5, TLS_HELLO_BAD },
		{ "\x16\x03\x01\x40\0", 5, TLS_HELLO_MORE },
		{ "\x16\x03\x01\0\1\1\x17", 7, TLS_HELLO_BAD },
		{ "\x16\x03\x01\0\1\1\x16\x02", 8, TLS_HELLO_BAD },
		{ "\x16\x03\x01\0\1\1\x16\x03\x03\0\0", 11, TLS_HELLO_BAD },
		{ "\x16\x03\x01\0\1\1\x16\x03\x03\0\1\0", 12,
		    TLS_HELLO_MORE },
	};
	size_t	 i;

	for (i = 0; i < nitems(t); i++)
		if (feed((const uint8_t *)t[i].s, t[i].len) != t[i].v)
			fail_msg("%zu", i);
}

/* At the limit, and above it. */
static void
as_long_as_may_be(void **state)
{
	static struct bytes	 exts, message;
	static uint8_t		 zeros[TLS_HELLO_MAX];
	size_t			 fixed;

	exts.n = 0;
	put_sni(&exts, 0, "long.example", 12);
	put_message(&message, &exts);
	fixed = message.n + 4;
	put_extension(&exts, 21, zeros, 4 + TLS_HELLO_MAX - fixed);
	put_message(&message, &exts);
	assert_int_equal(message.n, 4 + TLS_HELLO_MAX);
	/* In two records, as no more fits in one. */
	put_records(&wire, &message, 16384);
	assert_int_equal(feed(wire.b, wire.n), TLS_HELLO_FOUND);
	assert_string_equal(hello.host, "long.example");
	assert_int_equal(feed(wire.b, wire.n - 1), TLS_HELLO_MORE);
	exts.n = 0;
	put_extension(&exts, 21, zeros, 4 + TLS_HELLO_MAX - fixed + 1);
	put_sni(&exts, 0, "long.example", 12);
	put_message(&message, &exts);
	put_records(&wire, &message, 1000);
	assert_int_equal(feed(wire.b, wire.n), TLS_HELLO_BAD);
	assert_int_equal(feed(wire.b, 10), TLS_HELLO_BAD);
}

/* One of usual length may be in any records; a longer one not in any. */
static void
cut_into_many_records(void **state)
{
	static struct bytes	 exts, message;
	static uint8_t		 zeros[TLS_HELLO_MAX];
	size_t			 each, fixed;

	exts.n = 0;
	put_sni(&exts, 0, "cut.example", 11);
	put_extension(&exts, 21, zeros, 3000);
	put_message(&message, &exts);
	put_records(&wire, &message, 1);
	assert_int_equal(feed(wire.b, wire.n), TLS_HELLO_FOUND);
	exts.n = 0;
	put_sni(&exts, 0, "cut.example", 11);
	put_message(&message, &exts);
	fixed = message.n + 4;
	put_extension(&exts, 21, zeros, 4 + TLS_HELLO_MAX - fixed);
	put_message(&message, &exts);
	for (each = 1; each < 40; each++) {
		put_records(&wire, &message, each);
		if (wire.n <= TLS_HELLO_WIRE_MAX) {
			assert_int_equal(feed(wire.b, wire.n),
			    TLS_HELLO_FOUND);
			continue;
		}
		assert_int_equal(feed(wire.b, TLS_HELLO_WIRE_MAX - 1),
		    TLS_HELLO_MORE);
		assert_int_equal(feed(wire.b, TLS_HELLO_WIRE_MAX),
		    TLS_HELLO_BAD);
	}
	assert_true(wire.n < TLS_HELLO_WIRE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(names_that_no_host_has),
		cmocka_unit_test(no_name),
		cmocka_unit_test(bad_extensions),
		cmocka_unit_test(bad_messages),
		cmocka_unit_test(records),
		cmocka_unit_test(as_long_as_may_be),
		cmocka_unit_test(cut_into_many_records),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
