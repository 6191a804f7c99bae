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

#ifndef ACCESS_LOG_H
#define ACCESS_LOG_H

#include <sys/socket.h>

#include <stdint.h>

#include "http.h"

/*
 * The access log: a line for each request that was for a site, or came by
 * rpc.
 */

struct access_line {
	const struct sockaddr_storage *client;
	const char	*email;		/* of the visitor, or "" */
	const char	*host;		/* of the site */
	const char	*node;		/* "": none */
	const char	*service;
	const char	*request_id;
	const char	*error;		/* the word of our own page, or "" */
	struct http_str	 method, target; /* as they came */
	struct http_str	 referer, agent; /* empty: none */
	int		 minor;		/* of HTTP/1.minor */
	int		 tls;
	int		 status;	/* 0: it was never answered */
	int		 cut;		/* the response is incomplete */
	uint64_t	 in, out;	/* bytes of the bodies */
	uint64_t	 head_us;	/* until the response began; 0: never */
	uint64_t	 us;		/* until it ended */
};

/* Whether anybody wants it. */
int	access_log_on(void);
void	access_log_request(const struct access_line *);

#endif /* ACCESS_LOG_H */
