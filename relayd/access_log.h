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

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "http.h"

/*
 * The access log: a line for each request that was answered, or was not, with
 * whom it was from and how long it took.
 */

enum access_format { ACCESS_OFF, ACCESS_COMBINED, ACCESS_JSON };

struct access_line {
	const struct sockaddr_storage *client;
	const char	*email;		/* of the visitor, or "" */
	const char	*host;		/* of the site; "": none */
	const char	*node;		/* "": none */
	const char	*service;
	const char	*request_id;
	/*
	 * The word of our own page, or "".  With 401, 403 and 429 it counts as
	 * a failure for fail2ban, but "login": credentials are wanted, and
	 * were not brought.  Wrong ones are "denied".
	 */
	const char	*error;
	const char	*door;		/* NULL: http */
	struct http_str	 method, target; /* as they came; empty: unknown */
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

/* ---- access_line.c: pure ---- */

#define ACCESS_LINE_MAX	(48 * 1024)
/*
 * access_format: the line, its newline included and nothing behind it, into a
 * buffer of ACCESS_LINE_MAX bytes; at this time and so many milliseconds.
 * Returns its length.  Nothing from outside can end it, or a field of it;
 * what is too long is cut, and secrets in queries are masked.
 */
size_t	access_format(char *, enum access_format, const struct access_line *,
	    time_t, int);

/* ---- access_own.c: requests to the relay's own doors ---- */

struct conn;
struct access_own;	/* what has to be remembered of one; NULL: nothing */

/*
 * A request has come.  head NULL: it was not understood.  And it is not for
 * a door of ours: whose it is writes the line.
 */
void	access_begin(struct conn *, const struct http_head *);
void	access_forget(struct conn *);
/*
 * Whose it is; who has logged in, and as which node; what the response is,
 * with so much of a body; how much more of that is on its way.  The door's
 * name stays where it is.
 */
void	access_door(struct conn *, const char *);
/* Its query says what nobody is to read. */
void	access_path(struct conn *);
void	access_user(struct conn *, const char *, const char *);
void	access_status(struct conn *, int, size_t);
void	access_sent(struct conn *, size_t);
/* Why it is refused, if not for what the status says. */
void	access_error(struct conn *, const char *);
/* All was sent; or (cut) it never will be. */
void	access_end(struct conn *, int cut);

/* ---- listener's own ---- */

struct imsg;
struct proc_peer;

/* A configuration comes, which may bring a file; that was all of it. */
void	access_log_conf_begin(void);
void	access_log_conf_end(void);
int	access_log_recv_file(struct proc_peer *, struct imsg *);
/* Write what is left. */
void	access_log_flush(void);

#endif /* ACCESS_LOG_H */
