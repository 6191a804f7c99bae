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
 * What comes in front of TLS, and what comes instead of it.
 */

/* link: regress/lib/evtls_sides.c lib/evtls.c lib/evtls_input.c
 * lib/evtls_output.c lib/evtls_buf.c lib/evtls_tls.c lib/evtls_libtls.c
 * lib/evtls_libtls_key.c lib/tls_guard.c lib/tls_record.c lib/aead.c
 * lib/aead_mb.c lib/evtls_record.c lib/base64.c regress/lib/tls_util.c */
/* libs: libevent libtls libssl libcrypto ipsec_mb */

#include "compat.h"

#include <sys/types.h>
#include <sys/time.h>

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "evtls.h"
#include "evtls_internal.h"
#include "evtls_sides.h"

/* ---- What comes in front ---- */

#define PREFACE	"HELLO\n"
#define PREFACE_MAX	4096

static int	 looks;			/* on_look was asked */
static size_t	 look_for;		/* so many bytes */
static int	 look_chained;		/* it follows the preface */
static int	 look_pauses, look_releases;
static int	 released = -1;
static uint8_t	*released_buf;
static size_t	 released_len;

/* Behind the preface, or alone: it looks, and takes nothing. */
static ssize_t
on_look(struct evtls *c, void *arg, const uint8_t *buf, size_t len)
{
	struct timeval	 tv = { 0, 300 };

	assert_ptr_equal(arg, &sv);
	assert_int_equal(sv.ready, 0);
	looks++;
	if (len < look_for)
		return (0);
	if (look_pauses-- > 0) {
		evtls_pause(c);
		event_add(sv.timer, &tv);
		return (0);
	}
	if (look_releases) {
		released = evtls_release(c, &released_buf, &released_len);
		sv.c = NULL;
		return (0);
	}
	evtls_preface(c, NULL, 0);
	return (0);
}

static ssize_t
on_preface(struct evtls *c, void *arg, const uint8_t *buf, size_t len)
{
	const size_t	 n = strlen(PREFACE);

	assert_ptr_equal(arg, &sv);
	assert_int_equal(sv.ready, 0);
	if (memcmp(buf, PREFACE, len < n ? len : n) != 0)
		return (buf[0] == '?' ? 0 : -1);
	if (len < n)
		return (0);
	if (look_chained)
		evtls_preface(c, on_look, PREFACE_MAX);
	return ((ssize_t)n);
}

/* Through our hands, so many bytes at a time; the preface first. */
static void
with_preface(struct evtls_server *s, struct evtls_client *clnt, size_t step)
{
	uint8_t	 up[4096];
	char	 buf[4096];
	ssize_t	 n;
	size_t	 len = strlen(PREFACE);
	int	 a[2], b[2], begun = 0;

	sides_pair(a);
	sides_pair(b);
	memcpy(up, PREFACE, len);
	cl.send = sv.send = 3000;
	sv.c = evtls_accept(sides_base, b[1], s, &side_ops, &sv);
	evtls_preface(sv.c, on_preface, PREFACE_MAX);
	cl.c = evtls_connect(sides_base, a[0], clnt, "rsa.example", &side_ops,
	    &cl);
	evtls_server_free(s);
	evtls_client_free(clnt);
	while (cl.got < 3000 || sv.got < 3000) {
		if ((n = read(a[1], up + len, sizeof(up) - len)) > 0)
			len += n;
		if (len > strlen(PREFACE))
			begun = 1;
		if (begun && len > 0) {
			n = len < step ? len : step;
			/* It is full of bytes while nobody reads. */
			if ((n = write(b[0], up, n)) > 0) {
				memmove(up, up + n, len - n);
				len -= n;
			}
		}
		if ((n = read(b[0], buf, sizeof(buf))) > 0)
			assert_int_equal(write(a[1], buf, n), n);
		event_base_loop(sides_base, EVLOOP_NONBLOCK);
		assert_false(cl.closed || sv.closed);
	}
	assert_int_equal(evtls_buffered(sv.c), 0);
	close(a[1]);
	close(b[0]);
}

static void
preface_in_any_cut(void **state)
{
	static const size_t	 steps[] = { 1, 5, 6, 7, 100, 4096 };
	size_t			 i;

	for (i = 0; i < nitems(steps); i++) {
		with_preface(sides_server(rsa, NULL, NULL),
		    sides_client(ca, NULL), steps[i]);
		sides_again(state);
		with_preface(NULL, NULL, steps[i]);
		sides_again(state);
	}
}

/* Who looks behind it, waits, and takes nothing off, is in nobody's way. */
static void
preface_behind_a_preface(void **state)
{
	static const size_t	 steps[] = { 1, 6, 7, 100, 4096 };
	size_t			 i;
	int			 tls;

	look_chained = 1;
	for (i = 0; i < 2 * nitems(steps); i++) {
		tls = i % 2;
		looks = 0;
		look_for = 40;
		look_pauses = 2;
		with_preface(tls ? sides_server(rsa, NULL, NULL) : NULL,
		    tls ? sides_client(ca, NULL) : NULL, steps[i / 2]);
		assert_in_range(looks, 3, 45);
		sides_again(state);
	}
	look_chained = look_pauses = 0;
}

/* What has come goes with the socket, but what was taken from it. */
static void
release_gives_back(void **state)
{
	static const char	 data[] = PREFACE "and what follows";
	struct evtls_server	*s;
	char			 buf[100];
	size_t			 i;
	int			 fds[2];

	look_chained = look_releases = 1;
	look_for = 4;
	for (i = 0; i < 4; i++) {
		/* At once, later; TLS that has not begun, or none. */
		look_pauses = i / 2;
		sides_tcp(fds);
		s = i % 2 ? NULL : sides_server(ec, NULL, NULL);
		sv.c = evtls_accept(sides_base, fds[1], s, &side_ops, &sv);
		evtls_server_free(s);
		evtls_preface(sv.c, on_preface, PREFACE_MAX);
		evtls_deadline(sv.c, 60000);
		assert_int_equal(write(fds[0], data, sizeof(data)),
		    sizeof(data));
		while (released == -1)
			sides_pass();
		assert_int_equal(released, fds[1]);
		assert_int_equal(released_len, sizeof(data) - strlen(PREFACE));
		assert_string_equal(released_buf, data + strlen(PREFACE));
		/* It lives, and nobody else reads from it. */
		assert_int_equal(write(fds[0], "more", 4), 4);
		sides_idle(10);
		assert_int_equal(read(released, buf, sizeof(buf)), 4);
		assert_int_equal(write(released, "back", 4), 4);
		assert_int_equal(read(fds[0], buf, sizeof(buf)), 4);
		assert_int_equal(sv.ready + sv.closed + sv.inputs, 0);
		free(released_buf);
		close(released);
		close(fds[0]);
		released = -1;
		sides_again(state);
	}
	look_chained = look_releases = look_pauses = 0;
}

/* After these bytes, and perhaps the end, it is over. */
static void
preface_fails(struct evtls_server *s, const char *data, size_t len, int end)
{
	int	fds[2];

	sides_pair(fds);
	sv.c = evtls_accept(sides_base, fds[1], s, &side_ops, &sv);
	evtls_preface(sv.c, on_preface, PREFACE_MAX);
	evtls_server_free(s);
	evtls_deadline(sv.c, 50);
	assert_int_equal(write(fds[0], data, len), len);
	if (end)
		close(fds[0]);
	sides_until_closed(&sv);
	assert_int_equal(sv.ready, 0);
	assert_int_equal(sv.inputs, 0);
	if (!end)
		close(fds[0]);
}

static void
preface_that_is_none(void **state)
{
	static char	 endless[PREFACE_MAX] = "?";

	preface_fails(NULL, "HELP", 4, 0);
	assert_int_equal(sv.why, EVTLS_ERROR);
	sides_again(state);
	preface_fails(sides_server(ec, NULL, NULL), "\x16\x03\x01", 3, 0);
	assert_int_equal(sv.why, EVTLS_ERROR);
	sides_again(state);
	preface_fails(NULL, endless, sizeof(endless), 0);
	assert_int_equal(sv.why, EVTLS_ERROR);
	sides_again(state);
	preface_fails(NULL, endless, sizeof(endless) - 1, 0);
	assert_int_equal(sv.why, EVTLS_TIMEOUT);
	sides_again(state);
	preface_fails(NULL, "HEL", 3, 0);
	assert_int_equal(sv.why, EVTLS_TIMEOUT);
	sides_again(state);
	preface_fails(NULL, "HEL", 3, 1);
	assert_int_equal(sv.why, EVTLS_EOF);
	sides_again(state);
	preface_fails(sides_server(ec, NULL, NULL), "HEL", 3, 1);
	assert_int_equal(sv.why, EVTLS_ERROR);
}

/* ---- Not TLS ---- */

static void
send_raw(const char *data, size_t len, const char *text)
{
	int	fds[2];

	sides_pair(fds);
	sv.c = evtls_accept(sides_base, fds[1], sides_server(ec, NULL, NULL),
	    &side_ops, &sv);
	evtls_server_free(sv.c->server);
	assert_int_equal(write(fds[0], data, len), len);
	sides_until_closed(&sv);
	assert_int_equal(sv.ready, 0);
	assert_int_equal(sv.why, EVTLS_ERROR);
	if (strstr(sv.text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", sv.text, text);
	close(fds[0]);
}

static void
rubbish_is_not_tls(void **state)
{
	char	junk[4096];

	memset(junk, 'x', sizeof(junk));
	send_raw(junk, sizeof(junk), "does not speak TLS");
}

static void
random_rubbish(void **state)
{
	char	junk[70000];
	int	i;

	for (i = 0; i < 50; i++) {
		arc4random_buf(junk, sizeof(junk));
		/* Often enough it looks like a record at first. */
		if (i % 2)
			memcpy(junk, "\026\003\001\002\000\001\000\001\374", 9);
		send_raw(junk, sizeof(junk), "");
		sides_again(state);
	}
}

static void
http_is_not_tls(void **state)
{
	static const char	get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

	send_raw(get, sizeof(get) - 1, "it sent an HTTP request");
}

/* libssl would make room for 128 KiB. */
static void
a_hello_that_says_it_is_long(void **state)
{
	static const char	 hello[] = "\026\003\001\000\004"
				    "\001\002\001\104";
	static const char	 cut[] = "\026\003\001\000\001\001"
				    "\026\003\001\000\003\002\001\104";

	send_raw(hello, sizeof(hello) - 1, "handshake is too long");
	sides_again(state);
	send_raw(cut, sizeof(cut) - 1, "handshake is too long");
}

static int	 group;

static void
on_info(const SSL *ssl, int where, int ret)
{
	if (where & SSL_CB_HANDSHAKE_DONE)
		group = SSL_get_negotiated_group(cl.c->ssl);
}

/* A second one, asked for since the key in the first was of another group. */
static void
a_second_hello_that_says_it_is_long(void **state)
{
	static char		 groups[] = "X448:P-256";
	static const char	 second[] = "\026\003\003\000\004"
				    "\001\002\001\104";
	SSL_CTX			*ctx = SSL_CTX_new(TLS_client_method());
	BIO			*in = BIO_new(BIO_s_mem());
	BIO			*out = BIO_new(BIO_s_mem());
	SSL			*ssl;
	char			 wire[4096];
	int			 n;

	sides_standard(ec, 0);
	SSL_set1_groups_list(cl.c->ssl, groups);
	SSL_set_info_callback(cl.c->ssl, on_info);
	sides_until_ready();
	assert_int_equal(group, NID_X9_62_prime256v1);
	sides_again(state);
	assert_true(ctx != NULL && in != NULL && out != NULL);
	assert_non_null(ssl = SSL_new(ctx));
	SSL_set1_groups_list(ssl, groups);
	SSL_set_bio(ssl, in, out);
	(void)SSL_connect(ssl);
	n = BIO_read(out, wire, sizeof(wire) - sizeof(second));
	assert_true(n > 0);
	memcpy(wire + n, second, sizeof(second) - 1);
	send_raw(wire, n + sizeof(second) - 1, "handshake is too long");
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static void
server_without_tls(void **state)
{
	static const char	ssh[] = "SSH-2.0-OpenSSH_9.2\r\n";
	int			fds[2];

	sides_pair(fds);
	cl.c = evtls_connect(sides_base, fds[0], sides_client(ca, NULL),
	    "node.example", &side_ops, &cl);
	evtls_client_free(cl.c->client);
	assert_int_equal(write(fds[1], ssh, sizeof(ssh) - 1), sizeof(ssh) - 1);
	sides_until_closed(&cl);
	assert_string_equal(cl.text, "the peer does not speak TLS");
	close(fds[1]);
}

static void
silence_meets_the_deadline(void **state)
{
	int	fds[2];

	sides_pair(fds);
	sv.c = evtls_accept(sides_base, fds[1], sides_server(ec, NULL, NULL),
	    &side_ops, &sv);
	evtls_server_free(sv.c->server);
	evtls_deadline(sv.c, 30);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_TIMEOUT);
	assert_string_equal(sv.text, "no TLS handshake in time");
	close(fds[0]);
}

static void
deadline_moves_and_goes(void **state)
{
	sides_connect(NULL, NULL, NULL, 0);
	sides_until_ready();
	evtls_deadline(sv.c, 10);
	evtls_deadline(sv.c, 0);
	sides_idle(30);
	assert_int_equal(sv.closed, 0);
	evtls_deadline(sv.c, 10000);
	evtls_deadline(sv.c, 10);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_TIMEOUT);
	assert_string_equal(sv.text, "timed out");
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		SIDES_CASE(preface_in_any_cut),
		SIDES_CASE(preface_that_is_none),
		SIDES_CASE(preface_behind_a_preface),
		SIDES_CASE(release_gives_back),
		SIDES_CASE(rubbish_is_not_tls),
		SIDES_CASE(random_rubbish),
		SIDES_CASE(http_is_not_tls),
		SIDES_CASE(a_hello_that_says_it_is_long),
		SIDES_CASE(a_second_hello_that_says_it_is_long),
		SIDES_CASE(server_without_tls),
		SIDES_CASE(silence_meets_the_deadline),
		SIDES_CASE(deadline_moves_and_goes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, sides_begin, sides_end));
}
