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

struct tls_record	*r;
struct tls_peer		 to_us, from_us;
uint8_t			 wire[70000], plain[4 * TLS_RECORD_MAX];
size_t			 took, gave;
uint8_t			*got;
const uint16_t		 suites[3] = { 0x1301, 0x1302, 0x1303 };

void
record_fill(uint8_t *p, size_t n, unsigned int seed)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		p[i] = (i + seed) * 2654435761U >> 23;
}

void
record_begin(uint16_t suite, int client)
{
	uint8_t	 in[PEER_SECRET_MAX], out[PEER_SECRET_MAX];

	record_fill(in, sizeof(in), 1);
	record_fill(out, sizeof(out), 1000);
	tls_record_free(r);
	r = tls_record_new(suite, client, in, out,
	    tls_peer_secret_len(suite));
	assert_non_null(r);
	tls_peer_begin(&to_us, suite, in);
	tls_peer_begin(&from_us, suite, out);
}

int
record_end(void **state)
{
	tls_record_free(r);
	r = NULL;
	free(got);
	got = NULL;
	/* Another connection's libssl would trip over it. */
	return (ERR_peek_error() == 0 ? 0 : -1);
}

/* Open n bytes, of a buffer that ends with them. */
enum tls_record_what
record_open_bytes(const uint8_t *p, size_t n)
{
	enum tls_record_what	 what;
	uint8_t			*copy = malloc(n + (n == 0));

	free(got);
	got = malloc(TLS_RECORD_ROOM);
	assert_true(copy != NULL && got != NULL);
	memcpy(copy, p, n);
	took = gave = 12345;
	what = tls_record_open(r, copy, n, got, &took, &gave);
	assert_true(took <= n);
	assert_true(gave <= TLS_RECORD_MAX);
	assert_true(what == TLS_RECORD_DATA || gave == 0);
	assert_true(what != TLS_RECORD_MORE || tls_record_rest(copy, n) > 0);
	free(copy);
	return (what);
}

/* The peer has sealed this; it is opened whole. */
enum tls_record_what
record_opened(size_t n)
{
	enum tls_record_what	 what = record_open_bytes(wire, n);

	assert_int_equal(took, n);
	return (what);
}

enum tls_record_what
record_sent(int type, const void *data, size_t n)
{
	return (record_opened(tls_peer_seal(&to_us, wire, type, data, n, 0)));
}

void
assert_refused(enum tls_record_what what, enum alert alert, const char *text)
{
	assert_int_equal(what, TLS_RECORD_ERROR);
	assert_int_equal(tls_record_alert(r), alert);
	assert_non_null(strstr(tls_record_error(r), text));
	/* And it stays so. */
	(void)tls_peer_seal(&to_us, wire, PEER_DATA, "x", 1, 0);
	assert_int_equal(record_open_bytes(wire, RECORD(1)), TLS_RECORD_ERROR);
	assert_int_equal(took, 0);
	assert_int_equal(record_open_bytes(wire, 0), TLS_RECORD_ERROR);
	assert_int_equal(tls_record_alert(r), alert);
	/* What is to be said of it can be. */
	assert_int_equal(tls_record_say(r, wire, alert), RECORD(2));
	assert_int_equal(tls_peer_open(&from_us, plain, wire, RECORD(2)), 3);
	assert_int_equal(plain[0], 2);
	assert_int_equal(plain[1], alert);
	assert_int_equal(plain[2], PEER_ALERT);
}

enum tls_record_what
record_padded(const void *data, size_t n, size_t padding)
{
	return (record_opened(tls_peer_seal(&to_us, wire, PEER_DATA, data, n,
	    padding)));
}

/* It works as if nothing had been. */
void
assert_well(void)
{
	assert_data(record_sent(PEER_DATA, "well", 4), 4);
	assert_memory_equal(got, "well", 4);
}

/* Seal n bytes into no more than is said, and open them as the peer. */
void
record_seal(size_t n)
{
	uint8_t	*out = malloc(tls_record_sealed(n));
	ssize_t	 r_len, k;
	size_t	 at = 0, size, sum = 0;

	assert_non_null(out);
	record_fill(plain, n, n);
	r_len = tls_record_seal(r, out, plain, n);
	assert_in_range(r_len, RECORD(n), tls_record_sealed(n));
	while (at < (size_t)r_len) {
		size = TLS_RECORD_HEAD + (out[at + 3] << 8 | out[at + 4]);
		assert_true(at + size <= (size_t)r_len);
		k = tls_peer_open(&from_us, wire, out + at, size);
		assert_in_range(k, 2, TLS_RECORD_MAX + 1);
		assert_int_equal(wire[--k], PEER_DATA);
		assert_memory_equal(wire, plain + sum, k);
		sum += k;
		at += size;
	}
	assert_int_equal(sum, n);
	free(out);
}

/* Opens one of what was sealed, and says how long it is. */
size_t
record_peer_opens(const uint8_t *p, size_t inside)
{
	size_t	 n = TLS_RECORD_HEAD + (p[3] << 8 | p[4]);

	assert_int_equal(tls_peer_open(&from_us, plain, p, n), inside);
	return (n);
}
