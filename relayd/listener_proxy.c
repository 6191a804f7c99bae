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
 * Who is behind a proxy.  A proxy that is trusted says whom it speaks for: by
 * a PROXY header before all else, where the configuration expects one, or by
 * a field in each request.  Whatever counts, limits or names a client goes by
 * that address; what anybody else says of whom it speaks for is not heard.
 */

#include "compat.h"

#include <imsg.h>

#include <string.h>

#include "door_pass.h"
#include "doors.h"
#include "forwarded.h"
#include "listener.h"
#include "log.h"
#include "proxyproto.h"
#include "tls_hello.h"

struct proxies {
	struct conf_network	 p[NETWORKS_MAX];
	size_t			 n;
};

static struct proxies	 proxies, next;

static const struct conf_network *proxy_find(const struct sockaddr_storage *);

int
proxy_recv_conf(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_network	 p;

	if (imsg_get_data(imsg, &p, sizeof(p)) == -1 ||
	    (p.prefix.family != 4 && p.prefix.family != 6) ||
	    p.prefix.bits > (p.prefix.family == 4 ? 32 : 128) ||
	    p.field > FORWARDED_RFC7239)
		return (-1);
	if (p.what == NETWORK_MONITOR)
		return (door_api_monitor(&p.prefix));
	if (p.what != NETWORK_PROXY || next.n >= nitems(next.p))
		return (-1);
	next.p[next.n++] = p;
	return (0);
}

void
proxy_conf_begin(void)
{
	memset(&next, 0, sizeof(next));
}

void
proxy_conf_end(void)
{
	proxies = next;
}

static const struct conf_network *
proxy_find(const struct sockaddr_storage *ss)
{
	size_t	 i;

	for (i = 0; i < proxies.n; i++) {
		if (addr_prefix_match(&proxies.p[i].prefix,
		    (const struct sockaddr *)ss))
			return (&proxies.p[i]);
	}
	return (NULL);
}

int
proxy_trusted(const struct sockaddr_storage *ss)
{
	return (proxy_find(ss) != NULL);
}

/* The PROXY header of a proxy that has to send one. */
ssize_t
proxy_preface(struct evtls *tls, void *arg, const uint8_t *buf, size_t len)
{
	static uint64_t		 said;
	struct conn		*c = arg;
	struct proxyproto	 p;
	ssize_t			 n;

	if ((n = proxyproto_parse(buf, len, &p)) == 0)
		return (0);
	if (n == -1 || p.datagram) {
		if (listener_may_log(&said))
			log_warnx("proxy %s: what it sends begins with no "
			    "PROXY header", conn_addr(c));
		return (-1);
	}
	if (evtls_is_tls(tls) && door_pass_any())
		evtls_preface(tls, door_pass_preface, DOOR_PASS_MAX);
	/* A proxy that looks whether we are there speaks for itself. */
	if (p.local)
		return (n);
	c->peer = c->via = p.src;
	return (listener_admit(c) ? n : -1);
}

int
proxy_rfc7239(const struct conn *c)
{
	const struct conf_network	*p;

	return (c->proxied && (p = proxy_find(&c->via)) != NULL &&
	    p->field == FORWARDED_RFC7239);
}

/*
 * The latest hop that we don't trust is the client; who spoke before it we
 * have only its word for.
 */
int
proxy_request(struct conn *c, const struct http_head *head)
{
	static struct sockaddr_storage	 hops[FORWARDED_HOPS_MAX];
	const struct conf_network		*p;
	struct addr_key			 old, new;
	ssize_t				 i, n;

	c->proxied = 0;
	c->hop = 0;
	if ((p = proxy_find(&c->via)) == NULL)
		return (0);
	c->proxied = 1;
	addr_key((const struct sockaddr *)&c->peer, &old);
	c->peer = c->via;
	n = forwarded_hops(head, p->field, hops);
	for (i = 0; i < n; i++) {
		c->hop = i;
		if (hops[i].ss_family == 0)
			break;
		c->peer = hops[i];
		if (!proxy_trusted(&hops[i]))
			break;
	}
	addr_key((const struct sockaddr *)&c->peer, &new);
	if (n == -1)
		return (400);
	if (memcmp(&old, &new, sizeof(old)) != 0 && !listener_admit(c))
		return (429);
	return (0);
}
