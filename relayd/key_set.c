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
 * Private keys by their ids.  Whoever frees an EVP_PKEY last zeroes what it
 * held; nobody else has a reference to these.
 */

#include "compat.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <string.h>

#include "key_set.h"

static int
key_is(const struct key *k, const uint8_t *id)
{
	return (memcmp(k->id, id, EVTLS_KEYID_LEN) == 0);
}

/* The key id is that of its public half: what the certificate holds. */
int
key_set_load(struct key_set *set, const char *text, size_t len)
{
	struct key	*k = &set->keys[set->n];
	unsigned char	*der = NULL;
	BIO		*bio;
	int		 n;

	if (set->n == nitems(set->keys) ||
	    (bio = BIO_new_mem_buf(text, len)) == NULL)
		return (-1);
	k->pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (k->pkey == NULL)
		return (-1);
	if ((n = i2d_PUBKEY(k->pkey, &der)) <= 0) {
		EVP_PKEY_free(k->pkey);
		k->pkey = NULL;
		return (-1);
	}
	SHA256(der, n, k->id);
	OPENSSL_free(der);
	set->n++;
	return (0);
}

const struct key *
key_set_find(const struct key_set *set, const uint8_t *id)
{
	size_t	 i;

	for (i = 0; i < set->n; i++) {
		if (key_is(&set->keys[i], id))
			return (&set->keys[i]);
	}
	return (NULL);
}

void
key_set_clear(struct key_set *set)
{
	size_t	 i;

	for (i = 0; i < set->n; i++)
		EVP_PKEY_free(set->keys[i].pkey);
	memset(set, 0, sizeof(*set));
}

/* ---- Those of earlier configurations ------------------------------------ */

static void
retired_free(struct retired_keys *r, size_t i)
{
	EVP_PKEY_free(r->keys[i].key.pkey);
	r->n--;
	memmove(&r->keys[i], &r->keys[i + 1],
	    (r->n - i) * sizeof(r->keys[0]));
	memset(&r->keys[r->n], 0, sizeof(r->keys[0]));
}

void
retired_keys_add(struct retired_keys *r, struct key_set *old,
    const struct key_set *current, uint64_t until)
{
	size_t	 i = 0;

	/* What is used again is retired anew when that is over. */
	while (i < r->n) {
		if (key_set_find(current, r->keys[i].key.id) != NULL)
			retired_free(r, i);
		else
			i++;
	}
	for (i = 0; i < old->n; i++) {
		if (key_set_find(current, old->keys[i].id) != NULL ||
		    retired_keys_find(r, old->keys[i].id) != NULL)
			continue;
		if (r->n == nitems(r->keys))
			retired_free(r, 0);
		r->keys[r->n].key = old->keys[i];
		r->keys[r->n++].until = until;
		old->keys[i].pkey = NULL;
	}
	key_set_clear(old);
}

const struct key *
retired_keys_find(const struct retired_keys *r, const uint8_t *id)
{
	size_t	 i;

	for (i = 0; i < r->n; i++) {
		if (key_is(&r->keys[i].key, id))
			return (&r->keys[i].key);
	}
	return (NULL);
}

uint64_t
retired_keys_end(struct retired_keys *r, uint64_t now)
{
	uint64_t	 next = UINT64_MAX;
	size_t		 i = 0;

	while (i < r->n) {
		if (r->keys[i].until <= now) {
			retired_free(r, i);
			continue;
		}
		if (r->keys[i].until < next)
			next = r->keys[i].until;
		i++;
	}
	return (next);
}
