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

#include <sys/types.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "login_relay.h"
#include "relay_url.h"

struct login_try		 t;
static struct mux_budget	 budget = { .limit = 1 << 26 };

static void
on_up(struct link *l, void *arg, const struct mux_hello *h)
{
	t.up++;
}

static void
on_down(struct link *l, void *arg, int code, const char *text)
{
	t.down++;
	link_free(l);
	t.link = NULL;
}

static const struct link_ops link_ops = { on_up, NULL, NULL, on_down };

static void
on_sign(struct link_client *lc, void *arg, const struct token_challenge *c)
{
	t.signs++;
	t.challenge = *c;
	assert_int_equal(token_sign(&t.token, c, t.sig), 0);
	switch (t.signing) {
	case SIGN_AT_ONCE:
		link_client_signed(lc, t.sig);
		break;
	case SIGN_LATER:
		break;
	case SIGN_NOT:
		link_client_signed(lc, NULL);
		break;
	case SIGN_FREE:
		link_client_free(lc);
		t.lc = NULL;
		break;
	}
}

static void
on_done(struct link_client *lc, void *arg, struct link *link)
{
	t.done++;
	t.link = link;
	t.lc = NULL;
}

static void
on_fail(struct link_client *lc, void *arg, enum link_fail fail, int retry,
    const char *text)
{
	t.fails++;
	t.fail = fail;
	t.retry = retry;
	strlcpy(t.text, text, sizeof(t.text));
	t.lc = NULL;
}

static const struct link_client_ops client_ops = {
	on_sign, on_done, on_fail
};

static void
begin_any(const char *path, const char *node, struct evtls_client *tls,
    unsigned int timeout)
{
	struct mux_hello		 hello = { .credit = 1000 };
	struct relay_url		 url;
	struct link_client_config	 cfg;
	const char			*errstr;
	int				 fd[2];

	signal(SIGPIPE, SIG_IGN);
	memset(&t, 0, sizeof(t));
	t.base = event_base_new();
	token_make(&t.token);
	assert_int_equal(relay_url_parse("ws://Relay.Example.:8000", &url,
	    &errstr), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	t.fd = fd[0];
	memset(&cfg, 0, sizeof(cfg));
	cfg.base = t.base;
	cfg.fd = fd[1];
	cfg.url = &url;
	cfg.tls = tls;
	cfg.path = path;
	cfg.node = node;
	cfg.token_id = t.token.id;
	cfg.user_agent = "test/1";
	cfg.timeout_ms = timeout;
	cfg.ops = &client_ops;
	cfg.link.base = t.base;
	cfg.link.ops = &link_ops;
	cfg.link.streams_max = 10;
	cfg.link.budget = 1 << 20;
	cfg.link.process_budget = &budget;
	cfg.link.hello = &hello;
	t.lc = link_client_new(&cfg);
}

void
begin_tls(const char *path, const char *node, struct evtls_client *tls,
    unsigned int timeout)
{
	begin_any(path, node, tls, timeout);
	assert_non_null(t.lc);
}

/* There may be no memory for it. */
void
begin_or_not(void)
{
	begin_any(LINK_PATH_NODE, "porch", NULL, 5000);
}

void
begin(void)
{
	begin_tls(LINK_PATH_NODE, "porch", NULL, 5000);
}

void
end(void)
{
	link_client_free(t.lc);
	link_free(t.link);
	if (t.fd != -1)
		close(t.fd);
	event_base_free(t.base);
	assert_int_equal(budget.used, 0);
}

void
passes(int n)
{
	while (n-- > 0)
		event_base_loop(t.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void
wait_for(const int *what)
{
	int	 i;

	for (i = 0; i < 2000 && *what == 0; i++) {
		passes(2);
		if (i > 50)
			usleep(1000);
	}
}

/* The next request's head, in t.in; empty if there will be none. */
void
request_or_not(void)
{
	ssize_t	 n;
	int	 i;

	t.inlen = 0;
	for (i = 0; i < 1000 && t.fails == 0; i++) {
		passes(2);
		n = read(t.fd, t.in + t.inlen, sizeof(t.in) - 1 - t.inlen);
		if (n > 0)
			t.inlen += n;
		t.in[t.inlen] = '\0';
		if (strstr(t.in, "\r\n\r\n") != NULL)
			return;
	}
	t.inlen = 0;
}

void
request(void)
{
	request_or_not();
	if (t.inlen == 0)
		fail_msg("no request");
}

void
field(const char *name, char *value, size_t size)
{
	char	*p, want[64];

	snprintf(want, sizeof(want), "\r\n%s: ", name);
	p = strstr(t.in, want);
	assert_non_null(p);
	p += strlen(want);
	assert_true(strcspn(p, "\r") < size);
	strlcpy(value, p, strcspn(p, "\r") + 1);
}

/* Send an answer, with ACCEPT filled in, in pieces of so many bytes. */
void
answer(const char *text, size_t len, size_t piece)
{
	char	 buf[8192], key[64], accept[WS_ACCEPT_LEN + 1], *p;
	size_t	 n, off;

	memcpy(buf, text, len);
	buf[len] = '\0';
	if ((p = strstr(buf, "ACCEPT")) != NULL) {
		field("Sec-WebSocket-Key", key, sizeof(key));
		ws_accept(key, accept);
		memmove(p + WS_ACCEPT_LEN, p + 6, len - (p + 6 - buf));
		memcpy(p, accept, WS_ACCEPT_LEN);
		len += WS_ACCEPT_LEN - 6;
	}
	for (off = 0; off < len; off += n) {
		n = len - off < piece ? len - off : piece;
		/* It may have left in the middle. */
		if (write(t.fd, buf + off, n) == -1)
			break;
		passes(3);
	}
}

void
say(const char *text)
{
	answer(text, strlen(text), 8192);
}

/* The relay's first frame, as it comes right behind the 101. */
size_t
hello_frame(uint8_t *buf)
{
	struct mux_hello	 hello = { .version = MUX_VERSION };
	uint8_t			 frame[512];
	ssize_t			 n;
	size_t			 h;

	mux_head_put(frame, MUX_CONTROL, 0, 0);
	n = mux_hello_put(frame + MUX_HEAD_LEN, sizeof(frame) - MUX_HEAD_LEN,
	    &hello);
	h = ws_head(buf, WS_BINARY, MUX_HEAD_LEN + n, NULL);
	memcpy(buf + h, frame, MUX_HEAD_LEN + n);
	return (h + MUX_HEAD_LEN + n);
}
