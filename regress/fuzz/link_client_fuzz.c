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
 * What a relay, or whoever answers in its place, may send: answers to the
 * log-in, and then frames.  "%A" stands for what answers the key, "%N" is
 * where the next piece begins.
 */

/* link: lib/link_client.c lib/link.c lib/link_wire.c lib/token.c
 * lib/relay_url.c lib/http.c lib/http_field.c lib/http_host.c lib/ws.c
 * lib/base64.c lib/evtls.c lib/evtls_input.c lib/evtls_output.c
 * lib/evtls_buf.c lib/evtls_tls.c lib/evtls_libtls.c
 * lib/evtls_libtls_key.c lib/tls_guard.c lib/tls_record.c lib/aead.c
 * lib/aead_mb.c lib/evtls_record.c lib/mux.c lib/mux_frame.c
 * lib/mux_output.c lib/mux_queue.c lib/meter.c lib/mux_dgram.c
 * lib/mux_credit.c lib/mux_input.c lib/mux_stream.c lib/mux_table.c
 * lib/clock.c */
/* libs: libevent libtls libssl libcrypto ipsec_mb */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <event2/event.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtls.h"
#include "fuzz.h"
#include "link_client.h"
#include "relay_url.h"

static struct link_client	*client;
static struct link		*link_up;
static struct mux_budget	 budget = { .limit = 1 << 24 };

static void
on_open(struct link *l, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	mux_reset(s, MUX_CODE_DENIED, "no");
}

static void
on_down(struct link *l, void *arg, int code, const char *text)
{
	link_free(l);
	link_up = NULL;
}

static const struct link_ops link_ops = { NULL, on_open, NULL, on_down };

static void
on_sign(struct link_client *lc, void *arg, const struct token_challenge *c)
{
	uint8_t	 sig[TOKEN_SIG_LEN] = { 0 };

	link_client_signed(lc, sig);
}

static void
on_done(struct link_client *lc, void *arg, struct link *l)
{
	client = NULL;
	link_up = l;
}

static void
on_fail(struct link_client *lc, void *arg, enum link_fail fail, int retry,
    const char *text)
{
	if (text[0] == '\0' || retry < 0 || retry > 3600)
		abort();
	client = NULL;
}

static const struct link_client_ops client_ops = {
	on_sign, on_done, on_fail
};

static void
begin(struct event_base *base, int fd)
{
	struct relay_url		 url = { .host = "relay", .port = 80 };
	struct mux_hello		 hello = { .credit = 1000 };
	struct link_client_config	 cfg;

	memset(&cfg, 0, sizeof(cfg));
	cfg.base = base;
	cfg.fd = fd;
	cfg.url = &url;
	cfg.path = LINK_PATH_NODE;
	cfg.node = "porch";
	cfg.token_id = "abcdefghijkl";
	cfg.user_agent = "fuzz";
	cfg.timeout_ms = 5000;
	cfg.ops = &client_ops;
	cfg.link.base = base;
	cfg.link.ops = &link_ops;
	cfg.link.streams_max = 10;
	cfg.link.budget = 1 << 20;
	cfg.link.process_budget = &budget;
	cfg.link.hello = &hello;
	if ((client = link_client_new(&cfg)) == NULL)
		abort();
}

static void
passes(struct event_base *base, int fd, char *in, size_t size)
{
	ssize_t	 n;
	int	 i;

	for (i = 0; i < 4; i++)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	if ((n = read(fd, in, size - 1)) > 0)
		in[n] = '\0';
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_base	*base;
	static char			 in[1 << 18];
	char				 accept[WS_ACCEPT_LEN + 1], *key;
	size_t				 off, n;
	int				 fd[2];

	if (base == NULL && (evtls_init() == -1 ||
	    (base = event_base_new()) == NULL))
		abort();
	signal(SIGPIPE, SIG_IGN);
	if (size > 32768 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK,
	    0, fd) == -1)
		return (0);
	begin(base, fd[1]);
	in[0] = '\0';
	passes(base, fd[0], in, sizeof(in));
	for (off = 0; off < size; off += n) {
		key = strstr(in, "Sec-WebSocket-Key: ");
		if (off + 1 < size && data[off] == '%' &&
		    data[off + 1] == 'A' && key != NULL) {
			ws_accept(key + 19, accept);
			n = write(fd[0], accept, WS_ACCEPT_LEN) ==
			    WS_ACCEPT_LEN ? 2 : size;
			continue;
		}
		if (off + 1 < size && data[off] == '%' &&
		    data[off + 1] == 'N') {
			n = 2;
			continue;
		}
		/* Up to the next "%", so that requests come between. */
		for (n = 1; off + n < size && data[off + n] != '%'; n++)
			;
		if (write(fd[0], data + off, n) != (ssize_t)n)
			break;
		passes(base, fd[0], in, sizeof(in));
	}
	close(fd[0]);
	for (n = 0; n < 10; n++)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	link_client_free(client);
	link_free(link_up);
	client = NULL;
	link_up = NULL;
	if (budget.used != 0 || event_base_get_num_events(base,
	    EVENT_BASE_COUNT_ADDED) != 0)
		abort();
	return (0);
}
