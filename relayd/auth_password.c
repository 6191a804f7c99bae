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
 * Passwords.  Their hashes are slow on purpose, and auth does one thing at a
 * time: so they wait in a short line, the throttle is asked before each, and
 * after each the others, who need none, have as long a time for themselves.
 * Listeners take turns: one that was broken into holds up its own users.
 */

#include "compat.h"

#include <sys/queue.h>

#include <openssl/crypto.h>

#include <crypt.h>
#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "fnv.h"
#include "log.h"

#define PASSWORD_REST_MAX	500	/* ms after one that took as long */
#define PASSWORD_BUSY_S		2	/* to come back in */
#define PASSWORDS_LEAST		4	/* that wait, of one listener */

struct job {
	TAILQ_ENTRY(job)	 entry;
	int			 listener;
	struct sockaddr_storage	 peer;
	char			 email[CTL_EMAIL_LEN];
	char			 password[PASSWORD_LEN];
	void			 (*done)(void *, enum auth_password,
				    const struct store_user *, uint32_t);
	void			*arg;
};

static void	password_key(const char *, char[32]);
static size_t	password_part(void);
static struct job *password_turn(void);
static void	password_next(evutil_socket_t, short, void *);
static void	password_job(struct job *);
static int	password_hash(const char *, const char *);
static void	password_nobody(const char *, char[CTL_HASH_LEN]);

static TAILQ_HEAD(, job)	 jobs = TAILQ_HEAD_INITIALIZER(jobs);
static size_t			 njobs, nof[PROC_INSTANCES_MAX];
static int			 last;		/* whose turn it was */
static struct event		*timer;
/* Of a password nobody has: it is checked when there is no such user. */
static char			 nobody[CTL_HASH_LEN];
static struct crypt_data	*data;

int
auth_password_init(void)
{
	char	 salt[CRYPT_GENSALT_OUTPUT_SIZE];
	char	*hash;

	if (data == NULL && (data = calloc(1, sizeof(*data))) == NULL)
		return (-1);
	/* As accessctl makes them. */
	if ((crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt)) == NULL &&
	    crypt_gensalt_rn("$2b$", 12, NULL, 0, salt, sizeof(salt)) ==
	    NULL) || (hash = crypt_r("", salt, data)) == NULL ||
	    strlcpy(nobody, hash, sizeof(nobody)) >= sizeof(nobody))
		return (-1);
	return (0);
}

/* What the throttle knows an account by: no token has such an id. */
static void
password_key(const char *email, char key[32])
{
	(void)snprintf(key, 32, "@%014llx", (unsigned long long)
	    fnv(FNV_INIT, email, strlen(email)) & 0xffffffffffffffULL);
}

/* So many of one listener may wait. */
static size_t
password_part(void)
{
	size_t	 n = AUTH_PASSWORDS / auth_prefork;

	return (n < PASSWORDS_LEAST ? PASSWORDS_LEAST : n);
}

int
auth_password_check(int listener, const struct sockaddr_storage *peer,
    const char *email, const char *password, void (*done)(void *,
    enum auth_password, const struct store_user *, uint32_t), void *arg,
    uint32_t *status, uint32_t *wait)
{
	struct timeval	 tv = { 0, 0 };
	struct job	*j;
	char		 key[32];

	password_key(email, key);
	*wait = throttle_wait(auth_throttle, (const struct sockaddr *)peer,
	    key, auth_mono());
	if (*wait > 0) {
		*status = 429;
		return (-1);
	}
	if (nof[listener] >= password_part() ||
	    (j = calloc(1, sizeof(*j))) == NULL) {
		*status = 503;
		*wait = PASSWORD_BUSY_S;
		return (-1);
	}
	if (timer == NULL && (timer = evtimer_new(proc_base(), password_next,
	    NULL)) == NULL)
		fatal("event");
	j->listener = listener;
	j->peer = *peer;
	strlcpy(j->email, email, sizeof(j->email));
	strlcpy(j->password, password, sizeof(j->password));
	j->done = done;
	j->arg = arg;
	TAILQ_INSERT_TAIL(&jobs, j, entry);
	njobs++;
	nof[listener]++;
	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
	return (0);
}

/* The first of the listener that comes next, round and round. */
static struct job *
password_turn(void)
{
	struct job	*j, *next = NULL;
	int		 d, best = PROC_INSTANCES_MAX;

	TAILQ_FOREACH(j, &jobs, entry) {
		d = (j->listener - last - 1 + PROC_INSTANCES_MAX) %
		    PROC_INSTANCES_MAX;
		if (d < best) {
			best = d;
			next = j;
		}
	}
	return (next);
}

static void
password_next(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv;
	struct job	*j;
	uint64_t	 ms = auth_mono();

	if ((j = password_turn()) == NULL)
		return;
	TAILQ_REMOVE(&jobs, j, entry);
	njobs--;
	nof[j->listener]--;
	last = j->listener;
	password_job(j);
	freezero(j, sizeof(*j));
	ms = auth_mono() - ms;
	if (ms > PASSWORD_REST_MAX)
		ms = PASSWORD_REST_MAX;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	if (!TAILQ_EMPTY(&jobs))
		evtimer_add(timer, &tv);
}

/* 1 if it is that password; -1: no memory to find out. */
static int
password_hash(const char *password, const char *hash)
{
	const char	*out;
	int		 right;

	errno = 0;
	out = crypt_r(password, hash, data);
	if ((out == NULL || out[0] == '*') && errno == ENOMEM)
		right = -1;
	else
		right = out != NULL && out[0] == '$' &&
		    strlen(out) == strlen(hash) &&
		    CRYPTO_memcmp(out, hash, strlen(hash)) == 0;
	explicit_bzero(data, sizeof(*data));
	return (right);
}

/*
 * What a password is checked against that can't be right.  How long that takes
 * is up to the hash, and they need not all be alike: so it is some user's, the
 * same each time for the same address.
 */
static void
password_nobody(const char *email, char hash[CTL_HASH_LEN])
{
	if (store_user_hash_any(auth_store, fnv(FNV_INIT, email,
	    strlen(email)), hash) != STORE_OK)
		strlcpy(hash, nobody, CTL_HASH_LEN);
}

/*
 * "No such user" and "no password" take as long as "wrong".  Others from its
 * network may have failed while this one was waiting.
 */
static void
password_job(struct job *j)
{
	const struct sockaddr	*sa = (struct sockaddr *)&j->peer;
	struct store_user	 u;
	enum store_result	 r;
	uint32_t		 wait;
	char			 hash[CTL_HASH_LEN], key[32];
	int			 known, right;

	password_key(j->email, key);
	wait = throttle_wait(auth_throttle, sa, key, auth_mono());
	if (wait > 0) {
		j->done(j->arg, PASSWORD_LATER, NULL, wait);
		return;
	}
	hash[0] = '\0';
	if ((r = store_user_find(auth_store, j->email, &u)) == STORE_OK)
		r = store_user_hash(auth_store, u.id, hash);
	if (r != STORE_OK && r != STORE_NONE) {
		auth_trouble("log-ins are refused");
		j->done(j->arg, PASSWORD_LATER, NULL, 0);
		return;
	}
	known = r == STORE_OK && hash[0] == '$';
	if (!known)
		password_nobody(j->email, hash);
	right = password_hash(j->password, hash);
	explicit_bzero(hash, sizeof(hash));
	if (right == -1) {
		j->done(j->arg, PASSWORD_LATER, NULL, 0);
		return;
	}
	right = right && known;
	if (right)
		throttle_passed(auth_throttle, sa, key, auth_mono());
	else
		throttle_failed(auth_throttle, sa, key, auth_mono());
	j->done(j->arg, right ? PASSWORD_RIGHT : PASSWORD_WRONG,
	    right ? &u : NULL, 0);
}

size_t
auth_password_memory(size_t *n)
{
	*n = njobs;
	return (njobs * sizeof(struct job));
}
