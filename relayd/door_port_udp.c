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
 * Visitors of published ports by UDP: each source address has a stream of
 * datagrams, until it is silent for long enough.
 */

#include "compat.h"

#include <string.h>

#include "door_port.h"
#include "udp_sessions.h"

#define UDP_VISITORS_MAX 8192	/* at each socket */

static int	udp_welcome(const struct sockaddr *, void *);
static int	udp_begin(struct udp_session *, void *);
static void	udp_end(struct udp_session *, void *, uint16_t, const char *);

static const struct udp_sessions_ops udp_ops = {
	.begin = udp_begin, .end = udp_end, .welcome = udp_welcome
};

struct udp_sessions *
port_udp_new(struct port_listen *l)
{
	return (udp_sessions_new(proc_base(), l->fd, UDP_VISITORS_MAX,
	    limits.udp_idle_ms, &udp_ops, l));
}

/* Before anybody makes room for it. */
static int
udp_welcome(const struct sockaddr *sa, void *arg)
{
	struct sockaddr_storage	 ss;

	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, sa, addr_len(sa));
	return (visitor_welcome(arg, -1, &ss));
}

static int
udp_begin(struct udp_session *s, void *arg)
{
	struct sockaddr_storage	 ss;
	const struct sockaddr	*sa = udp_session_source(s);
	const struct route	*route;
	struct visitor		*v;
	const char		*why;
	uint32_t		 code;
	uint16_t		 c;

	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, sa, addr_len(sa));
	if ((v = visitor_new(arg, -1, &ss)) == NULL)
		return (-1);
	v->udp = s;
	udp_session_set(s, v);
	switch (visitor_route(v, &route, &code)) {
	case 0:
		why = visitor_open(v, route, &c);
		break;
	case 1:
		visitor_wait(v);
		return (0);
	default:
		c = code;
		why = mux_code_name(code);
		break;
	}
	if (why == NULL)
		return (0);
	visitor_turn_away(v, c, why);
	visitor_free(v);
	return (-1);
}

static void
udp_end(struct udp_session *s, void *arg, uint16_t code, const char *text)
{
	struct visitor	*v = udp_session_get(s);

	if (v == NULL)
		return;
	visitor_unwait(v);
	if (v->record.told)
		record_down(&v->record, code, text);
	visitor_free(v);
}

int
visitor_open_udp(struct visitor *v, struct link *link,
    const struct mux_open *open)
{
	if (udp_session_open(v->udp, link_mux(link), open) == -1)
		return (-1);
	udp_session_meter(v->udp, record_flow(&v->record, WAY_OUT),
	    record_flow(&v->record, WAY_IN));
	return (0);
}
