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
 * Nonces are made by the listeners, which check whose they are.  What is
 * looked at here is that a listener that was broken into can't keep a log-in
 * for later: the nonce begins with a beacon of late, which nobody knew before,
 * and has not been used.
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "fnv.h"
#include "log.h"
#include "nonce.h"

#define USED_HASH_LEN	16	/* of SHA-256 */
#define USED_MS		(NONCE_BEACONS * NONCE_BEACON_MS)
#define USERS		256	/* those of one hash share what one may have */

struct used {
	RB_ENTRY(used)		 node;
	TAILQ_ENTRY(used)	 age;
	uint64_t		 until;		/* its beacon is over then */
	int			 listener;
	uint8_t			 user;		/* its hash */
	uint8_t			 hash[USED_HASH_LEN];
};

RB_HEAD(used_tree, used);

static int	 used_cmp(const struct used *, const struct used *);
static void	 used_free(struct used *);
static void	 used_expire(void);
static void	 beacon_tell(struct proc_peer *);

static struct nonce_key	 key;
static uint64_t		 told;		/* which beacon, to all */
/* The tree owns them; the oldest are first in the list. */
static struct used_tree	 used = RB_INITIALIZER(&used);
static TAILQ_HEAD(, used) ages = TAILQ_HEAD_INITIALIZER(ages);
static size_t		 nused[PROC_INSTANCES_MAX];
static uint32_t		 nused_by[PROC_INSTANCES_MAX][USERS];

RB_GENERATE_STATIC(used_tree, used, node, used_cmp)

static int
used_cmp(const struct used *a, const struct used *b)
{
	return (memcmp(a->hash, b->hash, sizeof(a->hash)));
}

static void
used_free(struct used *u)
{
	RB_REMOVE(used_tree, &used, u);
	TAILQ_REMOVE(&ages, u, age);
	nused[u->listener]--;
	nused_by[u->listener][u->user]--;
	free(u);
}

static void
used_expire(void)
{
	uint64_t	 now = auth_mono();
	struct used	*u;

	while ((u = TAILQ_FIRST(&ages)) != NULL && u->until <= now)
		used_free(u);
}

void
auth_nonce_conf(const uint8_t secret[32])
{
	memcpy(key.key, secret, sizeof(key.key));
}

static void
beacon_tell(struct proc_peer *p)
{
	struct login_beacon	 msg;

	nonce_beacon(&key, auth_mono() / NONCE_BEACON_MS, msg.beacon);
	(void)proc_send(p, IMSG_LOGIN_BEACON, 0, -1, &msg, sizeof(msg));
}

void
auth_nonce_listener_up(struct proc_peer *p)
{
	beacon_tell(p);
}

void
auth_nonce_tick(void)
{
	uint64_t		 which = auth_mono() / NONCE_BEACON_MS;
	struct proc_peer	*p;
	int			 i;

	used_expire();
	if (which == told)
		return;
	told = which;
	for (i = 0; i < PROC_INSTANCES_MAX; i++)
		if ((p = proc_peer(PROC_LISTENER, i)) != NULL)
			beacon_tell(p);
}

int
auth_nonce_fresh(const char *nonce)
{
	uint8_t		 shown[NONCE_BEACON_LEN], good[NONCE_BEACON_LEN];
	uint64_t	 which = auth_mono() / NONCE_BEACON_MS;
	int		 i;

	if (nonce_shows(nonce, strlen(nonce), shown) == -1)
		return (0);
	for (i = 0; i < NONCE_BEACONS; i++, which--) {
		nonce_beacon(&key, which, good);
		if (CRYPTO_memcmp(shown, good, sizeof(good)) == 0)
			return (1);
	}
	return (0);
}

int
auth_nonce_use(const char *nonce, const char *user_id, int listener)
{
	unsigned char	 hash[EVP_MAX_MD_SIZE];
	uint8_t		 user = fnv(FNV_INIT, user_id, strlen(user_id)) % USERS;
	struct used	*u;

	used_expire();
	if (listener < 0 || listener >= PROC_INSTANCES_MAX ||
	    nused[listener] >= AUTH_NONCES ||
	    nused_by[listener][user] >= AUTH_NONCES_USER ||
	    (u = calloc(1, sizeof(*u))) == NULL)
		return (-1);
	if (EVP_Digest(nonce, strlen(nonce), hash, NULL, EVP_sha256(),
	    NULL) != 1) {
		free(u);
		return (-1);
	}
	memcpy(u->hash, hash, sizeof(u->hash));
	if (RB_INSERT(used_tree, &used, u) != NULL) {
		free(u);
		return (1);
	}
	u->listener = listener;
	u->user = user;
	u->until = auth_mono() + USED_MS;
	TAILQ_INSERT_TAIL(&ages, u, age);
	nused[listener]++;
	nused_by[listener][user]++;
	return (0);
}

size_t
auth_nonce_memory(size_t *n)
{
	int	 i;

	for (*n = 0, i = 0; i < PROC_INSTANCES_MAX; i++)
		*n += nused[i];
	return (*n * sizeof(struct used));
}
