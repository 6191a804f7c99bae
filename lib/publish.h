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

#ifndef PUBLISH_H
#define PUBLISH_H

#include <sys/socket.h>

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "ctl.h"
#include "mux_frame.h"

/*
 * Published ports: ports of the relay's host that lead to targets of a node.
 * What is published where, what it leads to, and who may: as text and back.
 * Pure.
 */

#define PUBLISH_RANGE_MAX	1024	/* ports of one publication */
#define PUBLISH_FROM_MAX	16	/* networks that may come */
#define PUBLISH_CONNECTIONS_MAX	32768	/* of a limit */
#define PUBLISH_RULES_MAX	256

/* What is published: "2222", "192.0.2.1:80/tcp", "[::]:5000-5009/udp". */
struct publish_spec {
	struct sockaddr_storage	 addr;		/* without a port */
	uint32_t		 proto;		/* MUX_KIND_TCP or _UDP */
	uint16_t		 port_min, port_max;
};

/* What it leads to: "pi:22", "pi:192.168.1.5:80", "pi:[fd00::5]:80-89". */
struct publish_target {
	char			 node[MUX_NODE_MAX + 1];
	char			 host[MUX_HOST_MAX + 1];
	uint16_t		 port_min, port_max;
};

/* "publish ports 2000-2999 on 0.0.0.0 by any", in relayd.conf. */
struct publish_rule {
	uint32_t		 proto;		/* 0: both */
	uint32_t		 anywhere;	/* on any address */
	struct addr_prefix	 on;		/* 0 bits: the wildcard, too */
	uint16_t		 port_min, port_max;
	char			 who[CTL_EMAIL_LEN];	/* empty: any user */
};

struct publish_rules {
	size_t			 n;
	struct publish_rule	 list[PUBLISH_RULES_MAX];
};

/*
 * All parsers return 0, or -1 with what is wrong, for a person: static text.
 *
 * publish_spec_parse: without an address it is 0.0.0.0 (as "*"), without a
 * protocol tcp.  publish_target_parse: without a host it is 127.0.0.1; a
 * name is left for the node to resolve.  publish_node_parse: so many bytes
 * that may be a node's name, in small letters; the relay knows exactly, this
 * is against slips like host for node.  publish_ports_parse: one, or two with
 * a "-" between them.
 */
int		 publish_node_parse(const char *, size_t,
		    char [MUX_NODE_MAX + 1]);
int		 publish_ports_parse(const char *, uint16_t *, uint16_t *);
int		 publish_spec_parse(const char *, struct publish_spec *,
		    const char **);
int		 publish_target_parse(const char *, struct publish_target *,
		    const char **);
/* Networks with commas between them; n is how many, none for no text. */
int		 publish_from_parse(const char *,
		    struct addr_prefix [PUBLISH_FROM_MAX], size_t *,
		    const char **);

/*
 * As they are parsed, with everything said; both return the buffer.  The
 * sizes are enough for any that was parsed.
 */
const char	*publish_spec_format(const struct publish_spec *,
		    char [CTL_SPEC_LEN]);
const char	*publish_target_format(const struct publish_target *,
		    char [CTL_TARGET_LEN]);

/* Is it whole: a known protocol and family, ports in order and not many? */
int		 publish_spec_valid(const struct publish_spec *);
/* The address with this port. */
void		 publish_spec_addr(const struct publish_spec *, uint16_t,
		    struct sockaddr_storage *);
/* Do they want the same port of the same address? */
int		 publish_spec_overlap(const struct publish_spec *,
		    const struct publish_spec *);
/* May this user publish that?  One rule has to cover all of it. */
int		 publish_allowed(const struct publish_rules *, const char *,
		    const struct publish_spec *);

#endif /* PUBLISH_H */
