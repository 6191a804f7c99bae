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

/* The configuration, to a process: of each thing what it may have. */

#include "compat.h"

#include <openssl/evp.h>

#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "listen.h"
#include "log.h"
#include "log_limit.h"
#include "msg_rpc.h"
#include "parent.h"

static void	send_begin(struct proc_peer *, int);
static void	send_certs(struct proc_peer *, int);
static void	send_listens(struct proc_peer *);
static void	send_metrics(struct conf_begin *);
static void	send_networks(struct proc_peer *, uint32_t,
		    const struct networks *);
static void	send_names(struct proc_peer *);
static void	send_rpc_keys(struct proc_peer *);
static void	send_pem(struct proc_peer *, uint32_t, uint32_t,
		    const struct certificate *, const char *);

void
send_conf(struct proc_peer *p)
{
	struct conf_end	 end = { .generation = relayd_generation };
	uint32_t	 i;
	int		 kind = proc_peer_kind(p);

	send_begin(p, kind);
	if (kind == PROC_LISTENER) {
		send_listens(p);
		send_networks(p, NETWORK_PROXY, &conf->proxies);
		send_networks(p, NETWORK_MONITOR, &conf->monitors);
		access_file_send(p);
	}
	send_certs(p, kind);
	if (kind == PROC_ROUTER)
		send_rpc_keys(p);
	if (kind == PROC_AUTH || kind == PROC_LISTENER)
		send_names(p);
	if (kind == PROC_AUTH) {
		for (i = 0; i < conf->publish.n; i++)
			proc_send(p, IMSG_CONF_PUBLISH, 0, -1,
			    &conf->publish.list[i],
			    sizeof(conf->publish.list[i]));
	}
	proc_send(p, IMSG_CONF_END, 0, -1, &end, sizeof(end));
}

static void
send_begin(struct proc_peer *p, int kind)
{
	struct conf_begin	 begin;

	memset(&begin, 0, sizeof(begin));
	begin.limits = conf->limits;
	begin.bandwidth = conf->bandwidth;
	begin.rpc = conf->rpc;
	if (kind == PROC_LISTENER)
		begin.identity = conf->identity;
	if (conf->domain != NULL)
		strlcpy(begin.domain, conf->domain, sizeof(begin.domain));
	if (kind == PROC_AUTH) {
		strlcpy(begin.state, conf->state, sizeof(begin.state));
		memcpy(begin.beacon_key, relayd_beacon_key,
		    sizeof(begin.beacon_key));
	}
	strlcpy(begin.user, conf->user, sizeof(begin.user));
	begin.prefork = conf->prefork;
	begin.verbose = relayd_verbose;
	begin.backups = conf->backups;
	begin.started = relayd_started;
	if (kind == PROC_LISTENER) {
		memcpy(begin.nonce_key, relayd_nonce_key,
		    sizeof(begin.nonce_key));
		send_metrics(&begin);
	}
	proc_send(p, IMSG_CONF_BEGIN, 0, -1, &begin, sizeof(begin));
	explicit_bzero(&begin, sizeof(begin));
}

static void
send_certs(struct proc_peer *p, int kind)
{
	struct conf_cert_end	 cert_end;
	struct certificate	*cert;
	uint32_t		 i = 0;

	TAILQ_FOREACH(cert, &conf->certs, entry) {
		if (kind == PROC_LISTENER)
			send_pem(p, IMSG_CONF_CERT, i, cert, cert->chain);
		if (kind == PROC_KEYS)
			send_pem(p, IMSG_CONF_KEY, i, cert, cert->key);
		if (kind == PROC_LISTENER || kind == PROC_ROUTER) {
			memset(&cert_end, 0, sizeof(cert_end));
			cert_end.index = i;
			cert_end.ends = cert->ends;
			strlcpy(cert_end.name, cert->name,
			    sizeof(cert_end.name));
			proc_send(p, IMSG_CONF_CERT_END, 0, -1, &cert_end,
			    sizeof(cert_end));
		}
		i++;
	}
}

static void
send_rpc_keys(struct proc_peer *p)
{
	struct rpc_key		 key;
	struct rpc_key_entry	*k;

	TAILQ_FOREACH(k, &conf->rpc_keys, entry) {
		memset(&key, 0, sizeof(key));
		strlcpy(key.node, k->node, sizeof(key.node));
		memcpy(key.hash, k->hash, sizeof(key.hash));
		proc_send(p, IMSG_CONF_RPC_KEY, 0, -1, &key,
		    sizeof(key));
	}
}

static void
send_names(struct proc_peer *p)
{
	struct conf_name	 name;
	struct own_name		*n;

	TAILQ_FOREACH(n, &conf->names, entry) {
		memset(&name, 0, sizeof(name));
		strlcpy(name.name, n->name, sizeof(name.name));
		proc_send(p, IMSG_CONF_NAME, 0, -1, &name,
		    sizeof(name));
	}
}

/* Listeners see a hash of the token for metrics, as of no other. */
static void
send_metrics(struct conf_begin *begin)
{
	unsigned int	 len = sizeof(begin->metrics_hash);

	if (conf->metrics_token == NULL)
		return;
	if (EVP_Digest(conf->metrics_token, strlen(conf->metrics_token),
	    begin->metrics_hash, &len, EVP_sha256(), NULL) != 1)
		fatalx("SHA-256");
	begin->has_metrics_token = 1;
}

static void
send_networks(struct proc_peer *p, uint32_t what, const struct networks *list)
{
	struct conf_network	 msg;
	struct network		*net;

	TAILQ_FOREACH(net, list, entry) {
		memset(&msg, 0, sizeof(msg));
		msg.prefix = net->prefix;
		msg.what = what;
		msg.field = net->field;
		proc_send(p, IMSG_CONF_NETWORK, 0, -1, &msg, sizeof(msg));
	}
}

static void
send_listens(struct proc_peer *p)
{
	struct conf_listen	 msg;
	struct listen_addr	*l;
	int			 fd, slot;

	if ((slot = listener_slot(proc_peer_instance(p))) == -1)
		fatalx("more listeners than sockets");
	TAILQ_FOREACH(l, &conf->listens, entry) {
		if (l->fds == NULL)	/* only rehearsing */
			continue;
		memset(&msg, 0, sizeof(msg));
		msg.ss = l->ss;
		msg.tls = l->tls;
		msg.proxy = l->proxy;
		listen_again(l->fds[slot]);
		if ((fd = dup(l->fds[slot])) == -1)
			fatal("dup");
		proc_send(p, IMSG_CONF_LISTEN, 0, fd, &msg, sizeof(msg));
	}
}

static void
send_pem(struct proc_peer *p, uint32_t type, uint32_t index,
    const struct certificate *cert, const char *pem)
{
	static struct conf_chunk	 c;
	size_t				 total = strlen(pem), off, n;

	for (off = 0; off < total; off += n) {
		n = total - off;
		if (n > sizeof(c.data))
			n = sizeof(c.data);
		memset(&c, 0, sizeof(c));
		memcpy(c.keyid, cert->keyid, sizeof(c.keyid));
		c.index = index;
		c.total = total;
		c.len = n;
		memcpy(c.data, pem + off, n);
		proc_send(p, type, 0, -1, &c, sizeof(c));
	}
	explicit_bzero(&c, sizeof(c));
}

void
send_answer(uint32_t id, uint32_t code, const char *text)
{
	struct ctl_end	 end;

	memset(&end, 0, sizeof(end));
	end.code = code;
	strlcpy(end.text, text, sizeof(end.text));
	(void)proc_send(proc_peer(PROC_ROUTER, 0), IMSG_RELOADED, id, -1,
	    &end, sizeof(end));
}

int
command_may(uint32_t id)
{
	static struct log_limit	 commands = { .burst = 300, .ms = 6000 };

	if (log_limit_may(&commands, clock_ms(), NULL))
		return (1);
	send_answer(id, CTL_CODE_DENIED, "too many reloads and upgrades in so "
	    "short a time: one every 6 seconds for a while");
	return (0);
}
