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


/* link: lib/tls_record.c lib/aead.c lib/aead_mb.c
 * regress/lib/record_sides.c regress/lib/tls_peer.c */
/* libs: libcrypto ipsec_mb */

/*
 * Records of TLS 1.3 against those of RFC 8448, and a peer of other code:
 * each suite and length, changed, in pieces and in another order.
 */

#include "compat.h"

#include <openssl/err.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "record_sides.h"
#include "tls_peer.h"
#include "tls_record.h"

#define MAX	TLS_RECORD_MAX

/* RFC 8448, 3: the secrets, and what is sent under them. */
static const uint8_t client_secret[] = {
	0x9e, 0x40, 0x64, 0x6c, 0xe7, 0x9a, 0x7f, 0x9d, 0xc0, 0x5a, 0xf8, 0x88,
	0x9b, 0xce, 0x65, 0x52, 0x87, 0x5a, 0xfa, 0x0b, 0x06, 0xdf, 0x00, 0x87,
	0xf7, 0x92, 0xeb, 0xb7, 0xc1, 0x75, 0x04, 0xa5,
};

static const uint8_t server_secret[] = {
	0xa1, 0x1a, 0xf9, 0xf0, 0x55, 0x31, 0xf8, 0x56, 0xad, 0x47, 0x11, 0x6b,
	0x45, 0xa9, 0x50, 0x32, 0x82, 0x04, 0xb4, 0xf4, 0x4b, 0xfb, 0x6b, 0x3a,
	0x4b, 0x4f, 0x1f, 0x3f, 0xcb, 0x63, 0x16, 0x43,
};

static const uint8_t client_data[] = {
	0x17, 0x03, 0x03, 0x00, 0x43, 0xa2, 0x3f, 0x70, 0x54, 0xb6, 0x2c, 0x94,
	0xd0, 0xaf, 0xfa, 0xfe, 0x82, 0x28, 0xba, 0x55, 0xcb, 0xef, 0xac, 0xea,
	0x42, 0xf9, 0x14, 0xaa, 0x66, 0xbc, 0xab, 0x3f, 0x2b, 0x98, 0x19, 0xa8,
	0xa5, 0xb4, 0x6b, 0x39, 0x5b, 0xd5, 0x4a, 0x9a, 0x20, 0x44, 0x1e, 0x2b,
	0x62, 0x97, 0x4e, 0x1f, 0x5a, 0x62, 0x92, 0xa2, 0x97, 0x70, 0x14, 0xbd,
	0x1e, 0x3d, 0xea, 0xe6, 0x3a, 0xee, 0xbb, 0x21, 0x69, 0x49, 0x15, 0xe4,
};

static const uint8_t client_alert[] = {
	0x17, 0x03, 0x03, 0x00, 0x13, 0xc9, 0x87, 0x27, 0x60, 0x65, 0x56, 0x66,
	0xb7, 0x4d, 0x7f, 0xf1, 0x15, 0x3e, 0xfd, 0x6d, 0xb6, 0xd0, 0xb0, 0xe3,
};

static const uint8_t server_ticket[] = {
	0x17, 0x03, 0x03, 0x00, 0xde, 0x3a, 0x6b, 0x8f, 0x90, 0x41, 0x4a, 0x97,
	0xd6, 0x95, 0x9c, 0x34, 0x87, 0x68, 0x0d, 0xe5, 0x13, 0x4a, 0x2b, 0x24,
	0x0e, 0x6c, 0xff, 0xac, 0x11, 0x6e, 0x95, 0xd4, 0x1d, 0x6a, 0xf8, 0xf6,
	0xb5, 0x80, 0xdc, 0xf3, 0xd1, 0x1d, 0x63, 0xc7, 0x58, 0xdb, 0x28, 0x9a,
	0x01, 0x59, 0x40, 0x25, 0x2f, 0x55, 0x71, 0x3e, 0x06, 0x1d, 0xc1, 0x3e,
	0x07, 0x88, 0x91, 0xa3, 0x8e, 0xfb, 0xcf, 0x57, 0x53, 0xad, 0x8e, 0xf1,
	0x70, 0xad, 0x3c, 0x73, 0x53, 0xd1, 0x6d, 0x9d, 0xa7, 0x73, 0xb9, 0xca,
	0x7f, 0x2b, 0x9f, 0xa1, 0xb6, 0xc0, 0xd4, 0xa3, 0xd0, 0x3f, 0x75, 0xe0,
	0x9c, 0x30, 0xba, 0x1e, 0x62, 0x97, 0x2a, 0xc4, 0x6f, 0x75, 0xf7, 0xb9,
	0x81, 0xbe, 0x63, 0x43, 0x9b, 0x29, 0x99, 0xce, 0x13, 0x06, 0x46, 0x15,
	0x13, 0x98, 0x91, 0xd5, 0xe4, 0xc5, 0xb4, 0x06, 0xf1, 0x6e, 0x3f, 0xc1,
	0x81, 0xa7, 0x7c, 0xa4, 0x75, 0x84, 0x00, 0x25, 0xdb, 0x2f, 0x0a, 0x77,
	0xf8, 0x1b, 0x5a, 0xb0, 0x5b, 0x94, 0xc0, 0x13, 0x46, 0x75, 0x5f, 0x69,
	0x23, 0x2c, 0x86, 0x51, 0x9d, 0x86, 0xcb, 0xee, 0xac, 0x87, 0xaa, 0xc3,
	0x47, 0xd1, 0x43, 0xf9, 0x60, 0x5d, 0x64, 0xf6, 0x50, 0xdb, 0x4d, 0x02,
	0x3e, 0x70, 0xe9, 0x52, 0xca, 0x49, 0xfe, 0x51, 0x37, 0x12, 0x1c, 0x74,
	0xbc, 0x26, 0x97, 0x68, 0x7e, 0x24, 0x87, 0x46, 0xd6, 0xdf, 0x35, 0x30,
	0x05, 0xf3, 0xbc, 0xe1, 0x86, 0x96, 0x12, 0x9c, 0x81, 0x53, 0x55, 0x6b,
	0x3b, 0x6c, 0x67, 0x79, 0xb3, 0x7b, 0xf1, 0x59, 0x85, 0x68, 0x4f,
};

static const uint8_t server_data[] = {
	0x17, 0x03, 0x03, 0x00, 0x43, 0x2e, 0x93, 0x7e, 0x11, 0xef, 0x4a, 0xc7,
	0x40, 0xe5, 0x38, 0xad, 0x36, 0x00, 0x5f, 0xc4, 0xa4, 0x69, 0x32, 0xfc,
	0x32, 0x25, 0xd0, 0x5f, 0x82, 0xaa, 0x1b, 0x36, 0xe3, 0x0e, 0xfa, 0xf9,
	0x7d, 0x90, 0xe6, 0xdf, 0xfc, 0x60, 0x2d, 0xcb, 0x50, 0x1a, 0x59, 0xa8,
	0xfc, 0xc4, 0x9c, 0x4b, 0xf2, 0xe5, 0xf0, 0xa2, 0x1c, 0x00, 0x47, 0xc2,
	0xab, 0xf3, 0x32, 0x54, 0x0d, 0xd0, 0x32, 0xe1, 0x67, 0xc2, 0x95, 0x5d,
};

static const uint8_t server_alert[] = {
	0x17, 0x03, 0x03, 0x00, 0x13, 0xb5, 0x8f, 0xd6, 0x71, 0x66, 0xeb, 0xf5,
	0x99, 0xd2, 0x47, 0x20, 0xcf, 0xbe, 0x7e, 0xfa, 0x7a, 0x88, 0x64, 0xa9,
};
/* ---- RFC 8448 ---- */

static void
published_as_server(void **state)
{
	uint8_t	 out[200];
	size_t	 i;

	for (i = 0; i < 50; i++)
		plain[i] = i;
	r = tls_record_new(0x1301, 0, client_secret, server_secret, 32);
	assert_non_null(r);
	assert_data(record_open_bytes(client_data, sizeof(client_data)), 50);
	assert_memory_equal(got, plain, 50);
	assert_int_equal(record_open_bytes(client_alert, sizeof(client_alert)),
	    TLS_RECORD_EOF);
	/* A ticket, which we never send, was the first. */
	assert_int_equal(tls_record_seal(r, out, plain, 1), RECORD(1));
	assert_int_equal(tls_record_seal(r, out, plain, 50), RECORD(50));
	assert_int_equal(sizeof(server_data), RECORD(50));
	assert_memory_equal(out, server_data, sizeof(server_data));
	assert_int_equal(tls_record_say(r, out, 0), sizeof(server_alert));
	assert_memory_equal(out, server_alert, sizeof(server_alert));
}

static void
published_as_client(void **state)
{
	uint8_t	 out[200];
	size_t	 i;

	for (i = 0; i < 50; i++)
		plain[i] = i;
	r = tls_record_new(0x1301, 1, server_secret, client_secret, 32);
	assert_non_null(r);
	assert_data(record_open_bytes(server_ticket, sizeof(server_ticket)), 0);
	assert_data(record_open_bytes(server_data, sizeof(server_data)), 50);
	assert_memory_equal(got, plain, 50);
	assert_int_equal(record_open_bytes(server_alert, sizeof(server_alert)),
	    TLS_RECORD_EOF);
	assert_int_equal(tls_record_seal(r, out, plain, 50), RECORD(50));
	assert_memory_equal(out, client_data, sizeof(client_data));
	assert_int_equal(tls_record_say(r, out, 0), sizeof(client_alert));
	assert_memory_equal(out, client_alert, sizeof(client_alert));
}

/* ---- What goes ---- */

static void
all_suites_and_lengths(void **state)
{
	static const size_t	 lengths[] = {
		1, 2, 15, 16, 17, 255, 256, MAX - 1, MAX, MAX + 1, 2 * MAX,
		2 * MAX + 1, 4 * MAX
	};
	size_t			 i, k;
	int			 client;

	for (i = 0; i < 2 * nitems(suites); i++) {
		client = i & 1;
		record_begin(suites[i / 2], client);
		for (k = 0; k < nitems(lengths); k++) {
			record_seal(lengths[k]);
			if (lengths[k] > MAX)
				continue;
			assert_data(record_sent(PEER_DATA, plain, lengths[k]),
			    lengths[k]);
			assert_memory_equal(got, plain, lengths[k]);
		}
		/* Numbers of more than a byte. */
		for (k = 0; k < 600; k++) {
			record_seal(1 + k);
			assert_data(record_sent(PEER_DATA, plain, 1 + k),
			    1 + k);
			assert_memory_equal(got, plain, 1 + k);
		}
		assert_int_equal(tls_record_seal(r, wire, plain, 0), 0);
	}
}

static void
new_keys_of_ours(void **state)
{
	static const uint8_t	 message[] = { KEY_UPDATE, 0, 0, 1, 0,
				    PEER_HANDSHAKE };
	size_t			 i, k, at;
	ssize_t			 n;

	for (i = 0; i < nitems(suites); i++) {
		record_begin(suites[i], 0);
		for (k = 0; k < 3; k++) {
			tls_record_rekey(r);
			tls_record_rekey(r);
			/* What is said meanwhile is under the old one. */
			n = tls_record_say(r, wire, 90);
			assert_int_equal(record_peer_opens(wire, 3), n);
			n = tls_record_seal(r, wire, (const uint8_t *)"ab", 2);
			assert_int_equal(n, RECORD(5) + RECORD(2));
			at = record_peer_opens(wire, 6);
			assert_memory_equal(plain, message, 6);
			tls_peer_next(&from_us);
			at += record_peer_opens(wire + at, 3);
			assert_int_equal(at, n);
			assert_memory_equal(plain, "ab\x17", 3);
			record_seal(100);
		}
		/* With the change of keys it has still room. */
		tls_record_rekey(r);
		n = tls_record_seal(r, wire, plain, 2 * MAX);
		assert_int_equal(n, RECORD(5) + 2 * RECORD(MAX));
		assert_true((size_t)n <= tls_record_sealed(2 * MAX));
	}
}

/* ---- What comes: lengths and pieces ---- */

static void
lengths_of_the_peer(void **state)
{
	static const uint8_t	 nothing[MAX + 3];

	record_begin(0x1301, 0);
	assert_data(record_sent(PEER_DATA, NULL, 0), 0);	/* 17 sealed */
	assert_int_equal(took, RECORD(0));
	record_fill(plain, MAX + 1, 3);
	assert_data(record_sent(PEER_DATA, plain, MAX), MAX);
	assert_memory_equal(got, plain, MAX);
	/* Padded up to the limit. */
	assert_data(record_padded(plain, 1, MAX - 1), 1);
	assert_data(record_padded(plain, 0, MAX), 0);
	assert_data(record_padded(plain, MAX - 1, 1), MAX - 1);
	/* Zeroes of its own are no padding. */
	assert_data(record_sent(PEER_DATA, nothing, MAX), MAX);
	assert_refused(record_sent(PEER_DATA, plain, MAX + 1), OVERFLOW,
	    "too long");
	record_begin(0x1301, 0);
	assert_refused(record_padded(plain, MAX, 1), OVERFLOW, "too long");
	record_begin(0x1301, 0);
	assert_refused(record_padded(plain, 0, MAX + 1), OVERFLOW, "too long");
}

static void
lengths_that_cannot_be(void **state)
{
	static const struct {
		size_t	 n;
		int	 ok;
	}			 heads[] = {
		{ 0, 0 }, { 15, 0 }, { 16, 0 }, { 17, 1 }, { MAX + 256, 1 },
		{ MAX + 257, 0 }, { 65535, 0 }
	};
	uint8_t			 head[TLS_RECORD_HEAD] = { 23, 3, 3 };
	size_t			 i;

	for (i = 0; i < nitems(heads); i++) {
		record_begin(0x1302, 1);
		head[3] = heads[i].n >> 8;
		head[4] = heads[i].n & 0xff;
		assert_int_equal(record_open_bytes(head, 4), TLS_RECORD_MORE);
		/* It is refused at once: nothing is waited for. */
		if (heads[i].ok)
			assert_int_equal(record_open_bytes(head, sizeof(head)),
			    TLS_RECORD_MORE);
		else
			assert_refused(record_open_bytes(head, sizeof(head)),
			    OVERFLOW, "impossible length");
	}
	/* The longest that may come is too long inside, or was changed. */
	record_begin(0x1302, 1);
	assert_refused(record_padded(plain, MAX, 239), OVERFLOW, "too long");
	assert_int_equal(tls_record_rest(wire, 0), TLS_RECORD_HEAD);
	/* Of what is none of ours nobody waits for the rest. */
	assert_int_equal(tls_record_rest((const uint8_t *)"\x16\x03\x03\x01"
	    "\x00", TLS_RECORD_HEAD), 0);
	assert_int_equal(tls_record_rest((const uint8_t *)"\x17\x03\x03\xff"
	    "\xff", TLS_RECORD_HEAD), 0);
}

static void
pieces(void **state)
{
	size_t	 i, n, more;

	record_begin(0x1303, 0);
	n = tls_peer_seal(&to_us, wire, PEER_DATA, "first", 5, 7);
	more = tls_peer_seal(&to_us, wire + n, PEER_DATA, "second", 6, 0);
	for (i = 0; i < n; i++) {
		assert_int_equal(record_open_bytes(wire, i), TLS_RECORD_MORE);
		assert_int_equal(took, 0);
		assert_int_equal(tls_record_rest(wire, i),
		    (i < TLS_RECORD_HEAD ? TLS_RECORD_HEAD : n) - i);
	}
	/* One at a time, whatever is behind it. */
	for (i = 1; i < more; i++)
		assert_int_equal(tls_record_rest(wire, n + i), 0);
	assert_data(record_open_bytes(wire, n + more), 5);
	assert_int_equal(took, n);
	assert_memory_equal(got, "first", 5);
	assert_int_equal(record_open_bytes(wire + n, more - 1),
	    TLS_RECORD_MORE);
	assert_data(record_open_bytes(wire + n, more), 6);
	assert_memory_equal(got, "second", 6);
}

/* ---- What comes: changed, again, in another order ---- */

static void
each_bit(void **state)
{
	enum tls_record_what	 what;
	size_t			 i, n;

	for (i = 0; i < RECORD(20) * 8; i++) {
		record_begin(suites[i % nitems(suites)], i & 1);
		memset(wire, 0, sizeof(wire));
		n = tls_peer_seal(&to_us, wire, PEER_DATA,
		    "twenty bytes of text", 20, 0);
		wire[i / 8] ^= 1 << (i % 8);
		/* As long as it says. */
		if (i / 8 == 3 || i / 8 == 4)
			n = sizeof(wire);
		what = record_open_bytes(wire, n);
		assert_int_equal(what, TLS_RECORD_ERROR);
		if (i / 8 == 0)
			assert_refused(what, UNEXPECTED, "in the clear");
		else if (tls_record_alert(r) != OVERFLOW || (i / 8 != 3 &&
		    i / 8 != 4))
			assert_refused(what, BAD_MAC, "changed on the way");
	}
}

static void
again_or_later(void **state)
{
	uint8_t	 first[RECORD(3)], second[RECORD(3)];
	size_t	 i;

	for (i = 0; i < 3 * nitems(suites); i++) {
		record_begin(suites[i / 3], 0);
		tls_peer_seal(&to_us, first, PEER_DATA, "one", 3, 0);
		tls_peer_seal(&to_us, second, PEER_DATA, "two", 3, 0);
		if (i % 3 < 2)
			assert_data(record_open_bytes(first, sizeof(first)), 3);
		if (i % 3 == 0) {
			assert_data(record_open_bytes(second, RECORD(3)), 3);
			continue;
		}
		/* The first one again, or the second one before it. */
		assert_refused(record_open_bytes(i % 3 == 1 ? first : second,
		    sizeof(first)), BAD_MAC, "changed on the way");
	}
}

/* Our own, sent back to us. */
static void
reflected(void **state)
{
	record_begin(0x1301, 0);
	assert_int_equal(tls_record_seal(r, wire, (const uint8_t *)"mine", 4),
	    RECORD(4));
	assert_int_equal(record_peer_opens(wire, 5), RECORD(4));
	assert_refused(record_open_bytes(wire, RECORD(4)), BAD_MAC, "changed");
}

/* ---- Many of them ---- */

#define CONNECTIONS	12

/* They share the ciphers of the process, and come and go. */
static void
interleaved(void **state)
{
	struct {
		struct tls_record	*r;
		struct tls_peer		 to_us, from_us;
	}		 all[CONNECTIONS] = { 0 };
	const uint8_t	 new_key[] = { KEY_UPDATE, 0, 0, 1, 0 };
	uint32_t	 random = 1;
	size_t		 i, k, times;

	for (times = 0; times < 20000; times++) {
		random = random * 1103515245 + 12345;
		i = (random >> 16) % CONNECTIONS;
		k = (random >> 8) % 40;
		r = all[i].r;
		to_us = all[i].to_us;
		from_us = all[i].from_us;
		if (r == NULL || k == 0)
			record_begin(suites[random >> 30 == 0 ? k % 3 : 0],
			    i & 1);
		if (k == 1) {
			assert_data(record_sent(PEER_HANDSHAKE, new_key, 5),
			    0);
			tls_peer_next(&to_us);
		} else if (k & 1)
			assert_well();
		else
			record_seal(1 + k);
		all[i].r = r;
		all[i].to_us = to_us;
		all[i].from_us = from_us;
		r = NULL;
	}
	for (i = 0; i < CONNECTIONS; i++)
		tls_record_free(all[i].r);
}

static void
what_there_is(void **state)
{
	uint8_t	 secret[TLS_RECORD_SECRET_MAX] = { 0 };
	size_t	 n;
	int	 suite;

	for (suite = 0; suite < 65536; suite++) {
		r = tls_record_new(suite, 0, secret, secret,
		    suite == 0x1302 ? 48 : 32);
		assert_int_equal(r != NULL,
		    suite >= 0x1301 && suite <= 0x1303);
		tls_record_free(r);
	}
	for (n = 0; n <= sizeof(secret); n++) {
		r = tls_record_new(0x1302, 0, secret, secret, n);
		assert_int_equal(r != NULL, n == 48);
		tls_record_free(r);
		r = tls_record_new(0x1303, 0, secret, secret, n);
		assert_int_equal(r != NULL, n == 32);
		tls_record_free(r);
	}
	r = NULL;
	tls_record_free(NULL);
	assert_in_range(tls_record_memory(), 2 * 48, 400);
}

#define CASE(f)	cmocka_unit_test_teardown(f, record_end)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(published_as_server),
		CASE(published_as_client),
		CASE(all_suites_and_lengths),
		CASE(new_keys_of_ours),
		CASE(lengths_of_the_peer),
		CASE(lengths_that_cannot_be),
		CASE(pieces),
		CASE(each_bit),
		CASE(again_or_later),
		CASE(reflected),
		CASE(interleaved),
		CASE(what_there_is),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
