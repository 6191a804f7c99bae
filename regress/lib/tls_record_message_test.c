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
 * What a peer may say behind its handshake, and what it may not: messages,
 * alerts and records without data.
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
#define TICKET	4

static const uint8_t	 not_asked[] = { KEY_UPDATE, 0, 0, 1, 0 };
static const uint8_t	 asked[] = { KEY_UPDATE, 0, 0, 1, 1 };
static const uint8_t	 asked_twice[] = { KEY_UPDATE, 0, 0, 1, 2 };
static const uint8_t	 too_long[] = { KEY_UPDATE, 0, 0, 2, 0, 0 };
static const uint8_t	 too_short[] = { KEY_UPDATE, 0, 0, 0, 0 };

static void
new_keys(void **state)
{
	size_t	 i, k, n;
	int	 wants;

	for (i = 0; i < 2 * nitems(suites); i++) {
		record_begin(suites[i / 2], i & 1);
		for (k = 0; k < 20; k++) {
			wants = k % 3 == 1;
			assert_data(record_sent(PEER_HANDSHAKE, wants ? asked :
			    not_asked, 5), 0);
			tls_peer_next(&to_us);
			assert_well();
			n = tls_record_seal(r, wire, (const uint8_t *)"x", 1);
			assert_int_equal(n, RECORD(1) + wants * RECORD(5));
			if (wants) {
				n = record_peer_opens(wire, 6);
				assert_memory_equal(plain, not_asked, 5);
				tls_peer_next(&from_us);
				memmove(wire, wire + n, RECORD(1));
			}
			assert_int_equal(record_peer_opens(wire, 2), RECORD(1));
		}
		/* Under the old key nothing comes any more. */
		assert_data(record_sent(PEER_HANDSHAKE, not_asked, 5), 0);
		assert_refused(record_sent(PEER_DATA, "old", 3), BAD_MAC,
		    "changed on the way");
	}
}

/* However often it asks before we say anything, we answer once. */
static void
asked_often(void **state)
{
	size_t	 i;

	record_begin(0x1302, 0);
	for (i = 0; i < 30; i++) {
		assert_data(record_sent(PEER_HANDSHAKE, asked, 5), 0);
		tls_peer_next(&to_us);
	}
	assert_int_equal(tls_record_seal(r, wire, plain, 1),
	    RECORD(5) + RECORD(1));
	assert_int_equal(tls_record_seal(r, wire, plain, 1), RECORD(1));
}

static void
new_keys_in_pieces(void **state)
{
	size_t	 i;

	for (i = 1; i < 5; i++) {
		record_begin(0x1301, i & 1);
		assert_data(record_sent(PEER_HANDSHAKE, not_asked, i), 0);
		assert_data(record_sent(PEER_HANDSHAKE, not_asked + i,
		    5 - i), 0);
		tls_peer_next(&to_us);
		assert_well();
		/* But nothing else in between. */
		assert_data(record_sent(PEER_HANDSHAKE, not_asked, i), 0);
		assert_refused(record_sent(PEER_DATA, "x", 1), UNEXPECTED,
		    "cut short");
		record_begin(0x1301, i & 1);
		assert_data(record_sent(PEER_HANDSHAKE, not_asked, i), 0);
		assert_refused(record_sent(PEER_ALERT, "\1\0", 2), UNEXPECTED,
		    "cut short");
	}
	/* A byte in each record. */
	record_begin(0x1301, 0);
	for (i = 0; i < 5; i++)
		assert_data(record_sent(PEER_HANDSHAKE, not_asked + i, 1), 0);
	tls_peer_next(&to_us);
	assert_well();
}

static void
broken_new_keys(void **state)
{
	uint8_t	 two[10];

	record_begin(0x1301, 0);
	assert_refused(record_sent(PEER_HANDSHAKE, asked_twice, 5), ILLEGAL,
	    "broken change of keys");
	record_begin(0x1301, 0);
	assert_refused(record_sent(PEER_HANDSHAKE, too_long, 6), UNEXPECTED,
	    "no place here");
	record_begin(0x1301, 0);
	assert_refused(record_sent(PEER_HANDSHAKE, too_short, 4), UNEXPECTED,
	    "no place here");
	/* Something follows it in its record. */
	memcpy(two, asked, 5);
	memcpy(two + 5, asked, 5);
	record_begin(0x1301, 0);
	assert_refused(record_sent(PEER_HANDSHAKE, two, 6), UNEXPECTED,
	    "inside a record");
	record_begin(0x1301, 1);
	assert_refused(record_sent(PEER_HANDSHAKE, two, 10), UNEXPECTED,
	    "inside a record");
}

/* A ticket of so many bytes. */
static size_t
ticket(uint8_t *p, size_t n)
{
	p[0] = TICKET;
	p[1] = n >> 16;
	p[2] = n >> 8;
	p[3] = n;
	memset(p + 4, 0xaa, n);
	return (4 + n);
}

/* In records of so many bytes of content. */
static enum tls_record_what
send_in(const uint8_t *p, size_t n, size_t each)
{
	enum tls_record_what	 what = TLS_RECORD_DATA;
	size_t			 i, k;

	for (i = 0; i < n && what == TLS_RECORD_DATA; i += k) {
		k = n - i < each ? n - i : each;
		what = record_sent(PEER_HANDSHAKE, p + i, k);
	}
	return (what);
}

static void
tickets(void **state)
{
	static uint8_t	 buf[140000];
	size_t		 i, n;

	record_begin(0x1301, 1);
	assert_data(send_in(buf, ticket(buf, 200), MAX), 0);
	assert_well();
	/* Many in one record, and none of any length. */
	for (i = n = 0; i < 100; i++)
		n += ticket(buf + n, i);
	assert_data(send_in(buf, n, MAX), 0);
	assert_well();
	/* Each cut in each place. */
	n = ticket(buf, 12);
	for (i = 1; i < n; i++) {
		assert_data(record_sent(PEER_HANDSHAKE, buf, i), 0);
		assert_data(record_sent(PEER_HANDSHAKE, buf + i, n - i), 0);
		assert_well();
	}
	assert_data(send_in(buf, ticket(buf, 65535), MAX), 0);
	assert_well();
	assert_data(send_in(buf, ticket(buf, 2 * 65536 + 512), MAX), 0);
	assert_well();
	/* And new keys behind it, in its last record. */
	n = ticket(buf, 300);
	memcpy(buf + n, asked, 5);
	assert_data(send_in(buf, n + 5, 100), 0);
	tls_peer_next(&to_us);
	assert_well();
	/* Cut, and then something else. */
	assert_data(record_sent(PEER_HANDSHAKE, buf, 299), 0);
	assert_refused(record_sent(PEER_DATA, "x", 1), UNEXPECTED, "cut short");
	record_begin(0x1301, 1);
	assert_refused(send_in(buf, ticket(buf, 2 * 65536 + 513), MAX),
	    UNEXPECTED, "no place here");
	/* Of a client it has no sense. */
	record_begin(0x1301, 0);
	assert_refused(send_in(buf, ticket(buf, 200), MAX), UNEXPECTED,
	    "no place here");
}

static void
other_messages(void **state)
{
	uint8_t	 message[8] = { 0 };
	int	 type;

	for (type = 0; type < 256; type++) {
		record_begin(0x1303, type & 1);
		message[0] = type;
		message[3] = 4;
		assert_refused(record_sent(PEER_HANDSHAKE, message, 8),
		    UNEXPECTED, "no place here");
	}
	record_begin(0x1303, 0);
	assert_refused(record_sent(PEER_HANDSHAKE, NULL, 0), UNEXPECTED,
	    "empty message");
}

/* ---- What comes: types and alerts ---- */

static void
types(void **state)
{
	static const uint8_t	 zeroes[100];
	int			 type;

	for (type = 1; type < 256; type++) {
		if (type >= PEER_ALERT && type <= PEER_DATA)
			continue;
		record_begin(suites[type % nitems(suites)], type & 1);
		assert_refused(record_sent(type, "\1", 1), UNEXPECTED,
		    "unknown type");
	}
	record_begin(0x1301, 0);
	assert_refused(record_opened(tls_peer_seal_inner(&to_us, wire, zeroes,
	    sizeof(zeroes))), UNEXPECTED, "no type");
	record_begin(0x1301, 0);
	assert_refused(record_opened(tls_peer_seal_inner(&to_us, wire, zeroes,
	    1)), UNEXPECTED, "no type");
}

/* What was right in the handshake no longer is. */
static void
in_the_clear(void **state)
{
	static const uint8_t	 ccs[] = { 20, 3, 3, 0, 1, 1 };
	static const uint8_t	 alert[] = { 21, 3, 3, 0, 2, 1, 0 };

	record_begin(0x1301, 0);
	assert_refused(record_open_bytes(ccs, sizeof(ccs)), UNEXPECTED,
	    "in the clear");
	record_begin(0x1301, 1);
	assert_refused(record_open_bytes(alert, sizeof(alert)), UNEXPECTED,
	    "in the clear");
	record_begin(0x1301, 0);
	assert_refused(record_open_bytes((const uint8_t *)"GET / HTTP", 10),
	    UNEXPECTED, "in the clear");
}

static void
alerts(void **state)
{
	uint8_t	 alert[3] = { 0 };
	int	 k;

	for (k = 0; k < 256; k++) {
		record_begin(suites[k % nitems(suites)], k & 1);
		alert[0] = k % 4;	/* the level says nothing */
		alert[1] = k;
		if (k == 90) {
			assert_data(record_sent(PEER_ALERT, alert, 2), 0);
			assert_well();
			continue;
		}
		assert_int_equal(record_sent(PEER_ALERT, alert, 2), k == 0 ?
		    TLS_RECORD_EOF : TLS_RECORD_ALERT);
		assert_int_equal(tls_record_alert(r), k);
		/* Behind it nothing is opened. */
		(void)tls_peer_seal(&to_us, wire, PEER_DATA, "x", 1, 0);
		assert_int_equal(record_open_bytes(wire, RECORD(1)), k == 0 ?
		    TLS_RECORD_EOF : TLS_RECORD_ALERT);
		assert_int_equal(took, 0);
		assert_string_equal(tls_record_error(r), "no error");
		/* The other direction is still open. */
		record_seal(10);
	}
	for (k = 0; k < 4; k++) {
		if (k == 2)
			continue;
		record_begin(0x1301, 0);
		assert_refused(record_sent(PEER_ALERT, alert, k), DECODE,
		    "broken alert");
	}
}

static void
void_record(int k)
{
	switch (k % 4) {
	case 0:
		assert_data(record_sent(PEER_DATA, NULL, 0), 0);
		break;
	case 1:
		assert_data(record_sent(PEER_HANDSHAKE, not_asked, 5), 0);
		tls_peer_next(&to_us);
		break;
	case 2:
		assert_data(record_sent(PEER_ALERT, "\1\132", 2), 0);
		break;
	default:
		assert_data(record_padded(NULL, 0, 1000), 0);
	}
}

static void
void_records(void **state)
{
	int	 k, kinds;

	for (kinds = 0; kinds < 5; kinds++) {
		record_begin(0x1301, 0);
		for (k = 0; k < 32; k++)
			void_record(kinds == 4 ? k : kinds);
		assert_well();
		for (k = 0; k < 32; k++)
			void_record(kinds == 4 ? k : kinds);
		assert_refused(record_sent(PEER_DATA, NULL, 0), UNEXPECTED,
		    "without data");
	}
}

#define CASE(f)	cmocka_unit_test_teardown(f, record_end)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(new_keys),
		CASE(asked_often),
		CASE(new_keys_in_pieces),
		CASE(broken_new_keys),
		CASE(tickets),
		CASE(other_messages),
		CASE(types),
		CASE(in_the_clear),
		CASE(alerts),
		CASE(void_records),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
