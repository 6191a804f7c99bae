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

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dgram_peer.h"

struct peer	 t;

struct dgram_saw	 saw;

uint8_t	 big[MUX_DGRAM_MAX + 1];

static void
s_accepted(struct mux_stream *s, void *arg)
{
	saw.accepted++;
}

static size_t
s_input(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	assert_int_equal(n, 0);
	saw.fins++;
	return (0);
}

static int
s_datagram(struct mux_stream *s, void *arg, const uint8_t *p, size_t n)
{
	if (saw.refuse)
		return (0);
	assert_true(n <= sizeof(saw.buf));
	memcpy(saw.buf, p, n);
	saw.len = n;
	saw.count++;
	return (1);
}

static void
s_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	saw.resets++;
	saw.code = code;
	saw.s = NULL;
}

static void
s_done(struct mux_stream *s, void *arg)
{
	saw.dones++;
	saw.s = NULL;
}

const struct mux_stream_ops dgram_ops = {
	.accepted = s_accepted,
	.input = s_input,
	.reset = s_reset,
	.done = s_done,
	.datagram = s_datagram
};

struct mux_open *
udp(void)
{
	static struct mux_open	 o;

	memset(&o, 0, sizeof(o));
	o.kind = MUX_KIND_UDP;
	o.port = 53;
	strlcpy(o.host, "localhost", sizeof(o.host));
	return (&o);
}

/* One of ours, id 1, on a link that is up; accepted. */
void
ours(int accepted)
{
	memset(&saw, 0, sizeof(saw));
	peer_up(&t, 1);
	saw.s = mux_open_stream(t.m, udp(), &dgram_ops, NULL);
	assert_non_null(saw.s);
	assert_true(mux_stream_dgram(saw.s));
	peer_expect(&t, MUX_OPEN, 1);
	if (accepted)
		assert_int_equal(peer_credit(&t, MUX_ACCEPT, 1, 0), 0);
}

/* One that the peer opens, id 1, accepted if so. */
void
theirs(int accepted)
{
	uint8_t	 buf[MUX_OPEN_MAX];
	ssize_t	 n;

	memset(&saw, 0, sizeof(saw));
	peer_up(&t, 0);
	n = mux_open_put(buf, sizeof(buf), udp());
	assert_int_equal(peer_frame(&t, MUX_OPEN, 0, 1, buf, n), 0);
	saw.s = t.st[0].s;
	mux_stream_own(saw.s, &dgram_ops, NULL);
	if (!accepted)
		return;
	mux_accept(saw.s);
	assert_int_equal(peer_expect(&t, MUX_ACCEPT, 1), 0);
}

int
data(int flags, const void *p, size_t n)
{
	return (peer_frame(&t, MUX_DATA, flags, 1, p, n));
}

/* The next frame is DATA of stream 1 with these bytes and flags. */
void
expect(const void *p, size_t n, int flags)
{
	assert_int_equal(peer_next(&t), MUX_DATA);
	assert_int_equal(t.head.id, 1);
	assert_int_equal(t.head.flags, flags);
	assert_int_equal(t.n, n);
	assert_memory_equal(t.p, p, n);
}

int
dgram_setup(void **state)
{
	size_t	 i;

	for (i = 0; i < sizeof(big); i++)
		big[i] = i * 7 + (i >> 8) * 13;
	return (0);
}
