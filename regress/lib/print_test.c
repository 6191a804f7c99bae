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
 * Lists: aligned for people, strict JSON for programs.
 *
 * link: lib/print.c lib/print_value.c lib/mux_frame.c lib/log.c
 * libs: jansson
 */

#include "compat.h"

#include <jansson.h>

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ctl.h"
#include "print.h"

struct thing {
	char		 name[32];
	char		 list[32];
	uint32_t	 scopes, on, count, us;
	uint16_t	 port, kind;
	uint64_t	 number, id;
	int64_t		 when;
};

static const struct field	 fields[] = {
	{ "name", "NAME", FIELD_TEXT, offsetof(struct thing, name), NULL },
	{ "list", "LIST", FIELD_LIST, offsetof(struct thing, list), "all" },
	{ "scopes", "SCOPES", FIELD_SCOPES, offsetof(struct thing, scopes),
	    NULL },
	{ "on", "ON", FIELD_BOOL, offsetof(struct thing, on), NULL },
	{ "count", "COUNT", FIELD_COUNT, offsetof(struct thing, count), NULL },
	{ "rtt_ms", "RTT", FIELD_MS, offsetof(struct thing, us), NULL },
	{ "port", "PORT", FIELD_PORT, offsetof(struct thing, port), NULL },
	{ "kind", "KIND", FIELD_KIND, offsetof(struct thing, kind), NULL },
	{ "bytes", "BYTES", FIELD_BYTES, offsetof(struct thing, number),
	    NULL },
	{ "id", "ID", FIELD_ID, offsetof(struct thing, id), NULL },
	{ "when", NULL, FIELD_TIME, offsetof(struct thing, when), "never" },
};

static char	*text;
static size_t	 textlen;

static FILE *
sink(void)
{
	FILE	*fp;

	free(text);
	text = NULL;
	fp = open_memstream(&text, &textlen);
	assert_non_null(fp);
	return (fp);
}

/* What is printed for these. */
static void
print(const struct field *f, size_t nf, int one, int as_json,
    const struct thing *things, size_t n)
{
	struct table	*t;
	FILE		*fp = sink();
	size_t		 i;

	t = one ? table_one(f, nf, as_json, fp) :
	    table_new(f, nf, as_json, fp);
	assert_non_null(t);
	for (i = 0; i < n; i++)
		table_add(t, &things[i]);
	assert_int_equal(table_end(t), 0);
	fclose(fp);
}

static json_t *
parsed(void)
{
	json_t	*j;

	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	return (j);
}

static const char *
name_in_json(const char *name)
{
	static char	 buf[128];
	struct thing	 t;
	json_t		*j;

	memset(&t, 0, sizeof(t));
	strlcpy(t.name, name, sizeof(t.name));
	print(fields, 1, 0, 1, &t, 1);
	j = parsed();
	strlcpy(buf, json_string_value(json_object_get(json_array_get(j, 0),
	    "name")), sizeof(buf));
	json_decref(j);
	return (buf);
}

/* A limit of 0 is none, for those who read; a program gets the number. */
static void
nothing_has_a_word_of_its_own(void **state)
{
	static const struct field	 limit[] = {
		{ "bytes", "BYTES", FIELD_BYTES,
		    offsetof(struct thing, number), "any" },
	};
	struct thing			 t;
	json_t				*j;

	memset(&t, 0, sizeof(t));
	print(limit, 1, 0, 0, &t, 1);
	assert_string_equal(text, "BYTES\n  any\n");
	t.number = 5;
	print(limit, 1, 0, 0, &t, 1);
	assert_string_equal(text, "BYTES\n    5\n");
	t.number = 0;
	print(limit, 1, 0, 1, &t, 1);
	j = parsed();
	assert_int_equal(json_integer_value(json_object_get(
	    json_array_get(j, 0), "bytes")), 0);
	assert_true(json_is_integer(json_object_get(json_array_get(j, 0),
	    "bytes")));
	json_decref(j);
}

static void
json_escapes(void **state)
{
	assert_string_equal(name_in_json("plain"), "plain");
	assert_string_equal(name_in_json("a\"b\\c/d"), "a\"b\\c/d");
	assert_string_equal(name_in_json("a\nb\tc\x01\x1b[m\x7f"),
	    "a\nb\tc\x01\x1b[m\x7f");
	/* Nothing in the text itself may be raw. */
	assert_null(strpbrk(text, "\t\x01\x1b"));
	assert_string_equal(name_in_json("J\xc3\xbcrgen \xe2\x82\xac"),
	    "J\xc3\xbcrgen \xe2\x82\xac");
	assert_string_equal(name_in_json("\xf0\x9f\x90\xa1"),
	    "\xf0\x9f\x90\xa1");
}

static void
json_of_what_is_no_utf8(void **state)
{
	assert_string_equal(name_in_json("a\xff" "b"), "a\xef\xbf\xbd" "b");
	/* cut in the middle, overlong, surrogate */
	assert_string_equal(name_in_json("x\xe2\x82"),
	    "x\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(name_in_json("\xc0\xaf"),
	    "\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(name_in_json("\xed\xa0\x80"),
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void
json_of_every_type(void **state)
{
	struct thing	 t;
	json_t		*j, *o;

	memset(&t, 0, sizeof(t));
	strlcpy(t.list, "a,b", sizeof(t.list));
	t.scopes = SCOPE_NODE | SCOPE_SSH;
	t.on = 1;
	t.count = 4294967295U;
	t.us = 1500;
	t.port = 65535;
	t.kind = MUX_KIND_TCP;
	t.number = UINT64_MAX;
	t.id = 0xfedcba9876543210ULL;
	t.when = 86400;
	print(fields, nitems(fields), 1, 1, &t, 1);
	o = parsed();
	assert_int_equal(json_array_size(json_object_get(o, "list")), 2);
	assert_string_equal(json_string_value(json_array_get(
	    json_object_get(o, "scopes"), 1)), "ssh");
	assert_true(json_is_true(json_object_get(o, "on")));
	assert_true(json_integer_value(json_object_get(o, "count")) ==
	    4294967295LL);
	assert_true(json_real_value(json_object_get(o, "rtt_ms")) == 1.5);
	assert_string_equal(json_string_value(json_object_get(o, "kind")),
	    "tcp");
	assert_true(json_integer_value(json_object_get(o, "bytes")) ==
	    INT64_MAX);
	assert_string_equal(json_string_value(json_object_get(o, "id")),
	    "fedcba9876543210");
	assert_string_equal(json_string_value(json_object_get(o, "when")),
	    "1970-01-02T00:00:00Z");
	json_decref(o);

	memset(&t, 0, sizeof(t));
	t.kind = 999;
	print(fields, nitems(fields), 0, 1, &t, 1);
	j = parsed();
	o = json_array_get(j, 0);
	assert_true(json_is_null(json_object_get(o, "when")));
	assert_true(json_is_null(json_object_get(o, "rtt_ms")));
	assert_int_equal(json_array_size(json_object_get(o, "list")), 0);
	assert_string_equal(json_string_value(json_object_get(o, "kind")),
	    "?");
	json_decref(j);
}

static void
json_of_nothing_is_an_empty_list(void **state)
{
	json_t	*j;

	print(fields, nitems(fields), 0, 1, NULL, 0);
	j = parsed();
	assert_int_equal(json_array_size(j), 0);
	json_decref(j);
}

static void
table_is_aligned(void **state)
{
	static const struct field two[] = {
		{ "name", "NAME", FIELD_TEXT, offsetof(struct thing, name),
		    NULL },
		{ "count", "COUNT", FIELD_COUNT,
		    offsetof(struct thing, count), NULL },
		{ "list", "LIST", FIELD_LIST, offsetof(struct thing, list),
		    "all" },
	};
	struct thing	 t[2];

	memset(t, 0, sizeof(t));
	strlcpy(t[0].name, "a-long-name", sizeof(t[0].name));
	strlcpy(t[1].name, "x", sizeof(t[1].name));
	strlcpy(t[1].list, "p,q", sizeof(t[1].list));
	t[1].count = 123456;
	print(two, nitems(two), 0, 0, t, 2);
	assert_string_equal(text,
	    "NAME          COUNT  LIST\n"
	    "a-long-name       0  all\n"
	    "x            123456  p,q\n");
	print(two, nitems(two), 1, 0, t, 1);
	assert_string_equal(text,
	    "NAME   a-long-name\n"
	    "COUNT  0\n"
	    "LIST   all\n");
	print(two, nitems(two), 0, 0, NULL, 0);
	assert_string_equal(text, "");
}

static void
terminal_gets_nothing_raw(void **state)
{
	struct thing	 t;

	memset(&t, 0, sizeof(t));
	strlcpy(t.name, "\x1b[31m\xff\n\xc2\x9b", sizeof(t.name));
	print(fields, 1, 0, 0, &t, 1);
	assert_string_equal(text, "NAME\n\\033[31m\\377\\012\\302\\233\n");
}

static void
bytes_and_ages(void **state)
{
	static const struct {
		uint64_t	 n;
		const char	*text;
	} bytes[] = {
		{ 0, "0" }, { 1023, "1023" }, { 1024, "1.0K" },
		{ 1536, "1.5K" }, { 10239, "9.9K" }, { 10240, "10K" },
		{ 1048575, "1023K" }, { 1048576, "1.0M" },
		{ UINT64_MAX, "15E" }
	}, ages[] = {
		{ 0, "0s" }, { 59, "59s" }, { 60, "1m0s" },
		{ 3599, "59m59s" }, { 3600, "1h0m" }, { 86399, "23h59m" },
		{ 90000, "1d1h" }
	};
	char		 buf[32];
	size_t		 i;

	for (i = 0; i < nitems(bytes); i++) {
		print_bytes(bytes[i].n, buf, sizeof(buf));
		assert_string_equal(buf, bytes[i].text);
	}
	for (i = 0; i < nitems(ages); i++) {
		print_age(ages[i].n, buf, sizeof(buf));
		assert_string_equal(buf, ages[i].text);
	}
	/* A clock that was set back. */
	print_age(-5, buf, sizeof(buf));
	assert_string_equal(buf, "0s");
}

static void
milliseconds(void **state)
{
	static const struct field	 rtt[] = {
		{ "rtt_ms", "RTT", FIELD_MS, offsetof(struct thing, us),
		    NULL },
	};
	static const struct {
		uint32_t	 us;
		const char	*text;
		double		 ms;
	} cases[] = {
		{ 1, "<0.1 ms", 0.001 }, { 49, "<0.1 ms", 0.049 },
		{ 99, "<0.1 ms", 0.099 }, { 100, "0.1 ms", 0.1 },
		{ 1999, "1.9 ms", 1.999 }, { 20500, "20.5 ms", 20.5 }
	};
	struct thing			 t;
	json_t				*o;
	size_t				 i;

	memset(&t, 0, sizeof(t));
	print(rtt, 1, 0, 0, &t, 1);
	assert_string_equal(text, "RTT\n  -\n");
	for (i = 0; i < nitems(cases); i++) {
		t.us = cases[i].us;
		print(rtt, 1, 0, 0, &t, 1);
		assert_non_null(strstr(text, cases[i].text));
		print(rtt, 1, 1, 1, &t, 1);
		o = parsed();
		assert_true(json_real_value(json_object_get(o, "rtt_ms")) ==
		    cases[i].ms);
		json_decref(o);
	}
}

static void
full_disk_is_an_error(void **state)
{
	struct thing	 t;
	struct table	*table;
	FILE		*fp;

	if ((fp = fopen("/dev/full", "w")) == NULL)
		skip();
	memset(&t, 0, sizeof(t));
	table = table_new(fields, nitems(fields), 1, fp);
	table_add(table, &t);
	assert_int_equal(table_end(table), -1);
	fclose(fp);
}

static void
broken_off_list_says_nothing(void **state)
{
	struct thing	 t;
	struct table	*table;
	FILE		*fp = sink();

	memset(&t, 0, sizeof(t));
	table = table_new(fields, nitems(fields), 1, fp);
	table_add(table, &t);
	table_free(table);
	fclose(fp);
	assert_string_equal(text, "");
	table_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(nothing_has_a_word_of_its_own),
		cmocka_unit_test(json_escapes),
		cmocka_unit_test(json_of_what_is_no_utf8),
		cmocka_unit_test(json_of_every_type),
		cmocka_unit_test(json_of_nothing_is_an_empty_list),
		cmocka_unit_test(table_is_aligned),
		cmocka_unit_test(terminal_gets_nothing_raw),
		cmocka_unit_test(bytes_and_ages),
		cmocka_unit_test(milliseconds),
		cmocka_unit_test(full_disk_is_an_error),
		cmocka_unit_test(broken_off_list_says_nothing),
	};
	int			 failed;

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		setlocale(LC_CTYPE, "");
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(text);
	return (failed);
}
