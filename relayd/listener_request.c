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
 * Requests on a connection that is not a link yet: their heads are read, the
 * doors are asked who knows the path, and their answers are sent.
 */

#include "compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access_log.h"
#include "door_http.h"
#include "doors.h"
#include "http_gate.h"
#include "http_message.h"
#include "link_client.h"
#include "listener.h"
#include "log.h"

#define INPUT_MAX	16384	/* that is kept until it can be taken */

static int	head_too_large(const struct http_head *);
static int	head_may_end(const char *, size_t, size_t);
static ssize_t	conn_step(struct conn *, uint8_t *, size_t);
static void	conn_eof_left(struct conn *, size_t);
static int	conn_request(struct conn *, struct http_head *, size_t);

/* What the parser takes, but the configuration does not: a status, or 0. */
static int
head_too_large(const struct http_head *head)
{
	/* "GET / HTTP/1.1": what is between, and around them. */
	if (head->method.len + head->target.len + sizeof("  HTTP/1.1") - 1 >
	    limits.request_line)
		return (414);
	return (head->nfields > limits.head_fields ? 431 : 0);
}

/*
 * Is it worth a look?  A byte at a time must not cost a parse for each byte,
 * nor a search through all those before, which were seen; but what never will
 * be a request need not be waited for.
 */
static int
head_may_end(const char *buf, size_t len, size_t seen)
{
	static const struct http_limits	 *max = &http_request_limits;
	struct http_str			  first = { buf, 1 };
	size_t				  from;

	from = seen > 2 && seen <= len ? seen - 2 : 0;
	if (len >= limits.head_bytes || buf[len - 1] == '\n' ||
	    memmem(buf + from, len - from, "\n\r\n", 3) != NULL)
		return (1);
	/* The first line is too long, or the first byte of none. */
	return ((len > max->line + 2 &&
	    memchr(buf, '\n', max->line + 2) == NULL) ||
	    (buf[0] != '\r' && !http_str_is_token(&first)));
}

/*
 * Part of what has come: how many bytes are done with, 0 if nothing can be
 * done now, -1: it is over, nothing of it matters.
 */
static ssize_t
conn_step(struct conn *c, uint8_t *buf, size_t len)
{
	static struct http_head	 head;
	struct evtls		*tls = c->tls;
	ssize_t			 n;
	int			 status;

	if (c->state == CONN_SITE)
		return ((ssize_t)door_http_input(c, buf, len));
	if (c->state == CONN_BODY)
		return ((ssize_t)conn_body_input(c, (const char *)buf, len));
	if (c->state != CONN_REQUEST || c->out != NULL || len == 0)
		return (0);
	if (c->idle) {
		/* The head of the next request, however slowly it comes. */
		c->idle = 0;
		evtls_deadline(tls, limits.handshake_ms);
	}
	if (!head_may_end((const char *)buf, len, c->seen)) {
		c->seen = len;
		return (0);
	}
	c->seen = 0;
	n = http_parse_request((const char *)buf, len, limits.head_bytes,
	    &head, &status);
	if (n == 0) {
		c->seen = len;
		return (0);
	}
	if (n == -1 || (status = head_too_large(&head)) != 0) {
		c->bodiless = 0;
		access_begin(c, NULL);
		conn_error(c, NULL, status, status == 431 || status == 414 ?
		    "the request is too long" :
		    "the request can't be understood", NULL);
		return (-1);
	}
	return (conn_request(c, &head, (const char *)buf + n -
	    head.method.s) == -1 ? 0 : n);
}

size_t
conn_input(struct evtls *tls, void *arg, uint8_t *buf, size_t len)
{
	struct conn	*c = arg;
	uint32_t	 id = c->id;
	size_t		 off = 0;
	ssize_t		 n;

	if (c->state == CONN_CLOSING)
		return (len);
	do {
		n = conn_step(c, buf + off, len - off);
		/* It may have ended there. */
		if (n == -1 || conn_find(id) != c || c->state == CONN_LINK)
			return (len);
		off += n;
	} while (n > 0);
	if (c->eof)
		conn_eof_left(c, len - off);
	/* The rest waits in the kernel, if it is much. */
	else if (len - off > INPUT_MAX &&
	    (c->state != CONN_REQUEST || c->out != NULL)) {
		evtls_pause(tls);
		if (c->state == CONN_SITE)
			door_http_stall(c);
	}
	return (off);
}

void
conn_again(struct conn *c)
{
	evtls_resume(c->tls);
	(void)evtls_again(c->tls);
}

/* All has come; so much of it could not be taken now. */
static void
conn_eof_left(struct conn *c, size_t left)
{
	if (c->state == CONN_SITE && left == 0)
		door_http_eof(c, 0);
	else if (c->state == CONN_REQUEST && c->out == NULL) {
		/* Half a head, or nothing. */
		c->state = CONN_CLOSING;
		evtls_close(c->tls);
	}
}

void
conn_eof(struct evtls *tls, void *arg)
{
	struct conn	*c = arg;

	c->eof = 1;
	if (c->state == CONN_SITE)
		door_http_eof(c, evtls_left(tls));
	else if ((c->state == CONN_REQUEST && c->out != NULL) ||
	    c->pairing != NULL)
		;	/* it may still read the answer */
	else if (c->state == CONN_REQUEST && evtls_left(tls))
		(void)evtls_again(tls);
	else if (c->state != CONN_CLOSING)
		conn_free(c);
}

/* The deadline of whatever the connection is at. */
void
conn_timeout(struct evtls *tls, void *arg)
{
	struct conn	*c = arg;

	if (c->state == CONN_SITE) {
		door_http_timeout(c);
		return;
	}
	log_debug("client %s: timed out", conn_addr(c));
	if (c->state == CONN_REQUEST && c->out == NULL && evtls_left(tls)) {
		c->bodiless = 0;
		access_begin(c, NULL);
		evtls_deadline(tls, limits.handshake_ms);
		conn_error(c, NULL, 408, "the request came too slowly", NULL);
	} else if (c->state == CONN_REQUEST && c->idle) {
		/* In order: the client may be about to send one. */
		c->state = CONN_CLOSING;
		evtls_close(tls);
	} else
		conn_free(c);
}

size_t
conn_output(struct evtls *tls, void *arg, uint8_t *buf, size_t cap)
{
	struct conn	*c = arg;
	size_t		 n;
	ssize_t		 more;

	if (c->state == CONN_SITE) {
		if ((more = door_http_output(c, buf, cap)) == -1)
			return (0);
		if (more > 0 || c->state == CONN_SITE)
			return ((size_t)more);
	}
	if (c->out != NULL) {
		n = c->outlen - c->outoff;
		if (n > cap)
			n = cap;
		memcpy(buf, c->out + c->outoff, n);
		if ((c->outoff += n) == c->outlen) {
			free(c->out);
			c->out = NULL;
		}
		return (n);
	}
	if (c->state == CONN_BODY || c->state == CONN_WEB)
		return (0);
	if (c->state == CONN_ANSWER) {
		if ((more = door_api_output(c, buf, cap)) == -1)
			return (0);
		if (more > 0 || c->state == CONN_ANSWER)
			return ((size_t)more);
	}
	/* All of it was sent. */
	access_end(c, 0);
	if (c->state == CONN_UPGRADE) {
		if ((c->door == DOOR_RPC ? door_rpc_begin(c) :
		    conn_link(c)) == -1)
			conn_free(c);
	} else if (c->state == CONN_REQUEST && !c->keepalive) {
		c->state = CONN_CLOSING;
		evtls_resume(tls);
		evtls_close(tls);
	} else if (c->state == CONN_REQUEST) {
		c->idle = 1;
		c->idle_ms = listener_ms();
		evtls_deadline(tls, limits.idle_ms);
		evtls_resume(tls);
		if (!evtls_again(tls) && c->eof) {
			c->state = CONN_CLOSING;
			evtls_close(tls);
		}
	}
	return (0);
}

/* What no door takes, whatever it is for.  Whether that was answered. */
static int
conn_refused(struct conn *c, const struct http_head *head,
    struct http_framing *body)
{
	const char	*why, *fields = NULL;
	int		 status;

	if (http_request_framing(head, body, &status) == -1)
		why = "the end of the request is in doubt";
	else if ((status = proxy_request(c, head)) == 429) {
		why = "too many connections from your address";
		fields = "Retry-After: 10\r\n";
	} else if (status != 0)
		why = "the proxy's Forwarded field can't be understood";
	else if (http_str_eq(&head->method, "CONNECT")) {
		status = 405;
		why = "this is no proxy";
		fields = "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, "
		    "PATCH\r\n";
	} else
		return (0);
	c->keepalive = 0;
	conn_error(c, head, status, why, fields);
	return (1);
}

/* To the door of its path. */
static void
conn_door(struct conn *c, const struct http_head *head,
    const struct http_framing *body)
{
	if (http_str_eq(&head->path, LINK_PATH_NODE)) {
		counts.requests[DOOR_NODE]++;
		access_door(c, "node");
		door_node_request(c, head);
	} else if (http_str_eq(&head->path, LINK_PATH_ACCESS)) {
		counts.requests[DOOR_ACCESS]++;
		access_door(c, "access");
		door_tcp_request(c, head);
	} else if (door_rpc_request(c, head, body) == 0) {
		counts.requests[DOOR_RPC]++;
		access_door(c, "rpc");
	} else if (door_login_request(c, head, body) == 0) {
		counts.requests[DOOR_HTTP]++;
		access_door(c, "login");
	} else if (door_api_request(c, head) == 0) {
		counts.requests[DOOR_API]++;
		access_door(c, "api");
	} else {
		counts.requests[0]++;
		if (http_accepts_html(head))
			conn_error(c, head, 404, "there is nothing here",
			    NULL);
		else
			rpc_detail(c, 404, "Not Found", NULL);
	}
}

/* 0, or -1: it comes again, when what it has to wait for is known. */
static int
conn_request(struct conn *c, struct http_head *head, size_t len)
{
	struct http_framing	 body;

	/* A whole URL means the same as its path (RFC 9112, 3.2.2). */
	(void)http_origin(head, &head->path, &head->query);
	c->keepalive = head->minor == 1 &&
	    !http_field_has_token(head, "connection", "close");
	c->bodiless = http_str_eq(&head->method, "HEAD");
	c->minor = head->minor;
	c->wants_more = c->keepalive;
	c->door = 0;
	c->challenged = 0;
	access_begin(c, head);
	if (conn_refused(c, head, &body))
		return (0);
	switch (door_http_request(c, head, len, &body)) {
	case DOOR_HTTP_LATER:
		access_forget(c);
		return (-1);
	case DOOR_HTTP_TAKEN:
		access_forget(c);
		return (0);
	case DOOR_HTTP_NOT:
		break;
	}
	/* What follows is offered again when this is answered. */
	evtls_pause(c->tls);
	if (body.kind == HTTP_BODY_CHUNKED || body.length > 0)
		c->keepalive = 0;	/* it is not read */
	conn_door(c, head, &body);
	if (c->state != CONN_BODY &&
	    (body.kind == HTTP_BODY_CHUNKED || body.length > 0))
		c->keepalive = 0;
	return (0);
}

void
conn_respond(struct conn *c, int status, const char *type, const char *extra,
    const char *body)
{
	char	*buf;
	int	 len;

	/* A challenge is answered on the connection it was made for. */
	if (listener_drains() && status != 401)
		c->keepalive = 0;
	len = asprintf(&buf, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n"
	    "Content-Length: %zu\r\nCache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n%s%s\r\n%s", status,
	    http_reason(status), type, strlen(body),
	    c->keepalive ? "" : "Connection: close\r\n",
	    extra == NULL ? "" : extra, c->bodiless ? "" : body);
	if (len == -1) {
		c->state = CONN_CLOSING;
		evtls_close(c->tls);
		return;
	}
	access_status(c, status, c->bodiless ? 0 : strlen(body));
	free(c->out);
	c->out = buf;
	c->outlen = len;
	c->outoff = 0;
	c->state = CONN_REQUEST;
	door_http_answered(c, status, strlen(body));
	evtls_want_output(c->tls);
}

int
conn_respond_begin(struct conn *c, const char *type)
{
	char	*buf;
	int	 len;

	if (listener_drains())
		c->keepalive = 0;
	len = asprintf(&buf, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
	    "%sCache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n%s\r\n", type,
	    c->minor > 0 ? "Transfer-Encoding: chunked\r\n" : "",
	    c->keepalive ? "" : "Connection: close\r\n");
	if (len == -1)
		return (-1);
	access_status(c, 200, 0);
	free(c->out);
	c->out = buf;
	c->outlen = len;
	c->outoff = 0;
	evtls_want_output(c->tls);
	return (0);
}

void
conn_error(struct conn *c, const struct http_head *head, int status,
    const char *text, const char *extra)
{
	char	 body[1024], safe[256], *p;

	if (head == NULL)
		c->keepalive = 0;
	/* Some texts repeat a name that the client gave. */
	strlcpy(safe, text, sizeof(safe));
	for (p = safe; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~' || strchr("\"\\<>&", *p) != NULL)
			*p = '?';
	}
	if (head != NULL && http_accepts_html(head)) {
		snprintf(body, sizeof(body), "<!DOCTYPE html>\n"
		    "<html lang=\"en\"><meta charset=\"utf-8\">"
		    "<title>%d %s</title>\n<h1>%s</h1>\n<p>%s</p>\n"
		    "<hr><p>Culvert</p></html>\n", status,
		    http_reason(status), http_reason(status), safe);
		conn_respond(c, status, "text/html; charset=utf-8", extra,
		    body);
		return;
	}
	snprintf(body, sizeof(body), "{\"error\":\"%s\"}\n", safe);
	conn_respond(c, status, "application/json", extra, body);
}
