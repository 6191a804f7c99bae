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
 * The door for TLS that is passed through.  A connection is looked at before
 * its TLS begins here: until its hello is complete, until its site is known,
 * and until there is a route, it stays a stranger's like any other, with the
 * same limits and the same deadline.  Then its socket becomes a visitor's, as
 * of a published port, and the relay sees nothing but ciphertext.
 */

#include "compat.h"

#include <sys/socket.h>

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "door_pass.h"
#include "fdstream.h"
#include "http_site.h"
#include "listener.h"
#include "log.h"
#include "log_limit.h"
#include "tls_hello.h"

#define ALERT_LEN		7
#define ALERT_INTERNAL		80	/* RFC 8446, 6 */
#define ALERT_UNRECOGNIZED	112

/*
 * One connection.  Until its stream is open its conn owns it, then the list
 * of streams of its site's owner.
 */
struct pass {
	struct stream_record	 record;	/* at our address */
	TAILQ_ENTRY(pass)	 entry;		/* of those that are released */
	struct site_wait	 wait;
	struct site_use		 use;
	struct conn		*conn;		/* NULL: released */
	struct tls_hello	*hello;		/* NULL: has its stream */
	size_t			 fed;		/* of it */
	int			 on_record;
	int			 routing;	/* router has been asked */
	int			 fd;		/* released, without a stream */
	uint8_t			*buf;		/* what came before that */
	size_t			 len;
	struct fdstream		*stream;
	struct sockaddr_storage	 peer;
	char			 node[CTL_NAME_LEN];
	char			 service[SITE_SERVICE_LEN];
};

static struct pass *pass_new(struct conn *);
static void	pass_free(struct pass *);
static void	pass_not(struct pass *);
static void	pass_look(struct pass *);
static void	pass_go(struct site_wait *);
static void	pass_site(struct pass *, const struct site *);
static void	pass_pause(struct pass *);
static int	pass_room(const struct pass *);
static void	pass_route(struct pass *);
static void	pass_release(struct pass *);
static const char *pass_open(struct pass *, const struct route *, uint16_t *);
static void	pass_with(struct pass *, const struct route *);
static void	pass_refuse(struct pass *, uint16_t, const char *);
static void	pass_end(struct site_use *, const char *);
static size_t	pass_alert(uint16_t, uint8_t *);
static size_t	pass_last(struct fdstream *, void *, uint16_t, uint8_t *);
static void	pass_closed(struct fdstream *, void *, uint16_t,
		    const char *);
static void	pass_describe(const struct stream_record *,
		    struct stream_up *);
static void	pass_bytes(const struct stream_record *, uint64_t *,
		    uint64_t *);
static void	pass_kill(struct stream_record *, uint16_t, const char *);
static void	pass_meter(struct stream_record *, struct meter_flow *,
		    struct meter_flow *);
static void	pass_memory(const struct stream_record *,
		    struct mux_memory *, struct mux_memory *);

static TAILQ_HEAD(, pass)	 passes = TAILQ_HEAD_INITIALIZER(passes);
static uint32_t			 npasses;
/* Until we are told. */
static int			 any = 1;
static struct log_limit		 refusals = { .burst = 10, .ms = 1000 };

static const struct fdstream_ops stream_ops = {
	.closed = pass_closed, .last = pass_last
};
static const struct stream_record_ops record_ops = {
	pass_describe, pass_bytes, pass_kill, pass_meter, pass_memory
};

int
door_pass_any(void)
{
	return (any);
}

int
door_pass_recv_any(struct proc_peer *peer, struct imsg *imsg)
{
	struct passthrough	 msg;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 || msg.any > 1)
		return (-1);
	any = msg.any;
	return (0);
}

int
door_pass_busy(void)
{
	return (npasses > 0);
}

/* ---- the hello ---- */

static struct pass *
pass_new(struct conn *c)
{
	struct pass	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	if ((p->hello = malloc(sizeof(*p->hello))) == NULL) {
		free(p);
		return (NULL);
	}
	tls_hello_begin(p->hello);
	p->wait.go = pass_go;
	p->fd = -1;
	p->conn = c;
	c->pass = p;
	return (p);
}

static void
pass_free(struct pass *p)
{
	site_unwait(&p->wait);
	if (p->on_record)
		record_end(&p->record);
	site_release(&p->use);
	if (p->conn != NULL)
		p->conn->pass = NULL;
	else {
		TAILQ_REMOVE(&passes, p, entry);
		npasses--;
		counts.connections--;
		counts.guests--;
	}
	if (p->fd != -1)
		close(p->fd);
	free(p->hello);
	free(p->buf);
	free(p);
}

void
door_pass_forget(struct conn *c)
{
	if (c->pass != NULL)
		pass_free(c->pass);
}

ssize_t
door_pass_preface(struct evtls *tls, void *arg, const uint8_t *buf, size_t len)
{
	enum tls_hello_verdict	 v;
	struct conn		*c = arg;
	struct pass		*p = c->pass;

	if (p == NULL && (p = pass_new(c)) == NULL)
		return (-1);
	v = tls_hello_feed(p->hello, buf + p->fed, len - p->fed);
	p->fed = len;
	if (v == TLS_HELLO_MORE)
		return (0);
	/* What is no hello, or none of ours to see, TLS here has to refuse. */
	if (v != TLS_HELLO_FOUND ||
	    site_host(p->hello->host) == SITE_HOST_OWN ||
	    site_host(p->hello->host) == SITE_HOST_SITE)
		pass_not(p);
	else
		pass_look(p);
	return (0);
}

/* TLS begins here, with all that has come. */
static void
pass_not(struct pass *p)
{
	struct evtls	*tls = p->conn->tls;

	pass_free(p);
	evtls_preface(tls, NULL, 0);
	evtls_resume(tls);
}

/* ---- its site ---- */

static void
pass_pause(struct pass *p)
{
	evtls_pause(p->conn->tls);
	conn_moved(p->conn);
}

static void
pass_look(struct pass *p)
{
	const struct site	*site;

	switch (site_find(p->hello->host, 1, &p->wait, &site)) {
	case SITE_FOUND:
		pass_site(p, site);
		break;
	case SITE_NONE:
		pass_not(p);
		break;
	case SITE_WAIT:
		pass_pause(p);
		break;
	default:
		pass_refuse(p, MUX_CODE_LIMIT, "the relay is busy");
		break;
	}
}

static void
pass_go(struct site_wait *w)
{
	pass_look((struct pass *)(void *)((char *)w -
	    offsetof(struct pass, wait)));
}

/* For one more from this address: who is passed on is no stranger's limit. */
static int
pass_room(const struct pass *p)
{
	const struct pass	*q;
	struct addr_key		 key, k;
	uint32_t		 same = 0;

	if (npasses < limits.connections_per_addr)
		return (1);
	addr_key((const struct sockaddr *)&p->conn->peer, &key);
	TAILQ_FOREACH(q, &passes, entry) {
		addr_key((const struct sockaddr *)&q->peer, &k);
		if (memcmp(&k, &key, sizeof(k)) == 0 &&
		    ++same >= limits.connections_per_addr)
			return (0);
	}
	return (1);
}

static void
pass_site(struct pass *p, const struct site *site)
{
	strlcpy(p->node, site->node, sizeof(p->node));
	strlcpy(p->service, site->service, sizeof(p->service));
	p->peer = p->conn->peer;
	site_use(site, &p->use, pass_end);
	record_new(&p->record, site_owner(&p->use), &record_ops);
	p->on_record = 1;
	if (counts.guests >= limits.connections - limits.connections / 4)
		pass_refuse(p, MUX_CODE_LIMIT, "too many connections");
	else if (!pass_room(p))
		pass_refuse(p, MUX_CODE_LIMIT,
		    "too many connections from its address");
	else
		pass_route(p);
}

static void
pass_route(struct pass *p)
{
	const struct route	*route;
	uint32_t		 code;

	p->routing = 0;
	switch (route_find(p->record.owner, p->node, &route, &code)) {
	case 0:
		pass_with(p, route);
		break;
	case 1:
		p->routing = 1;
		pass_pause(p);
		break;
	default:
		pass_refuse(p, code, stream_why(code));
		break;
	}
}

/* ---- its way to the node ---- */

void
passes_routed(struct stream_owner *o, const char *node,
    const struct route *route, uint32_t code)
{
	struct stream_record	*r, *tmp;
	struct pass		*p;

	TAILQ_FOREACH_SAFE(r, &o->streams, entry, tmp) {
		p = (struct pass *)r;
		if (!p->routing || strcmp(p->node, node) != 0)
			continue;
		p->routing = 0;
		if (route != NULL)
			pass_with(p, route);
		else
			pass_refuse(p, code, stream_why(code));
	}
}

void
passes_renew(struct stream_owner *o)
{
	struct stream_record	*r, *tmp;
	struct pass		*p;

	TAILQ_FOREACH_SAFE(r, &o->streams, entry, tmp) {
		p = (struct pass *)r;
		if (p->routing)
			pass_route(p);
		else if (r->told)
			record_up(r);
	}
}

uint32_t
passes_kill(struct stream_owner *o, uint16_t code, const char *text)
{
	struct stream_record	*r;
	uint32_t		 n = 0;

	while ((r = TAILQ_FIRST(&o->streams)) != NULL) {
		pass_kill(r, code, text);
		n++;
	}
	return (n);
}

/* Its socket is no connection of HTTP's any more. */
static void
pass_release(struct pass *p)
{
	struct conn	*c = p->conn;

	p->peer = c->peer;
	p->fd = evtls_release(c->tls, &p->buf, &p->len);
	c->tls = NULL;
	c->pass = NULL;
	p->conn = NULL;
	TAILQ_INSERT_TAIL(&passes, p, entry);
	npasses++;
	counts.connections++;
	counts.guests++;
	conn_free(c);
}

/* Give it its stream.  NULL, or why not, with the code. */
static const char *
pass_open(struct pass *p, const struct route *route, uint16_t *code)
{
	static struct mux_open	 open;
	struct link		*link;
	const char		*why;

	memset(&open, 0, sizeof(open));
	*code = MUX_CODE_LIMIT;
	if (record_limit(&p->record, route, &why) == -1)
		return (why);
	p->record.ticket = route->ticket;
	*code = MUX_CODE_NODE_OFFLINE;
	if ((link = route_link(route, &open.ticket)) == NULL)
		return (stream_why(MUX_CODE_NODE_OFFLINE));
	open.kind = MUX_KIND_TLS;
	strlcpy(open.host, p->service, sizeof(open.host));
	strlcpy(open.node, p->node, sizeof(open.node));
	addr_format((const struct sockaddr *)&p->peer, open.client);
	*code = MUX_CODE_LIMIT;
	p->stream = fdstream_metered(proc_base(), p->fd, p->fd,
	    link_mux(link), &open, &stream_ops, p,
	    record_flow(&p->record, WAY_OUT),
	    record_flow(&p->record, WAY_IN));
	if (p->stream == NULL)
		return ("too many streams to this node");
	p->fd = -1;
	return (NULL);
}

static void
pass_with(struct pass *p, const struct route *route)
{
	const char	*why;
	uint16_t	 code;

	pass_release(p);
	if ((why = pass_open(p, route, &code)) != NULL) {
		pass_refuse(p, code, why);
		return;
	}
	record_up(&p->record);
	free(p->hello);
	p->hello = NULL;
	if (fdstream_prefix(p->stream, p->buf, p->len) == -1) {
		fdstream_kill(p->stream, MUX_CODE_INTERNAL, "no memory");
		return;
	}
	free(p->buf);
	p->buf = NULL;
}

/* Of a flood of them only some are on record, and in the log. */
static void
pass_refuse(struct pass *p, uint16_t code, const char *text)
{
	uint8_t		 alert[ALERT_LEN];
	char		 addr[ADDR_STRLEN], why[CTL_TEXT_LEN];
	uint64_t	 dropped;

	if (p->conn != NULL)
		pass_release(p);
	(void)send(p->fd, alert, pass_alert(code, alert), MSG_NOSIGNAL);
	counts.refused++;
	if (log_limit_may(&refusals, listener_ms(), &dropped)) {
		strlcpy(why, text, sizeof(why));
		if (dropped > 0)
			snprintf(why, sizeof(why), "%s (%llu more refused "
			    "since the last line)", text,
			    (unsigned long long)dropped);
		log_info("TLS for %s: %s is refused: %s", p->hello->host,
		    addr_format((const struct sockaddr *)&p->peer, addr),
		    why);
		if (p->on_record) {
			record_up(&p->record);
			record_down(&p->record, code, why);
		}
	}
	pass_free(p);
}

/* The site leads elsewhere now, or nowhere. */
static void
pass_end(struct site_use *u, const char *why)
{
	struct pass	*p;

	p = (struct pass *)(void *)((char *)u - offsetof(struct pass, use));
	pass_kill(&p->record, MUX_CODE_KILLED, why);
}

/* ---- its end ---- */

/* A fatal alert, which clients show as what it is. */
static size_t
pass_alert(uint16_t code, uint8_t *buf)
{
	static const uint8_t	 alert[ALERT_LEN] = { 21, 3, 3, 0, 2, 2 };

	memcpy(buf, alert, sizeof(alert));
	buf[ALERT_LEN - 1] = code == MUX_CODE_NO_SERVICE ||
	    code == MUX_CODE_NO_NODE ? ALERT_UNRECOGNIZED : ALERT_INTERNAL;
	return (sizeof(alert));
}

static size_t
pass_last(struct fdstream *f, void *arg, uint16_t code, uint8_t *buf)
{
	return (pass_alert(code, buf));
}

static void
pass_closed(struct fdstream *f, void *arg, uint16_t code, const char *text)
{
	struct pass	*p = arg;

	record_down(&p->record, code, text);
	pass_free(p);
}

/* ---- on record ---- */

static void
pass_describe(const struct stream_record *r, struct stream_up *up)
{
	const struct pass	*p = (const struct pass *)r;

	up->kind = MUX_KIND_TLS;
	strlcpy(up->host, p->service, sizeof(up->host));
	strlcpy(up->node, p->node, sizeof(up->node));
	addr_format((const struct sockaddr *)&p->peer, up->addr);
}

static void
pass_bytes(const struct stream_record *r, uint64_t *in, uint64_t *out)
{
	const struct pass	*p = (const struct pass *)r;

	if (p->stream == NULL)
		return;
	fdstream_bytes(p->stream, out, in);
	*out += p->len;
}

static void
pass_kill(struct stream_record *r, uint16_t code, const char *text)
{
	struct pass	*p = (struct pass *)r;

	if (p->stream != NULL)
		fdstream_kill(p->stream, code, text);
	else
		pass_refuse(p, code, text);
}

static void
pass_meter(struct stream_record *r, struct meter_flow *out,
    struct meter_flow *in)
{
	struct pass	*p = (struct pass *)r;

	if (p->stream != NULL)
		fdstream_meter(p->stream, out, in);
}

static void
pass_memory(const struct stream_record *r, struct mux_memory *there,
    struct mux_memory *back)
{
	const struct pass	*p = (const struct pass *)r;
	struct mux_stream	*s = NULL;

	memset(there, 0, sizeof(*there));
	memset(back, 0, sizeof(*back));
	there->state = sizeof(*p);
	if (p->hello != NULL)
		there->state += sizeof(*p->hello);
	if (p->stream != NULL) {
		there->state += fdstream_memory(p->stream);
		s = fdstream_stream(p->stream);
	}
	if (s != NULL)
		mux_stream_memory(s, back);
	back->state = 0;
}
