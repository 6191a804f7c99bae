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
 * Children that somebody else owns: each process of relayd with its own
 * rules, the dispatcher itself, and messages of a listener, or of a router,
 * that are wrong in every way or right in form and with anything in them.
 * Who sends a wrong one is gone; what it sent before has hurt nobody.
 */

/* link: regress/lib/flood.c regress/relayd/hostile.c relayd/[a-z]*.c
 * relayd/parse.y sql.c libculvert.a */
/* libs: libevent libtls libssl libcrypto ipsec_mb libseccomp
 * sqlite3 jansson crypt */
/* flags: -Wl,--wrap=main,--wrap=proc_parent,--wrap=proc_upgrade
 *	-Wl,--wrap=crypt_r */

#include "compat.h"

#include <sys/socket.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <err.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../lib/flood.h"
#include "hostile.h"
#include "msg.h"
#include "msg_conf.h"

#define MESSAGES	60000

static void
listener_to_parent(void)
{
	hostile_parent();
	flood(PROC_LISTENER, 0, MESSAGES, hostile_to_parent);
	hostile_parent_answers();
}

static void
router_to_parent(void)
{
	hostile_parent();
	flood(PROC_ROUTER, 0, MESSAGES / 4, hostile_to_parent);
	hostile_parent_answers();
	hostile_parent_had_enough();
}

static void
next_auth(void)
{
	hostile_parent();
	hostile_parent_next_auth();
}

static void
keys_and_auth_to_parent(void)
{
	hostile_parent();
	flood(PROC_KEYS, 0, MESSAGES / 4, NULL);
	flood(PROC_AUTH, 0, MESSAGES / 4, NULL);
	hostile_parent_answers();
}

static void
listener_to_auth(void)
{
	hostile_auth();
	flood(PROC_LISTENER, 0, MESSAGES, hostile_to_auth);
	hostile_auth_answers();
}

static void
router_to_auth(void)
{
	hostile_auth();
	flood(PROC_ROUTER, 0, MESSAGES / 4, hostile_to_auth);
	hostile_auth_answers();
}

static void
listener_to_router(void)
{
	hostile_router();
	flood(PROC_LISTENER, 0, MESSAGES, hostile_to_auth);
	hostile_router_answers();
}

/* ---- keys ---- */

static char	 pem[4096];
static uint8_t	 keyid[EVTLS_KEYID_LEN];

static void
keys_key(void)
{
	EVP_PKEY	*key = EVP_EC_gen("P-256");
	unsigned char	*der = NULL;
	BIO		*bio = BIO_new(BIO_s_mem());
	int		 n;

	if (key == NULL || bio == NULL || PEM_write_bio_PrivateKey(bio, key,
	    NULL, NULL, 0, NULL, NULL) != 1 ||
	    (n = BIO_read(bio, pem, sizeof(pem) - 1)) <= 0)
		errx(2, "key");
	pem[n] = '\0';
	if ((n = i2d_PUBKEY(key, &der)) <= 0)
		errx(2, "key");
	SHA256(der, n, keyid);
	OPENSSL_free(der);
	BIO_free(bio);
	EVP_PKEY_free(key);
}

/* Our end of the socket that a listener has its signatures by. */
static int
keys_customer(int listener)
{
	struct sign_socket	 msg = { .listener = listener };
	int			 sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0, sv) == -1 || flood_say(PROC_PARENT, 0, IMSG_SIGN_SOCKET, 0,
	    sv[0], &msg, sizeof(msg)) == -1)
		err(2, "socket for signatures");
	close(sv[0]);
	return (sv[1]);
}

static void
keys_begin(void)
{
	static struct conf_begin	 begin;
	static struct conf_chunk	 c;
	struct conf_end			 end = { 0 };

	keys_key();
	flood_become(&relayd_daemon, PROC_KEYS);
	flood_join(PROC_PARENT, 0);
	c.total = c.len = strlen(pem);
	memcpy(c.data, pem, c.len);
	memcpy(c.keyid, keyid, sizeof(c.keyid));
	if (flood_say(PROC_PARENT, 0, IMSG_CONF_BEGIN, 0, -1, &begin,
	    sizeof(begin)) == -1 || flood_say(PROC_PARENT, 0, IMSG_CONF_KEY,
	    0, -1, &c, sizeof(c)) == -1 || flood_say(PROC_PARENT, 0,
	    IMSG_CONF_END, 0, -1, &end, sizeof(end)) == -1)
		errx(2, "no configuration");
}

/* Whether it signs what it is asked to. */
static int
keys_asked(int fd, const struct sign_ask *ask, size_t len)
{
	struct sign_answer	 answer;

	if (send(fd, ask, len, MSG_NOSIGNAL) == -1)
		return (-1);
	flood_run();
	if (recv(fd, &answer, sizeof(answer), 0) != sizeof(answer))
		return (-1);
	if (answer.seq != ask->seq || answer.len > sizeof(answer.data) ||
	    (answer.ok != 0) != (answer.len != 0))
		errx(2, "not an answer");
	return (answer.ok);
}

static void
listener_to_keys(void)
{
	static struct sign_ask	 ask;
	unsigned int		 cut = 0, i, j, no = 0, yes = 0;
	size_t			 len;
	int			 fd[2], ok;

	keys_begin();
	fd[0] = keys_customer(0);
	fd[1] = keys_customer(1);
	for (i = 0; i < MESSAGES / 4; i++) {
		memset(&ask, 0, sizeof(ask));
		ask.seq = i;
		if (flood_some(4))
			memcpy(ask.keyid, keyid, sizeof(keyid));
		ask.kind = flood_some(4) ? EVTLS_SIGN_ECDSA : flood_some(9);
		ask.len = flood_some(4) ? 32 : flood_some(2) ?
		    flood_some(2 * sizeof(ask.data)) : UINT32_MAX;
		for (j = 0; j < 4; j++)
			ask.data[flood_some(sizeof(ask.data))] =
			    flood_some(256);
		len = flood_some(32) ? sizeof(ask) :
		    1 + flood_some(sizeof(ask) - 1);
		if ((ok = keys_asked(fd[0], &ask, len)) == -1) {
			/* The socket is gone, with who held it. */
			cut++;
			close(fd[0]);
			fd[0] = keys_customer(0);
		} else if (ok)
			yes++;
		else
			no++;
		if (ok == 1 && (memcmp(ask.keyid, keyid, sizeof(keyid)) ||
		    ask.kind != EVTLS_SIGN_ECDSA || ask.len == 0 ||
		    ask.len > EVP_MAX_MD_SIZE))
			errx(2, "signed");
		if (ok == -1 && len == sizeof(ask))
			errx(2, "not answered");
	}
	if (cut < 10 || yes < 10 || no < 10)
		errx(2, "%u signed, %u not, %u cut off", yes, no, cut);
	memcpy(ask.keyid, keyid, sizeof(keyid));
	ask.kind = EVTLS_SIGN_ECDSA;
	ask.len = 32;
	if (keys_asked(fd[1], &ask, sizeof(ask)) != 1)
		errx(2, "the other listener has no signature");
}

/* ---- */

static void
test_listener_to_parent(void **state)
{
	assert_int_equal(flood_apart(listener_to_parent), 0);
}

static void
test_router_to_parent(void **state)
{
	assert_int_equal(flood_apart(router_to_parent), 0);
}

static void
the_next_auth_takes_no_old_log_in(void **state)
{
	assert_int_equal(flood_apart(next_auth), 0);
}

static void
test_keys_and_auth_to_parent(void **state)
{
	assert_int_equal(flood_apart(keys_and_auth_to_parent), 0);
}

static void
test_listener_to_auth(void **state)
{
	assert_int_equal(flood_apart(listener_to_auth), 0);
}

static void
test_router_to_auth(void **state)
{
	assert_int_equal(flood_apart(router_to_auth), 0);
}

static void
test_listener_to_router(void **state)
{
	assert_int_equal(flood_apart(listener_to_router), 0);
}

static void
test_listener_to_keys(void **state)
{
	assert_int_equal(flood_apart(listener_to_keys), 0);
}

int
hostile_tests(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_listener_to_parent),
		cmocka_unit_test(test_router_to_parent),
		cmocka_unit_test(the_next_auth_takes_no_old_log_in),
		cmocka_unit_test(test_keys_and_auth_to_parent),
		cmocka_unit_test(test_listener_to_auth),
		cmocka_unit_test(test_router_to_auth),
		cmocka_unit_test(test_listener_to_router),
		cmocka_unit_test(test_listener_to_keys),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
