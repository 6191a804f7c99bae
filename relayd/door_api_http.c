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
 * The api door over HTTP: what the relay says of itself, and to whom.  Its
 * health and its name are anybody's business; its figures are that of those
 * whom the configuration names, and of administrators; nodes and streams are
 * for whom they concern.
 */

#include "compat.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access_log.h"
#include "door_api.h"
#include "doors.h"
#include "http_body.h"
#include "log.h"

#define PIECE_MAX	65536	/* of an answer, at a time */
#define METHODS		"Allow: GET, HEAD\r\n"
#define BEARER		"WWW-Authenticate: Bearer realm=\"culvert\"\r\n"
#define BEARER_BAD	"WWW-Authenticate: Bearer realm=\"culvert\", " \
			"error=\"invalid_token\"\r\n"

enum access {
	ANYBODY,
	MONITORS,		/* and administrators */
	USERS
};

struct api_path {
	const char	*path;
	enum access	 access;
	void		 (*say)(struct conn *, const struct http_head *);
	void		 (*answer)(struct api_request *);
};

static void	say_page(struct conn *, const struct http_head *);
static void	say_health(struct conn *, const struct http_head *);
static void	say_version(struct conn *, const struct http_head *);
static int	is_monitor(const struct conn *, const struct http_head *);
static void	log_in(struct conn *, const struct http_head *);
static void	list_nodes(struct api_request *);
static void	list_connections(struct api_request *);
static void	list_begin(struct api_request *, enum api_list_kind,
		    const char *);
static void	list_ready(void *, uint32_t);
static struct api_request *request_new(struct conn *,
		    const struct api_path *);

static const struct api_path paths[] = {
	{ "/", ANYBODY, say_page, NULL },
	{ "/health", ANYBODY, say_health, NULL },
	{ "/version", ANYBODY, say_version, NULL },
	{ "/stats", MONITORS, NULL, api_stats },
	{ "/metrics", MONITORS, NULL, api_metrics },
	{ "/api/nodes", USERS, NULL, list_nodes },
	{ "/api/connections", USERS, NULL, list_connections },
};

struct monitors {
	struct addr_prefix	 net[NETWORKS_MAX];
	size_t			 n;
	uint8_t			 hash[32];	/* of the token... */
	int			 has_token;	/* ...if there is one */
};

static struct monitors	 monitors, next;

/* ---- the configuration ---- */

void
door_api_conf_begin(void)
{
	memset(&next, 0, sizeof(next));
	api_stats_conf_begin();
}

int
door_api_monitor(const struct addr_prefix *p)
{
	if (next.n >= nitems(next.net))
		return (-1);
	next.net[next.n++] = *p;
	return (0);
}

void
door_api_conf_end(const struct conf_begin *begin)
{
	next.has_token = begin->has_metrics_token;
	memcpy(next.hash, begin->metrics_hash, sizeof(next.hash));
	monitors = next;
	api_stats_conf_end(begin->started);
}

/* ---- requests ---- */

int
door_api_request(struct conn *c, const struct http_head *head)
{
	const struct api_path	*p = NULL;
	size_t			 i;

	for (i = 0; i < nitems(paths); i++) {
		if (http_str_eq(&head->path, paths[i].path))
			p = &paths[i];
	}
	if (p == NULL)
		return (-1);
	if (!http_str_eq(&head->method, "GET") &&
	    !http_str_eq(&head->method, "HEAD")) {
		if (http_accepts_html(head))
			conn_error(c, head, 405, "only GET and HEAD",
			    METHODS);
		else
			rpc_detail(c, 405, "Method Not Allowed", METHODS);
		return (0);
	}
	if (p->say != NULL) {
		p->say(c, head);
		return (0);
	}
	if (request_new(c, p) == NULL)
		api_later(c);
	else if (p->access == MONITORS && is_monitor(c, head))
		p->answer(c->api);
	else
		log_in(c, head);
	return (0);
}

static struct api_request *
request_new(struct conn *c, const struct api_path *p)
{
	door_api_forget(c);
	if ((c->api = calloc(1, sizeof(*c->api))) == NULL)
		return (NULL);
	c->api->conn = c;
	c->api->path = p;
	return (c->api);
}

void
door_api_forget(struct conn *c)
{
	if (c->api == NULL)
		return;
	api_stats_forget(c->api);
	api_list_free(c->api->list);
	free(c->api);
	c->api = NULL;
}

/* By its address, or the token for metrics, which is for nothing else. */
static int
is_monitor(const struct conn *c, const struct http_head *head)
{
	const struct http_str	*auth;
	struct http_str		 token;
	uint8_t			 hash[32];
	unsigned int		 len = sizeof(hash);
	size_t			 i;

	for (i = 0; i < monitors.n; i++) {
		if (addr_prefix_match(&monitors.net[i],
		    (const struct sockaddr *)&c->peer))
			return (1);
	}
	return (monitors.has_token &&
	    (auth = http_field(head, "authorization")) != NULL &&
	    login_scheme(auth, "bearer", &token) &&
	    EVP_Digest(token.s, token.len, hash, &len, EVP_sha256(),
	    NULL) == 1 &&
	    CRYPTO_memcmp(hash, monitors.hash, sizeof(hash)) == 0);
}

/* Anybody else needs a token of a user, and auth's word on it. */
static void
log_in(struct conn *c, const struct http_head *head)
{
	if (http_field(head, "authorization") == NULL)
		conn_error(c, head, 401, "log in with a token", BEARER);
	else if (login_bearer_request(c, head) == -1) {
		login_garbled(c);
		conn_error(c, head, 401, "token not accepted", BEARER_BAD);
		access_error(c, "denied");
	}
}

const char *
door_api_challenge(int status)
{
	return (status == 401 ? BEARER_BAD : "");
}

/* Auth has vouched for it, and router has it on record. */
void
door_api_session(struct conn *c)
{
	struct api_request	*r = c->api;

	if (r->path->access == MONITORS) {
		int	 admin = c->session->scopes & SCOPE_ADMIN;

		/* That was all it was wanted for. */
		conn_unlink(c, "");
		if (!admin) {
			conn_error(c, NULL, 403, "this is for administrators, "
			    "with the scope admin", NULL);
			return;
		}
	}
	r->path->answer(r);
}

void
api_wait(struct api_request *r)
{
	r->conn->state = CONN_ANSWER;
	evtls_deadline(r->conn->tls, API_WAIT_MS);
}

void
api_respond(struct conn *c, const char *type, struct textbuf *t)
{
	if (t->failed)
		conn_error(c, NULL, 500, "no memory for the answer", NULL);
	else
		conn_respond(c, 200, type, NULL, t->s);
	textbuf_free(t);
}

void
api_later(struct conn *c)
{
	conn_error(c, NULL, 503, "the relay is starting: try again",
	    "Retry-After: 1\r\n");
}

void
door_api_router_gone(void)
{
	api_stats_router_gone();
	api_lists_router_gone();
}

/* ---- lists ---- */

static void
list_nodes(struct api_request *r)
{
	list_begin(r, API_NODES, "{\"nodes\":[");
}

static void
list_connections(struct api_request *r)
{
	list_begin(r, API_CONNECTIONS, "{\"connections\":[");
}

/* The session lasts until the list is complete. */
static void
list_begin(struct api_request *r, enum api_list_kind kind, const char *begin)
{
	struct conn	*c = r->conn;

	if (c->bodiless) {
		conn_unlink(c, "");
		c->state = CONN_REQUEST;
		if (conn_respond_begin(c, "application/json") == -1)
			conn_free(c);
		return;
	}
	r->list = api_list_new(kind, c->session->session, begin, "]}\n",
	    list_ready, r);
	if (r->list == NULL) {
		conn_unlink(c, "");
		api_later(c);
	} else
		api_wait(r);
}

static void
list_ready(void *arg, uint32_t code)
{
	struct api_request	*r = arg;
	struct conn		*c = r->conn;

	if (code != 0 && r->begun) {
		/* Cut: it must not look like a whole one. */
		conn_free(c);
		return;
	}
	if (code != 0) {
		api_list_free(r->list);
		r->list = NULL;
		conn_unlink(c, "");
		api_later(c);
		return;
	}
	if (!r->begun) {
		if (conn_respond_begin(c, "application/json") == -1) {
			conn_free(c);
			return;
		}
		r->begun = 1;
		evtls_deadline(c->tls, API_STALL_MS);
	}
	evtls_want_output(c->tls);
}

ssize_t
door_api_output(struct conn *c, uint8_t *buf, size_t cap)
{
	struct api_request	*r = c->api;
	size_t			 front = c->minor > 0 ? HTTP_CHUNK_FRONT : 0;
	size_t			 room = cap - front - HTTP_CHUNK_BACK;
	ssize_t			 n;
	int			 last;

	if (r == NULL || !r->begun)
		return (0);
	if (room > PIECE_MAX)
		room = PIECE_MAX;
	if ((n = api_list_pull(r->list, buf + front, room, &last)) == -1) {
		conn_free(c);
		return (-1);
	}
	access_sent(c, n);
	if (n > 0)
		evtls_deadline(c->tls, API_STALL_MS);
	if (c->minor > 0)
		n = http_chunk((char *)buf, n, last);
	if (last) {
		api_list_free(r->list);
		r->list = NULL;
		conn_unlink(c, "");
		c->state = CONN_REQUEST;
	}
	return (n);
}

/* ---- what anybody may know ---- */

static void
say_page(struct conn *c, const struct http_head *head)
{
	static const char	 html[] = "<!DOCTYPE html>\n"
	    "<html lang=\"en\"><meta charset=\"utf-8\">"
	    "<title>Culvert</title>\n<h1>Culvert</h1>\n"
	    "<p>This is a relay: devices behind NAT keep a connection to it, "
	    "and their owners reach them through it, with ssh and other "
	    "programs.</p>\n"
	    "<p>There is nothing to see here without an account.</p>\n"
	    "</html>\n";
	static const char	 text[] = "Culvert: this is a relay.  "
	    "Devices behind NAT keep a connection to it, and\n"
	    "their owners reach them through it, with ssh and other "
	    "programs.\n"
	    "There is nothing to see here without an account.\n";

	if (http_accepts_html(head))
		conn_respond(c, 200, "text/html; charset=utf-8",
		    "Content-Security-Policy: default-src 'none'\r\n", html);
	else
		conn_respond(c, 200, "text/plain; charset=utf-8", NULL, text);
}

static void
say_health(struct conn *c, const struct http_head *head)
{
	char	 body[160];

	/* To the byte as programs for paired devices know it. */
	snprintf(body, sizeof(body), "{\"ok\":true,\"nodes\":%llu,"
	    "\"pairs\":%llu,\"sessions\":%llu}",
	    (unsigned long long)keep_health.nodes,
	    (unsigned long long)keep_health.pairs,
	    (unsigned long long)keep_health.sessions);
	conn_respond(c, 200, "application/json", NULL, body);
}

static void
say_version(struct conn *c, const struct http_head *head)
{
	conn_respond(c, 200, "application/json", NULL,
	    "{\"name\":\"culvert\",\"version\":\"" CULVERT_VERSION "\"}\n");
}
