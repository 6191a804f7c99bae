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
 * A listener that somebody else owns, with what it once had signed: it can't
 * come with it again, nor later, whatever it put into its nonces.
 */

/* link: regress/relayd/auth_ask.c regress/relayd/auth_fake.c
 *	regress/relayd/hand.c relayd/auth_*.c relayd/month.c relayd/nonce.c
 *	libculvert.a sql.c */
/* libs: libevent sqlite3 libcrypto crypt */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth_ask.h"

static const struct nonce_key	 theirs = { "what listeners have" };

static void
logged_in(const struct login *req)
{
	fake_forget();
	assert_int_equal(ask_deliver(req), 0);
	assert_int_equal(fake_count(IMSG_SESSION), 1);
	assert_int_equal(fake_count(IMSG_LOGIN_DENIED), 0);
}

static void
refused(const struct login *req, const char *why)
{
	fake_forget();
	assert_int_equal(ask_deliver(req), 0);
	ask_denied(503, why);
}

static void
signed_at(struct login *req, uint64_t when)
{
	ask_make(req, &fake_token, DOOR_NODE, "pi");
	ask_nonce(req, when);
	ask_sign(req, &fake_token);
}

static void
a_log_in_is_taken_once(void **state)
{
	struct login		 req;
	const struct session	*s;
	struct session_id	 end;

	signed_at(&req, fake_mono);
	logged_in(&req);
	s = fake_one(PROC_ROUTER, IMSG_SESSION, sizeof(*s));
	end.session = s->session;
	refused(&req, "used before");
	/* Nor when what came of it has ended, nor by another listener. */
	assert_int_equal(fake_recv(auth_recv_session_end, PROC_ROUTER, 0,
	    IMSG_SESSION_END, 0, &end, sizeof(end)), 0);
	refused(&req, "used before");
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 3,
	    IMSG_LOGIN, 9, &req, sizeof(req)), 0);
	assert_int_equal(fake_count(IMSG_SESSION), 0);
	/* At no time, to the end of its beacon and beyond. */
	while (fake_mono % NONCE_BEACON_MS != 0 ||
	    auth_nonce_fresh(req.nonce)) {
		fake_mono += 500;
		auth_nonce_tick();
		fake_forget();
		assert_int_equal(ask_deliver(&req), 0);
		assert_int_equal(fake_count(IMSG_SESSION), 0);
	}
	/* And nobody is taken for one who guesses. */
	signed_at(&req, fake_mono);
	logged_in(&req);
}

static void
a_wrong_signature_uses_nothing_up(void **state)
{
	struct login	 req;

	signed_at(&req, fake_mono);
	req.sig[3] ^= 1;
	assert_int_equal(ask_deliver(&req), 0);
	ask_denied(401, "token not accepted");
	req.sig[3] ^= 1;
	logged_in(&req);
}

static void
a_log_in_is_good_for_a_while(void **state)
{
	struct login	 req;
	uint64_t	 made;

	/* Made with the last of a beacon, used with the last of the nonce. */
	fake_mono = fake_mono / NONCE_BEACON_MS * NONCE_BEACON_MS;
	made = fake_mono - 1;
	signed_at(&req, made);
	fake_mono = made + NONCE_AGE_MS;
	logged_in(&req);
	signed_at(&req, made);
	fake_mono = made + (NONCE_BEACONS - 1) * NONCE_BEACON_MS;
	logged_in(&req);
	signed_at(&req, made);
	fake_mono++;
	refused(&req, "too old");
}

/* It has all keys of listeners, and what beacons there were. */
static void
no_nonce_is_made_for_later(void **state)
{
	uint8_t		 guess[NONCE_BEACON_LEN] = { 0 };
	struct login	 req;
	uint64_t	 later = fake_mono + 10 * NONCE_BEACON_MS;
	int		 i;

	for (i = 0; i < 3; i++) {
		ask_make(&req, &fake_token, DOOR_NODE, "pi");
		if (i == 1)
			nonce_beacon(&theirs, later / NONCE_BEACON_MS, guess);
		if (i == 2)
			nonce_beacon(&fake_beacon_key, fake_mono /
			    NONCE_BEACON_MS, guess);
		nonce_make(&theirs, guess, later, ASK_CONN, req.nonce);
		ask_sign(&req, &fake_token);
		fake_mono += later - fake_mono;
		refused(&req, "too old");
		fake_mono -= 10 * NONCE_BEACON_MS;
	}
	strlcpy(req.nonce, "n0nce", sizeof(req.nonce));
	ask_sign(&req, &fake_token);
	refused(&req, "too old");
}

static void
all_listeners_get_each_beacon(void **state)
{
	const struct login_beacon	*b;
	uint8_t				 want[NONCE_BEACON_LEN];
	struct login			 req;
	size_t				 i;

	auth_nonce_tick();
	fake_forget();
	auth_nonce_tick();
	assert_int_equal(fake_nsent, 0);
	fake_mono += NONCE_BEACON_MS;
	auth_nonce_tick();
	assert_int_equal(fake_count(IMSG_LOGIN_BEACON), 4);
	nonce_beacon(&fake_beacon_key, fake_mono / NONCE_BEACON_MS, want);
	for (i = 0; i < 4; i++) {
		assert_int_equal(fake_sent[i].kind, PROC_LISTENER);
		b = (const void *)fake_sent[i].data;
		assert_memory_equal(b->beacon, want, sizeof(want));
	}
	/* One that was started anew. */
	fake_forget();
	auth_nonce_listener_up(proc_peer(PROC_LISTENER, 2));
	b = fake_one(PROC_LISTENER, IMSG_LOGIN_BEACON, sizeof(*b));
	ask_make(&req, &fake_token, DOOR_NODE, "pi");
	nonce_make(&theirs, b->beacon, fake_mono, 1, req.nonce);
	ask_sign(&req, &fake_token);
	logged_in(&req);
}

/* It has a token of its own as well, and tries to have more forgotten. */
static void
used_ones_are_so_many_a_listener(void **state)
{
	struct login	 req, once;
	char		 text[32];
	size_t		 n;
	int		 i;

	signed_at(&once, fake_mono);
	logged_in(&once);
	for (i = 1; i < AUTH_NONCES; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(auth_nonce_use(text, i % 2 ? "one" : "two",
		    ASK_LISTENER), 0);
	}
	assert_int_equal(auth_nonce_use("more", "three", ASK_LISTENER), -1);
	(void)auth_nonce_memory(&n);
	assert_int_equal(n, AUTH_NONCES);
	signed_at(&req, fake_mono);
	refused(&req, "busy");
	refused(&once, "");
	/* The other listeners' go on, and it does when time has passed. */
	fake_forget();
	assert_int_equal(fake_recv(auth_recv_login, PROC_LISTENER, 1,
	    IMSG_LOGIN, 9, &req, sizeof(req)), 0);
	assert_int_equal(fake_count(IMSG_SESSION), 1);
	fake_mono += NONCE_BEACONS * NONCE_BEACON_MS;
	signed_at(&req, fake_mono);
	logged_in(&req);
	(void)auth_nonce_memory(&n);
	assert_int_equal(n, 1);
}

/* Nobody can use them all up by logging in again and again. */
static void
one_user_leaves_others_some(void **state)
{
	struct login	 req;
	char		 text[32];
	int		 i;

	for (i = 0; i < AUTH_NONCES_USER; i++) {
		snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(auth_nonce_use(text, "one", ASK_LISTENER), 0);
	}
	assert_int_equal(auth_nonce_use("more", "one", ASK_LISTENER), -1);
	assert_int_equal(auth_nonce_use("more", "one", 1), 0);
	signed_at(&req, fake_mono);
	logged_in(&req);
	fake_mono += NONCE_BEACONS * NONCE_BEACON_MS;
	assert_int_equal(auth_nonce_use("then", "one", ASK_LISTENER), 0);
}

static int
begin(void **state)
{
	if (fake_setup(state) == -1)
		return (-1);
	auth_nonce_tick();
	fake_forget();
	return (0);
}

static int
end(void **state)
{
	/* All that was used is over. */
	fake_mono += NONCE_BEACONS * NONCE_BEACON_MS;
	auth_nonce_tick();
	return (fake_teardown(state));
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		CASE(a_log_in_is_taken_once),
		CASE(a_wrong_signature_uses_nothing_up),
		CASE(a_log_in_is_good_for_a_while),
		CASE(no_nonce_is_made_for_later),
		CASE(all_listeners_get_each_beacon),
		CASE(used_ones_are_so_many_a_listener),
		CASE(one_user_leaves_others_some),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
