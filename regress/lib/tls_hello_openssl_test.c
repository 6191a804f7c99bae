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
 * Hellos of OpenSSL's in many shapes, as they are and with bytes changed: what
 * OpenSSL's server takes for the name is what is found.
 */

/* link: lib/tls_hello.c lib/http.c lib/http_field.c lib/http_host.c
 * regress/lib/hello_bytes.c */
/* libs: libssl libcrypto */

#include "compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "hello_bytes.h"
#include "tls_hello.h"

static struct bytes	 wire;
static struct tls_hello	 hello;
static int		 ntaken;	/* by OpenSSL, too */

struct said {
	int	 taken;			/* the hello was understood */
	int	 named;
	char	 name[HTTP_HOST_MAX];
};

static int
on_servername(SSL *ssl, int *alert, void *arg)
{
	struct said	*said = arg;
	const char	*name = SSL_get_servername(ssl,
			    TLSEXT_NAMETYPE_host_name);

	said->taken = 1;
	if ((said->named = name != NULL))
		strlcpy(said->name, name, sizeof(said->name));
	return (SSL_TLSEXT_ERR_ALERT_FATAL);
}

/* What OpenSSL's server makes of these bytes. */
static void
ask_server(SSL_CTX *ctx, const uint8_t *b, size_t len, struct said *said)
{
	SSL	*ssl = SSL_new(ctx);
	BIO	*in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	assert_true(ssl != NULL && in != NULL && out != NULL);
	memset(said, 0, sizeof(*said));
	SSL_CTX_set_tlsext_servername_callback(ctx, on_servername);
	SSL_CTX_set_tlsext_servername_arg(ctx, said);
	SSL_set_bio(ssl, in, out);
	assert_int_equal(BIO_write(in, b, len), len);
	(void)SSL_accept(ssl);
	SSL_free(ssl);
}

/* Agreed: what it takes, we take, with the same name. */
static void
compare(SSL_CTX *server, const uint8_t *b, size_t len)
{
	enum tls_hello_verdict	 v;
	struct http_str		 name;
	struct said		 said;
	char			 host[HTTP_HOST_MAX] = "";
	uint16_t		 port;

	ask_server(server, b, len, &said);
	tls_hello_begin(&hello);
	v = tls_hello_feed(&hello, b, len);
	if (!said.taken)
		return;
	ntaken++;
	if (v != TLS_HELLO_FOUND && v != TLS_HELLO_NONE)
		fail_msg("OpenSSL takes what we don't: %d", v);
	name.s = said.name;
	name.len = strlen(said.name);
	if (!said.named || strchr(said.name, ':') != NULL ||
	    http_hostport(&name, host, &port) == -1)
		host[0] = '\0';
	assert_string_equal(hello.host, host);
}

/* SSL_set_tlsext_host_name() takes a const away. */
static void
set_name(SSL *ssl, const char *name)
{
	char	 copy[HTTP_HOST_MAX];

	strlcpy(copy, name, sizeof(copy));
	assert_int_equal(SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
	    TLSEXT_NAMETYPE_host_name, copy), 1);
}

/* The first flight of a client of some shape. */
static size_t
make_hello(uint8_t *b, size_t max, const char *name, int alpn)
{
	static char		 groups[][40] = {
		"", "X25519", "P-256:P-384:P-521:X25519:X448",
		"X25519:X25519:P-256"
	};
	static const uint8_t	 protos[] = "\2h2\10http/1.1";
	SSL_CTX			*ctx = SSL_CTX_new(TLS_client_method());
	BIO			*in, *out;
	SSL			*ssl;
	int			 n;

	assert_non_null(ctx);
	if (rnd(3) == 0)
		SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	else if (rnd(3) == 0)
		SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	if (rnd(2))
		SSL_CTX_set_options(ctx, SSL_OP_TLSEXT_PADDING);
	if (rnd(2))
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	if (rnd(2))
		SSL_CTX_clear_options(ctx, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	n = rnd(nitems(groups));
	if (n > 0)
		(void)SSL_CTX_set1_groups_list(ctx, groups[n]);
	if (rnd(3) == 0)
		SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
	if (rnd(3) == 0)
		(void)SSL_CTX_set_tlsext_status_type(ctx,
		    TLSEXT_STATUSTYPE_ocsp);
	if (rnd(3) == 0)
		SSL_CTX_set_max_send_fragment(ctx, 512);
	ssl = SSL_new(ctx);
	in = BIO_new(BIO_s_mem());
	out = BIO_new(BIO_s_mem());
	assert_true(ssl != NULL && in != NULL && out != NULL);
	if (name != NULL)
		set_name(ssl, name);
	if (alpn)
		SSL_set_alpn_protos(ssl, protos, sizeof(protos) - 1);
	SSL_set_bio(ssl, in, out);
	(void)SSL_connect(ssl);
	n = BIO_read(out, b, max);
	assert_true(n > 0 && (size_t)n < max);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return (n);
}

/* Its message, out of the records. */
static void
take_message(struct bytes *o, const uint8_t *b, size_t len)
{
	size_t	 i, n;

	o->n = 0;
	for (i = 0; i + 5 <= len; i += 5 + n) {
		n = (size_t)b[i + 3] << 8 | b[i + 4];
		put(o, b + i + 5, n);
	}
	assert_int_equal(i, len);
}

static void
hellos_of_openssl(void **state)
{
	static const char *const names[] = {
		NULL, "a.example", "Some.Where.EXAMPLE.org", "pi--x.localhost"
	};
	static const size_t	 sizes[] = { 16384, 512, 100, 5, 1 };
	static struct bytes	 message;
	static uint8_t		 b[16384];
	SSL_CTX			*server = SSL_CTX_new(TLS_server_method());
	size_t			 len, j;
	const char		*name;
	char			 want[HTTP_HOST_MAX], *p;
	int			 i, alpn;

	assert_non_null(server);
	for (i = 0; i < 200; i++) {
		name = names[rnd(nitems(names))];
		alpn = rnd(2);
		len = make_hello(b, sizeof(b), name, alpn);
		strlcpy(want, name == NULL ? "" : name, sizeof(want));
		for (p = want; *p != '\0'; p++)
			*p |= 0x20;	/* no harm to digits and dots */
		take_message(&message, b, len);
		for (j = 0; j < nitems(sizes); j++) {
			put_records(&wire, &message, sizes[j]);
			compare(server, wire.b, wire.n);
			assert_int_equal(hello.verdict, name == NULL ?
			    TLS_HELLO_NONE : TLS_HELLO_FOUND);
			assert_string_equal(hello.host, want);
			assert_int_equal(hello.alpn, alpn);
		}
	}
	SSL_CTX_free(server);
}

static void
changed_hellos_of_openssl(void **state)
{
	static struct bytes	 message;
	static uint8_t		 b[16384];
	SSL_CTX			*server = SSL_CTX_new(TLS_server_method());
	size_t			 len, at;
	int			 i, j, n;

	assert_non_null(server);
	ntaken = 0;
	for (i = 0; i < 100; i++) {
		len = make_hello(b, sizeof(b), "some.example.org", rnd(2));
		take_message(&message, b, len);
		for (j = 0; j < 100; j++) {
			put_records(&wire, &message, rnd(2) ? 16384 : 200);
			for (n = 1 + rnd(2); n > 0; n--) {
				at = rnd(4) ? rnd(wire.n) : 40 + rnd(60);
				if (rnd(2))
					wire.b[at] = rnd(256);
				else
					wire.b[at] += rnd(2) ? 1 : -1;
			}
			compare(server, wire.b, wire.n);
		}
	}
	/* Many a change is no harm, and many a one is. */
	assert_in_range(ntaken, 1000, 9000);
	SSL_CTX_free(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hellos_of_openssl),
		cmocka_unit_test(changed_hellos_of_openssl),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
