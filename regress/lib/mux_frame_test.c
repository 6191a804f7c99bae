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

/* link: lib/mux_frame.c */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux_frame.h"

/*
 * get from an allocation of just that size, so that the sanitizer sees a
 * byte read too far.
 */
static int
open_get(const uint8_t *p, size_t n, struct mux_open *o)
{
	uint8_t		*copy;
	int		 ret;

	assert_non_null(copy = malloc(n > 0 ? n : 1));
	memcpy(copy, p, n);
	ret = mux_open_get(copy, n, o);
	free(copy);
	return (ret);
}

static void
head_round_trip(void **state)
{
	struct mux_head	 h;
	uint8_t		 b[MUX_HEAD_LEN];
	const uint8_t	 want[] = { 3, 1, 0, 0, 0x01, 0x02, 0x03, 0x04 };

	mux_head_put(b, MUX_DATA, MUX_FIN, 0x01020304);
	assert_memory_equal(b, want, sizeof(want));
	assert_int_equal(mux_head_get(b, sizeof(b), &h), 0);
	assert_int_equal(h.type, MUX_DATA);
	assert_int_equal(h.flags, MUX_FIN);
	assert_int_equal(h.id, 0x01020304);
}

static void
head_unknown_bits_refused(void **state)
{
	struct mux_head	 h;
	uint8_t		 b[MUX_HEAD_LEN];
	int		 type, flags, ok;

	for (type = 0; type < 256; type++)
		for (flags = 0; flags < 256; flags++) {
			mux_head_put(b, type, flags, 7);
			ok = type >= 1 && type <= 6 &&
			    (flags == 0 || (flags <= 3 && type == MUX_DATA));
			assert_int_equal(mux_head_get(b, sizeof(b), &h),
			    ok ? 0 : -1);
		}
	mux_head_put(b, MUX_DATA, 0, 7);
	assert_int_equal(mux_head_get(b, 7, &h), -1);
	b[2] = 1;
	assert_int_equal(mux_head_get(b, sizeof(b), &h), -1);
	b[2] = 0;
	b[3] = 0x80;
	assert_int_equal(mux_head_get(b, sizeof(b), &h), -1);
}

static struct mux_open
open_full(void)
{
	struct mux_open	 o;

	memset(&o, 0, sizeof(o));
	o.kind = MUX_KIND_SSH;
	o.port = 2222;
	o.credit = 0x00040000;
	strlcpy(o.host, "localhost", sizeof(o.host));
	strlcpy(o.node, "barn", sizeof(o.node));
	strlcpy(o.client, "192.0.2.1:4711", sizeof(o.client));
	strlcpy(o.user, "zoë", sizeof(o.user));
	strlcpy(o.request_id, "r-1", sizeof(o.request_id));
	o.ticket = 0x1122334455667788ULL;
	return (o);
}

static void
open_round_trip(void **state)
{
	struct mux_open	 o = open_full(), back;
	uint8_t		 b[MUX_OPEN_MAX];
	ssize_t		 n, i;

	assert_true((n = mux_open_put(b, sizeof(b), &o)) > 0);
	assert_int_equal(open_get(b, n, &back), 0);
	assert_memory_equal(&o, &back, sizeof(o));
	for (i = 0; i < n; i++)
		assert_int_equal(mux_open_put(b, i, &o), -1);
}

static void
open_layout(void **state)
{
	struct mux_open	 o;
	uint8_t		 b[MUX_OPEN_MAX];
	const uint8_t	 want[] = { 1, 0, 0, 22, 0, 4, 0, 0, 1, 'h', 2, 'n',
	    '1', 2, 0, 1, 'u', 5, 0, 8, 0, 0, 0, 0, 0, 0, 0, 9 };

	memset(&o, 0, sizeof(o));
	o.kind = MUX_KIND_TCP;
	o.port = 22;
	o.credit = 0x40000;
	o.ticket = 9;
	strlcpy(o.host, "h", sizeof(o.host));
	strlcpy(o.node, "n1", sizeof(o.node));
	strlcpy(o.user, "u", sizeof(o.user));
	assert_int_equal(mux_open_put(b, sizeof(b), &o), sizeof(want));
	assert_memory_equal(b, want, sizeof(want));
}

static void
open_longest_fits_constant(void **state)
{
	struct mux_open	 o = open_full(), back;
	uint8_t		 b[MUX_OPEN_MAX];
	ssize_t		 n;

	memset(o.host, 'h', MUX_HOST_MAX);
	memset(o.node, 'n', MUX_NODE_MAX);
	memset(o.client, 'c', MUX_TEXT_MAX);
	memset(o.user, 'u', MUX_TEXT_MAX);
	memset(o.request_id, 'r', MUX_TEXT_MAX);
	assert_int_equal(n = mux_open_put(b, sizeof(b), &o), MUX_OPEN_MAX);
	assert_int_equal(open_get(b, n, &back), 0);
	assert_memory_equal(&o, &back, sizeof(o));
}

static void
open_cut_anywhere(void **state)
{
	struct mux_open	 o = open_full(), back;
	uint8_t		 b[MUX_OPEN_MAX];
	ssize_t		 i, n, fixed;
	int		 whole = 0;

	assert_true((n = mux_open_put(b, sizeof(b), &o)) > 0);
	fixed = 8 + 1 + strlen(o.host) + 1 + strlen(o.node);
	for (i = 0; i < n; i++)
		if (open_get(b, i, &back) == 0) {
			/* only between fields */
			assert_true(i >= fixed);
			whole++;
		}
	assert_int_equal(whole, 4);
}

static void
open_unknown_field_skipped(void **state)
{
	struct mux_open	 o;
	const uint8_t	 b[] = { 1, 0, 0, 22, 0, 0, 0, 0, 0, 0,
	    4, 0, 2, 9, 9, 99, 0, 0, 99, 0, 1, 7, 3, 0, 1, 'x' };

	assert_int_equal(open_get(b, sizeof(b), &o), 0);
	assert_string_equal(o.request_id, "x");
}

static void
open_doubled_field_refused(void **state)
{
	struct mux_open	 o;
	const uint8_t	 b[] = { 1, 0, 0, 22, 0, 0, 0, 0, 0, 0,
	    2, 0, 1, 'a', 2, 0, 1, 'b' };

	assert_int_equal(open_get(b, sizeof(b), &o), -1);
	assert_int_equal(open_get(b, sizeof(b) - 4, &o), 0);
}

static void
open_bad_shapes_refused(void **state)
{
	struct mux_open	 o = open_full();
	uint8_t		 b[MUX_OPEN_MAX + 300];
	ssize_t		 n;

	/* reserved */
	n = mux_open_put(b, sizeof(b), &o);
	b[1] = 1;
	assert_int_equal(open_get(b, n, &o), -1);
	b[1] = 0;
	/* NUL and control in a string */
	b[9] = '\0';
	assert_int_equal(open_get(b, n, &o), -1);
	b[9] = '\n';
	assert_int_equal(open_get(b, n, &o), -1);
	b[9] = 0xff;
	assert_int_equal(open_get(b, n, &o), -1);
	b[9] = 'l';
	assert_int_equal(open_get(b, n, &o), 0);
	/* ticket of a wrong size */
	memcpy(b, "\1\0\0\0\0\0\0\0\0\0\5\0\4abcd", 17);
	assert_int_equal(open_get(b, 17, &o), -1);
	/* node name of 64 bytes */
	memset(b, 'n', sizeof(b));
	memcpy(b, "\1\0\0\0\0\0\0\0\0\100", 10);
	assert_int_equal(open_get(b, 10 + 64, &o), -1);
	/* text of 256 bytes */
	memcpy(b, "\1\0\0\0\0\0\0\0\0\0\1\1\0", 13);
	assert_int_equal(open_get(b, 13 + 256, &o), -1);
}

static void
open_put_refuses_what_get_would(void **state)
{
	struct mux_open	 o = open_full();
	uint8_t		 b[MUX_OPEN_MAX];

	strlcpy(o.request_id, "a\nb", sizeof(o.request_id));
	assert_int_equal(mux_open_put(b, sizeof(b), &o), -1);
	strlcpy(o.request_id, "a\xc3", sizeof(o.request_id));
	assert_int_equal(mux_open_put(b, sizeof(b), &o), -1);
}

static void
text_utf8(void **state)
{
	static const struct {
		const char	*in;
		const char	*out;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "a\x1b[31mb\r\n\x7f", "a?[31mb???" },
		{ "\xc2\xa0", "\xc2\xa0" },
		{ "\xc2\x9b", "??" },			/* C1: CSI */
		{ "\xc0\xaf", "??" },			/* overlong */
		{ "\xe0\x9f\xbf", "???" },
		{ "\xe0\xa0\x80", "\xe0\xa0\x80" },
		{ "\xed\xa0\x80", "???" },		/* surrogate */
		{ "\xf0\x8f\xbf\xbf", "????" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "\xf4\x90\x80\x80", "????" },
		{ "\xf5z", "?z" },
		{ "\xe2\x82", "??" },			/* cut */
		{ "\xe2(\x82", "?(?" },			/* broken */
		{ "\xc3z", "?z" },
	};
	char		 text[MUX_TEXT_MAX + 1];
	uint8_t		 b[MUX_CONTROL_MAX];
	uint16_t	 code;
	ssize_t		 n;
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		b[0] = 0;
		b[1] = MUX_CODE_DENIED;
		n = strlen(cases[i].in);
		memcpy(b + 2, cases[i].in, n);
		assert_int_equal(mux_reset_get(b, n + 2, &code, text), 0);
		assert_int_equal(code, MUX_CODE_DENIED);
		assert_string_equal(text, cases[i].out);
		n = mux_reset_put(b, sizeof(b), 3, cases[i].in);
		assert_int_equal(n, 2 + strlen(cases[i].out));
		assert_memory_equal(b + 2, cases[i].out, n - 2);
	}
}

static void
reset_limits(void **state)
{
	char		 text[MUX_TEXT_MAX + 1], in[400];
	uint8_t		 b[MUX_CONTROL_MAX];
	uint16_t	 code;
	ssize_t		 n;

	assert_int_equal(mux_reset_put(b, sizeof(b), 0x0102, NULL), 2);
	assert_int_equal(mux_reset_get(b, 2, &code, text), 0);
	assert_int_equal(code, 0x0102);
	assert_string_equal(text, "");
	assert_int_equal(mux_reset_get(b, 1, &code, text), -1);
	memset(b, 'x', sizeof(b));
	assert_int_equal(mux_reset_get(b, 2 + 255, &code, text), 0);
	assert_int_equal(strlen(text), 255);
	assert_int_equal(mux_reset_get(b, 2 + 256, &code, text), -1);
	/* Ours is cut, and not within a character. */
	memset(in, 'x', sizeof(in));
	memcpy(in + 254, "\xc3\xab", 2);
	in[399] = '\0';
	n = mux_reset_put(b, sizeof(b), 1, in);
	assert_int_equal(n, 2 + 254);
}

static void
credit_round_trip(void **state)
{
	uint8_t		 b[4];
	uint32_t	 credit;

	assert_int_equal(mux_credit_put(b, 3, 1), -1);
	assert_int_equal(mux_credit_put(b, 4, 0x01020304), 4);
	assert_memory_equal(b, "\1\2\3\4", 4);
	assert_int_equal(mux_credit_get(b, 4, &credit), 0);
	assert_int_equal(credit, 0x01020304);
	assert_int_equal(mux_credit_get(b, 3, &credit), -1);
	assert_int_equal(mux_credit_get(b, 5, &credit), -1);
}

static void
hello_round_trip(void **state)
{
	struct mux_hello h, back;
	uint8_t		 b[MUX_CONTROL_MAX];
	ssize_t		 n;

	memset(&h, 0, sizeof(h));
	h.version = 1;
	h.credit = 65536;
	h.epoch = 1234567890123ULL;
	h.streams = 4097;
	memset(h.software, 's', MUX_TEXT_MAX);
	memset(h.name, 'n', MUX_NODE_MAX);
	assert_true((n = mux_hello_put(b, sizeof(b), &h)) > 0);
	assert_int_equal(mux_control_what(b, n), MUX_CONTROL_HELLO);
	assert_int_equal(mux_hello_get(b, n, &back), 0);
	assert_memory_equal(&h, &back, sizeof(h));
	assert_int_equal(mux_goaway_get(b, n, &(struct mux_goaway){ 0 }), -1);
	assert_int_equal(mux_hello_get(b, n - 1, &back), -1);
	assert_int_equal(mux_hello_get(b, 0, &back), -1);
	/* What is 0 is not said. */
	h.credit = 0;
	n = mux_hello_put(b, sizeof(b), &h);
	assert_int_equal(mux_hello_get(b, n, &back), 0);
	assert_memory_equal(&h, &back, sizeof(h));
	/* version of 2 bytes */
	assert_int_equal(mux_hello_get((const uint8_t *)"\1\1\0\2\0\1", 6,
	    &back), -1);
}

/* Fields that say less or more than they can. */
static void
control_fields_of_a_wrong_size(void **state)
{
	struct mux_hello	 h;
	struct mux_goaway	 g;
	uint8_t			 b[4 + MUX_TEXT_MAX + 1];

	/* A delay of three bytes. */
	assert_int_equal(mux_goaway_get((const uint8_t *)"\2\1\0\3\0\0\1", 7,
	    &g), -1);
	/* A text of one byte more than there may be. */
	memset(b, 'x', sizeof(b));
	memcpy(b, (uint8_t []){ 2, 2, (MUX_TEXT_MAX + 1) >> 8,
	    (MUX_TEXT_MAX + 1) & 0xff }, 4);
	assert_int_equal(mux_goaway_get(b, sizeof(b), &g), -1);
	b[2] = MUX_TEXT_MAX >> 8;
	b[3] = MUX_TEXT_MAX & 0xff;
	assert_int_equal(mux_goaway_get(b, sizeof(b) - 1, &g), 0);
	assert_int_equal(strlen(g.text), MUX_TEXT_MAX);
	/* Nothing, the other kind, and a field of a later version. */
	assert_int_equal(mux_goaway_get(b, 0, &g), -1);
	assert_int_equal(mux_hello_get(b, sizeof(b) - 1, &h), -1);
	assert_int_equal(mux_hello_get((const uint8_t *)"\1\77\0\1x", 5, &h),
	    0);
	assert_int_equal(mux_goaway_get((const uint8_t *)"\2\77\0\1x", 5, &g),
	    0);
	assert_true(mux_kind_dgram(MUX_KIND_UDP));
	assert_false(mux_kind_dgram(MUX_KIND_TCP));
}

static void
goaway_round_trip(void **state)
{
	struct mux_goaway g, back;
	uint8_t		 b[MUX_CONTROL_MAX];
	ssize_t		 n;

	memset(&g, 0, sizeof(g));
	g.delay = 5000;
	strlcpy(g.text, "restart", sizeof(g.text));
	assert_true((n = mux_goaway_put(b, sizeof(b), &g)) > 0);
	assert_int_equal(mux_control_what(b, n), MUX_CONTROL_GOAWAY);
	assert_int_equal(mux_goaway_get(b, n, &back), 0);
	assert_memory_equal(&g, &back, sizeof(g));
	b[n - 1] = '\n';
	assert_int_equal(mux_goaway_get(b, n, &back), 0);
	assert_string_equal(back.text, "restar?");
}

static void
control_unknown(void **state)
{
	assert_int_equal(mux_control_what((const uint8_t *)"", 0), 0);
	assert_int_equal(mux_control_what((const uint8_t *)"\0", 1), 0);
	assert_int_equal(mux_control_what((const uint8_t *)"\3", 1), 0);
}

static void
code_names(void **state)
{
	int		 i;

	for (i = 0; i <= MUX_CODE_NO_SERVICE; i++) {
		assert_non_null(mux_code_name(i));
		assert_string_not_equal(mux_code_name(i), "unknown");
	}
	assert_string_equal(mux_code_name(MUX_CODE_REFUSED), "refused");
	assert_string_equal(mux_code_name(16), "unknown");
	assert_string_equal(mux_code_name(MUX_CODE_NO_SERVICE),
	    "no such service");
	assert_string_equal(mux_code_name(0xffff), "unknown");
}

static void
targets_for_people(void **state)
{
	char		 buf[MUX_TARGET_LEN];

	assert_string_equal(mux_target(MUX_KIND_TCP, "::1", 80, buf),
	    "[::1]:80");
	assert_string_equal(mux_target(MUX_KIND_UDP, "dns", 53, buf),
	    "dns:53/udp");
	assert_string_equal(mux_target(MUX_KIND_UNIX, "/run/x", 0, buf),
	    "/run/x");
	assert_string_equal(mux_target(MUX_KIND_HTTP, "", 0, buf), "http");
	assert_string_equal(mux_target(MUX_KIND_HTTP, "grafana", 0, buf),
	    "http grafana");
	assert_string_equal(mux_target(MUX_KIND_TLS, "mail", 0, buf),
	    "tls mail");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_round_trip),
		cmocka_unit_test(head_unknown_bits_refused),
		cmocka_unit_test(open_round_trip),
		cmocka_unit_test(open_layout),
		cmocka_unit_test(open_longest_fits_constant),
		cmocka_unit_test(open_cut_anywhere),
		cmocka_unit_test(open_unknown_field_skipped),
		cmocka_unit_test(open_doubled_field_refused),
		cmocka_unit_test(open_bad_shapes_refused),
		cmocka_unit_test(open_put_refuses_what_get_would),
		cmocka_unit_test(text_utf8),
		cmocka_unit_test(reset_limits),
		cmocka_unit_test(credit_round_trip),
		cmocka_unit_test(hello_round_trip),
		cmocka_unit_test(control_fields_of_a_wrong_size),
		cmocka_unit_test(goaway_round_trip),
		cmocka_unit_test(control_unknown),
		cmocka_unit_test(code_names),
		cmocka_unit_test(targets_for_people),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests_name("mux_frame", tests, NULL, NULL));
}
