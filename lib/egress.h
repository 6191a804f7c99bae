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

#ifndef EGRESS_H
#define EGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "relay_url.h"

/*
 * The way out to a relay: straight, through an HTTP or SOCKS5 proxy, or by
 * a helper program.  Which one is said by the configuration or, with the
 * meaning that curl(1) gives it, by the environment.
 *
 *	egress.c	URLs of proxies, NO_PROXY, the choice
 *	egress_http.c	CONNECT (RFC 9110, 9.3.6): pure
 *	egress_socks.c	SOCKS5 (RFC 1928, RFC 1929): pure
 *	egress_helper.c	programs that connect for us
 *	egress_dial.c	all of it on sockets
 */

#define EGRESS_HOST_MAX	256		/* a host, or a helper's path */
#define EGRESS_WORD_MAX	256		/* user or password, with a NUL */
#define EGRESS_NAME_MAX	(EGRESS_HOST_MAX + 32)

enum egress_kind {
	EGRESS_DIRECT,
	EGRESS_HTTP,
	EGRESS_SOCKS5,		/* names are resolved here... */
	EGRESS_SOCKS5H,		/* ...by the proxy */
	EGRESS_HELPER
};

/* Flat, for messages; strings are NUL-terminated and zero-padded. */
struct egress {
	uint32_t	 kind;
	uint32_t	 has_auth;
	char		 host[EGRESS_HOST_MAX];	/* as in struct relay_url */
	uint16_t	 port;
	uint16_t	 pad[3];
	char		 user[EGRESS_WORD_MAX];
	char		 password[EGRESS_WORD_MAX];
};

/*
 * egress_parse: "[scheme://][user:password@]host[:port]"; schemes http (the
 * default), socks5 and socks5h; port 1080 if there is none, as in curl(1);
 * %XX in user and password.  0, or -1 with *errstr set to why not: static
 * text that quotes nothing of the URL.
 * egress_check: 0 if all numbers and strings of it are in their bounds, for
 * one that came in a message.
 */
int	egress_parse(const char *, struct egress *, const char **);
int	egress_check(const struct egress *);
/* "http://proxy:3128", "helper /path", "" for none: no secret in it. */
void	egress_name(const struct egress *, char [EGRESS_NAME_MAX]);
/*
 * egress_why: what went wrong behind such a way, which is one more that may
 * have done it: "through helper /path: connection cut".  Returns the buffer.
 */
#define EGRESS_WHY_MAX	(EGRESS_NAME_MAX + 256)
const char *egress_why(const char *, const char *, char [EGRESS_WHY_MAX]);
/* Leave nothing in it that is secret. */
void	egress_redact(struct egress *);

/*
 * egress_bypass: whether a list in the form of NO_PROXY names this host and
 * port: "*" alone for all, else names, which stand for all below them, too,
 * and for hosts that are addresses, addresses and networks; each alone or as
 * host:port, [2001:db8::1]:port; commas or blanks between.
 */
int	egress_bypass(const char *, const char *, uint16_t);

/* What the configuration says. */
struct egress_conf {
	const char	*proxy;		/* a URL, "none", or NULL */
	const char	*helper;	/* a path, or NULL */
};

/*
 * egress_choose: the way to this relay: that of the configuration, else
 * that of the environment: for wss:// HTTPS_PROXY, for ws:// http_proxy
 * (lower case only), then ALL_PROXY, each in lower case first.  Straight if
 * NO_PROXY names the host.  0, or -1 with the reason in the buffer, which
 * quotes nothing secret.
 */
int	egress_choose(const struct egress_conf *, const struct relay_url *,
	    struct egress *, char *, size_t);
/*
 * For daemons: remember what the environment says now, for all choices to
 * come, and take passwords out of it, which programs that we start would
 * inherit: variables that hold one are removed.
 */
void	egress_keep_environment(void);

#endif /* EGRESS_H */
