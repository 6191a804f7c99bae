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
 * Backends.  Where they are is for the configuration to say: the relay names
 * a service, and nothing else of what it says counts.  So rules, which are
 * about targets that a relay asks for, are not looked at.
 */

#include "compat.h"

#include <sys/tree.h>

#include <imsg.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "link.h"
#include "log.h"
#include "log_limit.h"
#include "proxy.h"

#define CA_MAX	(1024 * 1024)

/* A stream whose backend is not connected yet. */
struct visit {
	RB_ENTRY(visit)	 by_id;
	uint32_t	 id;
	struct service	*service;
	struct reach	*reach;
};

static int
visit_cmp(struct visit *a, struct visit *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

static RB_HEAD(visit_tree, visit) visits = RB_INITIALIZER(&visits);
RB_GENERATE_STATIC(visit_tree, visit, by_id, visit_cmp)

static struct service	*services[BACKENDS_MAX], *next[BACKENDS_MAX];
static size_t		 nservices, nnext;
static uint32_t		 nvisits;
static int		 serving;
static struct log_limit	 failed = { .burst = 50, .ms = 10000 };

static int	service_trust(struct service *);
static struct service *service_find(uint32_t, const char *);
static void	visit_free(struct visit *);
static void	visit_done(void *, int, struct evtls *, uint16_t,
		    const char *);
static int	visit_hand(struct visit *, int, int);

/* ---- configuration ---- */

void
backends_begin(void)
{
	while (nnext > 0)
		service_unref(next[--nnext]);
}

int
backends_recv(struct proc_peer *peer, struct imsg *imsg)
{
	struct service	*s;

	if (nnext == BACKENDS_MAX)
		return (-1);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal("backend");
	s->refs = 1;
	if (imsg_get_data(imsg, &s->backend, sizeof(s->backend)) == -1 ||
	    backend_check(&s->backend) == -1) {
		free(s);
		return (-1);
	}
	next[nnext++] = s;
	return (0);
}

int
backends_recv_ca(struct proc_peer *peer, struct imsg *imsg)
{
	static struct conf_chunk	 c;
	struct service			*s;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 || c.total == 0 ||
	    c.total > CA_MAX || c.len == 0 || c.len > sizeof(c.data) ||
	    nnext == 0)
		return (-1);
	s = next[nnext - 1];
	if (s->ca == NULL && (s->ca = calloc(1, c.total + 1)) == NULL)
		fatal("ca");
	if (s->ca_len + c.len > c.total)
		return (-1);
	memcpy(s->ca + s->ca_len, c.data, c.len);
	s->ca_len += c.len;
	return (0);
}

/* Whom to believe, and the name to ask for; the text is not kept. */
static int
service_trust(struct service *s)
{
	const struct backend	*b = &s->backend;
	struct http_str		 text = { b->rewrite, strlen(b->rewrite) };
	uint16_t		 port;
	char			 err[256] = "TLS can't be set up";
	char			 title[BACKEND_TITLE_MAX];

	if (b->url.scheme != BACKEND_HTTPS)
		return (0);
	strlcpy(s->sni, b->url.host, sizeof(s->sni));
	if (text.len > 0 && http_hostport(&text, s->sni, &port) == -1)
		return (-1);
	if (evtls_init() == 0)
		s->trust = b->unverified ? evtls_client_any(err, sizeof(err)) :
		    evtls_client_new(s->ca, b->has_pin ? b->pin : NULL, err,
		    sizeof(err));
	if (s->trust == NULL)
		log_warnx("%s: %s", backend_title(b, title), err);
	else if (s->ca != NULL && !b->unverified)
		(void)evtls_client_share(s->trust, s->ca);
	free(s->ca);
	s->ca = NULL;
	return (0);
}

int
backends_end(void)
{
	struct service	*old;
	size_t		 i;

	for (i = 0; i < nnext; i++) {
		if (service_trust(next[i]) == -1)
			return (-1);
		old = service_find(next[i]->backend.kind,
		    next[i]->backend.name);
		if (serving)
			health_start(next[i], old);
	}
	while (nservices > 0) {
		old = services[--nservices];
		health_stop(old);
		service_unref(old);
	}
	memcpy(services, next, nnext * sizeof(next[0]));
	nservices = nnext;
	nnext = 0;
	if (serving)
		backends_tunnel_up();
	return (0);
}

void
backends_serve(void)
{
	size_t	 i;

	serving = 1;
	for (i = 0; i < nservices; i++)
		health_start(services[i], NULL);
	backends_tunnel_up();
}

void
service_unref(struct service *s)
{
	if (--s->refs > 0)
		return;
	evtls_client_free(s->trust);
	free(s->ca);
	free(s);
}

static struct service *
service_find(uint32_t kind, const char *name)
{
	size_t	 i;

	for (i = 0; i < nservices; i++) {
		if (services[i]->backend.kind == kind &&
		    strcmp(services[i]->backend.name, name) == 0)
			return (services[i]);
	}
	return (NULL);
}

/* ---- for agentd status ---- */

static void
service_send(size_t i)
{
	struct backend_state	 st;
	const struct backend	*b;
	char			 url[BACKEND_URL_MAX];

	memset(&st, 0, sizeof(st));
	st.index = i;
	st.count = nservices;
	if (i < nservices) {
		b = &services[i]->backend;
		st.shown.kind = b->kind;
		strlcpy(st.shown.name, b->name, sizeof(st.shown.name));
		strlcpy(st.shown.url, backend_url_format(&b->url, url),
		    sizeof(st.shown.url));
		strlcpy(st.shown.health, b->health, sizeof(st.shown.health));
		health_fill(services[i], &st.shown);
	}
	(void)proc_send(proc_peer(PROC_TUNNEL, 0), IMSG_BACKEND, 0, -1, &st,
	    sizeof(st));
}

void
service_show(const struct service *s)
{
	size_t	 i;

	for (i = 0; i < nservices; i++) {
		if (services[i] == s)
			service_send(i);
	}
}

void
backends_tunnel_up(void)
{
	size_t	 i = 0;

	if (!serving || proc_peer(PROC_TUNNEL, 0) == NULL)
		return;
	do {
		service_send(i);
	} while (++i < nservices);
}

void
backends_tunnel_down(void)
{
	struct visit	*v, *tmp;

	RB_FOREACH_SAFE(v, visit_tree, &visits, tmp)
		visit_free(v);
	bridges_down();
}

/* ---- streams ---- */

void
visit_new(uint32_t id, const struct connect_target *c)
{
	struct service	*s;
	struct visit	*v;
	const char	*why;
	char		 text[MUX_TEXT_MAX + 1];

	if ((s = service_find(c->kind, c->host)) == NULL) {
		proxy_fail(id, MUX_CODE_NO_SERVICE, c->host[0] == '\0' ?
		    "this device has no http backend" :
		    "this device has no service of this name");
		return;
	}
	if ((why = health_down(s)) != NULL) {
		snprintf(text, sizeof(text), "backend down: %s", why);
		proxy_fail(id, MUX_CODE_REFUSED, text);
		return;
	}
	if (nvisits >= CONNECTS_MAX || (v = calloc(1, sizeof(*v))) == NULL) {
		proxy_fail(id, MUX_CODE_LIMIT,
		    "too many connections are being made");
		return;
	}
	v->id = id;
	if (RB_INSERT(visit_tree, &visits, v) != NULL) {
		free(v);
		return;
	}
	nvisits++;
	v->service = s;
	s->refs++;
	if ((v->reach = reach_new(s, c->client, visit_done, v)) == NULL) {
		proxy_fail(id, MUX_CODE_INTERNAL, "no memory");
		visit_free(v);
	}
}

static void
visit_free(struct visit *v)
{
	RB_REMOVE(visit_tree, &visits, v);
	nvisits--;
	reach_free(v->reach);
	service_unref(v->service);
	free(v);
}

int
visit_cancel(uint32_t id)
{
	struct visit	 key, *v;

	key.id = id;
	if ((v = RB_FIND(visit_tree, &visits, &key)) == NULL)
		return (0);
	visit_free(v);
	return (1);
}

static void
visit_done(void *arg, int fd, struct evtls *tls, uint16_t code,
    const char *text)
{
	struct visit	*v = arg;
	char		 title[BACKEND_TITLE_MAX];

	v->reach = NULL;
	if (tls != NULL && (fd = bridge_new(v->id, tls)) == -1) {
		code = MUX_CODE_LIMIT;
		text = "no memory or descriptors";
	}
	if (fd == -1) {
		if (log_limit_may(&failed, clock_us() / 1000, NULL))
			log_info("%s: not connected: %s",
			    backend_title(&v->service->backend, title), text);
		proxy_fail(v->id, code, text);
	} else if (visit_hand(v, fd, tls != NULL) == -1)
		(void)bridge_cancel(v->id);
	visit_free(v);
}

/* The socket to tunnel, and what it is to say first. */
static int
visit_hand(struct visit *v, int fd, int bridge)
{
	const struct backend	*b = &v->service->backend;
	struct http_prologue	 p;
	struct connected	 done;
	ssize_t			 n = 0;

	memset(&done, 0, sizeof(done));
	done.bridge = bridge;
	if (b->kind == MUX_KIND_HTTP) {
		memset(&p, 0, sizeof(p));
		p.announced = b->announce != 0;
		strlcpy(p.host, b->rewrite, sizeof(p.host));
		n = http_prologue_put(done.prologue, sizeof(done.prologue),
		    &p);
	}
	if (n == -1) {
		close(fd);
		proxy_fail(v->id, MUX_CODE_INTERNAL, "no prologue");
		return (-1);
	}
	done.prologue_len = n;
	return (proc_send(proc_peer(PROC_TUNNEL, 0), IMSG_CONNECTED, v->id,
	    fd, &done, sizeof(done)));
}
