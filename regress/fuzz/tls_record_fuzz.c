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


/* link: lib/tls_record.c lib/aead.c lib/aead_mb.c regress/lib/tls_peer.c */
/* libs: libcrypto ipsec_mb */

/*
 * Records of TLS 1.3.  The input is a row of steps: a byte of what to do, two
 * of a length and so many bytes, which go on the wire as they are, or which
 * the peer seals as it must, so that what lies behind the seal is reached.
 * However the wire is cut into reads, the same comes out.
 */

/* max_len: 600 */

#include "compat.h"

#include <openssl/err.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lib/tls_peer.h"
#include "tls_record.h"

#define WIRE_MAX	200000
#define SEALED		10

/* What is not a type of content. */
enum step {
	STEP_RAW = 0xff,	/* no record at all, perhaps */
	STEP_INNER = 0xfe,	/* with its type and padding */
	STEP_NEW_KEY = 0xfd,	/* and its bytes as data under it */
	STEP_PADDED = 0xfc,	/* data: the length of padding */
	STEP_LONG = 0xfb	/* data of that length */
};

struct verdict {
	enum tls_record_what	 what;
	const char		*error;
	uint8_t			 alert;
	uint32_t		 sum;		/* of the data */
	size_t			 len;
	size_t			 took;
	uint8_t			 sealed[200];	/* what we say then */
	ssize_t			 nsealed;
};

static uint8_t		 wire[WIRE_MAX + 70000], zeroes[65536];
static size_t		 wire_len;
static uint8_t		 in_secret[PEER_SECRET_MAX];
static uint8_t		 out_secret[PEER_SECRET_MAX];
static uint16_t		 suite;
static int		 client;

static void
put(struct tls_peer *peer, uint8_t what, const uint8_t *p, size_t says,
    size_t n)
{
	static const uint8_t	 new_key[] = { 24, 0, 0, 1, 1 };
	uint8_t			*out = wire + wire_len;

	switch (what) {
	case STEP_RAW:
		memcpy(out, p, n);
		wire_len += n;
		return;
	case STEP_INNER:
		wire_len += tls_peer_seal_inner(peer, out, p, n);
		return;
	case STEP_NEW_KEY:
		wire_len += tls_peer_seal(peer, out, PEER_HANDSHAKE, new_key,
		    sizeof(new_key), 0);
		tls_peer_next(peer);
		wire_len += tls_peer_seal(peer, wire + wire_len, PEER_DATA, p,
		    n, 0);
		return;
	case STEP_PADDED:
		wire_len += tls_peer_seal(peer, out, PEER_DATA, "x", 1,
		    says % 17000);
		return;
	case STEP_LONG:
		wire_len += tls_peer_seal(peer, out, PEER_DATA, zeroes,
		    says % 17000, 0);
		return;
	default:
		wire_len += tls_peer_seal(peer, out, what, p, n, 0);
	}
}

static void
put_all(const uint8_t *data, size_t size)
{
	struct tls_peer	 peer;
	size_t		 says, n;

	tls_peer_begin(&peer, suite, in_secret);
	for (wire_len = 0; size >= 3 && wire_len < WIRE_MAX; size -= 3 + n) {
		says = n = (size_t)data[1] << 8 | data[2];
		if (data[0] == STEP_PADDED || data[0] == STEP_LONG)
			n = 0;
		else if (n > size - 3)
			n = size - 3;
		put(&peer, data[0], data + 3, says, n);
		data += 3 + n;
	}
}

/* What we say is what the peer can open, whatever it has said. */
static void
say(struct tls_record *r, struct verdict *v)
{
	struct tls_peer	 peer;
	uint8_t		 inner[200];
	ssize_t		 n = 0;
	size_t		 at = 0, len;

	v->nsealed = tls_record_seal(r, v->sealed, zeroes, SEALED);
	must(v->nsealed > 0);
	must((size_t)v->nsealed <= tls_record_sealed(SEALED));
	tls_peer_begin(&peer, suite, out_secret);
	for (; at < (size_t)v->nsealed; at += len) {
		len = TLS_RECORD_HEAD + v->sealed[at + 4];
		n = tls_peer_open(&peer, inner, v->sealed + at, len);
		must(n > 0);
		if (inner[n - 1] == PEER_HANDSHAKE)
			tls_peer_next(&peer);
	}
	must(n == SEALED + 1 && inner[SEALED] == PEER_DATA);
	must(tls_record_say(r, inner, v->alert) == TLS_RECORD_OVERHEAD + 2);
}

/* One call, with buffers of its own: one byte too far is found. */
static enum tls_record_what
open_one(struct tls_record *r, const uint8_t *p, size_t n, struct verdict *v)
{
	enum tls_record_what	 what;
	uint8_t			*in = malloc(n + (n == 0));
	uint8_t			*out = malloc(TLS_RECORD_ROOM);
	size_t			 took, gave, rest, i;

	must(in != NULL && out != NULL);
	memcpy(in, p, n);
	rest = tls_record_rest(in, n);
	what = tls_record_open(r, in, n, out, &took, &gave);
	must(took <= n && gave <= TLS_RECORD_MAX);
	must((what == TLS_RECORD_MORE) == (rest > 0));
	must(what != TLS_RECORD_MORE || took == 0);
	must(what != TLS_RECORD_DATA || took > TLS_RECORD_HEAD);
	must(what == TLS_RECORD_DATA || gave == 0);
	for (i = 0; i < gave; i++)
		v->sum = v->sum * 31 + out[i];
	v->len += gave;
	v->took += took;
	free(in);
	free(out);
	return (what);
}

static void
feed(size_t step, struct verdict *v)
{
	struct tls_record	*r;
	size_t			 have = 0;

	memset(v, 0, sizeof(*v));
	r = tls_record_new(suite, client, in_secret, out_secret,
	    tls_peer_secret_len(suite));
	must(r != NULL);
	for (;;) {
		v->what = open_one(r, wire + v->took, have - v->took, v);
		if (v->what == TLS_RECORD_DATA)
			continue;
		if (v->what != TLS_RECORD_MORE || have == wire_len)
			break;
		have += step < wire_len - have ? step : wire_len - have;
	}
	v->alert = tls_record_alert(r);
	v->error = tls_record_error(r);
	must((v->what == TLS_RECORD_ERROR) ==
	    (strcmp(v->error, "no error") != 0));
	if (v->what != TLS_RECORD_MORE)
		must(tls_record_open(r, wire, wire_len, zeroes, &step,
		    &have) == v->what && step == 0 && have == 0);
	say(r, v);
	tls_record_free(r);
	must(ERR_peek_error() == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t	 steps[] = { 1, 7, 100, 5000 };
	struct verdict		 all, cut;
	size_t			 i;

	if (size < 1)
		return (0);
	suite = 0x1301 + (data[0] & 0x7f) % 3;
	client = data[0] >> 7;
	for (i = 0; i < PEER_SECRET_MAX; i++) {
		in_secret[i] = i;
		out_secret[i] = ~i;
	}
	put_all(data + 1, size - 1);
	feed(sizeof(wire), &all);
	for (i = 0; fuzz_cuts() && i < nitems(steps); i++) {
		if (wire_len / steps[i] > 500)
			continue;
		feed(steps[i], &cut);
		must(cut.what == all.what && cut.error == all.error);
		must(cut.alert == all.alert && cut.len == all.len);
		must(cut.sum == all.sum && cut.took == all.took);
		must(cut.nsealed == all.nsealed &&
		    memcmp(cut.sealed, all.sealed, all.nsealed) == 0);
	}
	return (0);
}
