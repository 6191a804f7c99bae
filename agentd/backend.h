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

#ifndef BACKEND_H
#define BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "evtls.h"
#include "http_prologue.h"
#include "mux_frame.h"

/*
 * A backend is what visitors of this device's pages come to.  Where it is, as
 * agentd.conf has it: "http://127.0.0.1:8000", "https://[::1]:8443",
 * "unix:/run/app.sock"; of a service that is passed on as TLS,
 * "127.0.0.1:8443".  Pure.
 */

enum backend_scheme {
	BACKEND_HTTP = 1, BACKEND_HTTPS, BACKEND_UNIX, BACKEND_TCP
};

/* "https://[", a host, "]:65535". */
#define BACKEND_URL_MAX		(HTTP_HOST_MAX + 16)

struct backend_url {
	uint32_t	 scheme;		/* enum backend_scheme */
	uint16_t	 port;			/* of BACKEND_UNIX: 0 */
	uint16_t	 pad;
	char		 host[HTTP_HOST_MAX];	/* in the form of http_hostport;
						   or an absolute path */
};

/*
 * backend_url_parse: 0, or -1 with *errstr set to why not: static text.
 * backend_url_parse_tcp: the same of "host:port".
 */
int	backend_url_parse(const char *, struct backend_url *, const char **);
int	backend_url_parse_tcp(const char *, struct backend_url *,
	    const char **);
/* The one form of it.  Returns the buffer. */
const char *backend_url_format(const struct backend_url *,
	    char[BACKEND_URL_MAX]);
/*
 * As it goes into Host: "name", "name:8000", "[::1]"; a socket's is
 * "localhost".  Returns the buffer.
 */
const char *backend_url_authority(const struct backend_url *,
	    char[BACKEND_URL_MAX]);
/* What came in a message: 0, or -1 if it has not the form of one. */
int	backend_url_check(const struct backend_url *);

/* A line of agentd.conf, flat, as it is sent to proxy. */
#define BACKENDS_MAX		64
#define BACKEND_PATH_MAX	256		/* with its NUL */

struct backend {
	uint32_t		 kind;		/* MUX_KIND_HTTP or _TLS */
	uint32_t		 announce;	/* by a PROXY header of this
						   version; 0: not */
	struct backend_url	 url;
	char			 name[MUX_NODE_MAX + 1]; /* of the service;
						   "": the default */
	char			 rewrite[HTTP_PROLOGUE_HOST_MAX + 1]; /* the
						   Host it wants, or "" */
	/* of BACKEND_HTTPS */
	uint32_t		 unverified;	/* whoever it is */
	uint32_t		 has_pin;
	uint8_t			 pin[EVTLS_KEYID_LEN];
	/* its checks */
	uint32_t		 health_ms;	/* between them; 0: none */
	char			 health[BACKEND_PATH_MAX];	/* the target */
};

/* 1: a name that a service may have: a DNS label (RFC 1123, 2.1) in lower
   case, without "--". */
int	backend_name_valid(const char *);
/* "http backend", "http service x", "tls service x".  Returns the buffer. */
#define BACKEND_TITLE_MAX	(MUX_NODE_MAX + 16)
const char *backend_title(const struct backend *, char[BACKEND_TITLE_MAX]);
/* What came in a message: 0, or -1. */
int	backend_check(const struct backend *);

#endif /* BACKEND_H */
