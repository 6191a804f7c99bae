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
 * What libtls does not let one do, done in the OpenSSL that LibreTLS stands
 * on: keys that are in another process (evtls_libtls_key.c makes them), the
 * order of the ciphers, buffers given back, no tickets, and the reasons of
 * failures in words.
 *
 * libtls hides its SSL_CTX and SSL.  OpenSSL tells about each that is made
 * by the "new" callback of an ex_data index; while we call libtls we listen.
 */

#include "compat.h"

#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tls.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "evtls_internal.h"

#define CONTEXTS_MAX	256		/* certificates of one server */

static void	 made_ctx(void *, void *, CRYPTO_EX_DATA *, int, long, void *);
static void	 made_ssl(void *, void *, CRYPTO_EX_DATA *, int, long, void *);
static void	 keep_secret(const SSL *, const char *);
static int	 set_up_ctx(SSL_CTX *, const struct evtls_signer *,
		    const char **);
static const char *client_suites(void);
static uint64_t	 seal_time(const EVP_CIPHER *);
static int	 verified(int, X509_STORE_CTX *);
static int	 explain_date(struct evtls *, X509 *, int);
static const char *explain_reason(int);

/* Fast where the CPU knows AES; else the client has ChaCha20 in front. */
static const char aes_first[] = "TLS_AES_128_GCM_SHA256:"
    "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
static const char chacha_first[] = "TLS_CHACHA20_POLY1305_SHA256:"
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";

static int		 ctx_index = -1, ssl_index = -1;

/* Who listens: a server that is being configured, a connection. */
static SSL_CTX		**contexts;
static size_t		 ncontexts;
static struct evtls	*conn;

int
evtls_crypto_init(void)
{
	/*
	 * No openssl.cnf: what we use doesn't depend on the machine.  Nor
	 * libcrypto's words for what it does itself, 50 KB in each process;
	 * libssl's are loaded with it.
	 */
	return (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
	    OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL) == 1 ? 0 : -1);
}

int
evtls_ca_check(const char *pem, char *err, size_t size)
{
	BIO	*bio;
	X509	*cert;
	int	 n = 0;

	if ((bio = BIO_new_mem_buf(pem, -1)) == NULL) {
		snprintf(err, size, "no memory");
		return (-1);
	}
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		X509_free(cert);
		n++;
	}
	BIO_free(bio);
	if (n > 0 && ERR_GET_REASON(ERR_peek_last_error()) ==
	    PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return (0);
	}
	ERR_clear_error();
	snprintf(err, size, n == 0 ? "there is no certificate in it" :
	    "certificate %d in it can't be read", n + 1);
	return (-1);
}

int
evtls_ssl_init(void)
{
	/* Signatures of certificates are made with one of these. */
	static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };
	size_t			 i;

	if (ctx_index != -1)
		return (0);
	if (evtls_crypto_init() == -1 ||
	    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG |
	    OPENSSL_INIT_LOAD_SSL_STRINGS, NULL) != 1)
		return (-1);
	/* What it had no memory for it leaves out, and says nothing. */
	for (i = 0; i < nitems(digests); i++)
		if (EVP_get_digestbyname(digests[i]) == NULL)
			return (-1);
	if (evtls_key_init() == -1)
		return (-1);
	ssl_index = SSL_get_ex_new_index(0, NULL, made_ssl, NULL, NULL);
	if (ssl_index == -1)
		return (-1);
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, made_ctx, NULL, NULL);
	return (ctx_index == -1 ? -1 : 0);
}

static void
made_ctx(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	if (contexts != NULL && ncontexts < CONTEXTS_MAX)
		contexts[ncontexts++] = parent;
}

static void
made_ssl(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	if (conn != NULL)
		conn->ssl = parent;
}

/* ---- Servers and connections ---- */

int
evtls_ssl_server(struct tls *tls, struct tls_config *config,
    const struct evtls_signer *signer, char *err, size_t errlen)
{
	SSL_CTX		*made[CONTEXTS_MAX];
	const char	*why;
	size_t		 i;
	int		 r;

	contexts = made;
	ncontexts = 0;
	r = tls_configure(tls, config);
	contexts = NULL;
	if (r == -1) {
		strlcpy(err, tls_error(tls) == NULL ? "no memory for TLS" :
		    tls_error(tls), errlen);
		return (-1);
	}
	if (ncontexts == 0 || ncontexts == CONTEXTS_MAX) {
		strlcpy(err, "too many certificates", errlen);
		return (-1);
	}
	for (i = 0; i < ncontexts; i++) {
		if (set_up_ctx(made[i], signer, &why) == -1) {
			ERR_clear_error();
			snprintf(err, errlen, "certificate %zu: %s", i + 1,
			    why);
			return (-1);
		}
	}
	return (0);
}

/*
 * libtls is through with it: its certificate is loaded and nothing that we
 * set is changed any more.
 */
static int
set_up_ctx(SSL_CTX *ctx, const struct evtls_signer *signer, const char **why)
{
	X509		*cert;
	EVP_PKEY	*pkey;
	int		 r;

	*why = "it can't be used";
	if ((cert = SSL_CTX_get0_certificate(ctx)) == NULL ||
	    (pkey = evtls_key_new(cert, signer, why)) == NULL)
		return (-1);
	r = SSL_CTX_use_PrivateKey(ctx, pkey);
	EVP_PKEY_free(pkey);
	if (r != 1 || SSL_CTX_set_ciphersuites(ctx, aes_first) != 1)
		return (-1);
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_TICKET);
	/* A link lives for days: nothing to resume, nothing to remember. */
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_keylog_callback(ctx, keep_secret);
	return (0);
}

void
evtls_ssl_begin(struct evtls *c)
{
	conn = c;
	c->ssl = NULL;
}

int
evtls_ssl_end(struct evtls *c)
{
	conn = NULL;
	if (c->ssl == NULL || SSL_set_ex_data(c->ssl, ssl_index, c) != 1)
		return (-1);
	if (c->client == NULL)
		return (0);
	/* A client's SSL_CTX is made together with its SSL. */
	if (SSL_set_ciphersuites(c->ssl, client_suites()) != 1)
		return (-1);
	SSL_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_set_options(c->ssl, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(SSL_get_SSL_CTX(c->ssl),
	    SSL_SESS_CACHE_OFF);
	SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(c->ssl), keep_secret);
	if (c->client->roots != NULL &&
	    SSL_set1_verify_cert_store(c->ssl, c->client->roots) != 1)
		return (-1);
	if (SSL_get_verify_mode(c->ssl) != SSL_VERIFY_NONE)
		SSL_set_verify(c->ssl, SSL_get_verify_mode(c->ssl), verified);
	return (0);
}

struct x509_store_st *
evtls_ssl_roots(const char *pem, char **first)
{
	X509_STORE	*store = NULL;
	X509		*cert;
	char		*text;
	BIO		*in, *out;
	long		 len;
	int		 n = 0, r = 1;

	*first = NULL;
	in = BIO_new_mem_buf(pem, -1);
	out = BIO_new(BIO_s_mem());
	if (in == NULL || out == NULL || (store = X509_STORE_new()) == NULL)
		goto out;
	while (r == 1 &&
	    (cert = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
		r = X509_STORE_add_cert(store, cert);
		if (r == 1 && n++ == 0)
			r = PEM_write_bio_X509(out, cert);
		X509_free(cert);
	}
	if (r == 1 && n > 0 && (len = BIO_get_mem_data(out, &text)) > 0)
		*first = strndup(text, len);
 out:
	ERR_clear_error();
	BIO_free(in);
	BIO_free(out);
	if (*first == NULL) {
		X509_STORE_free(store);
		return (NULL);
	}
	return (store);
}

void
evtls_ssl_roots_free(struct x509_store_st *store)
{
	X509_STORE_free(store);
}

/* Digits in lower or upper case; the bytes, or 0: there are too many. */
static size_t
from_hex(const char *p, uint8_t *out, size_t max)
{
	size_t	 n;
	int	 hi, lo;

	for (n = 0; p[2 * n] != '\0'; n++) {
		hi = OPENSSL_hexchar2int(p[2 * n]);
		lo = hi < 0 ? -1 : OPENSSL_hexchar2int(p[2 * n + 1]);
		if (lo < 0 || n == max)
			return (0);
		out[n] = hi << 4 | lo;
	}
	return (n);
}

/*
 * libssl gives its secrets away in the form of the files that analysers read:
 * a label, the client's random and the secret, in hex.
 */
static void
keep_secret(const SSL *ssl, const char *line)
{
	static const char	 client[] = "CLIENT_TRAFFIC_SECRET_0 ";
	static const char	 server[] = "SERVER_TRAFFIC_SECRET_0 ";
	struct evtls		*c = SSL_get_ex_data(ssl, ssl_index);
	int			 is_client;
	const char		*hex;

	is_client = strncmp(line, client, sizeof(client) - 1) == 0;
	if (c == NULL || (hex = strrchr(line, ' ')) == NULL ||
	    (!is_client && strncmp(line, server, sizeof(server) - 1) != 0))
		return;
	if (c->secrets == NULL &&
	    (c->secrets = calloc(1, sizeof(*c->secrets))) == NULL)
		return;
	if (is_client)
		c->secrets->client_len = from_hex(hex + 1, c->secrets->client,
		    sizeof(c->secrets->client));
	else
		c->secrets->server_len = from_hex(hex + 1, c->secrets->server,
		    sizeof(c->secrets->server));
}

uint16_t
evtls_ssl_suite(const struct evtls *c, const char **name)
{
	const SSL_CIPHER	*cipher = SSL_get_current_cipher(c->ssl);

	*name = cipher == NULL ? NULL : SSL_CIPHER_get_name(cipher);
	return (cipher == NULL ? 0 : SSL_CIPHER_get_protocol_id(cipher));
}

int
evtls_ssl_leaves(const struct evtls *c)
{
	const SSL_SESSION	*session = SSL_get_session(c->ssl);
	int			 max;

	if (session == NULL || SSL_has_pending(c->ssl))
		return (0);
	/* A small peer may want small records (RFC 6066, 4). */
	max = SSL_SESSION_get_max_fragment_length(session);
	return (max < TLSEXT_max_fragment_length_512 ||
	    max > TLSEXT_max_fragment_length_4096);
}

int
evtls_ssl_is_13(const struct evtls *c)
{
	return (SSL_version(c->ssl) == TLS1_3_VERSION);
}

void
evtls_ssl_established(struct evtls *c)
{
	X509_STORE	*empty;

	/*
	 * libtls reads all roots into each client's SSL_CTX: about 1 MB that
	 * a link would hold for days.
	 */
	if (c->client != NULL && (empty = X509_STORE_new()) != NULL)
		SSL_CTX_set_cert_store(SSL_get_SSL_CTX(c->ssl), empty);
}

int
evtls_ssl_peer_keyid(struct evtls *c, uint8_t id[EVTLS_KEYID_LEN])
{
	X509	*cert;

	if ((cert = SSL_get0_peer_certificate(c->ssl)) == NULL)
		return (-1);
	return (evtls_key_id(cert, id));
}

/* ---- Does this CPU know AES? ---- */

/*
 * OpenSSL knows, but tells no one.  Without the instructions AES-GCM takes
 * five times as long as ChaCha20; with them it is the faster one.
 */
static const char *
client_suites(void)
{
	static const char	*suites;

	if (suites == NULL)
		suites = seal_time(EVP_aes_128_gcm()) >
		    2 * seal_time(EVP_chacha20_poly1305()) ?
		    chacha_first : aes_first;
	return (suites);
}

/* The least of a few tries, ns; it takes well under a millisecond. */
static uint64_t
seal_time(const EVP_CIPHER *cipher)
{
	static uint8_t	 in[4096], out[4096];
	const uint8_t	 key[EVP_MAX_KEY_LENGTH] = { 0 }, iv[12] = { 0 };
	struct timespec	 t0, t1;
	EVP_CIPHER_CTX	*ctx;
	uint64_t	 t, best = UINT64_MAX / 2;
	int		 i, n;

	if ((ctx = EVP_CIPHER_CTX_new()) == NULL)
		return (0);
	for (i = 0; i < 5; i++) {
		if (EVP_EncryptInit_ex(ctx, cipher, NULL, key, iv) != 1)
			break;
		clock_gettime(CLOCK_MONOTONIC, &t0);
		EVP_EncryptUpdate(ctx, out, &n, in, sizeof(in));
		clock_gettime(CLOCK_MONOTONIC, &t1);
		t = (t1.tv_sec - t0.tv_sec) * 1000000000LL +
		    t1.tv_nsec - t0.tv_nsec;
		if (t < best)
			best = t;
	}
	EVP_CIPHER_CTX_free(ctx);
	return (best);
}

/* ---- Failures, in words ---- */

/* OpenSSL asks at each certificate; we only note why it said no. */
static int
verified(int ok, X509_STORE_CTX *store)
{
	struct evtls	*c;
	SSL		*ssl;
	int		 error;

	ssl = X509_STORE_CTX_get_ex_data(store,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	if (ok || ssl == NULL ||
	    (c = SSL_get_ex_data(ssl, ssl_index)) == NULL)
		return (ok);
	switch (error = X509_STORE_CTX_get_error(store)) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		if (explain_date(c, X509_STORE_CTX_get_current_cert(store),
		    error == X509_V_ERR_CERT_HAS_EXPIRED) == 0)
			break;
		/* FALLTHROUGH */
	default:
		evtls_set_text(c, "the peer's certificate: %s",
		    X509_verify_cert_error_string(error));
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		evtls_set_text(c, "the peer's certificate is from an unknown "
		    "CA (%s)", X509_verify_cert_error_string(error));
		break;
	}
	return (ok);
}

static int
explain_date(struct evtls *c, X509 *cert, int expired)
{
	struct tm	 tm, utc;
	time_t		 now = time(NULL);
	char		 date[32], clock[32];

	if (cert == NULL || ASN1_TIME_to_tm(expired ?
	    X509_get0_notAfter(cert) : X509_get0_notBefore(cert), &tm) != 1 ||
	    gmtime_r(&now, &utc) == NULL ||
	    strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm) == 0 ||
	    strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M", &utc) == 0)
		return (-1);
	evtls_set_text(c, "the peer's certificate %s %s UTC (our clock says "
	    "%s)", expired ? "expired on" : "is not valid before", date,
	    clock);
	return (0);
}

void
evtls_ssl_explain(struct evtls *c, const char *libtls_says)
{
	unsigned long	 err = ERR_peek_error(), last = ERR_peek_last_error();
	const char	*why = NULL;

	if (err != 0 && ERR_GET_LIB(err) == ERR_LIB_SSL)
		why = explain_reason(ERR_GET_REASON(err));
	else if (last != 0 && ERR_GET_LIB(last) == ERR_LIB_SSL)
		why = explain_reason(ERR_GET_REASON(last));	/* a cipher's */
	if (why != NULL)
		evtls_set_text(c, "%s", why);
	else if (c->text != NULL)
		;	/* verified() knew better */
	else if (c->client != NULL && err == 0 &&
	    SSL_is_init_finished(c->ssl) && libtls_says != NULL &&
	    strstr(libtls_says, "not present in server certificate") != NULL)
		evtls_set_text(c, "the peer's certificate is for another "
		    "name than %s", c->host);
	else if (err != 0 && ERR_reason_error_string(err) != NULL)
		evtls_set_text(c, "TLS: %s", ERR_reason_error_string(err));
	else
		evtls_set_text(c, "TLS: %s", libtls_says == NULL ?
		    "unknown error" : libtls_says);
	ERR_clear_error();
}

const char *
evtls_ssl_alert(uint8_t alert)
{
	const char	*why = explain_reason(SSL_AD_REASON_OFFSET + alert);

	return (why != NULL ? why : SSL_alert_desc_string_long(alert));
}

/* An alert that the peer sent is 1000 and its number (RFC 8446, 6.2). */
static const char *
explain_reason(int reason)
{
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_UNKNOWN_PROTOCOL:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_RECORD_LENGTH_MISMATCH:
	case SSL_R_BAD_RECORD_TYPE:
		return ("the peer does not speak TLS");
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
		return ("the peer does not speak TLS: it sent an HTTP "
		    "request");
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return ("no TLS version in common (1.2 and 1.3 are taken)");
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
		return ("no TLS cipher or key type in common");
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
		return ("the peer does not know the CA of our certificate");
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
		return ("the peer refuses our certificate");
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
		return ("the peer says that our certificate has expired");
	case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
		return ("what the peer sent was changed on the way");
	case SSL_R_SSLV3_ALERT_BAD_RECORD_MAC:
		return ("what the peer got was changed on the way");
	case SSL_R_TLSV1_ALERT_INTERNAL_ERROR:
		return ("the peer had an internal error in the handshake");
	default:
		return (NULL);
	}
}
