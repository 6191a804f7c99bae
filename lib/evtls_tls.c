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
 * evtls by libtls: the certificates and the trust, and one connection's
 * handshake, and in TLS 1.2 its records and end.  libtls never sees the
 * socket: it reads from and writes into the buffers of the pass.
 */

#include "compat.h"

#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tls.h>

#include "base64.h"
#include "evtls_internal.h"

/*
 * libtls has this for relayd(8) of OpenBSD, whose keys are in another
 * process too, and leaves it out of its header.
 */
void	tls_config_skip_private_key_check(struct tls_config *);

static void			 config_why(struct tls_config *, char *,
				    size_t);
static struct tls_config	*new_config(char *, size_t);
static struct evtls_client	*new_client(const char *, const uint8_t *,
				    char *, size_t);
static ssize_t			 read_src(struct tls *, void *, size_t,
				    void *);
static ssize_t			 write_wire(struct tls *, const void *,
				    size_t, void *);
static int			 try_again(const struct evtls *, ssize_t,
				    size_t, int *);
static enum evtls_io		 check_pin(struct evtls *);

#define IDLE_MAX	8		/* calls of libtls that move nothing */

/* TLS 1.2; those of 1.3 libtls leaves to OpenSSL (see evtls_libtls.c). */
static const char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char curves[] = "X25519,P-256,P-384";

int
evtls_init(void)
{
	/* Certificates have dates: the zone's file can't be read later. */
	tzset();
	if (evtls_ssl_init() == -1 || tls_init() == -1 ||
	    evtls_bufs() == NULL)
		return (-1);
	return (0);
}

/* Where memory was lacking it may not say anything. */
static void
config_why(struct tls_config *config, char *err, size_t errlen)
{
	const char	*why = tls_config_error(config);

	strlcpy(err, why == NULL ? "no memory for TLS" : why, errlen);
}

static struct tls_config *
new_config(char *err, size_t errlen)
{
	struct tls_config	*config;

	if ((config = tls_config_new()) == NULL) {
		strlcpy(err, "no memory for TLS", errlen);
		return (NULL);
	}
	if (tls_config_set_protocols(config,
	    TLS_PROTOCOL_TLSv1_2 | TLS_PROTOCOL_TLSv1_3) == -1 ||
	    tls_config_set_ciphers(config, ciphers) == -1 ||
	    tls_config_set_ecdhecurves(config, curves) == -1) {
		config_why(config, err, errlen);
		tls_config_free(config);
		return (NULL);
	}
	return (config);
}

struct evtls_server *
evtls_server_new(const char *const *chains, size_t n,
    const struct evtls_signer *signer, char *err, size_t errlen)
{
	struct evtls_server	*s;
	struct tls_config	*config = NULL;
	const uint8_t		*pem;
	char			 why[256];
	size_t			 i;
	int			 r;

	if (n == 0) {
		strlcpy(err, "no certificate", errlen);
		return (NULL);
	}
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->tls = tls_server()) == NULL) {
		strlcpy(err, "no memory for TLS", errlen);
		goto fail;
	}
	s->refs = 1;
	s->signer = *signer;
	if ((config = new_config(err, errlen)) == NULL)
		goto fail;
	tls_config_skip_private_key_check(config);
	for (i = 0; i < n; i++) {
		pem = (const uint8_t *)chains[i];
		r = i == 0 ? tls_config_set_cert_mem(config, pem,
		    strlen(chains[i])) : tls_config_add_keypair_mem(config,
		    pem, strlen(chains[i]), NULL, 0);
		if (r == -1) {
			config_why(config, why, sizeof(why));
			snprintf(err, errlen, "certificate %zu: %s", i + 1,
			    why);
			goto fail;
		}
	}
	if (evtls_ssl_server(s->tls, config, &s->signer, err, errlen) == -1)
		goto fail;
	tls_config_free(config);	/* s->tls has its own reference */
	return (s);
 fail:
	tls_config_free(config);
	if (s != NULL)
		tls_free(s->tls);
	free(s);
	return (NULL);
}

void
evtls_server_ref(struct evtls_server *s)
{
	s->refs++;
}

void
evtls_server_free(struct evtls_server *s)
{
	if (s == NULL || --s->refs > 0)
		return;
	tls_free(s->tls);
	free(s);
}

struct evtls_client *
evtls_client_new(const char *ca, const uint8_t *pin, char *err, size_t errlen)
{
	if (ca == NULL && pin == NULL) {
		strlcpy(err, "no CA given", errlen);
		return (NULL);
	}
	return (new_client(ca, pin, err, errlen));
}

struct evtls_client *
evtls_client_any(char *err, size_t errlen)
{
	return (new_client(NULL, NULL, err, errlen));
}

static struct evtls_client *
new_client(const char *ca, const uint8_t *pin, char *err, size_t errlen)
{
	struct evtls_client	*cl;

	if (ca != NULL && evtls_key_count_certs(ca) <= 0) {
		strlcpy(err, "the CA file holds no usable certificate",
		    errlen);
		return (NULL);
	}
	if ((cl = calloc(1, sizeof(*cl))) == NULL) {
		strlcpy(err, "no memory for TLS", errlen);
		return (NULL);
	}
	cl->refs = 1;
	if ((cl->config = new_config(err, errlen)) == NULL)
		goto fail;
	if (ca != NULL && tls_config_set_ca_mem(cl->config,
	    (const uint8_t *)ca, strlen(ca)) == -1) {
		config_why(cl->config, err, errlen);
		goto fail;
	}
	if (ca == NULL) {
		tls_config_insecure_noverifycert(cl->config);
		tls_config_insecure_noverifyname(cl->config);
	}
	if (pin != NULL) {
		memcpy(cl->pin, pin, sizeof(cl->pin));
		cl->pinned = 1;
	}
	return (cl);
 fail:
	evtls_client_free(cl);
	return (NULL);
}

/*
 * libtls reads the CA of a client's configuration for each connection, and
 * wants to have one.  So it gets one root of them, and then all of them take
 * its place (evtls_ssl_end).
 */
int
evtls_client_share(struct evtls_client *cl, const char *ca)
{
	struct x509_store_st	*roots;
	char			*first;
	int			 r;

	if (cl->roots != NULL)
		return (0);
	if ((roots = evtls_ssl_roots(ca, &first)) == NULL)
		return (-1);
	r = tls_config_set_ca_mem(cl->config, (const uint8_t *)first,
	    strlen(first));
	free(first);
	if (r == -1) {
		evtls_ssl_roots_free(roots);
		return (-1);
	}
	cl->roots = roots;
	return (0);
}

void
evtls_client_ref(struct evtls_client *cl)
{
	cl->refs++;
}

void
evtls_client_free(struct evtls_client *cl)
{
	if (cl == NULL || --cl->refs > 0)
		return;
	evtls_ssl_roots_free(cl->roots);
	tls_config_free(cl->config);
	free(cl);
}

int
evtls_pin_parse(const char *s, uint8_t pin[EVTLS_KEYID_LEN])
{
	static const char	 digits[] = "0123456789abcdef";
	const char		*hi, *lo;
	size_t			 i;

	if (strncmp(s, "sha256:", 7) == 0)
		s += 7;
	else if (strncmp(s, "sha256//", 8) == 0)
		s += 8;
	if (strlen(s) != EVTLS_KEYID_LEN * 2)
		return (base64_decode(pin, EVTLS_KEYID_LEN, s, strlen(s)) ==
		    EVTLS_KEYID_LEN ? 0 : -1);
	for (i = 0; i < EVTLS_KEYID_LEN; i++) {
		/* Upper case digits as well: | 0x20. */
		hi = memchr(digits, s[2 * i] | 0x20, 16);
		lo = memchr(digits, s[2 * i + 1] | 0x20, 16);
		if (hi == NULL || lo == NULL)
			return (-1);
		pin[i] = (hi - digits) << 4 | (lo - digits);
	}
	return (0);
}

void
evtls_pin_format(const uint8_t pin[EVTLS_KEYID_LEN], char *buf, size_t len)
{
	char	 hex[EVTLS_KEYID_LEN * 2 + 1];
	size_t	 i;

	for (i = 0; i < EVTLS_KEYID_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", pin[i]);
	snprintf(buf, len, "sha256:%s", hex);
}

static ssize_t
read_src(struct tls *tls, void *buf, size_t len, void *arg)
{
	struct evtls	*c = arg;

	if (c->srclen == 0)
		return (TLS_WANT_POLLIN);
	if (len > c->srclen)
		len = c->srclen;
	if (c->server != NULL && !c->ready && tls_guard_feed(&c->guard,
	    c->src, len, evtls_ssl_is_13(c)) == -1) {
		evtls_set_text(c, "a message of its handshake is too long");
		return (-1);
	}
	memcpy(buf, c->src, len);
	c->src += len;
	c->srclen -= len;
	return (len);
}

static ssize_t
write_wire(struct tls *tls, const void *buf, size_t len, void *arg)
{
	struct evtls_bufs	*b = evtls_bufs();

	if (len > sizeof(b->wire_out) - b->wire_len)
		return (-1);
	memcpy(b->wire_out + b->wire_len, buf, len);
	b->wire_len += len;
	return (len);
}

int
evtls_tls_accept(struct evtls *c)
{
	int	r;

	evtls_ssl_begin(c);
	r = tls_accept_cbs(c->server->tls, &c->tls, read_src, write_wire, c);
	if (evtls_ssl_end(c) == -1)
		r = -1;
	return (r == -1 ? -1 : 0);
}

int
evtls_tls_connect(struct evtls *c, const char *host)
{
	int	r = -1;

	if ((c->tls = tls_client()) == NULL)
		return (-1);
	evtls_ssl_begin(c);
	if (tls_configure(c->tls, c->client->config) == 0)
		r = tls_connect_cbs(c->tls, read_src, write_wire, c, host);
	if (evtls_ssl_end(c) == -1)
		r = -1;
	return (r == -1 ? -1 : 0);
}

void
evtls_tls_free(struct evtls *c)
{
	tls_free(c->tls);
	c->tls = NULL;
	c->ssl = NULL;
	tls_record_free(c->record);
	c->record = NULL;
	evtls_secrets_free(c);
	evtls_server_free(c->server);
	c->server = NULL;
	evtls_client_free(c->client);
	c->client = NULL;
}

/*
 * libtls may say TLS_WANT_POLLIN after a message that was not data (and even
 * once more, after it has answered one) with more to read: wait only when
 * all is read.
 */
static int
try_again(const struct evtls *c, ssize_t r, size_t before, int *idle)
{
	if (r != TLS_WANT_POLLIN || c->srclen == 0)
		return (0);
	*idle = c->srclen < before ? 0 : *idle + 1;
	return (*idle < IDLE_MAX);
}

enum evtls_io
evtls_tls_handshake(struct evtls *c)
{
	size_t	before;
	int	idle = 0, r;

	do {
		before = c->srclen;
		r = tls_handshake(c->tls);
	} while (try_again(c, r, before, &idle));
	if (r == TLS_WANT_POLLIN && c->srclen == 0)
		return (EVTLS_IO_WAIT);
	if (r != 0)
		evtls_ssl_explain(c, tls_error(c->tls));
	if (r != 0 || check_pin(c) == EVTLS_IO_ERROR) {
		evtls_secrets_free(c);
		return (EVTLS_IO_ERROR);
	}
	evtls_record_take(c);
	if (c->tls != NULL)
		evtls_ssl_established(c);
	return (EVTLS_IO_OK);
}

static enum evtls_io
check_pin(struct evtls *c)
{
	uint8_t	id[EVTLS_KEYID_LEN];
	char	text[EVTLS_KEYID_LEN * 2 + 8];

	if (c->client == NULL || !c->client->pinned)
		return (EVTLS_IO_OK);
	if (evtls_ssl_peer_keyid(c, id) == -1) {
		evtls_set_text(c, "the peer showed no certificate");
		return (EVTLS_IO_ERROR);
	}
	if (memcmp(id, c->client->pin, sizeof(id)) != 0) {
		evtls_pin_format(id, text, sizeof(text));
		evtls_set_text(c, "the peer's key is not the pinned one: "
		    "it is %s", text);
		return (EVTLS_IO_ERROR);
	}
	return (EVTLS_IO_OK);
}

enum evtls_io
evtls_tls_read(struct evtls *c, uint8_t *buf, size_t len, size_t *got)
{
	size_t	before;
	ssize_t	n;
	int	idle = 0;

	if (c->record != NULL)
		return (evtls_record_read(c, buf, len, got));
	do {
		before = c->srclen;
		n = tls_read(c->tls, buf, len);
	} while (try_again(c, n, before, &idle));
	if (n > 0) {
		*got = n;
		return (EVTLS_IO_OK);
	}
	*got = 0;
	if (n == 0)
		return (EVTLS_IO_EOF);
	if (n == TLS_WANT_POLLIN && c->srclen == 0)
		return (EVTLS_IO_WAIT);
	evtls_ssl_explain(c, tls_error(c->tls));
	return (EVTLS_IO_ERROR);
}

enum evtls_io
evtls_tls_write(struct evtls *c, const uint8_t *buf, size_t len)
{
	ssize_t	n;
	int	idle = 0;

	if (c->record != NULL)
		return (evtls_record_write(c, buf, len));
	while (len > 0) {
		if ((n = tls_write(c->tls, buf, len)) > 0) {
			buf += n;
			len -= n;
			continue;
		}
		/* There is always room, and no renegotiation to wait for. */
		if (n != -1 && ++idle < IDLE_MAX)
			continue;
		evtls_ssl_explain(c, tls_error(c->tls));
		return (EVTLS_IO_ERROR);
	}
	return (EVTLS_IO_OK);
}

void
evtls_tls_close_notify(struct evtls *c)
{
	if (c->record != NULL)
		evtls_record_close_notify(c);
	else	/* It answers "wait for the peer's": we don't. */
		(void)tls_close(c->tls);
}

int
evtls_is_tls(const struct evtls *c)
{
	return (c->secure);
}

const char *
evtls_servername(const struct evtls *c)
{
	return (c->tls == NULL ? c->servername :
	    tls_conn_servername(c->tls));
}

void
evtls_describe(const struct evtls *c, char *buf, size_t len)
{
	const char	*version, *cipher;

	if (!c->secure) {
		strlcpy(buf, "plain", len);
		return;
	}
	version = c->tls == NULL ? "TLSv1.3" : tls_conn_version(c->tls);
	cipher = c->tls == NULL ? c->cipher : tls_conn_cipher(c->tls);
	if (version == NULL || cipher == NULL)
		strlcpy(buf, "TLS handshake", len);
	else
		snprintf(buf, len, "%s %s", version, cipher);
}

void
evtls_set_text(struct evtls *c, const char *fmt, ...)
{
	va_list	 ap;
	char	*text;
	int	 r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	free(c->text);
	c->text = r == -1 ? NULL : text;
}

char *
evtls_system_ca(void)
{
	static const char *const	 files[] = {
		"/etc/ssl/certs/ca-certificates.crt",	/* Debian, Alpine */
		"/etc/ssl/cert.pem",			/* OpenBSD, FreeBSD */
		"/etc/pki/tls/certs/ca-bundle.crt",	/* Fedora */
	};
	uint8_t				*data;
	size_t				 i, len;
	char				*pem;

	for (i = 0; i < nitems(files); i++) {
		if ((data = tls_load_file(files[i], &len, NULL)) == NULL)
			continue;
		if ((pem = malloc(len + 1)) != NULL) {
			memcpy(pem, data, len);
			pem[len] = '\0';
		}
		tls_unload_file(data, len);
		return (pem);
	}
	return (NULL);
}
