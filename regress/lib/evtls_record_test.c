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
 * Connections of TLS 1.3 behind their handshake, where libtls is gone: new
 * keys, records in pieces, what was changed on the way, and ends.
 */

/* link: regress/lib/evtls_sides.c lib/evtls.c lib/evtls_input.c
 * lib/evtls_output.c lib/evtls_buf.c lib/evtls_tls.c lib/evtls_libtls.c
 * lib/evtls_libtls_key.c lib/tls_guard.c lib/tls_record.c lib/aead.c
 * lib/aead_mb.c lib/evtls_record.c lib/base64.c regress/lib/tls_util.c */
/* libs: libevent libtls libssl libcrypto ipsec_mb */
/* flags: -Wl,--wrap=tls_record_new */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "evtls.h"
#include "evtls_internal.h"
#include "evtls_sides.h"

struct tls_record	*__real_tls_record_new(uint16_t, int, const uint8_t *,
			    const uint8_t *, size_t);
struct tls_record	*__wrap_tls_record_new(uint16_t, int, const uint8_t *,
			    const uint8_t *, size_t);

/* No bytes of anybody's, in a record. */
static const uint8_t	 junk[45] = { 23, 3, 3, 0, 40, 1, 2, 3, 4, 5, 6, 7 };
static int		 no_memory;
static uint8_t		 max_fragment;	/* of OpenSSL's client; 0: all */

struct tls_record *
__wrap_tls_record_new(uint16_t suite, int client, const uint8_t *in,
    const uint8_t *out, size_t len)
{
	return (no_memory ? NULL : __real_tls_record_new(suite, client, in,
	    out, len));
}

/* A client of OpenSSL itself, to the server side. */
static SSL *
openssl_client(int fds[2], int version)
{
	SSL_CTX	*ctx;
	SSL	*ssl;

	sides_pair(fds);
	assert_non_null(ctx = SSL_CTX_new(TLS_client_method()));
	assert_non_null(ssl = SSL_new(ctx));
	SSL_CTX_free(ctx);
	SSL_set_max_proto_version(ssl, version);
	SSL_set_tlsext_max_fragment_length(ssl, max_fragment);
	SSL_set_fd(ssl, fds[0]);
	sv.c = evtls_accept(sides_base, fds[1], sides_server(ec, NULL, NULL),
	    &side_ops, &sv);
	evtls_server_free(sv.c->server);
	while (SSL_connect(ssl) != 1 || !sv.ready)
		event_base_loop(sides_base, EVLOOP_NONBLOCK);
	return (ssl);
}

static void
openssl_send(SSL *ssl, const char *p, int n)
{
	while (SSL_write(ssl, p, n) != n)
		event_base_loop(sides_base, EVLOOP_NONBLOCK);
}

/* New keys, asked for often; both sides' are used. */
static void
key_updates(void **state)
{
	size_t	 got = 0;
	char	 buf[1000], byte;
	SSL	*ssl;
	int	 fds[2], i, n;

	ssl = openssl_client(fds, TLS1_3_VERSION);
	for (i = 0; i < 300; i++) {
		assert_int_equal(SSL_key_update(ssl, i % 3 == 0 ?
		    SSL_KEY_UPDATE_NOT_REQUESTED : SSL_KEY_UPDATE_REQUESTED),
		    1);
		if (i % 4 == 0) {
			byte = side_byte(i / 4);
			openssl_send(ssl, &byte, 1);
		}
		while (SSL_do_handshake(ssl) != 1)
			event_base_loop(sides_base, EVLOOP_NONBLOCK);
		if (i % 50 == 0) {
			sv.send += sizeof(buf);
			evtls_want_output(sv.c);
		}
		while (got < sv.send) {
			event_base_loop(sides_base, EVLOOP_NONBLOCK);
			if ((n = SSL_read(ssl, buf, sizeof(buf))) > 0)
				got += n;
			assert_string_equal(sv.text, "");
		}
	}
	while (sv.got < 75 && !sv.closed)
		event_base_loop(sides_base, EVLOOP_NONBLOCK);
	SSL_free(ssl);
	close(fds[0]);
	assert_string_equal(sv.text, "");
	assert_int_equal(sv.got, 75);
}

/* A peer that does nothing else; nothing of ours grows. */
static void
key_updates_without_end(void **state)
{
	size_t	 most = 0;
	SSL	*ssl;
	int	 fds[2], i;

	ssl = openssl_client(fds, TLS1_3_VERSION);
	for (i = 0; i < 1000 && !sv.closed; i++) {
		if (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
			(void)SSL_do_handshake(ssl);
		event_base_loop(sides_base, EVLOOP_NONBLOCK);
		if (!sv.closed && evtls_buffered(sv.c) > most)
			most = evtls_buffered(sv.c);
	}
	SSL_free(ssl);
	close(fds[0]);
	assert_string_equal(sv.text,
	    "TLS: the peer sent too many records without data");
	assert_int_equal(most, 0);
}

/* ---- Ends ---- */

static void
raw_send(int fd, const uint8_t *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

/* The first bytes of the sequence. */
static void
openssl_data(SSL *ssl, int n)
{
	char	 buf[16384];
	int	 i;

	for (i = 0; i < n; i++)
		buf[i] = side_byte(i);
	openssl_send(ssl, buf, n);
}

/*
 * It pauses at what comes in front of its end, in one read; and behind it
 * nothing comes, and nobody closes.
 */
static void
paused_in_front_of(SSL *ssl, int fds[2])
{
	while (sv.inputs == 0)
		sides_pass();
	sides_idle(30);
	assert_int_equal(sv.closed, 0);
	evtls_resume(sv.c);
	sides_until_closed(&sv);
	assert_int_equal(sv.got, 100);
	SSL_free(ssl);
	close(fds[0]);
}

static void
paused_in_front_of_the_end(void **state)
{
	SSL	*ssl;
	int	 fds[2];

	sv.hold = 1;
	ssl = openssl_client(fds, TLS1_3_VERSION);
	openssl_data(ssl, 100);
	assert_int_equal(SSL_shutdown(ssl), 0);
	paused_in_front_of(ssl, fds);
	assert_int_equal(sv.why, EVTLS_EOF);
	/* The same of libtls. */
	sides_again(state);
	sv.hold = 1;
	ssl = openssl_client(fds, TLS1_2_VERSION);
	openssl_data(ssl, 100);
	assert_int_equal(SSL_shutdown(ssl), 0);
	paused_in_front_of(ssl, fds);
	assert_int_equal(sv.why, EVTLS_EOF);
}

/* The alerts that OpenSSL was sent. */
static int	 alerts, alert;

static void
on_info(const SSL *ssl, int where, int ret)
{
	if (where != SSL_CB_READ_ALERT)
		return;
	alerts++;
	alert = ret & 0xff;
}

static void
paused_in_front_of_an_error(void **state)
{
	char	 buf[100];
	SSL	*ssl;
	int	 fds[2];

	alerts = 0;
	sv.hold = 1;
	ssl = openssl_client(fds, TLS1_3_VERSION);
	SSL_set_info_callback(ssl, on_info);
	openssl_data(ssl, 100);
	raw_send(fds[0], junk, sizeof(junk));
	while (sv.inputs == 0)
		sides_pass();
	/* Behind the alert it sends nothing. */
	sv.send = 100000;
	evtls_want_output(sv.c);
	sides_idle(30);
	assert_true(SSL_read(ssl, buf, sizeof(buf)) <= 0);
	assert_int_equal(alerts, 1);
	assert_int_equal(alert, SSL_AD_BAD_RECORD_MAC);
	ERR_clear_error();
	assert_int_equal(sv.sent, 0);
	evtls_resume(sv.c);
	sides_until_closed(&sv);
	assert_int_equal(sv.got, 100);
	assert_int_equal(sv.why, EVTLS_ERROR);
	assert_string_equal(sv.text,
	    "TLS: what the peer sent was changed on the way");
	side_free(&sv);
	/* The alert was all. */
	assert_int_equal(recv(fds[0], buf, sizeof(buf), 0), 0);
	SSL_free(ssl);
	close(fds[0]);
}

static int	 eofs;

static void
on_eof(struct evtls *c, void *arg)
{
	eofs++;
}

/* RFC 8446, 6.1: it is ignored, and not waited for either. */
static void
nothing_behind_the_end(void **state)
{
	struct evtls_ops	 ops = side_ops;
	SSL			*ssl;
	int			 fds[2];

	eofs = 0;
	ops.eof = on_eof;
	ssl = openssl_client(fds, TLS1_3_VERSION);
	evtls_set_ops(sv.c, &ops, &sv);
	openssl_data(ssl, 100);
	assert_int_equal(SSL_shutdown(ssl), 0);
	raw_send(fds[0], junk, sizeof(junk));
	while (eofs == 0)
		sides_pass();
	assert_int_equal(sv.got, 100);
	assert_false(evtls_left(sv.c));
	assert_int_equal(evtls_buffered(sv.c), 0);
	raw_send(fds[0], junk, sizeof(junk));
	evtls_pause(sv.c);
	evtls_resume(sv.c);
	sides_idle(30);
	assert_int_equal(eofs, 1);
	assert_int_equal(sv.closed, 0);
	/* It may still say what it has to. */
	sv.send = 5000;
	evtls_want_output(sv.c);
	while (sv.sent < sv.send)
		sides_pass();
	sides_idle(30);
	assert_int_equal(sv.closed, 0);
	SSL_free(ssl);
	close(fds[0]);
}

/* Each side hears why. */
static void
changed_on_the_way(void **state)
{
	sides_standard(ec, 1);
	sides_until_ready();
	raw_send(evtls_fd(cl.c), junk, sizeof(junk));
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_ERROR);
	assert_string_equal(sv.text,
	    "TLS: what the peer sent was changed on the way");
	sides_until_closed(&cl);
	assert_int_equal(cl.why, EVTLS_ERROR);
	assert_string_equal(cl.text, "TLS: the peer gave up: what the peer "
	    "got was changed on the way");
	/* By libtls as well. */
	sides_again(state);
	sides_standard(ec, 1);
	SSL_set_max_proto_version(cl.c->ssl, TLS1_2_VERSION);
	sides_until_ready();
	raw_send(evtls_fd(cl.c), junk, sizeof(junk));
	sides_until_closed(&sv);
	assert_string_equal(sv.text,
	    "what the peer sent was changed on the way");
	sides_until_closed(&cl);
	assert_string_equal(cl.text,
	    "what the peer got was changed on the way");
}

static void
in_the_clear(void **state)
{
	static const uint8_t	 head[] = "GET / HTTP/1.1\r\n\r\n";

	sides_standard(ec, 1);
	sides_until_ready();
	raw_send(evtls_fd(cl.c), head, sizeof(head) - 1);
	sides_until_closed(&sv);
	assert_string_equal(sv.text, "TLS: the peer sent a record in the "
	    "clear");
	sides_until_closed(&cl);
	assert_non_null(strstr(cl.text, "TLS: the peer gave up: unexpected"));
}

/* ---- Pieces ---- */

/* Each byte by itself: what has come in part says nothing. */
static void
byte_by_byte(void **state)
{
	const size_t	 lengths[] = { 1, 16384, 30 };
	size_t		 i, k, sum = 0;
	uint8_t		*wire;
	SSL		*ssl;
	BIO		*bio;
	long		 n;
	int		 fds[2];
	char		 buf[16384];

	ssl = openssl_client(fds, TLS1_3_VERSION);
	assert_non_null(bio = BIO_new(BIO_s_mem()));
	SSL_set0_wbio(ssl, bio);
	for (i = 0; i < nitems(lengths); i++) {
		for (k = 0; k < lengths[i]; k++)
			buf[k] = side_byte(sum + k);
		assert_int_equal(SSL_write(ssl, buf, lengths[i]), lengths[i]);
		n = BIO_get_mem_data(bio, &wire);
		for (k = 0; k < (size_t)n; k++) {
			assert_int_equal(sv.got, sum);
			raw_send(fds[0], wire + k, 1);
			event_base_loop(sides_base, EVLOOP_NONBLOCK);
			assert_false(evtls_left(sv.c));
			if (k % 1000 == 7) {
				evtls_pause(sv.c);
				evtls_resume(sv.c);
				assert_false(evtls_again(sv.c));
				event_base_loop(sides_base, EVLOOP_NONBLOCK);
			}
			assert_true(k + 1 == (size_t)n ||
			    evtls_buffered(sv.c) == k + 1);
		}
		(void)BIO_reset(bio);
		sum += lengths[i];
		while (sv.got < sum)
			sides_pass();
		assert_int_equal(evtls_buffered(sv.c), 0);
	}
	/* One that never comes whole. */
	raw_send(fds[0], junk, sizeof(junk) - 1);
	sides_idle(10);
	SSL_free(ssl);
	close(fds[0]);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_CUT);
}

/* ---- From libtls to us ---- */

static const char *const	 suites[] = {
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
	"TLS_CHACHA20_POLY1305_SHA256"
};

static void
both_ways(void)
{
	cl.send = 1000000;
	sv.send = 700000;
	evtls_want_output(cl.c);
	evtls_want_output(sv.c);
	while (cl.got < sv.send || sv.got < cl.send) {
		sides_pass();
		assert_int_equal(cl.closed + sv.closed, 0);
	}
	evtls_close(cl.c);
	sides_until_closed(&sv);
	assert_int_equal(sv.why, EVTLS_EOF);
}

static void
each_suite(void **state)
{
	char	 name[100];
	size_t	 i;

	for (i = 0; i < nitems(suites); i++) {
		sides_standard(ec, 1);
		SSL_set_ciphersuites(cl.c->ssl, suites[i]);
		sides_until_ready();
		evtls_describe(cl.c, name, sizeof(name));
		assert_string_equal(name + strlen("TLSv1.3 "), suites[i]);
		evtls_describe(sv.c, name, sizeof(name));
		assert_string_equal(name + strlen("TLSv1.3 "), suites[i]);
		assert_string_equal(evtls_servername(sv.c), "node.example");
		/* What made the keys is gone with the library. */
		assert_null(sv.c->secrets);
		assert_null(cl.c->secrets);
		assert_null(sv.c->tls);
		assert_null(cl.c->tls);
		both_ways();
		sides_again(state);
	}
}

/* A peer of little memory: no record may be longer than it asked for. */
static void
small_records(void **state)
{
	char	 buf[5000];
	SSL	*ssl;
	size_t	 got = 0;
	int	 fds[2], version, n;

	for (version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		max_fragment = TLSEXT_max_fragment_length_512;
		ssl = openssl_client(fds, version);
		max_fragment = 0;
		assert_null(sv.c->record);
		assert_null(sv.c->secrets);
		sv.send = 100000;
		evtls_want_output(sv.c);
		for (got = 0; got < sv.send; got += n > 0 ? n : 0) {
			event_base_loop(sides_base, EVLOOP_NONBLOCK);
			n = SSL_read(ssl, buf, sizeof(buf));
			assert_true(n <= 512);
			assert_true(n > 0 || SSL_get_error(ssl, n) ==
			    SSL_ERROR_WANT_READ);
		}
		SSL_free(ssl);
		close(fds[0]);
		sides_again(state);
	}
}

/* What a handshake that failed knew. */
static void
no_secrets_of_a_failure(void **state)
{
	const uint8_t	 pin[EVTLS_KEYID_LEN] = { 0 };

	sides_connect(sides_server(ec, NULL, NULL), sides_client(NULL, pin),
	    "node.example", 0);
	sides_until_closed(&cl);
	assert_int_equal(cl.ready, 0);
	assert_null(cl.c->secrets);
}

/* Then libtls goes on as before. */
static void
no_memory_for_records(void **state)
{
	size_t	 i;

	no_memory = 1;
	for (i = 0; i < nitems(suites); i++) {
		sides_standard(ec, 1);
		SSL_set_ciphersuites(cl.c->ssl, suites[i]);
		sides_until_ready();
		assert_null(sv.c->record);
		assert_null(cl.c->record);
		assert_null(sv.c->secrets);
		assert_null(cl.c->secrets);
		assert_string_equal(evtls_servername(sv.c), "node.example");
		both_ways();
		sides_again(state);
	}
	no_memory = 0;
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		SIDES_CASE(key_updates),
		SIDES_CASE(key_updates_without_end),
		SIDES_CASE(paused_in_front_of_the_end),
		SIDES_CASE(paused_in_front_of_an_error),
		SIDES_CASE(nothing_behind_the_end),
		SIDES_CASE(changed_on_the_way),
		SIDES_CASE(in_the_clear),
		SIDES_CASE(byte_by_byte),
		SIDES_CASE(each_suite),
		SIDES_CASE(small_records),
		SIDES_CASE(no_secrets_of_a_failure),
		SIDES_CASE(no_memory_for_records),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, sides_begin, sides_end));
}
