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
 * Records of TLS 1.3.  Numbers in brackets are sections of RFC 8446.
 */

#include "compat.h"

#include <sys/types.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "tls_record.h"

/* Types of content [5.1], and of messages of the handshake [4]. */
#define TYPE_ALERT		21
#define TYPE_HANDSHAKE		22
#define TYPE_DATA		23
#define MESSAGE_TICKET		4
#define MESSAGE_KEY_UPDATE	24

#define ALERT_WARNING		1
#define ALERT_FATAL		2

enum alert {			/* [6] */
	CLOSE_NOTIFY = 0, UNEXPECTED_MESSAGE = 10, BAD_RECORD_MAC = 20,
	RECORD_OVERFLOW = 22, ILLEGAL_PARAMETER = 47, DECODE_ERROR = 50,
	INTERNAL_ERROR = 80, USER_CANCELED = 90
};

#define SEALED_MAX		(TLS_RECORD_MAX + 256)	/* [5.2] */
/* Records in a row that bring nothing: more is an attack. */
#define VOID_MAX		32
#define KEY_UPDATE_LEN		5
#define TICKET_MAX		(2 * 65536 + 512) /* [4.6.1], all of it */

struct suite {
	uint16_t		 id;
	enum aead		 aead;
	const EVP_MD		*(*hash)(void);
	uint8_t			 hash_len;
};

/* [B.4] */
static const struct suite suites[] = {
	{ 0x1301, AEAD_AES_128_GCM, EVP_sha256, 32 },
	{ 0x1302, AEAD_AES_256_GCM, EVP_sha384, 48 },
	{ 0x1303, AEAD_CHACHA20_POLY1305, EVP_sha256, 32 },
};

/* One direction: what its records are sealed with. */
struct flow {
	uint64_t		 number;	/* of the next record */
	struct aead_key		 key;
	uint8_t			 secret[TLS_RECORD_SECRET_MAX];
	uint8_t			 iv[AEAD_NONCE_LEN];
};

struct tls_record {
	const struct suite	*suite;
	struct flow		 in;
	struct flow		 out;
	enum tls_record_what	 over;		/* TLS_RECORD_DATA: it is not */
	const char		*error;
	uint32_t		 skip;		/* of a ticket, bytes */
	uint8_t			 message[KEY_UPDATE_LEN]; /* its beginning */
	uint8_t			 nmessage;
	uint8_t			 nvoid;		/* records, see VOID_MAX */
	uint8_t			 alert;
	uint8_t			 client;
	uint8_t			 rekey;		/* before the next record */
	uint8_t			 broken;	/* nothing more is sealed */
};

static const char	 no_memory[] = "no memory for a key";

static const struct suite *
suite_find(uint16_t id)
{
	size_t	 i;

	for (i = 0; i < nitems(suites); i++)
		if (suites[i].id == id)
			return (&suites[i]);
	return (NULL);
}

/* ---- Keys ---- */

/* HKDF-Expand-Label [7.1] of no more than one hash, without a context. */
static int
expand(const struct suite *su, const uint8_t *secret, const char *label,
    uint8_t *out, size_t len)
{
	uint8_t		 info[32], hash[EVP_MAX_MD_SIZE];
	unsigned int	 n;
	size_t		 label_len = strlen(label), i = 0;
	int		 ok;

	info[i++] = 0;
	info[i++] = len;
	info[i++] = 6 + label_len;
	memcpy(info + i, "tls13 ", 6);
	i += 6;
	memcpy(info + i, label, label_len);
	i += label_len;
	info[i++] = 0;
	info[i++] = 1;			/* RFC 5869, 2.3: T(1) */
	ok = HMAC(su->hash(), secret, su->hash_len, info, i, hash, &n) !=
	    NULL && len <= n;
	if (ok)
		memcpy(out, hash, len);
	else
		ERR_clear_error();	/* libssl would take it for its own */
	explicit_bzero(hash, sizeof(hash));
	return (ok ? 0 : -1);
}

/* [7.3] */
static int
flow_key(const struct suite *su, struct flow *f)
{
	uint8_t	 key[AEAD_KEY_MAX];
	int	 r;

	f->number = 0;
	r = expand(su, f->secret, "key", key, aead_key_len(su->aead));
	if (r == 0) {
		aead_key_set(&f->key, su->aead, key);
		r = expand(su, f->secret, "iv", f->iv, sizeof(f->iv));
	}
	explicit_bzero(key, sizeof(key));
	return (r);
}

/* [7.2] */
static int
flow_next(const struct suite *su, struct flow *f)
{
	uint8_t	 next[TLS_RECORD_SECRET_MAX];
	int	 r;

	aead_key_forget(&f->key);
	r = expand(su, f->secret, "traffic upd", next, su->hash_len);
	if (r == 0) {
		memcpy(f->secret, next, su->hash_len);
		r = flow_key(su, f);
	}
	explicit_bzero(next, sizeof(next));
	return (r);
}

/* The next record's [5.3]. */
static void
flow_nonce(struct flow *f, uint8_t *nonce)
{
	uint64_t	 number = f->number++;
	size_t		 i;

	memcpy(nonce, f->iv, AEAD_NONCE_LEN);
	for (i = AEAD_NONCE_LEN - 1; number > 0; number >>= 8)
		nonce[i--] ^= number & 0xff;
}

struct tls_record *
tls_record_new(uint16_t suite, int client, const uint8_t *in,
    const uint8_t *out, size_t len)
{
	const struct suite	*su = suite_find(suite);
	struct tls_record	*r;

	if (su == NULL || len != su->hash_len ||
	    (r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	r->suite = su;
	r->client = client;
	memcpy(r->in.secret, in, len);
	memcpy(r->out.secret, out, len);
	if (flow_key(su, &r->in) == -1 || flow_key(su, &r->out) == -1) {
		tls_record_free(r);
		return (NULL);
	}
	return (r);
}

size_t
tls_record_memory(void)
{
	return (sizeof(struct tls_record));
}

void
tls_record_free(struct tls_record *r)
{
	if (r == NULL)
		return;
	aead_key_forget(&r->in.key);
	aead_key_forget(&r->out.key);
	freezero(r, sizeof(*r));
}

/* ---- What comes ---- */

/* Nothing follows this. */
static enum tls_record_what
over(struct tls_record *r, enum tls_record_what what)
{
	r->over = what;
	return (what);
}

static enum tls_record_what
fail(struct tls_record *r, enum alert alert, const char *error)
{
	r->alert = alert;
	r->error = error;
	return (over(r, TLS_RECORD_ERROR));
}

static size_t
head_length(const uint8_t *p)
{
	return ((size_t)p[3] << 8 | p[4]);
}

/* Whether it can be one of ours at all, by its head. */
static int
head_ok(const uint8_t *p)
{
	return (p[0] == TYPE_DATA && head_length(p) <= SEALED_MAX &&
	    head_length(p) > AEAD_TAG_LEN);
}

size_t
tls_record_rest(const uint8_t *p, size_t n)
{
	size_t	 len = TLS_RECORD_HEAD;

	if (n >= TLS_RECORD_HEAD) {
		if (!head_ok(p))
			return (0);
		len += head_length(p);
	}
	return (n < len ? len - n : 0);
}

/* [6]: in TLS 1.3 the level says nothing. */
static enum tls_record_what
open_alert(struct tls_record *r, const uint8_t *p, size_t n)
{
	if (n != 2)
		return (fail(r, DECODE_ERROR, "the peer sent a broken alert"));
	r->alert = p[1];
	switch (r->alert) {
	case CLOSE_NOTIFY:
		return (over(r, TLS_RECORD_EOF));
	case USER_CANCELED:
		/* close_notify follows [6.1]. */
		return (TLS_RECORD_DATA);
	default:
		return (over(r, TLS_RECORD_ALERT));
	}
}

/* [4.6.3]; last: nothing follows it under the old key. */
static enum tls_record_what
key_update(struct tls_record *r, uint8_t requested, int last)
{
	if (!last)
		return (fail(r, UNEXPECTED_MESSAGE,
		    "the peer sent a change of keys inside a record"));
	if (requested > 1)
		return (fail(r, ILLEGAL_PARAMETER,
		    "the peer sent a broken change of keys"));
	if (flow_next(r->suite, &r->in) == -1)
		return (fail(r, INTERNAL_ERROR, no_memory));
	/* However often it asks, ours changes when it is used. */
	if (requested)
		tls_record_rekey(r);
	return (TLS_RECORD_DATA);
}

/*
 * Of the messages behind the handshake [4.6] we offer none, so a client gets
 * tickets, which it does not keep, and everybody new keys.
 */
static enum tls_record_what
open_message(struct tls_record *r, const uint8_t *p, size_t n)
{
	enum tls_record_what	 what;
	size_t			 k;

	if (n == 0)
		return (fail(r, UNEXPECTED_MESSAGE,
		    "the peer sent an empty message"));
	while (n > 0) {
		if (r->skip > 0) {
			k = n < r->skip ? n : r->skip;
			r->skip -= k;
			p += k;
			n -= k;
			continue;
		}
		r->message[r->nmessage++] = *p++;
		n--;
		if (r->nmessage < 4)
			continue;
		k = (size_t)r->message[1] << 16 | r->message[2] << 8 |
		    r->message[3];
		if (r->message[0] == MESSAGE_KEY_UPDATE && k == 1) {
			if (r->nmessage < KEY_UPDATE_LEN)
				continue;
			what = key_update(r, r->message[4], n == 0);
			if (what != TLS_RECORD_DATA)
				return (what);
		} else if (r->message[0] == MESSAGE_TICKET && r->client &&
		    k <= TICKET_MAX)
			r->skip = k;
		else
			return (fail(r, UNEXPECTED_MESSAGE,
			    "the peer sent a message that has no place here"));
		r->nmessage = 0;
	}
	return (TLS_RECORD_DATA);
}

enum tls_record_what
tls_record_open(struct tls_record *r, const uint8_t *p, size_t n,
    uint8_t *out, size_t *took, size_t *gave)
{
	uint8_t	 nonce[AEAD_NONCE_LEN], type;
	size_t	 len;

	*took = *gave = 0;
	if (r->over != TLS_RECORD_DATA)
		return (r->over);
	if (n < TLS_RECORD_HEAD)
		return (TLS_RECORD_MORE);
	if (p[0] != TYPE_DATA)
		return (fail(r, UNEXPECTED_MESSAGE,
		    "the peer sent a record in the clear"));
	if (!head_ok(p))
		return (fail(r, RECORD_OVERFLOW,
		    "the peer sent a record of an impossible length"));
	if (tls_record_rest(p, n) > 0)
		return (TLS_RECORD_MORE);
	len = head_length(p) - AEAD_TAG_LEN;
	*took = TLS_RECORD_HEAD + head_length(p);
	if (len > TLS_RECORD_ROOM)
		return (fail(r, RECORD_OVERFLOW,
		    "the peer sent a record that is too long"));
	flow_nonce(&r->in, nonce);
	switch (aead_open(&r->in.key, nonce, p, TLS_RECORD_HEAD,
	    p + TLS_RECORD_HEAD, len, out)) {
	case AEAD_OPENED:
		break;
	case AEAD_CHANGED:
		return (fail(r, BAD_RECORD_MAC,
		    "what the peer sent was changed on the way"));
	case AEAD_FAILED:
		return (fail(r, INTERNAL_ERROR, no_memory));
	}
	/* The type is the last byte that is not padding [5.4]. */
	while (len > 0 && out[len - 1] == 0)
		len--;
	if (len == 0)
		return (fail(r, UNEXPECTED_MESSAGE,
		    "the peer sent a record of no type"));
	type = out[--len];
	if (type == TYPE_DATA && len > 0)
		r->nvoid = 0;
	else if (++r->nvoid > VOID_MAX)
		return (fail(r, UNEXPECTED_MESSAGE,
		    "the peer sent too many records without data"));
	if (type == TYPE_HANDSHAKE)
		return (open_message(r, out, len));
	if (r->nmessage > 0 || r->skip > 0)
		return (fail(r, UNEXPECTED_MESSAGE,
		    "the peer sent a message cut short"));
	if (type == TYPE_ALERT)
		return (open_alert(r, out, len));
	if (type != TYPE_DATA)
		return (fail(r, UNEXPECTED_MESSAGE,
		    "the peer sent a record of an unknown type"));
	*gave = len;
	return (TLS_RECORD_DATA);
}

uint8_t
tls_record_alert(const struct tls_record *r)
{
	return (r->alert);
}

const char *
tls_record_error(const struct tls_record *r)
{
	return (r->error == NULL ? "no error" : r->error);
}

/* ---- What goes ---- */

/*
 * One record: n is at most TLS_RECORD_MAX.  Its length, or -1, and then it is
 * so for ever: no number is used twice with one key.
 */
static ssize_t
seal_one(struct tls_record *r, uint8_t *out, uint8_t type, const uint8_t *p,
    size_t n)
{
	uint8_t	 nonce[AEAD_NONCE_LEN];
	size_t	 len = n + 1 + AEAD_TAG_LEN;

	if (r->broken)
		return (-1);
	out[0] = TYPE_DATA;
	out[1] = out[2] = 3;			/* [5.2] */
	out[3] = len >> 8;
	out[4] = len & 0xff;
	flow_nonce(&r->out, nonce);
	if (aead_seal(&r->out.key, nonce, out, TLS_RECORD_HEAD, p, n, type,
	    out + TLS_RECORD_HEAD) == -1) {
		r->broken = 1;
		return (-1);
	}
	return (TLS_RECORD_HEAD + len);
}

static ssize_t
seal_key_update(struct tls_record *r, uint8_t *out)
{
	static const uint8_t	 message[KEY_UPDATE_LEN] = {
					MESSAGE_KEY_UPDATE, 0, 0, 1, 0
				 };
	ssize_t			 n;

	n = seal_one(r, out, TYPE_HANDSHAKE, message, sizeof(message));
	if (n == -1)
		return (-1);
	if (flow_next(r->suite, &r->out) == -1) {
		r->broken = 1;
		return (-1);
	}
	r->rekey = 0;
	return (n);
}

ssize_t
tls_record_seal(struct tls_record *r, uint8_t *out, const uint8_t *p,
    size_t n)
{
	uint8_t	*start = out;
	size_t	 k;
	ssize_t	 len;

	while (n > 0) {
		if (r->rekey || r->out.number >= TLS_RECORD_KEY_MAX) {
			if ((len = seal_key_update(r, out)) == -1)
				return (-1);
			out += len;
		}
		k = n < TLS_RECORD_MAX ? n : TLS_RECORD_MAX;
		if ((len = seal_one(r, out, TYPE_DATA, p, k)) == -1)
			return (-1);
		out += len;
		p += k;
		n -= k;
	}
	return (out - start);
}

size_t
tls_record_sealed(size_t n)
{
	return (n + (n / TLS_RECORD_MAX + 1) * TLS_RECORD_OVERHEAD +
	    TLS_RECORD_OVERHEAD + KEY_UPDATE_LEN);
}

void
tls_record_rekey(struct tls_record *r)
{
	r->rekey = 1;
}

ssize_t
tls_record_say(struct tls_record *r, uint8_t *out, uint8_t alert)
{
	uint8_t	 message[2];

	message[0] = alert == CLOSE_NOTIFY ? ALERT_WARNING : ALERT_FATAL;
	message[1] = alert;
	return (seal_one(r, out, TYPE_ALERT, message, sizeof(message)));
}
