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
 * Whether the certificates are for the names that the configuration gives the
 * relay.
 */

#include "compat.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <string.h>

#include "config.h"
#include "log.h"
#include "relay_url.h"

static int	cert_covers(const struct certificate *, const char *);
static void	warn_uncovered(const struct relayd_conf *, const char *,
		    const char *);

/* As clients judge it: also by a wildcard, or as an address. */
static int
cert_covers(const struct certificate *c, const char *host)
{
	X509	*x;
	BIO	*bio;
	int	 ret;

	if ((bio = BIO_new_mem_buf(c->chain, -1)) == NULL)
		fatalx("certificate");
	x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	ret = x != NULL && (X509_check_host(x, host, 0, 0, NULL) == 1 ||
	    X509_check_ip_asc(x, host, 0) == 1);
	X509_free(x);
	BIO_free(bio);
	ERR_clear_error();
	return (ret);
}

static void
warn_uncovered(const struct relayd_conf *conf, const char *what,
    const char *host)
{
	const struct certificate	*c;

	TAILQ_FOREACH(c, &conf->certs, entry) {
		if (cert_covers(c, host))
			return;
	}
	log_warnx("%s %s: none of the certificates is for this name: clients "
	    "that come by TLS will refuse it", what, host);
}

void
config_cover(const struct relayd_conf *conf)
{
	const struct listen_addr	*l;
	struct relay_url		 url;
	const char			*why;

	TAILQ_FOREACH(l, &conf->listens, entry) {
		if (l->tls)
			break;
	}
	/* TLS, if any, is a proxy's in front of it. */
	if (l == NULL)
		return;
	if (conf->domain != NULL)
		warn_uncovered(conf, "domain", conf->domain);
	if (relay_url_parse(conf->rpc.url, &url, &why) == 0 && url.tls &&
	    (conf->domain == NULL || strcmp(url.host, conf->domain) != 0))
		warn_uncovered(conf, "rpc url", url.host);
}
