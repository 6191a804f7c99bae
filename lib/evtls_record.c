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
 * evtls, TLS 1.3 behind the handshake: libtls has made the connection, and
 * is let go with the 14 KB it holds.  Records go from one buffer of the pass
 * into the other, sealed or opened on the way.
 */

#include "compat.h"

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>
#include <tls.h>

#include "evtls_internal.h"

void
evtls_secrets_free(struct evtls *c)
{
	if (c->secrets != NULL)
		freezero(c->secrets, sizeof(*c->secrets));
	c->secrets = NULL;
}

/* Its records with the secrets of its handshake; NULL: it can't be. */
static struct tls_record *
records(const struct evtls *c, const char **cipher)
{
	const struct evtls_secrets	*s = c->secrets;
	uint16_t			 suite = evtls_ssl_suite(c, cipher);

	if (s == NULL || s->client_len != s->server_len ||
	    !evtls_ssl_is_13(c) || !evtls_ssl_leaves(c))
		return (NULL);
	if (c->client != NULL)
		return (tls_record_new(suite, 1, s->server, s->client,
		    s->server_len));
	return (tls_record_new(suite, 0, s->client, s->server,
	    s->server_len));
}

void
evtls_record_take(struct evtls *c)
{
	struct tls_record	*r;
	const char		*cipher, *name;

	r = records(c, &cipher);
	evtls_secrets_free(c);
	if (r == NULL)
		return;
	if ((name = tls_conn_servername(c->tls)) != NULL &&
	    (c->servername = strdup(name)) == NULL) {
		tls_record_free(r);
		return;
	}
	c->cipher = cipher;
	c->record = r;
	tls_free(c->tls);
	c->tls = NULL;
	c->ssl = NULL;
}

/* Put an alert behind what is sealed in this pass. */
static void
say(struct evtls *c, uint8_t alert)
{
	struct evtls_bufs	*b = evtls_bufs();
	ssize_t			 n;

	if (tls_record_sealed(2) > sizeof(b->wire_out) - b->wire_len)
		return;
	n = tls_record_say(c->record, b->wire_out + b->wire_len, alert);
	if (n > 0)
		b->wire_len += n;
}

enum evtls_io
evtls_record_read(struct evtls *c, uint8_t *buf, size_t len, size_t *got)
{
	enum tls_record_what	 what;
	size_t			 took;

	*got = 0;
	if (len < TLS_RECORD_ROOM) {
		evtls_set_text(c, "TLS: no room for a record");
		return (EVTLS_IO_ERROR);
	}
	what = tls_record_open(c->record, c->src, c->srclen, buf, &took, got);
	c->src += took;
	c->srclen -= took;
	switch (what) {
	case TLS_RECORD_DATA:
		return (EVTLS_IO_OK);
	case TLS_RECORD_MORE:
		return (EVTLS_IO_WAIT);
	case TLS_RECORD_EOF:
		c->srclen = 0;		/* RFC 8446, 6.1 */
		return (EVTLS_IO_EOF);
	case TLS_RECORD_ALERT:
		evtls_set_text(c, "TLS: the peer gave up: %s",
		    evtls_ssl_alert(tls_record_alert(c->record)));
		return (EVTLS_IO_ERROR);
	default:
		/* Nothing is sent behind it. */
		if (!c->notified)
			say(c, tls_record_alert(c->record));
		c->notified = 1;
		c->want = 0;
		evtls_set_text(c, "TLS: %s", tls_record_error(c->record));
		return (EVTLS_IO_ERROR);
	}
}

enum evtls_io
evtls_record_write(struct evtls *c, const uint8_t *buf, size_t len)
{
	struct evtls_bufs	*b = evtls_bufs();
	ssize_t			 n = -1;

	if (tls_record_sealed(len) <= sizeof(b->wire_out) - b->wire_len)
		n = tls_record_seal(c->record, b->wire_out + b->wire_len, buf,
		    len);
	if (n == -1) {
		evtls_set_text(c, "TLS: a record can't be sealed");
		return (EVTLS_IO_ERROR);
	}
	b->wire_len += n;
	return (EVTLS_IO_OK);
}

void
evtls_record_close_notify(struct evtls *c)
{
	say(c, 0);
}
