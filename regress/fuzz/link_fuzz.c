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
 * Data of several streams over a link, in frames and messages cut as the peer
 * likes, with pings between: who owns a stream gets what was sent, whatever it
 * takes at a time, and whatever is read at once.
 */

/* link: lib/link.c lib/link_wire.c lib/ws.c lib/base64.c lib/evtls.c
 * lib/evtls_input.c lib/evtls_output.c lib/evtls_buf.c lib/evtls_tls.c
 * lib/evtls_libtls.c lib/evtls_libtls_key.c lib/tls_guard.c
 * lib/tls_record.c lib/aead.c lib/aead_mb.c lib/evtls_record.c lib/mux.c
 * lib/mux_frame.c lib/mux_output.c lib/mux_queue.c lib/meter.c
 * lib/mux_dgram.c lib/mux_credit.c lib/mux_input.c lib/mux_stream.c
 * lib/mux_table.c lib/clock.c regress/lib/evtls_none.c */
/* libs: libevent libtls libssl libcrypto ipsec_mb */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <event2/event.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtls.h"
#include "fuzz.h"
#include "link.h"
#include "../lib/evtls_none.h"

#define STREAMS		4
#define SENT_MAX	200000		/* within the first window */

enum op { OP_DATA, OP_PING, OP_FLUSH, OP_TAKE, OP_READ, OP_FIN, OPS };

static struct source {
	struct mux_stream	*s;
	size_t			 sent, got;
	unsigned int		 take;		/* of 256 parts of what comes */
	int			 fin;
} streams[STREAMS];

static struct event_base	*base;
static struct link		*near;	/* and the peer's end: */
static struct mux_budget	 budget = { .limit = 1 << 24 };
static int			 far;
static uint8_t			 out[1 << 18];
static size_t			 nout;

static uint8_t
byte_at(const struct source *st, size_t i)
{
	return (i * 7 + (i >> 8) * 13 + (st - streams));
}

/* ---- who owns them ---- */

static void
check(const struct source *st, size_t at, const uint8_t *p, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (p[i] != byte_at(st, at + i))
			abort();
}

static size_t
on_inputv(struct mux_stream *s, void *arg, struct iovec *iov, int niov)
{
	struct source	*st = arg;
	size_t		 n = 0;
	int		 i;

	for (i = 0; i < niov; i++) {
		check(st, st->got + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	n = n * st->take / 256;
	st->got += n;
	return (n);
}

static size_t
on_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	struct iovec	 iov = { __DECONST(void *, p), n };

	return (n == 0 ? 0 : on_inputv(s, arg, &iov, 1));
}

static void
on_over(struct mux_stream *s, void *arg)
{
	((struct source *)arg)->s = NULL;
}

static void
on_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	on_over(s, arg);
}

static const struct mux_stream_ops stream_ops = {
	.input = on_input, .inputv = on_inputv, .reset = on_reset,
	.done = on_over
};

static void
on_open(struct link *l, void *arg, struct mux_stream *s,
    const struct mux_open *open)
{
	struct source	*st = &streams[open->port % STREAMS];

	st->s = s;
	mux_stream_own(s, &stream_ops, st);
	mux_accept(s);
}

static void
on_down(struct link *l, void *arg, int code, const char *text)
{
	abort();		/* nothing that was sent is wrong */
}

static const struct link_ops link_ops = { NULL, on_open, NULL, on_down };

/* ---- the peer ---- */

static void
flush(void)
{
	static uint8_t	 in[1 << 16];
	size_t		 off = 0;
	ssize_t		 n;
	int		 i;

	do {
		if ((n = write(far, out + off, nout - off)) > 0)
			off += n;
		for (i = 0; i < 4; i++)
			event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		while (read(far, in, sizeof(in)) > 0)
			;
	} while (off < nout);
	nout = 0;
}

static void
frame(uint8_t first, const uint8_t *p, size_t n)
{
	if (nout + n + 4 > sizeof(out) / 2)
		flush();
	out[nout++] = first;
	if (n < 126)
		out[nout++] = n;
	else {
		out[nout++] = 126;
		out[nout++] = n >> 8;
		out[nout++] = n & 0xff;
	}
	memcpy(out + nout, p, n);
	nout += n;
}

/* In so many fragments and one, a ping behind each if that is odd. */
static void
message(const uint8_t *p, size_t n, unsigned int cuts)
{
	size_t	 len = n / (cuts + 1) + 1;
	uint8_t	 opcode = WS_BINARY;

	for (; n > len; n -= len, p += len) {
		frame(opcode, p, len);
		opcode = 0;
		if (cuts & 1)
			frame(0x80 | WS_PING, p, 0);
	}
	frame(0x80 | opcode, p, n);
}

static uint32_t
id_of(const struct source *st)
{
	return (2 * (st - streams) + 2);
}

static void
send_data(struct source *st, size_t n, unsigned int cuts, uint8_t flags)
{
	static uint8_t	 m[MUX_FRAME_MAX];
	size_t		 i;

	if (st->fin || st->s == NULL || st->sent + n > SENT_MAX)
		return;
	st->fin = flags & MUX_FIN;
	mux_head_put(m, MUX_DATA, flags, id_of(st));
	for (i = 0; i < n; i++)
		m[MUX_HEAD_LEN + i] = byte_at(st, st->sent + i);
	st->sent += n;
	message(m, MUX_HEAD_LEN + n, cuts);
}

static void
read_some(struct source *st, size_t n)
{
	static uint8_t	 p[SENT_MAX];
	size_t		 at = st->got;

	if (st->s == NULL)
		return;
	/* It may be over with the last. */
	st->got += n < mux_queued(st->s) ? n : mux_queued(st->s);
	n = mux_read(st->s, p, n);
	check(st, at, p, n);
}

/* ---- a run ---- */

static void
begin_link(void)
{
	struct mux_hello	 hello = { .credit = MUX_CREDIT_EARLY };
	struct link_config	 cfg = { .base = base, .ops = &link_ops,
				    .role = WS_CLIENT, .dialer = 1,
				    .streams_max = STREAMS,
				    .budget = 1 << 24,
				    .process_budget = &budget,
				    .hello = &hello };
	struct evtls		*conn;
	int			 fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == -1 ||
	    (conn = evtls_accept(base, fd[0], NULL, &evtls_none,
	    NULL)) == NULL ||
	    (near = link_new(conn, &cfg)) == NULL)
		abort();
	far = fd[1];
}

static void
begin_streams(void)
{
	struct mux_hello	 hello = { .version = MUX_VERSION };
	struct mux_open		 open = { .kind = MUX_KIND_TCP,
				    .host = "h" };
	uint8_t			 m[MUX_FRAME_MAX];
	size_t			 i;

	mux_head_put(m, MUX_CONTROL, 0, 0);
	message(m, MUX_HEAD_LEN + mux_hello_put(m + MUX_HEAD_LEN,
	    MUX_CONTROL_MAX, &hello), 0);
	memset(streams, 0, sizeof(streams));
	for (i = 0; i < STREAMS; i++) {
		streams[i].take = 256;
		open.port = i + STREAMS;
		mux_head_put(m, MUX_OPEN, 0, id_of(&streams[i]));
		message(m, MUX_HEAD_LEN + mux_open_put(m + MUX_HEAD_LEN,
		    MUX_OPEN_MAX, &open), 0);
	}
	flush();
	for (i = 0; i < STREAMS; i++)
		if (streams[i].s == NULL)
			abort();
}

/* All that was sent has come, and nothing is left. */
static void
finish(void)
{
	size_t	 i;

	flush();
	for (i = 0; i < STREAMS; i++) {
		read_some(&streams[i], SENT_MAX);
		if (streams[i].got != streams[i].sent)
			abort();
	}
	link_free(near);
	close(far);
	if (budget.used != 0 || event_base_get_num_events(base,
	    EVENT_BASE_COUNT_ADDED) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source	*st;
	unsigned int	 cuts;
	size_t		 n;

	if (base == NULL && (evtls_init() == -1 ||
	    (base = event_base_new()) == NULL))
		abort();
	signal(SIGPIPE, SIG_IGN);
	begin_link();
	begin_streams();
	for (; size >= 4; data += 4, size -= 4) {
		st = &streams[data[1] % STREAMS];
		cuts = data[1] / STREAMS % 8;
		n = data[2] << 8 | data[3];
		switch (data[0] % OPS) {
		case OP_DATA:
			send_data(st, n % MUX_DATA_MAX + 1, cuts, 0);
			break;
		case OP_FIN:
			send_data(st, n % MUX_DATA_MAX + 1, cuts, MUX_FIN);
			break;
		case OP_PING:
			frame(0x80 | WS_PING, data, n % 4);
			break;
		case OP_FLUSH:
			flush();
			break;
		case OP_TAKE:
			st->take = n % 257;
			break;
		case OP_READ:
			read_some(st, n);
			break;
		}
	}
	finish();
	return (0);
}
