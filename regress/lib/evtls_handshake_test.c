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
 * Handshakes: certificates, names, pins, roots, versions; who is refused, and
 * what both sides are told.
 */

/* link: regress/lib/evtls_sides.c lib/evtls.c lib/evtls_input.c
 * lib/evtls_output.c lib/evtls_buf.c lib/evtls_tls.c lib/evtls_libtls.c
 * lib/evtls_libtls_key.c lib/tls_guard.c lib/tls_record.c lib/aead.c
 * lib/aead_mb.c lib/evtls_record.c lib/base64.c regress/lib/tls_util.c */
/* libs: libevent libtls libssl libcrypto ipsec_mb */

#include "compat.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "evtls.h"
#include "evtls_internal.h"
#include "evtls_sides.h"
#include "tls_util.h"

/* What the client's library knows of its session, as long as it is there. */
static int	 group, ticket;

static void
on_info(const SSL *ssl, int where, int ret)
{
	if ((where & SSL_CB_HANDSHAKE_DONE) == 0)
		return;
	group = SSL_get_negotiated_group(cl.c->ssl);
	ticket = SSL_SESSION_has_ticket(SSL_get_session(ssl));
}

static void
handshake_with(struct tls_util_cert *cert, int version, const char *says)
{
	unsigned int	before = tls_util_signed;
	char		buf[100];

	sides_standard(cert, 0);
	assert_int_equal(SSL_set_max_proto_version(cl.c->ssl, version), 1);
	SSL_set_info_callback(cl.c->ssl, on_info);
	group = 0;
	ticket = -1;
	sides_until_ready();
	assert_int_equal(tls_util_signed, before + 1);
	evtls_describe(sv.c, buf, sizeof(buf));
	assert_string_equal(buf, says);
	evtls_describe(cl.c, buf, sizeof(buf));
	assert_string_equal(buf, says);
	assert_true(evtls_is_tls(sv.c));
	assert_string_equal(evtls_servername(sv.c), cert == rsa ?
	    "rsa.example" : "node.example");
	assert_int_equal(evtls_buffered(sv.c) + evtls_buffered(cl.c), 0);
	assert_int_equal(group, NID_X25519);
	assert_int_equal(ticket, 0);
	/* The library has gone with all it held, or is still needed. */
	assert_int_equal(cl.c->ssl == NULL, version == TLS1_3_VERSION);
	assert_int_equal(sv.c->ssl == NULL, version == TLS1_3_VERSION);
}

static void
ecdsa_p256_tls13(void **state)
{
	handshake_with(ec, TLS1_3_VERSION, "TLSv1.3 TLS_AES_128_GCM_SHA256");
}

static void
ecdsa_p384_tls13(void **state)
{
	handshake_with(ec384, TLS1_3_VERSION,
	    "TLSv1.3 TLS_AES_128_GCM_SHA256");
}

static void
rsa_tls13(void **state)
{
	handshake_with(rsa, TLS1_3_VERSION, "TLSv1.3 TLS_AES_128_GCM_SHA256");
}

static void
ecdsa_tls12(void **state)
{
	handshake_with(ec, TLS1_2_VERSION,
	    "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256");
}

static void
rsa_tls12(void **state)
{
	handshake_with(rsa, TLS1_2_VERSION,
	    "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256");
}

static void
rsa_tls12_client_without_pss(void **state)
{
	char	list[] = "RSA+SHA256";

	sides_standard(rsa, 0);
	SSL_set_max_proto_version(cl.c->ssl, TLS1_2_VERSION);
	assert_int_equal(SSL_set1_sigalgs_list(cl.c->ssl, list), 1);
	sides_until_ready();
}

static void
client_without_aes_gets_chacha(void **state)
{
	char	buf[100];

	sides_standard(ec, 0);
	SSL_set_ciphersuites(cl.c->ssl, "TLS_CHACHA20_POLY1305_SHA256:"
	    "TLS_AES_128_GCM_SHA256");
	sides_until_ready();
	evtls_describe(sv.c, buf, sizeof(buf));
	assert_string_equal(buf, "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256");
}

static void
tls11_is_refused(void **state)
{
	sides_standard(ec, 0);
	SSL_set_security_level(cl.c->ssl, 0);
	SSL_set_min_proto_version(cl.c->ssl, TLS1_1_VERSION);
	SSL_set_max_proto_version(cl.c->ssl, TLS1_1_VERSION);
	sides_until_closed(&cl);
	assert_int_equal(cl.ready, 0);
}

static void
sni_picks_the_certificate(void **state)
{
	struct evtls_server	*s = sides_server(ec, rsa, other_ca);
	struct tls_util_cert	*c[] = { ec, rsa, other_ca, ec };
	static const char *const names[] = {
		"node.example", "rsa.example", "other-ca.example",
		"nothing.example"
	};
	size_t			 i;

	for (i = 0; i < nitems(names); i++) {
		evtls_server_ref(s);
		sides_connect(s, sides_client(NULL, c[i]->id), names[i], 0);
		sides_until_ready();
		assert_string_equal(evtls_servername(sv.c), names[i]);
		evtls_free(cl.c);
		evtls_free(sv.c);
		cl.c = sv.c = NULL;
		cl.ready = sv.ready = 0;
	}
	evtls_server_free(s);
}

static void
address_in_certificate(void **state)
{
	sides_connect(sides_server(ip, NULL, NULL), sides_client(ca, NULL),
	    "127.0.0.1", 0);
	sides_until_ready();
	assert_null(evtls_servername(sv.c));
}

static void
pin_alone_decides(void **state)
{
	sides_connect(sides_server(expired, NULL, NULL), sides_client(NULL,
	    expired->id), "any.example", 0);
	sides_until_ready();
}

static void
pin_and_ca(void **state)
{
	sides_connect(sides_server(ec, NULL, NULL), sides_client(ca, ec->id),
	    "node.example", 0);
	sides_until_ready();
}

static void
anybody_if_asked_for(void **state)
{
	char	 err[200] = "";

	sides_connect(sides_server(expired, NULL, NULL), evtls_client_any(err,
	    sizeof(err)), "any.example", 0);
	sides_until_ready();
	assert_string_equal(err, "");
}

static void
wrong_pin(void **state)
{
	char	is[100];

	evtls_pin_format(rsa->id, is, sizeof(is));
	sides_refused(sides_server(rsa, NULL, NULL), sides_client(NULL, ec->id),
	    "node.example", is);
}

static void
wrong_name(void **state)
{
	sides_refused(sides_server(ec, NULL, NULL), sides_client(ca, NULL),
	    "evil.example", "for another name than evil.example");
}

static void
unknown_ca(void **state)
{
	sides_refused(sides_server(ec, NULL, NULL), sides_client(other_ca,
	    NULL), "node.example", "unknown CA");
	/* The server is told. */
	assert_int_equal(sv.why, EVTLS_ERROR);
	assert_non_null(strstr(sv.text, "does not know the CA"));
}

/* A client whose roots are read once, of these two. */
static struct evtls_client *
sharing(const struct tls_util_cert *a, const struct tls_util_cert *b)
{
	struct evtls_client	*c;
	char			 pem[4096], err[200] = "";

	snprintf(pem, sizeof(pem), "# roots\n%s\n%s", a->pem,
	    b != NULL ? b->pem : "");
	c = evtls_client_new(pem, NULL, err, sizeof(err));
	assert_string_equal(err, "");
	assert_int_equal(evtls_client_share(c, pem), 0);
	assert_int_equal(evtls_client_share(c, pem), 0);
	return (c);
}

static void
shared_roots(void **state)
{
	struct evtls_client	*c;
	int			 i;

	for (i = 0; i < 3; i++) {
		/* Whichever of them it is; for each connection anew. */
		c = i == 0 ? sharing(ca, NULL) : i == 1 ?
		    sharing(ca, other_ca) : sharing(other_ca, ca);
		evtls_client_ref(c);
		evtls_client_ref(c);
		sides_connect(sides_server(ec, NULL, NULL), c, "node.example",
		    0);
		sides_until_ready();
		sides_again(state);
		sides_connect(sides_server(rsa, NULL, NULL), c, "rsa.example",
		    0);
		sides_until_ready();
		sides_again(state);
		sides_refused(sides_server(ec, NULL, NULL), c, "evil.example",
		    "for another name than evil.example");
		sides_again(state);
	}
	sides_refused(sides_server(ec, NULL, NULL), sharing(other_ca, NULL),
	    "node.example", "unknown CA");
	sides_again(state);
	sides_refused(sides_server(expired, NULL, NULL), sharing(ca, other_ca),
	    "expired.example", "expired on 20");
	c = sharing(ca, NULL);
	assert_int_equal(evtls_client_share(c, "rubbish"), 0);
	evtls_client_free(c);
	c = sides_client(ca, NULL);
	assert_int_equal(evtls_client_share(c, "rubbish"), -1);
	evtls_client_free(c);
}

static void
expired_certificate(void **state)
{
	sides_refused(sides_server(expired, NULL, NULL), sides_client(ca, NULL),
	    "expired.example", "expired on 20");
	assert_non_null(strstr(cl.text, "our clock says 20"));
}

static void
future_certificate(void **state)
{
	sides_refused(sides_server(future, NULL, NULL), sides_client(ca, NULL),
	    "future.example", "not valid before 20");
}

static int
broken_sign(void *arg, const uint8_t id[EVTLS_KEYID_LEN],
    enum evtls_sign_kind kind, const uint8_t *in, size_t inlen,
    uint8_t out[EVTLS_SIGN_MAX], size_t *outlen)
{
	*outlen = EVTLS_SIGN_MAX;
	return (kind == EVTLS_SIGN_ECDSA ? 0 : -1);
}

static void
broken_signer(void **state)
{
	static const struct evtls_signer	 broken = { broken_sign, NULL };
	struct tls_util_cert			*certs[] = { ec, rsa };
	const char				*pem;
	struct evtls_server			*s;
	char					 err[100];
	size_t					 i;

	for (i = 0; i < nitems(certs); i++) {
		pem = certs[i]->pem;
		s = evtls_server_new(&pem, 1, &broken, err, sizeof(err));
		assert_non_null(s);
		sides_refused(s, sides_client(NULL, certs[i]->id),
		    "node.example", "internal error");
		assert_int_equal(sv.why, EVTLS_ERROR);
		sides_again(state);
	}
}

static int
freeing_sign(void *arg, const uint8_t id[EVTLS_KEYID_LEN],
    enum evtls_sign_kind kind, const uint8_t *in, size_t inlen,
    uint8_t out[EVTLS_SIGN_MAX], size_t *outlen)
{
	side_free_in(&sv, NOWHERE);
	return (tls_util_signer.sign(tls_util_signer.arg, id, kind, in, inlen,
	    out, outlen));
}

static void
freed_by_its_signer(void **state)
{
	static const struct evtls_signer	 freeing = {
		freeing_sign, NULL
	};
	const char				*pem = ec->pem;
	char					 err[100];

	sides_connect(evtls_server_new(&pem, 1, &freeing, err, sizeof(err)),
	    sides_client(ca, NULL), "node.example", 0);
	sides_until_closed(&cl);
	assert_int_equal(sv.ready, 0);
	assert_int_equal(cl.why, EVTLS_ERROR);
}

static void
system_roots_are_usable(void **state)
{
	struct evtls_client	*c;
	char			*pem, err[100] = "";

	if ((pem = evtls_system_ca()) == NULL)
		skip();
	c = evtls_client_new(pem, NULL, err, sizeof(err));
	free(pem);
	assert_string_equal(err, "");
	evtls_client_free(c);
}

static void
bad_material(void **state)
{
	const char	*chain = "no PEM";
	char		 err[100] = "", broken[600];

	assert_null(evtls_server_new(&chain, 1, &tls_util_signer, err,
	    sizeof(err)));
	assert_string_not_equal(err, "");
	assert_null(evtls_server_new(NULL, 0, &tls_util_signer, err,
	    sizeof(err)));
	assert_null(evtls_client_new(NULL, NULL, err, sizeof(err)));
	assert_string_equal(err, "no CA given");
	assert_null(evtls_client_new("rubbish", NULL, err, sizeof(err)));
	assert_non_null(strstr(err, "no usable certificate"));
	strlcpy(broken, ca->pem, sizeof(broken));
	memset(broken + 100, 'A', 100);
	assert_null(evtls_client_new(broken, NULL, err, sizeof(err)));
}

static void
handshake_byte_by_byte(void **state)
{
	int	a[2], b[2], i, moved;
	char	ch;

	/* client a[0] - a[1] we b[0] - b[1] server */
	sides_pair(a);
	sides_pair(b);
	cl.send = sv.send = 3000;
	sv.c = evtls_accept(sides_base, b[1], sides_server(rsa, NULL, NULL),
	    &side_ops, &sv);
	cl.c = evtls_connect(sides_base, a[0], sides_client(ca, NULL),
	    "rsa.example", &side_ops, &cl);
	evtls_server_free(sv.c->server);
	evtls_client_free(cl.c->client);
	while (cl.got < 3000 || sv.got < 3000) {
		moved = 0;
		for (i = 0; i < 2; i++)
			if (read(i ? a[1] : b[0], &ch, 1) == 1) {
				(void)!write(i ? b[0] : a[1], &ch, 1);
				moved = 1;
			}
		event_base_loop(sides_base, EVLOOP_NONBLOCK);
		assert_true(moved || (!cl.closed && !sv.closed));
	}
	close(a[1]);
	close(b[0]);
}

static void
pins_are_parsed(void **state)
{
	static const char *const bad[] = {
		"", "sha256:", "sha256:00", "zz", "sha1:00",
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF=",
		"zzb0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b",
	};
	static const char	hex[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92"
	    "427ae41e4649b934ca495991b7852b855";
	uint8_t			a[EVTLS_KEYID_LEN], b[EVTLS_KEYID_LEN];
	char			text[100];
	size_t			i;

	assert_int_equal(evtls_pin_parse(hex, a), 0);
	evtls_pin_format(a, text, sizeof(text));
	assert_string_equal(text, hex);
	assert_int_equal(evtls_pin_parse(hex + 7, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(evtls_pin_parse("E3B0C44298FC1C149AFBF4C8996FB92427AE"
	    "41E4649B934CA495991B7852B855", b), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(evtls_pin_parse(
	    "sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", b), 0);
	assert_memory_equal(a, b, sizeof(a));
	for (i = 0; i < nitems(bad); i++)
		assert_int_equal(evtls_pin_parse(bad[i], b), -1);
}

static void
certificate_has_times(void **state)
{
	time_t	from, until, now = time(NULL);

	assert_int_equal(evtls_cert_times(expired->pem, &from, &until), 0);
	assert_true(until < now && until > now - 2 * DAY);
	assert_true(from < until);
	assert_int_equal(evtls_cert_times("", &from, &until), -1);
	assert_int_equal(evtls_cert_keyid("", ec->id), -1);
}

int
main(void)
{
	const struct CMUnitTest	tests[] = {
		SIDES_CASE(ecdsa_p256_tls13),
		SIDES_CASE(ecdsa_p384_tls13),
		SIDES_CASE(rsa_tls13),
		SIDES_CASE(ecdsa_tls12),
		SIDES_CASE(rsa_tls12),
		SIDES_CASE(rsa_tls12_client_without_pss),
		SIDES_CASE(client_without_aes_gets_chacha),
		SIDES_CASE(tls11_is_refused),
		SIDES_CASE(sni_picks_the_certificate),
		SIDES_CASE(address_in_certificate),
		SIDES_CASE(pin_alone_decides),
		SIDES_CASE(pin_and_ca),
		SIDES_CASE(anybody_if_asked_for),
		SIDES_CASE(wrong_pin),
		SIDES_CASE(wrong_name),
		SIDES_CASE(unknown_ca),
		SIDES_CASE(shared_roots),
		SIDES_CASE(expired_certificate),
		SIDES_CASE(future_certificate),
		SIDES_CASE(broken_signer),
		SIDES_CASE(freed_by_its_signer),
		SIDES_CASE(system_roots_are_usable),
		SIDES_CASE(bad_material),
		SIDES_CASE(handshake_byte_by_byte),
		SIDES_CASE(pins_are_parsed),
		SIDES_CASE(certificate_has_times),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, sides_begin, sides_end));
}
