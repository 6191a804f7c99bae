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
 * One connection to a backend: by TCP, through the parent to a Unix socket,
 * or with TLS on top, in which case this process stays between.
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <errno.h>
#include <imsg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "log.h"
#include "proxy.h"
#include "proxyproto.h"

struct reach {
	LIST_ENTRY(reach)	 entry;		/* while the parent is asked */
	uint32_t		 id;		/* of the question; 0: none */
	struct service		*service;
	struct sockaddr_storage	 client;	/* AF_UNSPEC: ourselves */
	struct dial		*dial;
	struct evtls		*tls;
	void			(*done)(void *, int, struct evtls *, uint16_t,
				    const char *);
	void			*arg;
};

static LIST_HEAD(, reach) asking = LIST_HEAD_INITIALIZER(asking);
static uint32_t		 ids;

static int	reach_begin(struct reach *);
static void	reach_end(struct reach *, int, struct evtls *, uint16_t,
		    const char *);
static void	reach_dialled(struct dial *, void *, int, enum dial_error,
		    const char *);
static void	reach_connected(struct reach *, int);
static int	reach_announce(struct reach *, int);
static void	reach_client(struct sockaddr_storage *, const char *);
static struct reach *reach_find(uint32_t);
static void	reach_ready(struct evtls *, void *);
static size_t	reach_input(struct evtls *, void *, uint8_t *, size_t);
static size_t	reach_output(struct evtls *, void *, uint8_t *, size_t);
static void	reach_closed(struct evtls *, void *, enum evtls_why,
		    const char *);

static const struct evtls_ops reach_ops = {
	.ready = reach_ready, .input = reach_input, .output = reach_output,
	.closed = reach_closed
};

struct reach *
reach_new(struct service *s, const char *client, void (*done)(void *, int,
    struct evtls *, uint16_t, const char *), void *arg)
{
	struct reach	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	r->service = s;
	s->refs++;
	r->done = done;
	r->arg = arg;
	reach_client(&r->client, client);
	if (reach_begin(r) == 0)
		return (r);
	reach_free(r);
	return (NULL);
}

void
reach_free(struct reach *r)
{
	if (r == NULL)
		return;
	if (r->id != 0)
		LIST_REMOVE(r, entry);
	dial_free(r->dial);
	evtls_free(r->tls);
	service_unref(r->service);
	free(r);
}

static int
reach_begin(struct reach *r)
{
	const struct backend	*b = &r->service->backend;
	struct dial_config	 cfg;
	struct backend_ask	 ask;

	if (b->url.scheme == BACKEND_UNIX) {
		memset(&ask, 0, sizeof(ask));
		strlcpy(ask.name, b->name, sizeof(ask.name));
		if (++ids == 0)
			ids = 1;
		if (proc_send(proc_peer(PROC_PARENT, 0), IMSG_BACKEND_UNIX,
		    ids, -1, &ask, sizeof(ask)) == -1)
			return (-1);
		r->id = ids;
		LIST_INSERT_HEAD(&asking, r, entry);
		return (0);
	}
	memset(&cfg, 0, sizeof(cfg));
	cfg.base = proc_base();
	cfg.host = b->url.host;
	cfg.port = b->url.port;
	cfg.timeout_ms = CONNECT_TIMEOUT_MS;
	cfg.done = reach_dialled;
	cfg.arg = r;
	return ((r->dial = dial_new(&cfg)) == NULL ? -1 : 0);
}

/* "192.0.2.1:4711", "[2001:db8::1]:4711": as the relay says. */
static void
reach_client(struct sockaddr_storage *ss, const char *client)
{
	char	 host[ADDR_STRLEN], *port;

	memset(ss, 0, sizeof(*ss));
	if (strlcpy(host, client, sizeof(host)) >= sizeof(host) ||
	    (port = strrchr(host, ':')) == NULL)
		return;
	*port++ = '\0';
	if (addr_parse(host, port, ss) == -1)
		memset(ss, 0, sizeof(*ss));
}

static void
reach_end(struct reach *r, int fd, struct evtls *tls, uint16_t code,
    const char *text)
{
	void	(*done)(void *, int, struct evtls *, uint16_t, const char *);
	void	*arg = r->arg;

	done = r->done;
	if (tls != NULL)
		r->tls = NULL;
	done(arg, fd, tls, code, text);
	reach_free(r);
}

/* ---- connected ---- */

static void
reach_dialled(struct dial *d, void *arg, int fd, enum dial_error error,
    const char *text)
{
	struct reach	*r = arg;

	r->dial = NULL;
	if (fd != -1)
		reach_connected(r, fd);
	else
		reach_end(r, -1, NULL, proxy_code(error), text);
}

static struct reach *
reach_find(uint32_t id)
{
	struct reach	*r;

	LIST_FOREACH(r, &asking, entry) {
		if (r->id == id)
			break;
	}
	if (r != NULL) {
		LIST_REMOVE(r, entry);
		r->id = 0;
	}
	return (r);
}

int
reach_recv_connected(struct proc_peer *peer, struct imsg *imsg)
{
	struct reach	*r;
	int		 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if ((r = reach_find(imsg_get_id(imsg))) == NULL)
		close(fd);		/* given up in the meantime */
	else
		reach_connected(r, fd);
	return (0);
}

int
reach_recv_failed(struct proc_peer *peer, struct imsg *imsg)
{
	struct connect_failed	 f;
	struct reach		*r;

	if (imsg_get_data(imsg, &f, sizeof(f)) == -1 ||
	    f.code > UINT16_MAX ||
	    memchr(f.text, '\0', sizeof(f.text)) == NULL)
		return (-1);
	if ((r = reach_find(imsg_get_id(imsg))) != NULL)
		reach_end(r, -1, NULL, f.code, f.text);
	return (0);
}

static void
reach_connected(struct reach *r, int fd)
{
	struct service	*s = r->service;

	if (reach_announce(r, fd) == -1) {
		close(fd);
		reach_end(r, -1, NULL, MUX_CODE_REFUSED, strerror(errno));
		return;
	}
	if (s->backend.url.scheme != BACKEND_HTTPS) {
		reach_end(r, fd, NULL, 0, NULL);
		return;
	}
	if (s->trust == NULL) {
		close(fd);
		reach_end(r, -1, NULL, MUX_CODE_INTERNAL,
		    "nothing to verify the backend with");
		return;
	}
	if ((r->tls = evtls_connect(proc_base(), fd, s->trust, s->sni,
	    &reach_ops, r)) == NULL) {
		reach_end(r, -1, NULL, MUX_CODE_INTERNAL, "no memory");
		return;
	}
	evtls_deadline(r->tls, CONNECT_TIMEOUT_MS);
}

/*
 * Who visits, in front of everything.  The relay does not say which address
 * they meant; that of the backend is as good.  A new socket has room for it.
 */
static int
reach_announce(struct reach *r, int fd)
{
	const struct backend	*b = &r->service->backend;
	struct sockaddr_storage	 dst;
	socklen_t		 len = sizeof(dst);
	uint8_t			 buf[PROXYPROTO_BUILD_MAX];
	size_t			 n;

	if (b->announce == 0)
		return (0);
	memset(&dst, 0, sizeof(dst));
	if (b->url.scheme == BACKEND_UNIX || getpeername(fd,
	    (struct sockaddr *)&dst, &len) == -1) {
		memset(&dst, 0, sizeof(dst));
		dst.ss_family = r->client.ss_family;
	}
	n = proxyproto_build(buf, b->announce, 0, &r->client, &dst);
	if (send(fd, buf, n, MSG_NOSIGNAL) != (ssize_t)n) {
		errno = ECONNRESET;
		return (-1);
	}
	return (0);
}

/* ---- TLS ---- */

static void
reach_ready(struct evtls *c, void *arg)
{
	evtls_deadline(c, 0);
	reach_end(arg, -1, c, 0, NULL);
}

static size_t
reach_input(struct evtls *c, void *arg, uint8_t *buf, size_t len)
{
	return (0);
}

static size_t
reach_output(struct evtls *c, void *arg, uint8_t *buf, size_t size)
{
	return (0);
}

static void
reach_closed(struct evtls *c, void *arg, enum evtls_why why, const char *said)
{
	struct reach	*r = arg;
	const char	*advice = "";
	char		 text[MUX_TEXT_MAX + 1], url[BACKEND_URL_MAX];

	if (strstr(said, "unknown CA") != NULL)
		advice = "; agentd.conf: ca or pin says whom to trust, no "
		    "verify trusts anybody";
	else if (strstr(said, "another name") != NULL)
		advice = "; agentd.conf: host rewrite says which name it has";
	backend_url_format(&r->service->backend.url, url);
	/* A long name is cut, rather than what is behind it. */
	snprintf(text, sizeof(text), "%.60s: %.120s", url, said);
	strlcat(text, advice, sizeof(text));
	reach_end(r, -1, NULL, why == EVTLS_TIMEOUT ? MUX_CODE_TIMEOUT :
	    MUX_CODE_REFUSED, text);
}
