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
 * Lines for requests to the relay's own doors.  Their heads are gone when
 * they have been answered: what the line needs of one is kept until then, if
 * anybody wants lines.
 */

#include "compat.h"

#include <stdlib.h>
#include <string.h>

#include "access_log.h"
#include "clock.h"
#include "link.h"
#include "listener.h"

struct access_own {
	uint64_t	 began_us;
	uint64_t	 head_us;	/* when the response did; 0: not yet */
	uint64_t	 out;
	int		 status;
	int		 minor;
	const char	*door;
	const char	*error;		/* NULL: by the status */
	char		 email[CTL_EMAIL_LEN];
	char		 node[CTL_NAME_LEN];
	struct http_str	 method, target, referer, agent;
	char		 text[];	/* of those */
};

static struct http_str	 keep(char **, const struct http_str *);
static const char	*status_word(int);

/* What a status means, where the door has nothing more to say. */
static const char *
status_word(int status)
{
	static const struct {
		int		 status;
		const char	*word;
	} words[] = {
		{ 400, "bad-request" }, { 401, "login" }, { 403, "denied" },
		{ 404, "no-path" }, { 405, "method" }, { 408, "slow" },
		{ 409, "taken" }, { 414, "too-long" }, { 421, "host" },
		{ 426, "upgrade" }, { 429, "limit" }, { 431, "too-long" },
		{ 503, "busy" },
	};
	size_t	 i;

	if (status < 400)
		return ("");
	for (i = 0; i < nitems(words); i++)
		if (words[i].status == status)
			return (words[i].word);
	return ("error");
}

static struct http_str
keep(char **p, const struct http_str *s)
{
	struct http_str	 kept = { .s = *p, .len = s->len };

	if (s->len > 0)
		memcpy(*p, s->s, s->len);
	*p += s->len;
	return (kept);
}

void
access_begin(struct conn *c, const struct http_head *head)
{
	static const struct http_str	 none;
	const struct http_str		*referer = NULL, *agent = NULL;
	struct access_own		*a;
	size_t				 len = 0;
	char				*p;

	access_forget(c);
	if (!access_log_on())
		return;
	if (head != NULL) {
		referer = http_field(head, "referer");
		agent = http_field(head, "user-agent");
		len = head->method.len + head->target.len;
	}
	if (referer == NULL)
		referer = &none;
	if (agent == NULL)
		agent = &none;
	len += referer->len + agent->len;
	if ((a = calloc(1, sizeof(*a) + len)) == NULL)
		return;
	p = a->text;
	a->began_us = clock_us();
	a->door = "other";
	if (head != NULL) {
		a->minor = head->minor;
		a->method = keep(&p, &head->method);
		a->target = keep(&p, &head->target);
	}
	a->referer = keep(&p, referer);
	a->agent = keep(&p, agent);
	c->access = a;
}

void
access_forget(struct conn *c)
{
	free(c->access);
	c->access = NULL;
}

void
access_door(struct conn *c, const char *name)
{
	if (c->access != NULL)
		c->access->door = name;
}

void
access_path(struct conn *c)
{
	const char	*query;

	if (c->access != NULL && c->access->target.len > 0 &&
	    (query = memchr(c->access->target.s, '?',
	    c->access->target.len)) != NULL)
		c->access->target.len = query - c->access->target.s;
}

void
access_user(struct conn *c, const char *email, const char *node)
{
	if (c->access == NULL)
		return;
	strlcpy(c->access->email, email, sizeof(c->access->email));
	strlcpy(c->access->node, node, sizeof(c->access->node));
}

void
access_status(struct conn *c, int status, size_t len)
{
	if (c->access == NULL)
		return;
	c->access->status = status;
	c->access->out = len;
	c->access->head_us = clock_us();
}

void
access_sent(struct conn *c, size_t len)
{
	if (c->access != NULL)
		c->access->out += len;
}

void
access_error(struct conn *c, const char *word)
{
	if (c->access != NULL)
		c->access->error = word;
}

void
access_end(struct conn *c, int cut)
{
	struct access_own	*a = c->access;
	struct access_line	 line;

	if (a == NULL)
		return;
	memset(&line, 0, sizeof(line));
	line.client = &c->peer;
	line.email = a->email;
	line.node = a->node;
	line.host = line.service = line.request_id = "";
	line.error = a->error != NULL ? a->error : status_word(a->status);
	line.door = a->door;
	line.method = a->method;
	line.target = a->target;
	line.referer = a->referer;
	line.agent = a->agent;
	line.minor = a->minor;
	line.tls = evtls_is_tls(c->tls);
	line.status = a->status;
	line.cut = cut;
	line.out = a->out;
	line.us = clock_us() - a->began_us;
	if (a->head_us != 0)
		line.head_us = a->head_us - a->began_us;
	access_log_request(&line);
	access_forget(c);
}
