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
 * Logging in to a relay that follows a script: it answers the first request
 * and the second one as each case says.
 */

/* link: regress/lib/nth_alloc.c regress/lib/login_relay.c
 * lib/link_client.c lib/link.c lib/link_wire.c lib/token.c lib/relay_url.c
 * lib/http.c lib/http_field.c lib/http_host.c lib/ws.c lib/base64.c
 * lib/evtls.c lib/evtls_input.c lib/evtls_output.c lib/evtls_buf.c
 * lib/evtls_tls.c lib/evtls_libtls.c lib/evtls_libtls_key.c
 * lib/tls_guard.c lib/tls_record.c lib/aead.c lib/aead_mb.c
 * lib/evtls_record.c lib/mux.c lib/mux_frame.c lib/mux_output.c
 * lib/mux_queue.c lib/meter.c lib/mux_dgram.c lib/mux_stream.c
 * lib/mux_credit.c lib/mux_input.c lib/mux_table.c lib/clock.c */
/* libs: libevent libtls libssl libcrypto ipsec_mb */
/* flags: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
 *	-Wl,--wrap=reallocarray,--wrap=strdup,--wrap=strndup
 *	-Wl,--wrap=asprintf */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

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

#include "base64.h"
#include "login_relay.h"
#include "nth_alloc.h"

static void
good_token_gets_a_link(void **state __unused)
{
	char	 text[1024 + sizeof(WELCOME)], value[512], want[512], sig[128];
	size_t	 n = sizeof(WELCOME) - 1;

	begin();
	request();
	assert_memory_equal(t.in, "GET /api/nodes/ws HTTP/1.1\r\n", 28);
	field("Host", value, sizeof(value));
	assert_string_equal(value, "relay.example:8000");
	field("Culvert-Node", value, sizeof(value));
	assert_string_equal(value, "porch");
	field("Sec-WebSocket-Protocol", value, sizeof(value));
	assert_string_equal(value, "culvert.1");
	field("User-Agent", value, sizeof(value));
	assert_string_equal(value, "test/1");
	assert_null(strstr(t.in, "Authorization"));
	say(CHALLENGE);
	request();
	assert_string_equal(t.challenge.host, "relay.example");
	assert_string_equal(t.challenge.nonce, NONCE);
	assert_string_equal(t.challenge.path, "/api/nodes/ws");
	assert_string_equal(t.challenge.node, "porch");
	field("Authorization", value, sizeof(value));
	base64url_encode(sig, sizeof(sig), t.sig, sizeof(t.sig));
	snprintf(want, sizeof(want), "Culvert id=\"%s\", nonce=\"" NONCE
	    "\", sig=\"%s\"", t.token.id, sig);
	assert_string_equal(value, want);
	memcpy(text, WELCOME, n);
	n += hello_frame((uint8_t *)text + n);
	answer(text, n, 8192);
	wait_for(&t.up);
	assert_int_equal(t.signs, 1);
	assert_int_equal(t.done, 1);
	assert_int_equal(t.up, 1);
	assert_int_equal(t.fails, 0);
	end();
}

static void
every_cut_of_the_answers_does(void **state __unused)
{
	char	 text[1024 + sizeof(WELCOME)];
	size_t	 n, piece;

	for (piece = 1; piece < 200; piece += piece < 8 ? 1 : 37) {
		begin();
		request();
		answer(CHALLENGE, sizeof(CHALLENGE) - 1, piece);
		request();
		n = sizeof(WELCOME) - 1;
		memcpy(text, WELCOME, n);
		n += hello_frame((uint8_t *)text + n);
		answer(text, n, piece);
		wait_for(&t.up);
		assert_int_equal(t.up, 1);
		end();
	}
}

static void
clients_name_no_node(void **state __unused)
{
	begin_tls(LINK_PATH_ACCESS, "", NULL, 5000);
	request();
	assert_null(strstr(t.in, "Culvert-Node"));
	assert_memory_equal(t.in, "GET /api/access/ws HTTP/1.1\r\n", 29);
	say(CHALLENGE);
	request();
	assert_string_equal(t.challenge.node, "");
	end();
}

static void
signature_may_come_later(void **state __unused)
{
	begin();
	t.signing = SIGN_LATER;
	request();
	say(CHALLENGE);
	wait_for(&t.signs);
	passes(20);
	assert_int_equal(t.fails, 0);
	link_client_signed(t.lc, t.sig);
	request();
	say(WELCOME);
	wait_for(&t.done);
	assert_int_equal(t.done, 1);
	end();
}

static void
no_signature_is_a_denial(void **state __unused)
{
	begin();
	t.signing = SIGN_NOT;
	request();
	say(CHALLENGE);
	wait_for(&t.fails);
	assert_int_equal(t.fail, LINK_FAIL_DENIED);
	end();
}

static void
giving_up_while_signing_is_safe(void **state __unused)
{
	begin();
	t.signing = SIGN_FREE;
	request();
	say(CHALLENGE);
	wait_for(&t.signs);
	passes(20);
	assert_int_equal(t.fails + t.done, 0);
	end();
}

static void
end_close_behind_the_101_reaches_the_link(void **state __unused)
{
	begin();
	request();
	say(CHALLENGE);
	request();
	say(WELCOME);
	shutdown(t.fd, SHUT_WR);
	wait_for(&t.down);
	assert_int_equal(t.done, 1);
	assert_int_equal(t.down, 1);
	end();
}

/* What the relay answers at which request, and what is made of it. */
static const struct refusal {
	int		 request;
	const char	*answer;
	enum link_fail	 fail;
	int		 retry;
	const char	*text;
} refusals[] = {
	{ 2, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Culvert "
	    "nonce=\"" NONCE "\"\r\nContent-Length: 26\r\n\r\n"
	    "{\"error\":\"no such token  \"}", LINK_FAIL_DENIED, 0,
	    "no such token  " },
	{ 2, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
	    LINK_FAIL_DENIED, 0, "the relay does not accept the token" },
	{ 1, "HTTP/1.1 403 Forbidden\r\nContent-Length: 23\r\n\r\n"
	    "{\"error\":\"go\033[2J away\"}", LINK_FAIL_DENIED, 0,
	    "go?[2J away" },
	{ 2, "HTTP/1.1 403 Forbidden\r\n\r\n", LINK_FAIL_DENIED, 0,
	    "the relay denies it" },
	{ 2, "HTTP/1.1 409 Conflict\r\nContent-Length: 17\r\n\r\n"
	    "{\"error\":\"taken\"}", LINK_FAIL_DENIED, 0, "taken" },
	{ 1, "HTTP/1.1 421 Misdirected Request\r\nContent-Length: 2\r\n\r\n{}",
	    LINK_FAIL_DENIED, 0, "the relay denies it" },
	{ 1, "HTTP/1.1 503 Busy\r\nRetry-After: 17\r\nContent-Length: 0\r\n"
	    "\r\n", LINK_FAIL_BUSY, 17, "the relay is busy" },
	{ 2, "HTTP/1.1 429 Slow\r\nRetry-After: 99999\r\n"
	    "Content-Length: 0\r\n\r\n", LINK_FAIL_BUSY, 0, NULL },
	{ 1, "HTTP/1.1 503 Busy\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 "
	    "GMT\r\n\r\n", LINK_FAIL_BUSY, 0, NULL },
	{ 1, "HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n"
	    "Content-Length: 0\r\n\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
	{ 1, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	    LINK_FAIL_PROTOCOL, 0, "not a Culvert relay, or of another "
	    "version: it answers 200" },
	{ 1, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
	    LINK_FAIL_PROTOCOL, 0, NULL },
	{ 1, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n"
	    "Content-Length: 0\r\n\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
	{ 1, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Culvert "
	    "nonce=\"\"\r\nContent-Length: 0\r\n\r\n", LINK_FAIL_PROTOCOL,
	    0, NULL },
	{ 1, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Culvert "
	    "nonce=\"a, b\"\r\nContent-Length: 0\r\n\r\n",
	    LINK_FAIL_PROTOCOL, 0, NULL },
	{ 1, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Culvert "
	    "nonce=\"a\"\r\nContent-Length: 4097\r\n\r\n",
	    LINK_FAIL_PROTOCOL, 0, NULL },
	{ 1, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 1\r\n"
	    "Content-Length: 2\r\n\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
	{ 1, "HTTP/1.1 401 Unauthorized\r\nContent-Length: -1\r\n\r\n",
	    LINK_FAIL_PROTOCOL, 0, NULL },
	/* a nonce, and at once something that nobody asked for */
	{ 1, CHALLENGE WELCOME, LINK_FAIL_PROTOCOL, 0, NULL },
	{ 1, WELCOME, LINK_FAIL_PROTOCOL, 0, NULL },
	{ 1, "SSH-2.0-OpenSSH_9.2\r\n", LINK_FAIL_PROTOCOL, 0,
	    "what answers there is not a Culvert relay" },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Protocol: culvert.1\r\n"
	    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
	    LINK_FAIL_PROTOCOL, 0,
	    "the relay's handshake is not as it should be" },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
	    LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Protocol: culvert.2\r\n\r\n",
	    LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n"
	    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
	    LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n\r\n",
	    LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n\r\n",
	    LINK_FAIL_PROTOCOL, 0, NULL },
	/* RFC 6455, 4.1: each of what the answer must have, and must not. */
	{ 2, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Sec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n"
	    "\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: h2c\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n"
	    "\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: close\r\n"
	    "Sec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n"
	    "\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n"
	    "\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Accept: x\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n"
	    "\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n"
	    "\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Protocol: culvert.1, chat\r\n"
	    "\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
	{ 2, "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: ACCEPT\r\n"
	    "Sec-WebSocket-Protocol: culvert.1\r\n"
	    "Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n"
	    "\r\n", LINK_FAIL_PROTOCOL, 0, NULL },
};

/* Names and the two tokens in any case, RFC 6455, 4.1, among others. */
static void
handshake_in_any_case(void **state __unused)
{
	char	 first[64], second[64];

	begin();
	request();
	field("Sec-WebSocket-Key", first, sizeof(first));
	say(CHALLENGE);
	request();
	/* One of its own for each request. */
	field("Sec-WebSocket-Key", second, sizeof(second));
	assert_int_equal(strlen(first), WS_KEY_LEN);
	assert_string_not_equal(first, second);
	field("Sec-WebSocket-Version", first, sizeof(first));
	assert_string_equal(first, "13");
	assert_null(strstr(t.in, "Sec-WebSocket-Extensions"));
	say("HTTP/1.1 101 Yes\r\nupgrade:\t WebSocket \r\n"
	    "CONNECTION: keep-alive, UPGRADE\r\n"
	    "sec-websocket-accept:ACCEPT \r\nX-Other: x\r\n"
	    "Sec-Websocket-Protocol:  culvert.1\r\n\r\n");
	wait_for(&t.done);
	assert_int_equal(t.done, 1);
	assert_int_equal(t.fails, 0);
	end();
}

/*
 * Each allocation fails in turn: there is a link, or word that there is none,
 * once; and nothing is left of it.
 */
static void
each_allocation_fails(void **state __unused)
{
	unsigned int	 at, failed = 0;
	int		 linked;

	for (at = 1; ; at++) {
		nth_alloc_fail(at);
		begin_or_not();
		if (t.lc != NULL) {
			request_or_not();
			if (t.fails == 0 && t.inlen > 0) {
				say(CHALLENGE);
				request_or_not();
			}
			if (t.fails == 0 && t.inlen > 0)
				say(WELCOME);
			passes(20);
			assert_int_equal(t.done + t.fails, 1);
		} else
			assert_int_equal(t.done + t.fails, 0);
		linked = t.done;
		failed += !linked;
		if (nth_alloc_seen() < at)
			break;
		nth_alloc_fail(0);
		end();
	}
	nth_alloc_fail(0);
	assert_int_equal(linked, 1);
	assert_true(failed > 3);
	end();
}

static void
refusals_are_told_apart(void **state __unused)
{
	const struct refusal	*r;
	size_t			 i;

	for (i = 0; i < nitems(refusals); i++) {
		r = &refusals[i];
		begin();
		if (strncmp(r->answer, CHALLENGE, 40) == 0 &&
		    strstr(r->answer, "101") != NULL)
			t.signing = SIGN_LATER;
		request();
		if (r->request == 2) {
			say(CHALLENGE);
			request();
		}
		say(r->answer);
		wait_for(&t.fails);
		if (t.fails != 1 || t.fail != r->fail || t.retry != r->retry)
			fail_msg("answer %zu: %d fails, fail %d, retry %d, %s",
			    i, t.fails, t.fail, t.retry, t.text);
		if (r->text != NULL)
			assert_string_equal(t.text, r->text);
		assert_int_equal(t.done, 0);
		end();
	}
}

static void
interim_answers_are_passed_over(void **state __unused)
{
	begin();
	request();
	say("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" CHALLENGE);
	request();
	say(WELCOME);
	wait_for(&t.done);
	assert_int_equal(t.done, 1);
	end();
}

static void
cut_off_refusal_is_still_one(void **state __unused)
{
	begin();
	request();
	say("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n{\"er");
	shutdown(t.fd, SHUT_WR);
	wait_for(&t.fails);
	assert_int_equal(t.fail, LINK_FAIL_DENIED);
	end();
}

static void
lost_connection_is_unreachable(void **state __unused)
{
	begin();
	request();
	shutdown(t.fd, SHUT_WR);
	wait_for(&t.fails);
	assert_int_equal(t.fail, LINK_FAIL_UNREACHABLE);
	assert_non_null(strstr(t.text, "wss://"));
	end();
}

static void
silence_times_out(void **state __unused)
{
	begin_tls(LINK_PATH_NODE, "porch", NULL, 100);
	wait_for(&t.fails);
	assert_int_equal(t.fail, LINK_FAIL_UNREACHABLE);
	assert_string_equal(t.text, "the relay did not answer in time");
	end();
}

static void
no_tls_where_it_should_be(void **state __unused)
{
	static const uint8_t	 pin[EVTLS_KEYID_LEN] = { 1 };
	struct evtls_client	*tls;
	char			 err[256];

	tls = evtls_client_new(NULL, pin, err, sizeof(err));
	assert_non_null(tls);
	begin_tls(LINK_PATH_NODE, "porch", tls, 5000);
	passes(20);
	say("HTTP/1.1 400 Bad Request\r\n\r\n");
	wait_for(&t.fails);
	assert_int_equal(t.fail, LINK_FAIL_TLS);
	end();
	evtls_client_free(tls);
}

static void
endless_head_is_refused(void **state __unused)
{
	char	 line[1001];
	int	 i;

	begin();
	request();
	say("HTTP/1.1 200 OK\r\n");
	memset(line, 'a', sizeof(line) - 1);
	line[1] = ':';
	line[998] = '\r';
	line[999] = '\n';
	line[1000] = '\0';
	for (i = 0; i < 30 && t.fails == 0; i++)
		say(line);
	wait_for(&t.fails);
	assert_int_equal(t.fail, LINK_FAIL_PROTOCOL);
	end();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(good_token_gets_a_link),
		cmocka_unit_test(every_cut_of_the_answers_does),
		cmocka_unit_test(clients_name_no_node),
		cmocka_unit_test(signature_may_come_later),
		cmocka_unit_test(no_signature_is_a_denial),
		cmocka_unit_test(giving_up_while_signing_is_safe),
		cmocka_unit_test(end_close_behind_the_101_reaches_the_link),
		cmocka_unit_test(handshake_in_any_case),
		cmocka_unit_test(each_allocation_fails),
		cmocka_unit_test(refusals_are_told_apart),
		cmocka_unit_test(interim_answers_are_passed_over),
		cmocka_unit_test(cut_off_refusal_is_still_one),
		cmocka_unit_test(lost_connection_is_unreachable),
		cmocka_unit_test(silence_times_out),
		cmocka_unit_test(no_tls_where_it_should_be),
		cmocka_unit_test(endless_head_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	assert_int_equal(evtls_init(), 0);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
