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

#include "compat.h"

#include <sys/socket.h>

#include <event2/event.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_fake.h"
#include "http_gate.h"
#include "http_site.h"
#include "listener.h"

struct fake		 fake;
static struct site	 site;
const struct site	*fake_site = &site;

static struct mux_budget	 relay_budget, node_budget;
static struct stream_owner	 owner;
static struct event_base	*base;
static LIST_HEAD(, site_use)	 uses;
static struct route		 route;
static char			 seen[FAKE_STREAMS][FAKE_SEEN];

static void	must(int);

static void
must(int ok)
{
	if (!ok)
		abort();
}

/* ---- what a listener has ---- */

uint64_t
listener_ms(void)
{
	return (fake.now);
}

struct event_base *
proc_base(void)
{
	return (base);
}

const char *
stream_why(uint32_t code)
{
	return (mux_code_name(code));
}

int
route_find(struct stream_owner *o, const char *node, const struct route **r,
    uint32_t *code)
{
	*r = &route;
	*code = fake.code;
	return (fake.wait ? 1 : fake.code != 0 ? -1 : 0);
}

struct link *
route_link(const struct route *r, uint64_t *ticket)
{
	return (fake.relay == NULL ? NULL : (struct link *)(void *)&fake);
}

struct mux *
link_mux(struct link *l)
{
	return (fake.relay);
}

void
record_new(struct stream_record *r, struct stream_owner *o,
    const struct stream_record_ops *ops)
{
	r->ops = ops;
	r->owner = o;
	TAILQ_INSERT_TAIL(&o->streams, r, entry);
}

void
record_up(struct stream_record *r)
{
	r->told = 1;
}

void
record_down(struct stream_record *r, uint16_t code, const char *text)
{
	uint64_t	 in, out;

	r->ops->bytes(r, &in, &out);
	must(r->told == 1);
	r->told = 2;
}

void
record_end(struct stream_record *r)
{
	must(r->told != 1);
	TAILQ_REMOVE(&r->owner->streams, r, entry);
}

int
record_limit(struct stream_record *r, const struct route *rt,
    const char **why)
{
	return (0);
}

struct meter_flow *
record_flow(const struct stream_record *r, int way)
{
	return (NULL);
}

int
grant_use(const char *id, const struct mux_open *open, int relayed,
    void (*end)(void *, uint16_t, const char *), void *arg,
    struct grant_use **use, const char **why)
{
	*use = NULL;
	return (0);
}

void
grant_release(struct grant_use *u)
{
}

void
site_use(const struct site *s, struct site_use *u,
    void (*end)(struct site_use *, const char *))
{
	u->on = (struct site_entry *)(void *)&site;
	u->end = end;
	LIST_INSERT_HEAD(&uses, u, entry);
}

void
site_release(struct site_use *u)
{
	if (u->on == NULL)
		return;
	LIST_REMOVE(u, entry);
	u->on = NULL;
}

const struct site *
site_used(const struct site_use *u)
{
	return (u->on == NULL ? NULL : &site);
}

struct stream_owner *
site_owner(const struct site_use *u)
{
	return (&owner);
}

int
site_ready(const struct site_use *u)
{
	return (1);
}

void
site_refresh(const struct site_use *u)
{
}

void
fake_site_ends(void)
{
	struct site_use	*u;

	while ((u = LIST_FIRST(&uses)) != NULL) {
		site_release(u);
		u->end(u, "the site has changed");
	}
}

struct visitor *
visitor_ref(struct visitor *v)
{
	return (v);
}

void
visitor_unref(struct visitor *v)
{
}

struct stream_owner *
visitor_owner(struct visitor *v)
{
	return (&owner);
}

const char *
visitor_email(const struct visitor *v)
{
	return ("you@example.org");
}

/* ---- the node ---- */

static size_t	node_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	node_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static void	node_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	node_done(struct mux_stream *, void *);

static const struct mux_stream_ops node_ops = {
	.input = node_input, .pull = node_pull, .reset = node_reset,
	.done = node_done
};

static const struct fake_script *
script_of(const struct fake_stream *f)
{
	return (&fake.script[f - fake.stream]);
}

/* What it may say now: how much, and *p; -1: nothing more ever. */
static ssize_t
node_has(struct fake_stream *f, const char **p)
{
	const struct fake_script *sc = script_of(f);
	const struct fake_step	 *st;
	size_t			  len;

	for (; f->step < FAKE_STEPS; f->step++) {
		st = &sc->step[f->step];
		if (st->say == NULL)
			break;
		if (st->after != NULL && memmem(f->seen, f->seenlen,
		    st->after, strlen(st->after)) == NULL)
			return (0);
		len = st->len > 0 ? st->len : strlen(st->say);
		if (f->off < len) {
			*p = st->say + f->off;
			return ((ssize_t)(len - f->off));
		}
		f->off = 0;
	}
	return (-1);
}

static size_t
node_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	struct fake_stream	*f = arg;

	if (len == 0) {
		f->fin = 1;
		return (0);
	}
	if (script_of(f)->mute)
		return (0);
	must(f->seenlen + len <= FAKE_SEEN);
	memcpy(f->seen + f->seenlen, buf, len);
	f->seenlen += len;
	mux_ready(s);
	return (len);
}

static size_t
node_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct fake_stream		*f = arg;
	const struct fake_script	*sc = script_of(f);
	const char			*p;
	ssize_t				 n;
	size_t				 len;

	if (fake.cut > 0 && cap > fake.cut)
		cap = fake.cut;
	if (f->prologueoff < sc->prologuelen) {
		len = sc->prologuelen - f->prologueoff;
		if (len > cap)
			len = cap;
		memcpy(buf, sc->prologue + f->prologueoff, len);
		f->prologueoff += len;
		*more = MUX_MORE;
		return (len);
	}
	if ((n = node_has(f, &p)) > 0) {
		if ((size_t)n > cap)
			n = (ssize_t)cap;
		memcpy(buf, p, n);
		f->off += n;
		*more = MUX_MORE;
		return ((size_t)n);
	}
	if (n == -1 && sc->reset != 0) {
		mux_reset(s, sc->reset, "scripted");
		f->s = NULL;
	} else if (n == -1 && sc->fin)
		*more = MUX_LAST;
	return (0);
}

static void
node_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	struct fake_stream	*f = arg;

	f->s = NULL;
	f->reset = 1;
}

static void
node_done(struct mux_stream *s, void *arg)
{
	struct fake_stream	*f = arg;

	f->s = NULL;
}

static void
node_open(struct mux *m, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct fake_script	*sc;
	struct fake_stream	*f;

	must(fake.nstreams < FAKE_STREAMS);
	sc = &fake.script[fake.nstreams];
	f = &fake.stream[fake.nstreams++];
	f->open = *open;
	if (sc->refuse != 0) {
		mux_reset(s, sc->refuse, "refused, by the script");
		return;
	}
	if (sc->prologue == NULL) {
		sc->prologue = "\1\0";
		sc->prologuelen = 2;
	}
	f->seen = seen[f - fake.stream];
	f->s = s;
	mux_stream_own(s, &node_ops, f);
	mux_accept(s);
	mux_ready(s);
}

/* ---- between them ---- */

static void
want_output(struct mux *m, void *arg)
{
}

static const struct mux_ops relay_mux_ops = { .want_output = want_output };
static const struct mux_ops node_mux_ops = {
	.open = node_open, .want_output = want_output
};

/* Frames from one to the other: 1, or 0: there are none, or no link now. */
static int
pass(struct mux *from, struct mux *to)
{
	static uint8_t	 buf[MUX_FRAME_MAX];
	size_t		 n;

	if ((n = mux_output(from, buf, sizeof(buf), 0)) == 0)
		return (0);
	if (mux_input(to, buf, n, 0) != 0) {
		must(fake.may_end);
		fake_teardown();
		return (0);
	}
	mux_input_end(to);
	return (1);
}

void
fake_pump(void)
{
	int	 moved;

	do {
		/* Who has no link any more has nothing to pass. */
		moved = fake.relay != NULL && pass(fake.relay, fake.node);
		if (fake.relay == NULL || !pass(fake.node, fake.relay))
			continue;
		moved = 1;
		if (fake.frames > 0 && --fake.frames == 0)
			break;
	} while (moved);
}

void
fake_setup(void)
{
	struct mux_config	 cfg;
	struct mux_hello	 hello;
	size_t			 cut = fake.cut;

	memset(&fake, 0, sizeof(fake));
	fake.cut = cut;
	fake.now = 1000000;
	if (base == NULL)
		must((base = event_base_new()) != NULL);
	strlcpy(site.host, "pi.example.org", sizeof(site.host));
	strlcpy(site.node, "pi", sizeof(site.node));
	site.access = SITE_PUBLIC;
	site.online = 1;
	TAILQ_INIT(&owner.streams);
	LIST_INIT(&uses);
	SLIST_INIT(&owner.routes);
	owner.session = 1;
	memset(&cfg, 0, sizeof(cfg));
	cfg.ops = &relay_mux_ops;
	cfg.streams_max = 16;
	cfg.link_budget = 64 << 20;
	cfg.budget = &relay_budget;
	relay_budget.limit = node_budget.limit = 64 << 20;
	must((fake.relay = mux_new(&cfg)) != NULL);
	cfg.ops = &node_mux_ops;
	cfg.dialer = 1;
	cfg.budget = &node_budget;
	must((fake.node = mux_new(&cfg)) != NULL);
	memset(&hello, 0, sizeof(hello));
	hello.credit = MUX_CREDIT_EARLY;
	must(mux_send_hello(fake.relay, &hello) == 0);
	must(mux_send_hello(fake.node, &hello) == 0);
	fake_pump();
}

void
fake_teardown(void)
{
	mux_free(fake.relay, "the end");
	mux_free(fake.node, "the end");
	fake.relay = fake.node = NULL;
}

int
fake_clean(void)
{
	return (TAILQ_EMPTY(&owner.streams) && LIST_EMPTY(&uses) &&
	    relay_budget.used == 0);
}

void
fake_routed(void)
{
	fake.wait = 0;
	http_backend_routed(&owner, "pi", fake.code == 0 ? &route : NULL,
	    fake.code);
}
