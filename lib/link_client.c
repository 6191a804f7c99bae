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
 * How our own programs get a link: a request that is answered with a nonce,
 * the same request signed, 101, and the mux.
 */

#include "compat.h"

#include <event2/event.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "evtls.h"
#include "http.h"
#include "link_client.h"
#include "relay_url.h"

#define HEAD_MAX	16384	/* of an answer, bytes */
#define BODY_MAX	4096	/* of an answer that is no 101 */
#define NONCE_MAX	128
#define AUTH_MAX	512	/* the Authorization field */
#define TEXT_MAX	256

enum client_state {
	CLIENT_CONNECTING,	/* TLS */
	CLIENT_ASKED,		/* the first request is out */
	CLIENT_SIGNING,		/* the owner has the challenge */
	CLIENT_SIGNED		/* the second one is out */
};

struct link_client {
	struct link_client_config cfg;
	struct link_config	 link;
	struct mux_hello	 hello;
	struct evtls		*conn;
	struct event		*deferred;	/* failure, in its own pass */
	enum client_state	 state;
	char			 path[64];
	char			 node[MUX_NODE_MAX + 1];
	char			 token_id[TOKEN_ID_LEN + 1];
	char			 host[RELAY_URL_HOST_MAX];
	char			 host_header[RELAY_URL_MAX];
	char			 user_agent[64];
	char			 key[WS_KEY_LEN + 1];
	char			 nonce[NONCE_MAX];
	struct token_challenge	 challenge;
	char			*out;		/* the request being sent */
	size_t			 outlen, outoff;
	/* the end */
	int			 status;	/* of a refusal without body */
	enum link_fail		 fail;
	int			 retry;
	char			 text[TEXT_MAX];
	int			 over;
	int			 busy, dead;	/* freed inside a callback */
};

static void	client_ready(struct evtls *, void *);
static size_t	client_input(struct evtls *, void *, uint8_t *, size_t);
static size_t	client_output(struct evtls *, void *, uint8_t *, size_t);
static void	client_closed(struct evtls *, void *, enum evtls_why,
		    const char *);
static int	client_send(struct link_client *, const char *);
static size_t	client_answer(struct link_client *, const char *, size_t);
static int	client_body(const struct http_head *, size_t *);
static int	client_challenged(struct link_client *,
		    const struct http_head *);
static void	client_refused(struct link_client *, int, const char *,
		    size_t);
static void	client_accepted(struct link_client *,
		    const struct http_head *);
static void	client_fail(struct link_client *, enum link_fail, int,
		    const char *, ...)
		    __attribute__((__format__ (printf, 4, 5)));
static void	client_end(evutil_socket_t, short, void *);
static void	client_leave(struct link_client *);
static void	client_destroy(struct link_client *);
static void	body_error(const char *, size_t, char *, size_t);

static const struct evtls_ops client_ops = {
	.ready = client_ready, .input = client_input, .output = client_output,
	.closed = client_closed
};

struct link_client *
link_client_new(const struct link_client_config *cfg)
{
	struct link_client	*lc;

	if ((lc = calloc(1, sizeof(*lc))) == NULL)
		goto fail;
	lc->cfg = *cfg;
	lc->link = cfg->link;
	lc->hello = *cfg->link.hello;
	lc->link.hello = &lc->hello;
	lc->link.role = WS_CLIENT;
	lc->link.dialer = 1;
	strlcpy(lc->path, cfg->path, sizeof(lc->path));
	strlcpy(lc->node, cfg->node, sizeof(lc->node));
	strlcpy(lc->token_id, cfg->token_id, sizeof(lc->token_id));
	strlcpy(lc->user_agent, cfg->user_agent, sizeof(lc->user_agent));
	strlcpy(lc->host, cfg->url->host, sizeof(lc->host));
	relay_url_host_header(cfg->url, lc->host_header,
	    sizeof(lc->host_header));
	lc->deferred = event_new(cfg->base, -1, 0, client_end, lc);
	if (lc->deferred == NULL)
		goto fail;
	lc->conn = evtls_connect(cfg->base, cfg->fd, cfg->tls, lc->host,
	    &client_ops, lc);
	if (lc->conn == NULL) {
		event_free(lc->deferred);
		free(lc);
		return (NULL);
	}
	evtls_deadline(lc->conn, cfg->timeout_ms);
	return (lc);
 fail:
	free(lc);
	evutil_closesocket(cfg->fd);
	return (NULL);
}

static void
client_destroy(struct link_client *lc)
{
	evtls_free(lc->conn);
	event_free(lc->deferred);
	free(lc->out);
	free(lc);
}

void
link_client_free(struct link_client *lc)
{
	if (lc == NULL || lc->dead)
		return;
	lc->dead = lc->over = 1;
	if (!lc->busy)
		client_destroy(lc);
}

/* Leave a callback: what was freed in it goes now. */
static void
client_leave(struct link_client *lc)
{
	if (--lc->busy == 0 && lc->dead)
		client_destroy(lc);
}

/* ---- requests ---- */

static int
client_send(struct link_client *lc, const char *authorization)
{
	char	*req;
	int	 len;

	ws_key_make(lc->key);
	len = asprintf(&req, "GET %s HTTP/1.1\r\nHost: %s\r\n"
	    "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
	    "Sec-WebSocket-Protocol: " MUX_PROTOCOL "\r\n"
	    "User-Agent: %s\r\n%s%s%s%s\r\n", lc->path, lc->host_header,
	    lc->key, lc->user_agent,
	    lc->node[0] != '\0' ? "Culvert-Node: " : "", lc->node,
	    lc->node[0] != '\0' ? "\r\n" : "", authorization);
	if (len == -1)
		return (-1);
	free(lc->out);
	lc->out = req;
	lc->outlen = len;
	lc->outoff = 0;
	evtls_want_output(lc->conn);
	return (0);
}

static void
client_ready(struct evtls *conn, void *arg)
{
	struct link_client	*lc = arg;

	lc->state = CLIENT_ASKED;
	if (client_send(lc, "") == -1)
		client_fail(lc, LINK_FAIL_UNREACHABLE, 0, "no memory");
}

static size_t
client_output(struct evtls *conn, void *arg, uint8_t *buf, size_t cap)
{
	struct link_client	*lc = arg;
	size_t			 n;

	if (lc->out == NULL)
		return (0);
	n = lc->outlen - lc->outoff;
	if (n > cap)
		n = cap;
	memcpy(buf, lc->out + lc->outoff, n);
	if ((lc->outoff += n) == lc->outlen) {
		free(lc->out);
		lc->out = NULL;
	}
	return (n);
}

void
link_client_signed(struct link_client *lc, const uint8_t *sig)
{
	char	 text[BASE64URL_LEN(TOKEN_SIG_LEN) + 1], auth[AUTH_MAX];
	int	 n;

	if (lc->over || lc->state != CLIENT_SIGNING)
		return;
	if (sig == NULL || base64url_encode(text, sizeof(text), sig,
	    TOKEN_SIG_LEN) == -1) {
		client_fail(lc, LINK_FAIL_DENIED, 0,
		    "the challenge could not be signed");
		return;
	}
	n = snprintf(auth, sizeof(auth), "Authorization: Culvert id=\"%s\", "
	    "nonce=\"%s\", sig=\"%s\"\r\n", lc->token_id, lc->nonce, text);
	lc->state = CLIENT_SIGNED;
	if (n < 0 || (size_t)n >= sizeof(auth) || client_send(lc, auth) == -1)
		client_fail(lc, LINK_FAIL_UNREACHABLE, 0, "no memory");
}

/* ---- answers ---- */

static size_t
client_input(struct evtls *conn, void *arg, uint8_t *buf, size_t len)
{
	struct link_client	*lc = arg;
	size_t			 off = 0, n;

	lc->busy++;
	while (off < len && !lc->over) {
		n = client_answer(lc, (const char *)buf + off, len - off);
		if (n == 0)
			break;
		off += n;
	}
	client_leave(lc);
	/* What follows a 101 stays: the link takes it over. */
	return (off);
}

/* Returns the bytes of the answer that are done with, 0: needs more. */
static size_t
client_answer(struct link_client *lc, const char *buf, size_t len)
{
	static struct http_head	 head;
	const struct http_str	*field;
	char			 number[16];
	const char		*errstr;
	ssize_t			 n;
	size_t			 body;
	int			 status;

	n = http_parse_response(buf, len, HEAD_MAX, &head, &status);
	if (n == 0)
		return (0);
	if (n == -1 || (lc->state != CLIENT_ASKED &&
	    lc->state != CLIENT_SIGNED) || client_body(&head, &body) == -1) {
		client_fail(lc, LINK_FAIL_PROTOCOL, 0,
		    "what answers there is not a Culvert relay");
		return (len);
	}
	if (head.status == 101) {
		client_accepted(lc, &head);
		return (n);
	}
	if (head.status < 200)
		return (n);	/* interim, RFC 9110, 15.2 */
	if (len - n < body) {
		if (head.status != 401 || lc->state == CLIENT_SIGNED)
			lc->status = head.status;
		return (0);
	}
	if (head.status == 401 && lc->state == CLIENT_ASKED &&
	    client_challenged(lc, &head) == 0)
		return (n + body);
	if ((field = http_field(&head, "retry-after")) != NULL &&
	    http_str_copy(field, number, sizeof(number)) == 0)
		lc->retry = strtonum(number, 0, 3600, &errstr);
	client_refused(lc, head.status, buf + n, body);
	return (n + body);
}

/* What follows the head: none, or a small one whose length was told. */
static int
client_body(const struct http_head *head, size_t *body)
{
	const struct http_str	*field;
	char			 number[16];
	const char		*errstr;

	*body = 0;
	if (head->status < 200 ||
	    (field = http_field(head, "content-length")) == NULL)
		return (0);
	if (http_field_count(head, "content-length") != 1 ||
	    http_str_copy(field, number, sizeof(number)) == -1 ||
	    number[strspn(number, "0123456789")] != '\0')
		return (-1);
	*body = strtonum(number, 0, BODY_MAX, &errstr);
	return (errstr == NULL ? 0 : -1);
}

static int
client_challenged(struct link_client *lc, const struct http_head *head)
{
	struct http_str		 params = { NULL, 0 }, nonce;
	const struct http_field	*f;
	size_t			 i;

	/* A field for each way to log in, RFC 9110, 11.6.1. */
	for (i = 0; i < head->nfields && params.s == NULL; i++) {
		f = &head->fields[i];
		if (http_str_caseeq(&f->name, "www-authenticate") &&
		    f->value.len > 8 &&
		    strncasecmp(f->value.s, "Culvert ", 8) == 0) {
			params.s = f->value.s + 8;
			params.len = f->value.len - 8;
		}
	}
	if (params.s == NULL || http_param(&params, "nonce", &nonce) == -1 ||
	    nonce.len == 0 ||
	    http_str_copy(&nonce, lc->nonce, sizeof(lc->nonce)) == -1 ||
	    lc->nonce[strspn(lc->nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_")] != '\0') {
		client_fail(lc, LINK_FAIL_PROTOCOL, 0,
		    "what answers there is not a Culvert relay");
		return (-1);
	}
	lc->state = CLIENT_SIGNING;
	lc->challenge.host = lc->host;
	lc->challenge.nonce = lc->nonce;
	lc->challenge.path = lc->path;
	lc->challenge.node = lc->node;
	lc->cfg.ops->sign(lc, lc->cfg.arg, &lc->challenge);
	return (0);
}

/* The text of {"error":"..."}, if it is one and fit to be shown. */
static void
body_error(const char *body, size_t len, char *text, size_t size)
{
	static const char	 begin[] = "{\"error\":\"";
	size_t			 i, n = 0;

	text[0] = '\0';
	if (len < sizeof(begin) - 1 ||
	    memcmp(body, begin, sizeof(begin) - 1) != 0)
		return;
	for (i = sizeof(begin) - 1; i < len && body[i] != '"'; i++) {
		if (n + 1 == size)
			break;
		text[n++] = body[i] < ' ' || body[i] > '~' ? '?' : body[i];
	}
	text[n] = '\0';
}

static void
client_refused(struct link_client *lc, int status, const char *body,
    size_t len)
{
	char	 error[TEXT_MAX - 80];

	body_error(body, len, error, sizeof(error));
	switch (status) {
	case 401:
		client_fail(lc, LINK_FAIL_DENIED, lc->retry, "%s", error[0] !=
		    '\0' ? error : "the relay does not accept the token");
		break;
	case 403:
	case 409:
	case 421:
		client_fail(lc, LINK_FAIL_DENIED, lc->retry, "%s",
		    error[0] != '\0' ? error : "the relay denies it");
		break;
	case 429:
	case 503:
		client_fail(lc, LINK_FAIL_BUSY, lc->retry, "%s",
		    error[0] != '\0' ? error : "the relay is busy");
		break;
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		client_fail(lc, LINK_FAIL_PROTOCOL, 0, "it answers with a "
		    "redirection (%d): give the relay's own name", status);
		break;
	default:
		client_fail(lc, LINK_FAIL_PROTOCOL, 0, "not a Culvert relay, "
		    "or of another version: it answers %d%s%s", status,
		    error[0] != '\0' ? ": " : "", error);
		break;
	}
}

/* RFC 6455, 4.1: is this the answer to our key, and our protocol? */
static int
client_upgraded(const struct link_client *lc, const struct http_head *head)
{
	const struct http_str	*accept, *proto;
	char			 want[WS_ACCEPT_LEN + 1];

	ws_accept(lc->key, want);
	accept = http_field(head, "sec-websocket-accept");
	proto = http_field(head, "sec-websocket-protocol");
	return (lc->state == CLIENT_SIGNED && lc->out == NULL &&
	    head->minor == 1 &&
	    http_field_count(head, "sec-websocket-accept") == 1 &&
	    http_str_eq(accept, want) &&
	    http_field_count(head, "sec-websocket-protocol") == 1 &&
	    http_str_eq(proto, MUX_PROTOCOL) &&
	    http_field_has_token(head, "upgrade", "websocket") &&
	    http_field_has_token(head, "connection", "upgrade") &&
	    http_field(head, "sec-websocket-extensions") == NULL);
}

/*
 * Hand the connection over within this very callback: the end of it, should
 * it be close behind, must find the link.
 */
static void
client_accepted(struct link_client *lc, const struct http_head *head)
{
	struct link	*link;

	if (!client_upgraded(lc, head)) {
		client_fail(lc, LINK_FAIL_PROTOCOL, 0,
		    "the relay's handshake is not as it should be");
		return;
	}
	if ((link = link_new(lc->conn, &lc->link)) == NULL) {
		client_fail(lc, LINK_FAIL_UNREACHABLE, 0, "no memory");
		return;
	}
	evtls_deadline(lc->conn, 0);
	lc->conn = NULL;
	lc->over = 1;
	lc->cfg.ops->done(lc, lc->cfg.arg, link);
	link_client_free(lc);
}

/* ---- the end ---- */

static void
client_fail(struct link_client *lc, enum link_fail fail, int retry,
    const char *fmt, ...)
{
	va_list	 ap;

	if (lc->over)
		return;
	lc->over = 1;
	lc->fail = fail;
	lc->retry = retry;
	va_start(ap, fmt);
	vsnprintf(lc->text, sizeof(lc->text), fmt, ap);
	va_end(ap);
	if (lc->text[0] == '\0')
		strlcpy(lc->text, "failed", sizeof(lc->text));
	event_active(lc->deferred, EV_TIMEOUT, 1);
}

static void
client_closed(struct evtls *conn, void *arg, enum evtls_why why,
    const char *text)
{
	struct link_client	*lc = arg;

	/* The head of a refusal says enough. */
	if (lc->status != 0)
		client_refused(lc, lc->status, "", 0);
	else if (lc->state == CLIENT_CONNECTING && why == EVTLS_ERROR &&
	    lc->cfg.tls != NULL)
		client_fail(lc, LINK_FAIL_TLS, 0, "%s%s", text,
		    strstr(text, "unknown CA") != NULL ?
		    "; ca or pin says whom to trust" : "");
	else if (lc->state == CLIENT_ASKED && why == EVTLS_EOF &&
	    lc->cfg.tls == NULL)
		client_fail(lc, LINK_FAIL_UNREACHABLE, 0, "closed without an "
		    "answer: is it wss:// that is spoken there?");
	else
		client_fail(lc, LINK_FAIL_UNREACHABLE, 0, "%s",
		    why == EVTLS_TIMEOUT ? "the relay did not answer in time" :
		    text);
}

/* Whoever calls us may hear of a failure only after it. */
static void
client_end(evutil_socket_t fd, short what, void *arg)
{
	struct link_client	*lc = arg;

	lc->busy++;
	lc->cfg.ops->fail(lc, lc->cfg.arg, lc->fail, lc->retry, lc->text);
	link_client_free(lc);
	client_leave(lc);
}
