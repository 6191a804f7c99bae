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

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_fake.h"
#include "exchange_run.h"

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
on_readable(void *arg)
{
	struct fake_run	*r = arg;

	r->readable = 1;
}

static void
on_writable(void *arg)
{
	struct fake_run	*r = arg;

	r->writable = 1;
}

static const struct exchange_ops ops = { on_readable, on_writable };

static void
say(struct fake_run *r, const char *s, size_t len)
{
	if (len > sizeof(r->said) - 1 - r->saidlen)
		len = sizeof(r->said) - 1 - r->saidlen;
	if (len > 0)
		memcpy(r->said + r->saidlen, s, len);
	r->saidlen += len;
	r->said[r->saidlen] = '\0';
}

static void
say_head(struct fake_run *r, const struct exchange_event *ev)
{
	static const char *const kinds[] = { "none", "length", "chunked",
	    "close" };
	char			 text[64];

	snprintf(text, sizeof(text), "%d %s: ", ev->head->status,
	    kinds[ev->framing.kind]);
	say(r, text, strlen(text));
}

void
fake_read(struct fake_run *r)
{
	struct exchange_event	 ev;
	char			 text[64];

	r->readable = 0;
	while (!r->over) {
		exchange_read(r->ex, r->max, &ev);
		switch (ev.what) {
		case EXCHANGE_NONE:
			return;
		case EXCHANGE_HEAD:
			say_head(r, &ev);
			break;
		case EXCHANGE_DATA:
			must(ev.data.len > 0 && ev.data.len <= r->max);
			say(r, ev.data.s, ev.data.len);
			break;
		case EXCHANGE_TRAILER:
			say(r, " T ", 3);
			say(r, ev.field.name.s, ev.field.name.len);
			say(r, "=", 1);
			say(r, ev.field.value.s, ev.field.value.len);
			break;
		case EXCHANGE_END:
			say(r, " END", 4);
			r->over = 1;
			break;
		case EXCHANGE_ERROR:
			snprintf(text, sizeof(text), "!%d %s", ev.status,
			    ev.word);
			say(r, text, strlen(text));
			r->over = 1;
			break;
		}
	}
}

int
fake_begin(struct fake_run *r, const char *text, size_t len,
    struct http_backend **backend)
{
	static struct http_head		 head;
	static struct sockaddr_storage	 client;
	const struct http_set		 forwarded[] = {
		{ "Forwarded", "for=192.0.2.1", HTTP_SET_REPLACE },
		{ "Remote-User", NULL, HTTP_SET_REPLACE }
	};
	struct exchange_config		 cfg;
	struct http_framing		 framing;
	ssize_t				 n;
	int				 status;

	memset(r, 0, sizeof(*r));
	r->max = 65536;
	n = http_parse_request_in(text, len, &http_request_limits, &head,
	    &status);
	if (n <= 0 || http_request_framing(&head, &framing, &status) == -1)
		return (-1);
	r->rest = text + n;
	r->left = len - n;
	http_body_init(&r->body, &framing, HTTP_REQUEST, UINT64_MAX);
	client.ss_family = AF_INET;
	memset(&cfg, 0, sizeof(cfg));
	cfg.site = fake_site;
	cfg.client = &client;
	cfg.request_id = "1";
	cfg.backend = *backend;
	cfg.head = &head;
	cfg.framing = &framing;
	cfg.forwarded = forwarded;
	cfg.nforwarded = nitems(forwarded);
	cfg.ops = &ops;
	cfg.arg = r;
	*backend = NULL;
	return ((r->ex = exchange_new(&cfg, &status)) == NULL ? -1 : 0);
}

void
fake_body(struct fake_run *r, size_t max)
{
	struct http_body_event	 ev;
	size_t			 len = r->left < max ? r->left : max, n;
	size_t			 room = exchange_room(r->ex);

	if (len > room)
		len = room;
	while (!r->came) {
		n = http_body_read(&r->body, r->rest, len, &ev);
		r->rest += n;
		r->left -= n;
		len -= n;
		if (ev.what == HTTP_BODY_DATA)
			must(exchange_write(r->ex, ev.data.s, ev.data.len) ==
			    ev.data.len);
		else if (ev.what == HTTP_BODY_TRAILER)
			exchange_trailer(r->ex, &ev.field);
		else if (ev.what == HTTP_BODY_END) {
			r->came = 1;
			exchange_end(r->ex);
		} else if (ev.what == HTTP_BODY_ERROR || n == 0)
			break;
	}
	fake_pump();
}

struct http_backend *
fake_end(struct fake_run *r)
{
	struct http_backend	*b;
	size_t			 before, step = 1;

	fake_pump();
	do {
		before = r->left;
		fake_body(r, fake.cut > 0 ? fake.cut * step : SIZE_MAX);
		/* Where a line is wanted whole. */
		step = r->left == before ? step + 1 : 1;
		fake_read(r);
		fake_pump();
	} while (!r->over && !r->came && r->left > 0 && step < 10000);
	fake_read(r);
	fake_pump();
	fake_read(r);
	b = r->over ? exchange_keep(r->ex) : NULL;
	if (!r->over)
		exchange_free(r->ex);
	r->ex = NULL;
	fake_pump();
	return (b);
}
