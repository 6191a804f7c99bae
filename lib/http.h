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

#ifndef HTTP_H
#define HTTP_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * HTTP/1.1 heads, RFC 9112: strict, pure, without allocation.  A parsed head
 * points into the caller's buffer and lives as long as that does.
 */

#define HTTP_LINE_MAX	8192	/* request or status line, without CRLF */
#define HTTP_FIELD_MAX	8192	/* one field line, without CRLF */
#define HTTP_HEAD_MAX	65536	/* the whole head, bytes */
#define HTTP_FIELDS_MAX	100	/* field lines */
/* Servers say more: 300 cookies, or one of 16 KiB and its name. */
#define HTTP_RESPONSE_FIELD_MAX		(16384 + 256)
#define HTTP_RESPONSE_FIELDS_MAX	400
/* What limits can ask for: our own fields in what is within those above. */
#define HTTP_HEAD_ROOM		(2 * HTTP_HEAD_MAX)
#define HTTP_FIELDS_ROOM	512
#define HTTP_HOST_MAX	256	/* a host name and its NUL */

struct http_str {
	const char	*s;	/* not NUL-terminated */
	size_t		 len;
};

struct http_field {
	struct http_str	 name;	/* as it came, never empty, a token */
	struct http_str	 value;	/* optional white space trimmed */
};

struct http_head {
	/* a request */
	struct http_str	 method;	/* a token */
	struct http_str	 target;	/* as it came, no CTL, no space, no
					   '#'; high bytes are kept */
	struct http_str	 path;		/* target up to '?', origin-form;
					   empty for other forms */
	struct http_str	 query;		/* behind '?', or empty */
	/* a response */
	int		 status;	/* 100..599 */
	struct http_str	 reason;

	int		 minor;		/* HTTP/1.minor: 0 or 1 */
	size_t		 nfields;
	struct http_field fields[HTTP_FIELDS_ROOM];
};

struct http_limits {
	size_t		 head;		/* bytes, at most HTTP_HEAD_ROOM */
	size_t		 line;		/* the first line, without CRLF */
	size_t		 field;		/* one field line, without CRLF */
	size_t		 fields;	/* at most HTTP_FIELDS_ROOM */
};

/* The limits above: of requests, and of responses that are passed on. */
extern const struct http_limits	http_request_limits;
extern const struct http_limits	http_response_limits;

/*
 * http_parse_request, http_parse_response: parse one head from the start of
 * a buffer.  limit is the most bytes a head may have (at most
 * HTTP_HEAD_MAX).  Returns the length of the head including its empty line,
 * 0 if more bytes are needed, or -1 with *status set to the status that
 * answers it: 400, 414, 431, 501 or 505 for requests, 502 for responses.
 * The answer is the same for any cut of the input.  Rejected: bare CR or LF,
 * NUL and control bytes, obs-fold, space before the colon, empty names,
 * targets of none of the four forms, more than one Host or none in a 1.1
 * request, a Host that http_authority would refuse, other fields that can't
 * come twice (Authorization, Content-Type, Origin, Sec-WebSocket-Key and
 * -Version), HTTP versions other than 1.x (1.2 and up count as 1.1).  One
 * empty line before a request is skipped (RFC 9112, 2.2).  In responses the
 * space behind the status may be missing.
 */
ssize_t	http_parse_request(const char *, size_t, size_t, struct http_head *,
	    int *);
ssize_t	http_parse_response(const char *, size_t, size_t, struct http_head *,
	    int *);

/* The same within the limits given: those above are of requests. */
ssize_t	http_parse_request_in(const char *, size_t,
	    const struct http_limits *, struct http_head *, int *);
ssize_t	http_parse_response_in(const char *, size_t,
	    const struct http_limits *, struct http_head *, int *);

/*
 * http_parse_field: one field line, of a trailer section, at the start of a
 * buffer: as in heads, of at most so many bytes without CRLF.  Returns its
 * length with CRLF, 0 if more bytes are needed, or -1 with *status set to 400
 * or 431.  The name is empty for the empty line that ends the section.
 */
ssize_t	http_parse_field(const char *, size_t, size_t, struct http_field *,
	    int *);

/*
 * http_hostport: split "host", "host:port", "[v6]" or "[v6]:port" and write
 * the host in its one form, for routing, policy and comparisons: lower case,
 * no trailing dot, an IPv6 address as inet_ntop(3) has it and without its
 * brackets.  The port is 0 if there is none.  Returns 0, or -1 for anything
 * else: user@, escapes, empty labels, ports outside 1..65535.
 */
int	http_hostport(const struct http_str *, char[HTTP_HOST_MAX],
	    uint16_t *);

/*
 * http_authority: the host a request is for, in the same form: the target's
 * where the target has one (absolute-form, CONNECT), else that of Host; empty
 * if a 1.0 request has neither.  Returns 0, or -1 if it is malformed or the
 * target and Host disagree, which never happens with a parsed request.
 */
int	http_authority(const struct http_head *, char[HTTP_HOST_MAX],
	    uint16_t *);

/*
 * http_origin: path and query (without the '?') of a request in origin-form
 * or absolute-form; the path is "/" where absolute-form has none, and the
 * query's s NULL where there is no '?'.  Returns -1 for the other forms.
 */
int	http_origin(const struct http_head *, struct http_str *,
	    struct http_str *);

/*
 * http_field: the value of the first field of that name (any case), or NULL.
 * http_field_count: how many fields have it.  http_field_has_token: whether
 * a comma-separated list field (all lines of it) names the token, any case.
 */
const struct http_str	*http_field(const struct http_head *, const char *);
size_t			 http_field_count(const struct http_head *,
			    const char *);
int			 http_field_has_token(const struct http_head *,
			    const char *, const char *);

/* Compare with a C string: exactly, or in any case.  1 if equal. */
int	http_str_eq(const struct http_str *, const char *);
int	http_str_caseeq(const struct http_str *, const char *);

/*
 * What a name or a method, a target, a value may hold: a token (RFC 9110,
 * 5.6.2), never empty; no control byte, space or '#', never empty; no control
 * byte but HTAB.
 */
int	http_str_is_token(const struct http_str *);
int	http_str_is_target(const struct http_str *);
int	http_str_is_text(const struct http_str *);

/*
 * http_name_matches: whether a field's name is that, or begins so if it ends
 * with '*'; in any case, and with '_', '.' or whatever else is no letter or
 * digit for '-', which is all one to what makes variables of them (RFC 3875,
 * 4.1.18; some web servers take more than '-' for a '_').
 * http_name_same: likewise, two names.
 */
int	http_name_matches(const struct http_str *, const char *);
int	http_name_same(const struct http_str *, const struct http_str *);

/*
 * http_list_next: take the next element, trimmed and perhaps empty, off the
 * front of a comma-separated list.  Returns 0 at the end.
 */
int	http_list_next(struct http_str *, struct http_str *);

/*
 * http_str_copy: copy with a NUL.  Returns 0, or -1 if it does not fit or
 * holds a NUL.
 */
int	http_str_copy(const struct http_str *, char *, size_t);

/* http_str_trim: leave out optional white space (SP, HTAB) at both ends. */
void	http_str_trim(struct http_str *);

/*
 * http_param: the value of name="value" or name=value in an
 * auth-param list (RFC 9110, 11.2) that starts behind the scheme; quoted
 * strings without backslashes only.  Returns 0 and the value, or -1.
 * Parameters that come twice are an error, and so is a list that is malformed
 * anywhere.
 */
int	http_param(const struct http_str *, const char *, struct http_str *);

/*
 * http_accepts_html: whether a browser asks (Accept names text/html, and not
 * with q=0).
 */
int	http_accepts_html(const struct http_head *);

/* http_reason: the reason phrase of a status, "Unknown" at worst. */
const char	*http_reason(int);

#endif /* HTTP_H */
