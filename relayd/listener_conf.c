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
 * The listener's configuration, as the parent sends it: listening sockets,
 * certificate chains, limits.  Gathered aside and taken into use as a
 * whole; what is running goes on.
 */

#include "compat.h"

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access_log.h"
#include "doors.h"
#include "http_site.h"
#include "http_gate.h"
#include "listener.h"
#include "log.h"

#define CHAIN_MAX	(256 * 1024)

struct evtls_server	*listener_tls;

static struct {
	struct conf_begin	 begin;
	char			*chains[CERTS_MAX];
	size_t			 chain_len[CERTS_MAX];
	size_t			 nchains;
	int			 open;
} next;

static void	conf_forget(void);

static void
conf_forget(void)
{
	size_t	 i;

	for (i = 0; i < next.nchains; i++)
		free(next.chains[i]);
	explicit_bzero(&next, sizeof(next));
}

int
conf_recv_begin(struct proc_peer *peer, struct imsg *imsg)
{
	conf_forget();
	if (imsg_get_data(imsg, &next.begin, sizeof(next.begin)) == -1)
		return (-1);
	next.open = 1;
	listener_accept_sweep(0);
	proxy_conf_begin();
	door_api_conf_begin();
	access_log_conf_begin();
	site_conf_begin();
	return (0);
}

int
conf_recv_listen(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_listen	 l;
	int			 fd;

	if (!next.open || imsg_get_data(imsg, &l, sizeof(l)) == -1 ||
	    (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	return (listener_accept_on(fd, &l));
}

int
conf_recv_cert(struct proc_peer *peer, struct imsg *imsg)
{
	static struct conf_chunk	 c;

	if (!next.open || imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    c.index >= CERTS_MAX || c.total == 0 || c.total > CHAIN_MAX ||
	    c.len == 0 || c.len > sizeof(c.data))
		return (-1);
	if (c.index == next.nchains) {
		next.chains[c.index] = calloc(1, c.total + 1);
		if (next.chains[c.index] == NULL)
			fatal("certificate");
		next.nchains++;
	}
	if (c.index + 1 != next.nchains ||
	    next.chain_len[c.index] + c.len > c.total)
		return (-1);
	memcpy(next.chains[c.index] + next.chain_len[c.index], c.data, c.len);
	next.chain_len[c.index] += c.len;
	return (0);
}

int
conf_recv_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct evtls_server	*server = NULL;
	struct conf_end		 end;
	char			 err[256];

	if (!next.open || imsg_get_data(imsg, &end, sizeof(end)) == -1 ||
	    memchr(next.begin.user, '\0', sizeof(next.begin.user)) == NULL ||
	    memchr(next.begin.domain, '\0', sizeof(next.begin.domain)) ==
	    NULL || !gate_conf_ok(&next.begin))
		return (-1);
	proc_user(next.begin.user);
	if (next.nchains > 0) {
		server = evtls_server_new(
		    (const char *const *)next.chains, next.nchains,
		    &listener_signer, err, sizeof(err));
		if (server == NULL) {
			/* The parent has checked them; keep what works. */
			log_warnx("certificates: %s", err);
			if (listener_tls == NULL)
				fatalx("no certificate can be used");
		}
	}
	if (server != NULL) {
		evtls_server_free(listener_tls);
		listener_tls = server;
	}
	memcpy(nonce_key.key, next.begin.nonce_key, sizeof(nonce_key.key));
	proxy_conf_end();
	door_api_conf_end(&next.begin);
	access_log_conf_end();
	site_conf_end(&next.begin);
	gate_conf(&next.begin);
	listener_prefork = next.begin.prefork;
	listener_set_limits(&next.begin.limits);
	door_rpc_conf(&next.begin.rpc, next.begin.domain);
	log_setverbose(next.begin.verbose);
	listener_accept_sweep(1);
	conf_forget();
	(void)proc_send(peer, IMSG_CONF_TAKEN, 0, -1, &end, sizeof(end));
	return (0);
}
