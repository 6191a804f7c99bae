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
 * agentd pair: the hash of a code, on its way to the relay.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "log.h"
#include "pairing.h"
#include "tunnel.h"

#define RELAY_MS	10000	/* for it to answer */

/* One that is being offered; its stream owns it. */
struct offer {
	uint32_t	 control;	/* who asked */
	uint8_t		 out[PAIRING_ASK_LEN];
	size_t		 outoff;
	uint8_t		 in[PAIRING_ANSWER_MAX];
	size_t		 inlen;
};

static size_t	offer_input(struct mux_stream *, void *, const uint8_t *,
		    size_t);
static size_t	offer_pull(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
static void	offer_reset(struct mux_stream *, void *, uint16_t,
		    const char *);
static void	offer_done(struct mux_stream *, void *);
static void	offer_end(struct offer *, enum ctl_code, const char *);

static const struct mux_stream_ops offer_ops = {
	.input = offer_input, .pull = offer_pull, .reset = offer_reset,
	.done = offer_done
};

void
pair_offer(struct control *c)
{
	struct link		*link = tunnel_link();
	struct mux_stream	*s;
	struct mux_open		 open;
	struct offer		*o;

	if (link == NULL) {
		control_done(c, CTL_CODE_NOT_FOUND, "agentd is not connected "
		    "to a relay: agentd status says why");
		return;
	}
	if ((o = calloc(1, sizeof(*o))) == NULL) {
		control_done(c, CTL_CODE_INTERNAL, "no memory");
		return;
	}
	o->control = c->id;
	pairing_ask_put(o->out, c->payload.pair.hash, c->payload.pair.ttl);
	memset(&open, 0, sizeof(open));
	open.kind = MUX_KIND_API;
	strlcpy(open.host, "pair", sizeof(open.host));
	if ((s = mux_open_stream(link_mux(link), &open, &offer_ops, o)) ==
	    NULL) {
		free(o);
		control_done(c, CTL_CODE_INTERNAL,
		    "the link takes no stream now: try again");
		return;
	}
	control_await(c, CONTROL_RELAY, RELAY_MS);
	mux_ready(s);
}

/* Who asked is told, if it still waits. */
static void
offer_end(struct offer *o, enum ctl_code code, const char *text)
{
	struct control	*c;

	if ((c = control_find(o->control, CONTROL_RELAY)) != NULL)
		control_done(c, code, text);
	free(o);
}

static size_t
offer_input(struct mux_stream *s, void *arg, const uint8_t *buf, size_t len)
{
	struct offer	*o = arg;
	size_t		 n = sizeof(o->in) - o->inlen;

	/* More than an answer is none: the length tells. */
	if (n > len)
		n = len;
	memcpy(o->in + o->inlen, buf, n);
	o->inlen += n;
	if (n < len)
		o->inlen = 0;
	return (len);
}

static size_t
offer_pull(struct mux_stream *s, void *arg, uint8_t *buf, size_t cap,
    enum mux_more *more)
{
	struct offer	*o = arg;
	size_t		 n = sizeof(o->out) - o->outoff;

	if (n > cap)
		n = cap;
	memcpy(buf, o->out + o->outoff, n);
	o->outoff += n;
	*more = o->outoff == sizeof(o->out) ? MUX_LAST : MUX_MORE;
	return (n);
}

static void
offer_reset(struct mux_stream *s, void *arg, uint16_t code, const char *text)
{
	if (code == MUX_CODE_UNSUPPORTED)
		text = "this relay knows nothing of pairing: is it older?";
	offer_end(arg, CTL_CODE_DENIED, text);
}

static void
offer_done(struct mux_stream *s, void *arg)
{
	/* By what the relay calls them: relayd.h, enum pair_code. */
	static const char *const why[] = {
		[5] = "this code was used already: try again",
		[6] = "this code is another node's: try again",
		[7] = ("there are too many codes already: wait until some "
		    "have expired")
	};
	struct offer		*o = arg;
	struct ctl_pairing	 p;
	struct control		*c;
	uint8_t			 result;

	memset(&p, 0, sizeof(p));
	if (pairing_answer_get(o->in, o->inlen, &result, &p.expires_at,
	    p.url) == -1)
		offer_end(o, CTL_CODE_INTERNAL,
		    "the relay's answer makes no sense");
	else if (result != 0)
		offer_end(o, CTL_CODE_DENIED, result < nitems(why) &&
		    why[result] != NULL ? why[result] :
		    "the relay takes no code now: try again");
	else {
		c = control_find(o->control, CONTROL_RELAY);
		if (c != NULL) {
			strlcpy(p.node, tunnel_name(), sizeof(p.node));
			control_send(c, CTL_PAIRING, &p, sizeof(p));
		}
		offer_end(o, CTL_CODE_OK, "");
	}
}
