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
 * relayd's configuration beyond its grammar: defaults, and what can only be
 * checked against the system.
 */

#include "compat.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "http.h"
#include "log.h"

#define PEM_FILE_MAX	(256 * 1024)
#define PEM_KEY_MAX	(64 * 1024)

static char	*file_load(const char *, int);
static int	 no_passphrase(char *, int, int, void *);
static int	 cert_load(struct relayd_conf *, struct certificate *);
static int	 cert_check(struct certificate *, X509 *, EVP_PKEY *);
static int	 cert_alt_names(struct certificate *, X509 *,
		    GENERAL_NAMES **);
static void	 cert_names(struct relayd_conf *, GENERAL_NAMES *);
static void	 cert_name(struct certificate *, X509 *, GENERAL_NAMES *);
static void	 add_name(struct relayd_conf *, const char *, size_t);

struct relayd_conf *
config_new(void)
{
	static const char *const identity[] = IDENTITY_FIELDS;
	struct relayd_conf	*conf;
	long			 n;
	size_t			 i;

	if ((conf = calloc(1, sizeof(*conf))) == NULL)
		fatal("configuration");
	TAILQ_INIT(&conf->listens);
	TAILQ_INIT(&conf->certs);
	TAILQ_INIT(&conf->proxies);
	TAILQ_INIT(&conf->monitors);
	TAILQ_INIT(&conf->names);
	TAILQ_INIT(&conf->rpc_keys);
	rpc_conf_init(&conf->rpc);
	n = sysconf(_SC_NPROCESSORS_ONLN);
	conf->prefork = n < 1 ? 1 : n > PREFORK_MAX ? PREFORK_MAX : n;
	conf->upgrade_drain_ms = 60 * 60 * 1000;
	conf->upgrade_spread_ms = 10 * 1000;
	if ((conf->state = strdup(RELAYD_STATE)) == NULL ||
	    (conf->control = strdup(RELAYD_CONTROL)) == NULL ||
	    (conf->user = strdup("_culvert")) == NULL)
		fatal("configuration");
	for (i = 0; i < IDENTITY_WHATS; i++)
		strlcpy(conf->identity.field[i], identity[i], IDENTITY_LEN);
	conf->backups = 3;
	conf->limits.handshake_ms = 10000;
	conf->limits.idle_ms = 60000;
	conf->limits.head_bytes = HTTP_HEAD_MAX;
	conf->limits.head_fields = HTTP_FIELDS_MAX;
	conf->limits.request_line = HTTP_LINE_MAX;
	conf->limits.connections = 0;		/* what descriptors allow */
	conf->limits.connections_per_addr = 1024;
	conf->limits.handshakes = 1024;
	conf->limits.links_per_user = 10000;
	conf->limits.nodes_per_user = 10000;
	conf->limits.streams_per_link = 4096;
	conf->limits.udp_idle_ms = 60000;
	conf->limits.http_response_ms = 3600000;
	conf->limits.http_idle_ms = 3600000;
	conf->limits.http_body_rate = 256;
	conf->limits.http_per_addr = 1024;
	conf->limits.credit_per_link = 256ULL << 20;
	conf->limits.credit_total = 2ULL << 30;
	return (conf);
}

void
config_free(struct relayd_conf *conf)
{
	struct listen_addr	*l;
	struct certificate	*c;
	struct own_name		*n;
	struct network		*net;
	int			 i;

	if (conf == NULL)
		return;
	while ((l = TAILQ_FIRST(&conf->listens)) != NULL) {
		TAILQ_REMOVE(&conf->listens, l, entry);
		for (i = 0; l->fds != NULL && i < conf->prefork; i++) {
			if (l->fds[i] != -1)
				close(l->fds[i]);
		}
		free(l->fds);
		free(l);
	}
	while ((c = TAILQ_FIRST(&conf->certs)) != NULL) {
		TAILQ_REMOVE(&conf->certs, c, entry);
		free(c->cert_file);
		free(c->key_file);
		free(c->chain);
		if (c->key != NULL)
			freezero(c->key, strlen(c->key));
		free(c);
	}
	TAILQ_CONCAT(&conf->proxies, &conf->monitors, entry);
	while ((net = TAILQ_FIRST(&conf->proxies)) != NULL) {
		TAILQ_REMOVE(&conf->proxies, net, entry);
		free(net);
	}
	if (conf->metrics_token != NULL)
		freezero(conf->metrics_token, strlen(conf->metrics_token));
	rpc_conf_free(&conf->rpc_keys);
	while ((n = TAILQ_FIRST(&conf->names)) != NULL) {
		TAILQ_REMOVE(&conf->names, n, entry);
		free(n->name);
		free(n);
	}
	free(conf->domain);
	free(conf->state);
	free(conf->control);
	free(conf->control_group);
	free(conf->access_log);
	free(conf->user);
	free(conf);
}

int
config_load(struct relayd_conf *conf)
{
	struct listen_addr	*l;
	struct certificate	*c;
	struct sockaddr_un	 sun;
	struct stat		 st;
	int			 tls = 0, proxy = 0, bad = 0;

	if (TAILQ_EMPTY(&conf->listens)) {
		log_warnx("nothing to listen on: the configuration wants a "
		    "line like \"listen on 0.0.0.0 port 443 tls\"");
		bad = 1;
	}
	TAILQ_FOREACH(l, &conf->listens, entry) {
		tls |= l->tls;
		proxy |= l->proxy;
	}
	if (proxy && TAILQ_EMPTY(&conf->proxies)) {
		log_warnx("proxy-protocol wants to know from whom: add "
		    "\"trusted proxy ADDRESS\"");
		bad = 1;
	}
	if (tls && TAILQ_EMPTY(&conf->certs)) {
		log_warnx("TLS wants a certificate: add \"certificate FILE "
		    "key FILE\"");
		bad = 1;
	}
	if (stat(conf->state, &st) == -1 || !S_ISDIR(st.st_mode)) {
		log_warnx("state %s: not a folder; make it, mode 0700",
		    conf->state);
		bad = 1;
	} else if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		log_warnx("state %s: others may look into it: chmod 700 it",
		    conf->state);
		bad = 1;
	}
	if (strlen(conf->control) >= sizeof(sun.sun_path)) {
		log_warnx("control %s: longer than %zu characters",
		    conf->control, sizeof(sun.sun_path) - 1);
		bad = 1;
	}
	if (conf->domain != NULL)
		add_name(conf, conf->domain, strlen(conf->domain));
	TAILQ_FOREACH(c, &conf->certs, entry) {
		if (cert_load(conf, c) == -1)
			bad = 1;
	}
	if (!bad)
		config_cover(conf);
	return (bad ? -1 : 0);
}

/* A whole file as a string; secret ones must not be for everybody. */
static char *
file_load(const char *name, int secret)
{
	struct stat	 st;
	char		*buf = NULL;
	ssize_t		 n;
	off_t		 off = 0;
	int		 fd;

	/* A pipe must not hold us up. */
	if ((fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1 ||
	    fstat(fd, &st) == -1) {
		log_warn("%s", name);
		if (fd != -1)
			close(fd);
		return (NULL);
	}
	if (!S_ISREG(st.st_mode) ||
	    st.st_size > (secret ? PEM_KEY_MAX : PEM_FILE_MAX)) {
		log_warnx("%s: not a PEM file", name);
		goto fail;
	}
	if (secret && (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
		log_warnx("%s: others may read or change this key: chmod 600 "
		    "it", name);
		goto fail;
	}
	if ((buf = calloc(1, st.st_size + 1)) == NULL)
		fatal("configuration");
	/* Half a chain would still look like a certificate. */
	while (off < st.st_size) {
		n = read(fd, buf + off, st.st_size - off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			log_warn("%s", name);
			goto fail;
		}
		if (n == 0)
			break;
		off += n;
	}
	close(fd);
	return (buf);
 fail:
	freezero(buf, st.st_size + 1);
	close(fd);
	return (NULL);
}

/* Nobody is there to be asked for one. */
static int
no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	return (-1);
}

static int
cert_load(struct relayd_conf *conf, struct certificate *c)
{
	GENERAL_NAMES	*names = NULL;
	EVP_PKEY	*key;
	X509		*x;
	BIO		*cb, *kb;
	int		 ret;

	if ((c->chain = file_load(c->cert_file, 0)) == NULL ||
	    (c->key = file_load(c->key_file, 1)) == NULL)
		return (-1);
	cb = BIO_new_mem_buf(c->chain, -1);
	kb = BIO_new_mem_buf(c->key, -1);
	if (cb == NULL || kb == NULL)
		fatalx("certificate");
	x = PEM_read_bio_X509(cb, NULL, NULL, NULL);
	key = PEM_read_bio_PrivateKey(kb, NULL, no_passphrase, NULL);
	if ((ret = cert_check(c, x, key)) == 0 &&
	    (ret = cert_alt_names(c, x, &names)) == 0) {
		cert_names(conf, names);
		cert_name(c, x, names);
		GENERAL_NAMES_free(names);
	}
	EVP_PKEY_free(key);
	X509_free(x);
	BIO_free(cb);
	BIO_free(kb);
	ERR_clear_error();
	return (ret);
}

/* Certificate and key are one pair, of a kind we serve, and valid today. */
static int
cert_check(struct certificate *c, X509 *x, EVP_PKEY *key)
{
	EVP_PKEY	*pub;
	time_t		 from, ends;

	if (x == NULL)
		log_warnx("%s: no certificate in it", c->cert_file);
	else if (key == NULL)
		log_warnx("%s: no private key in it, or one with a "
		    "passphrase", c->key_file);
	else if ((pub = X509_get0_pubkey(x)) == NULL ||
	    EVP_PKEY_eq(pub, key) != 1)
		log_warnx("%s and %s do not belong together", c->cert_file,
		    c->key_file);
	else if (EVP_PKEY_base_id(key) != EVP_PKEY_EC &&
	    EVP_PKEY_base_id(key) != EVP_PKEY_RSA)
		log_warnx("%s: only ECDSA and RSA keys are served",
		    c->key_file);
	else if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
		log_warnx("%s: the certificate has expired", c->cert_file);
	else if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
		log_warnx("%s: the certificate is not valid yet; is the "
		    "clock right?", c->cert_file);
	else if (evtls_cert_keyid(c->chain, c->keyid) == -1)
		log_warnx("%s: its public key can't be read", c->cert_file);
	else if (evtls_cert_times(c->chain, &from, &ends) == -1)
		log_warnx("%s: its dates can't be read", c->cert_file);
	else {
		c->ends = ends;
		return (0);
	}
	return (-1);
}

static void
add_name(struct relayd_conf *conf, const char *name, size_t len)
{
	struct own_name	*n;
	size_t		 i;

	if (len == 0 || len >= DOMAIN_LEN || memchr(name, '\0', len) != NULL)
		return;
	if ((n = calloc(1, sizeof(*n))) == NULL ||
	    (n->name = strndup(name, len)) == NULL)
		fatal("configuration");
	for (i = 0; i < len; i++)
		n->name[i] = tolower((unsigned char)n->name[i]);
	TAILQ_INSERT_TAIL(&conf->names, n, entry);
}

/* None are an answer; those that can't be read are not. */
static int
cert_alt_names(struct certificate *c, X509 *x, GENERAL_NAMES **names)
{
	int	 critical;

	*names = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
	if (*names != NULL || critical < 0)
		return (0);
	log_warnx("%s: its names can't be read", c->cert_file);
	return (-1);
}

/* What the certificate calls us is what clients may call us. */
static void
cert_names(struct relayd_conf *conf, GENERAL_NAMES *names)
{
	GENERAL_NAME	*name;
	char		 buf[INET6_ADDRSTRLEN];
	ASN1_STRING	*s;
	int		 i;

	for (i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		name = sk_GENERAL_NAME_value(names, i);
		if (name->type == GEN_DNS) {
			s = name->d.dNSName;
			add_name(conf,
			    (const char *)ASN1_STRING_get0_data(s),
			    ASN1_STRING_length(s));
		} else if (name->type == GEN_IPADD) {
			s = name->d.iPAddress;
			if (inet_ntop(ASN1_STRING_length(s) == 4 ? AF_INET :
			    AF_INET6, ASN1_STRING_get0_data(s), buf,
			    sizeof(buf)) != NULL)
				add_name(conf, buf, strlen(buf));
		}
	}
}

/* What people know it by: its first name, its subject's, or its file's. */
static void
cert_name(struct certificate *c, X509 *x, GENERAL_NAMES *names)
{
	GENERAL_NAME	*name;
	const char	*base;
	int		 i;

	for (i = 0; i < sk_GENERAL_NAME_num(names) && c->name[0] == '\0';
	    i++) {
		name = sk_GENERAL_NAME_value(names, i);
		if (name->type == GEN_DNS)
			snprintf(c->name, sizeof(c->name), "%.*s",
			    ASN1_STRING_length(name->d.dNSName),
			    (const char *)ASN1_STRING_get0_data(
			    name->d.dNSName));
	}
	if (c->name[0] == '\0')
		(void)X509_NAME_get_text_by_NID(X509_get_subject_name(x),
		    NID_commonName, c->name, sizeof(c->name));
	if (c->name[0] == '\0') {
		base = strrchr(c->cert_file, '/');
		strlcpy(c->name, base == NULL ? c->cert_file : base + 1,
		    sizeof(c->name));
	}
}
