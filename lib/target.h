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

#ifndef TARGET_H
#define TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/*
 * Lists of targets, as a grant has one: "127.0.0.1:22,192.168.1.0/24:80".
 * Pure.  Entries, with commas between them, no spaces:
 *
 *	address:port		192.0.2.1:22, [2001:db8::1]:22
 *	prefix:port		192.168.1.0/24:80, [fd00::/8]:80
 *	name:port		db.lan:5432
 *	*:port			any host
 *	/path			a Unix-domain socket
 *
 * A port is a number, two with a "-" between them, or "*".  An address or
 * prefix covers a target that is asked for by its number, with any zone
 * (fe80::1%eth0), a name one that is asked for by that name, in any case of
 * letters: what a name stands for is the node's to know.  Nothing but its own
 * path covers a socket.
 */

#define TARGETS_MAX	16	/* entries */
#define TARGETS_LEN	1024	/* bytes of a list as text, with its NUL */

enum target_what {
	TARGET_ANY = 1, TARGET_PREFIX, TARGET_NAME, TARGET_PATH
};

struct target {
	uint8_t			 what;		/* enum target_what */
	uint16_t		 port_min, port_max;
	uint16_t		 text;		/* offset of a name or path */
	struct addr_prefix	 prefix;
};

/* Without pointers, so it can be copied. */
struct targets {
	size_t		 n;			/* 0: everything is covered */
	struct target	 list[TARGETS_MAX];
	char		 text[TARGETS_LEN];
};

/*
 * targets_parse: 0, or -1 with what is wrong, for a person: static text.
 * Nothing at all is an empty list.
 */
int	targets_parse(const char *, struct targets *, const char **);
/*
 * The list as text in its one way of being written: small letters, prefixes
 * without the bits behind them.  What targets_parse has taken fits.
 */
void	targets_format(const struct targets *, char [TARGETS_LEN]);
/* Is this host (or path) and port on it?  1 or 0. */
int	targets_cover(const struct targets *, const char *, uint16_t);

#endif /* TARGET_H */
