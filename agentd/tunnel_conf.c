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
 * The tunnel's configuration, as the parent sends it: all or nothing.
 */

#include "compat.h"

#include <sys/resource.h>

#include <imsg.h>

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "tunnel.h"

#define CA_MAX		(1024 * 1024)
#define SPARE_FDS	32	/* links, processes, and who asks for status */

struct tunnel_conf		 conf;
struct evtls_client		*trust;
struct mux_hello		 hello;

static struct tunnel_conf	 next;

static uint32_t	 conf_streams(uint32_t);

/*
 * Each stream takes a descriptor: without one it would have to wait, and so
 * would all that another process has to say, until others end.
 */
static uint32_t
conf_streams(uint32_t want)
{
	static uint32_t	 told;
	struct rlimit	 rl;
	uint32_t	 room;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 ||
	    rl.rlim_cur >= (rlim_t)want + SPARE_FDS)
		return (want);
	room = rl.rlim_cur > 2 * SPARE_FDS ? rl.rlim_cur - SPARE_FDS :
	    rl.rlim_cur / 2;
	if (room != told)
		log_info("at most %u streams at once, and not %u, as there "
		    "may be no more than %llu open files (ulimit -n)", room,
		    want, (unsigned long long)rl.rlim_cur);
	told = room;
	return (room);
}

int
conf_recv_begin(struct proc_peer *peer, struct imsg *imsg)
{
	free(next.ca);
	memset(&next, 0, sizeof(next));
	if (imsg_get_data(imsg, &next.begin, sizeof(next.begin)) == -1)
		return (-1);
	return (0);
}

int
conf_recv_relay(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_relay	 r;

	if (imsg_get_data(imsg, &r, sizeof(r)) == -1 ||
	    next.nrelays == RELAYS_MAX ||
	    memchr(r.url.host, '\0', sizeof(r.url.host)) == NULL)
		return (-1);
	if (egress_check(&r.way) == -1)
		return (-1);
	next.relays[next.nrelays] = r.url;
	next.ways[next.nrelays++] = r.way;
	return (0);
}

int
conf_recv_ca(struct proc_peer *peer, struct imsg *imsg)
{
	static struct conf_chunk	 c;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 || c.total == 0 ||
	    c.total > CA_MAX || c.len == 0 || c.len > sizeof(c.data))
		return (-1);
	if (next.ca == NULL && (next.ca = calloc(1, c.total + 1)) == NULL)
		fatal("ca");
	if (next.ca_len + c.len > c.total)
		return (-1);
	memcpy(next.ca + next.ca_len, c.data, c.len);
	next.ca_len += c.len;
	return (0);
}

int
conf_recv_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct evtls_client	*new = NULL;
	char			 err[256];

	if (next.nrelays == 0)
		return (-1);
	if (next.ca != NULL || next.begin.has_pin) {
		new = evtls_client_new(next.ca, next.begin.has_pin ?
		    next.begin.pin : NULL, err, sizeof(err));
		if (new == NULL) {
			log_warnx("ca: %s", err);
			if (!tunnel_serves())
				fatalx("the relay can't be verified");
		}
	}
	evtls_client_free(trust);
	trust = new;
	/* The text is in the TLS context now; it is large. */
	free(next.ca);
	next.ca = NULL;
	conf = next;
	memset(&next, 0, sizeof(next));
	log_setverbose(conf.begin.verbose);
	conf.begin.streams_max = conf_streams(conf.begin.streams_max);
	memset(&hello, 0, sizeof(hello));
	hello.version = 1;
	hello.credit = MUX_CREDIT_EARLY;
	hello.epoch = conf.begin.epoch;
	hello.streams = conf.begin.streams_max;
	strlcpy(hello.software, "agentd " CULVERT_VERSION,
	    sizeof(hello.software));
	strlcpy(hello.name, conf.begin.name, sizeof(hello.name));
	tunnel_configured();
	return (0);
}
