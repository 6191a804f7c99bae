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

#ifndef KEY_SET_H
#define KEY_SET_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "evtls.h"
#include "settings.h"

/*
 * The private keys of the certificates: those of the configuration, and for
 * a while those of the ones before, as handshakes that began with their
 * certificates end with them.
 */

#define RETIRED_KEYS_MAX	(4 * CERTS_MAX)

struct key {
	uint8_t		 id[EVTLS_KEYID_LEN];	/* of its public half */
	EVP_PKEY	*pkey;			/* owned by its set */
};

/* Of one configuration. */
struct key_set {
	struct key	 keys[CERTS_MAX];
	size_t		 n;
};

/* Of earlier ones, each until its time; the first was there longest. */
struct retired_keys {
	struct {
		struct key	 key;
		uint64_t	 until;		/* ms */
	}		 keys[RETIRED_KEYS_MAX];
	size_t		 n;
};

/* Add a key, of that PEM, which is not kept.  0; -1: none, or too many. */
int		 key_set_load(struct key_set *, const char *, size_t);
/* NULL: it is not there. */
const struct key *key_set_find(const struct key_set *, const uint8_t *);
/* All keys are freed, which zeroes them. */
void		 key_set_clear(struct key_set *);

/*
 * retired_keys_add: the first set is empty afterwards.  What it held and the
 * second does not hold can be found until that time, ms; when there are too
 * many, the ones that were there longest are freed.
 * retired_keys_end: those whose time has come by now are freed.  Returns when
 * that of the next one comes, or UINT64_MAX: there is none.
 */
void		 retired_keys_add(struct retired_keys *, struct key_set *,
		    const struct key_set *, uint64_t);
const struct key *retired_keys_find(const struct retired_keys *,
		    const uint8_t *);
uint64_t	 retired_keys_end(struct retired_keys *, uint64_t);

#endif /* KEY_SET_H */
