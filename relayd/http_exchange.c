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
 * An exchange: its life, and the request's head.
 */

#include "compat.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "http_exchange_internal.h"
#include "http_prologue.h"

#define SETS_MAX	64
#define WRITE_MAX	HTTP_HEAD_ROOM	/* of a head, with our fields */

static ssize_t	head_write(const struct http_head *,
		    const struct http_rewrite *, char **);
static int	head_rewrite(struct exchange *, const struct http_prologue *);
static int	method_is(const struct http_head *, const char *const *);
static void	request_kind(struct exchange *, const struct http_head *);
static struct http_backend *backend_for(const struct exchange_config *,
		    const struct exchange *, int *);
static void	on_ready(void *, const struct http_prologue *);
static void	on_input(void *);
static void	on_over(void *, uint16_t, const char *, int);
static size_t	on_memory(const void *);

static const struct http_backend_ops backend_ops = {
	on_ready, on_input, exchange_pull, on_over, on_memory
};

/* What is dropped where the backend knows already who visits. */
static const struct http_set unforwarded[] = {
	{ "Forwarded", NULL, HTTP_SET_REPLACE },
	{ "X-Forwarded*", NULL, HTTP_SET_REPLACE },
	{ "X-Real-IP", NULL, HTTP_SET_REPLACE }
};

/* ---- heads ---- */

/* Into memory of its own; -1: it can't be written, -2: no memory. */
static ssize_t
head_write(const struct http_head *head, const struct http_rewrite *rw,
    char **text)
{
	static char	 buf[WRITE_MAX];
	ssize_t		 n;

	*text = NULL;
	if ((n = http_request_write(head, rw, buf, sizeof(buf))) == -1)
		return (-1);
	if ((*text = malloc(n)) == NULL)
		return (-2);
	memcpy(*text, buf, n);
	return (n);
}

/* As this backend wants it.  0, or -1. */
static int
head_rewrite(struct exchange *ex, const struct http_prologue *p)
{
	static const struct http_limits	 limits = {
	    .head = WRITE_MAX, .line = WRITE_MAX, .field = WRITE_MAX,
	    .fields = HTTP_FIELDS_ROOM };
	static struct http_head	 head;
	struct http_rewrite	 rw;
	ssize_t			 n;
	int			 status;

	free(ex->rewritten);
	ex->rewritten = NULL;
	ex->out = ex->head;
	ex->outlen = ex->headlen;
	if (!p->announced && p->host[0] == '\0')
		return (0);
	if (http_parse_request_in(ex->head, ex->headlen, &limits, &head,
	    &status) != (ssize_t)ex->headlen)
		return (-1);
	memset(&rw, 0, sizeof(rw));
	rw.framing = &ex->framing;
	rw.upgrade = ex->asked.upgrade;
	if (p->host[0] != '\0')
		rw.host = p->host;
	if (p->announced) {
		rw.set = unforwarded;
		rw.nset = nitems(unforwarded);
	}
	if ((n = head_write(&head, &rw, &ex->rewritten)) < 0)
		return (-1);
	ex->out = ex->rewritten;
	ex->outlen = n;
	return (0);
}

static int
method_is(const struct http_head *head, const char *const *list)
{
	for (; *list != NULL; list++)
		if (http_str_eq(&head->method, *list))
			return (1);
	return (0);
}

/* What its method and its body mean for the connection. */
static void
request_kind(struct exchange *ex, const struct http_head *head)
{
	static const char *const	 idempotent[] = {
		"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", NULL
	};
	static const char *const	 bodiless[] = {
		"GET", "HEAD", "OPTIONS", "TRACE", "DELETE", NULL
	};

	ex->asked.head = http_str_eq(&head->method, "HEAD");
	if (ex->framing.kind != HTTP_BODY_CHUNKED && ex->left == 0) {
		/* RFC 9110, 9.2.2 */
		ex->safe = method_is(head, idempotent);
		ex->ended = 1;
	} else
		/* A backend that expects none may take it for a request. */
		ex->once = method_is(head, bodiless);
}

/* ---- its life ---- */

/* The one that is left from before, if it will do, or a new one. */
static struct http_backend *
backend_for(const struct exchange_config *cfg, const struct exchange *ex,
    int *used)
{
	struct http_backend_config	 bc;

	bc.site = cfg->site;
	bc.visitor = cfg->visitor;
	bc.client = cfg->client;
	bc.request_id = cfg->request_id;
	bc.hasty = cfg->hasty;
	*used = cfg->backend != NULL && ex != NULL &&
	    http_backend_fits(cfg->backend, &bc, ex->safe);
	if (*used)
		return (cfg->backend);
	http_backend_free(cfg->backend);
	return (ex == NULL ? NULL : http_backend_new(&bc));
}

struct exchange *
exchange_new(const struct exchange_config *cfg, int *status)
{
	struct http_set		 set[SETS_MAX];
	struct http_rewrite	 rw;
	struct http_str		 protocol;
	struct exchange		*ex;
	ssize_t			 n = -1;

	*status = 503;
	if ((ex = calloc(1, sizeof(*ex))) == NULL)
		goto fail;
	ex->ops = cfg->ops;
	ex->arg = cfg->arg;
	ex->framing = *cfg->framing;
	ex->asked.upgrade = http_upgrade(cfg->head, &protocol);
	if (ex->framing.kind == HTTP_BODY_LENGTH)
		ex->left = ex->framing.length;
	request_kind(ex, cfg->head);
	/* Without a body there is nothing to hold back. */
	ex->held = !ex->ended && http_expect(cfg->head) == 1;
	memset(&rw, 0, sizeof(rw));
	rw.framing = &ex->framing;
	rw.upgrade = ex->asked.upgrade;
	if (cfg->nset + cfg->nforwarded <= SETS_MAX) {
		if (cfg->nset > 0)
			memcpy(set, cfg->set, cfg->nset * sizeof(*set));
		if (cfg->nforwarded > 0)
			memcpy(set + cfg->nset, cfg->forwarded,
			    cfg->nforwarded * sizeof(*set));
		rw.set = set;
		rw.nset = cfg->nset + cfg->nforwarded;
		if (ex->framing.kind == HTTP_BODY_CHUNKED &&
		    trailer_list(cfg->head, &rw, &ex->announced) == -1)
			goto fail;
		n = head_write(cfg->head, &rw, &ex->head);
	}
	if (n < 0) {
		*status = n == -1 ? 400 : 503;
		goto fail;
	}
	ex->headlen = n;
	ex->backend = backend_for(cfg, ex, &ex->used);
	if (ex->backend == NULL) {
		exchange_free(ex);
		return (NULL);
	}
	http_backend_use(ex->backend, &backend_ops, ex);
	return (ex);
 fail:
	(void)backend_for(cfg, NULL, &(int){ 0 });
	exchange_free(ex);
	return (NULL);
}

void
exchange_free(struct exchange *ex)
{
	if (ex == NULL)
		return;
	/* What was sent last may not be there yet: no reset overtakes it. */
	if (ex->late && ex->sent && !ex->over)
		http_backend_leave(ex->backend);
	else
		http_backend_free(ex->backend);
	response_clear(ex);
	mux_queue_clear(&ex->body);
	free(ex->head);
	free(ex->rewritten);
	free(ex->tail);
	free(ex->announced);
	free(ex->said);
	free(ex);
}

struct http_backend *
exchange_keep(struct exchange *ex)
{
	struct http_backend	*b = NULL;

	/* What the last event took is still in the stream. */
	if (ex->state == EXCHANGE_IN_END && ex->keep && !ex->once && ex->sent &&
	    !ex->over && ex->buf == NULL &&
	    http_backend_rest(ex->backend) == 0) {
		b = ex->backend;
		ex->backend = NULL;
	}
	exchange_free(ex);
	return (b);
}

void
exchange_fail(struct exchange *ex, int status, uint16_t code,
    const char *word, const char *text)
{
	if (ex->state == EXCHANGE_FAILED)
		return;
	ex->state = EXCHANGE_FAILED;
	ex->late = 0;
	ex->status = status;
	ex->code = code;
	ex->word = word;
	strlcpy(ex->text, text, sizeof(ex->text));
}

/* The old connection was about to close when the request was sent. */
int
exchange_retry(struct exchange *ex)
{
	struct http_backend	*b;

	if (!ex->used || !ex->safe || ex->heard || ex->asked.upgrade)
		return (-1);
	if ((b = http_backend_again(ex->backend)) == NULL)
		return (-1);
	http_backend_free(ex->backend);
	ex->backend = b;
	ex->used = ex->ready = ex->over = ex->eof = ex->again = 0;
	ex->sent = ex->tailed = ex->begun = 0;
	http_backend_use(b, &backend_ops, ex);
	return (0);
}

/* ---- its backend ---- */

static void
on_ready(void *arg, const struct http_prologue *p)
{
	struct exchange	*ex = arg;

	if (head_rewrite(ex, p) == -1) {
		exchange_fail(ex, 502, MUX_CODE_PROTOCOL, "device",
		    "the request can't be written as the device wants it");
		ex->ops->readable(ex->arg);
		return;
	}
	ex->ready = 1;
	exchange_push(ex);
}

static void
on_input(void *arg)
{
	struct exchange	*ex = arg;

	/* An answer to what nobody has asked yet: it is of the last one. */
	if (ex->used && ex->ready && !ex->begun) {
		ex->ready = 0;
		ex->over = ex->again = 1;
	}
	ex->ops->readable(ex->arg);
}

/* What became of it, for the visitor; asked: the node was. */
static void
over_fail(struct exchange *ex, uint16_t code, const char *text, int asked)
{
	static const struct {
		uint16_t	 code;
		int		 status;
		const char	*word, *text;
	}			 ends[] = {
		{ MUX_CODE_REFUSED, 502, "refused",
		    "the device's web server refuses connections" },
		{ MUX_CODE_UNREACHABLE, 502, "unreachable",
		    "the device can't reach its web server" },
		{ MUX_CODE_TARGET_RESET, 502, "reset",
		    "the device's web server closed the connection" },
		{ MUX_CODE_CANCEL, 502, "reset",
		    "the device's web server closed the connection" },
		{ MUX_CODE_TIMEOUT, 504, "timeout",
		    "the device's web server does not answer" },
		{ MUX_CODE_DENIED, 502, "denied",
		    "the device's rules do not allow this" },
		{ MUX_CODE_NO_NODE, 404, "no-service",
		    "the device has no such service" },
		{ MUX_CODE_NO_SERVICE, 404, "no-service",
		    "the device has no such service" },
		{ MUX_CODE_NODE_OFFLINE, 503, "offline",
		    "the device is offline" },
		{ MUX_CODE_NODE_GONE, 503, "gone",
		    "the device has just gone offline" },
		{ MUX_CODE_LIMIT, 503, "limit",
		    "the device can't take more now" },
		{ MUX_CODE_KILLED, 503, "ended",
		    "the connection was ended" },
		{ MUX_CODE_GOING_AWAY, 503, "starting",
		    "the relay is starting" },
		{ MUX_CODE_UNSUPPORTED, 502, "unsupported",
		    "the device's agent serves no web pages" },
	};
	size_t	 i;

	if (code == MUX_CODE_DENIED && !asked) {
		exchange_fail(ex, 403, code, "forbidden", text);
		return;
	}
	for (i = 0; i < nitems(ends) && ends[i].code != code; i++)
		;
	if (i == nitems(ends))
		exchange_fail(ex, 502, code, "device",
		    "the device's agent could not serve this");
	else
		exchange_fail(ex, ends[i].status, code, ends[i].word,
		    code == MUX_CODE_LIMIT && !asked ? text : ends[i].text);
}

static void
on_over(void *arg, uint16_t code, const char *text, int asked)
{
	struct exchange	*ex = arg;

	ex->over = 1;
	ex->ready = 0;
	if (code == 0)
		ex->eof = 1;
	else if (code == MUX_CODE_TARGET_RESET && ex->used && !ex->heard)
		ex->again = 1;
	else if (ex->state < EXCHANGE_IN_END)
		over_fail(ex, code, text, asked);
	ex->ops->readable(ex->arg);
}

static size_t
on_memory(const void *arg)
{
	const struct exchange	*ex = arg;

	return (sizeof(*ex) + ex->headlen + ex->bufsize + ex->taillen +
	    mux_queue_held(&ex->body));
}
