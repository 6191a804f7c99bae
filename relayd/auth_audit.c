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
 * What is written behind: the audit log, when a token was used, whether a
 * node is connected.  Log-ins never wait for it; one transaction takes what
 * has come together.
 */

#include "compat.h"

#include <sys/queue.h>
#include <sys/tree.h>

#include <imsg.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "log.h"
#include "log_limit.h"

#define LINES_MS	1000		/* a line waits at most so long */
#define USAGE_MS	30000		/* the rest, if nothing else is due */
#define USAGE_MAX	(2 * AUTH_SESSIONS_MAX)
#define TRIM_MS		3600000
#define DAY_S		86400
#define CLOCK_JUMP_S	3600

struct line {
	TAILQ_ENTRY(line)	 entry;
	struct audit_event	 event;
};

enum usage_kind { USAGE_TOKEN, USAGE_NODE, USAGE_SESSION };

struct usage {
	RB_ENTRY(usage)		 node;
	enum usage_kind		 kind;
	char			 id[USER_ID_LEN + 4];
	int			 up;
	int64_t			 at;
};

RB_HEAD(usage_tree, usage);

static int		 usage_cmp(const struct usage *, const struct usage *);
static void		 usage_put(enum usage_kind, const char *, int,
			    int64_t);
static enum store_result usage_write(const struct usage *);
static void		 lines_pop(size_t);
static enum store_result batch_rows(size_t *, size_t *);
static int		 batch_write(void);
static int		 clock_steady(uint64_t);
static int		 trim(uint64_t);

static TAILQ_HEAD(, line)	 lines = TAILQ_HEAD_INITIALIZER(lines);
static size_t			 nlines;
static uint64_t			 nlost;		/* lines, not yet told */
static uint64_t			 lines_since;	/* ms, of the oldest */
static struct usage_tree	 usages = RB_INITIALIZER(&usages);
static size_t			 nusages;
static uint64_t			 usage_since;
static uint64_t			 retry_at;	/* ms, after trouble */
static uint64_t			 trim_at;	/* ms */
/* Lines of denied log-ins: 100, then one each 6 s. */
static struct log_limit		 denied = { .burst = 100, .ms = 6000 };

RB_GENERATE_STATIC(usage_tree, usage, node, usage_cmp)

/* ---- what comes in ---- */

static void
lines_pop(size_t n)
{
	struct line	*l;

	while (n-- > 0 && (l = TAILQ_FIRST(&lines)) != NULL) {
		TAILQ_REMOVE(&lines, l, entry);
		nlines--;
		free(l);
	}
}

void
auth_audit(const struct audit_event *e)
{
	struct line	*l;

	if (nlines >= AUTH_AUDIT_QUEUE) {
		lines_pop(1);
		nlost++;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		nlost++;
		return;
	}
	l->event = *e;
	if (l->event.at == 0)
		l->event.at = auth_wall();
	if (TAILQ_EMPTY(&lines))
		lines_since = auth_mono();
	TAILQ_INSERT_TAIL(&lines, l, entry);
	if (++nlines == AUTH_BATCH)
		auth_soon();
}

int
auth_audit_denied(const struct audit_event *e)
{
	struct audit_event	 copy = *e;
	uint64_t		 lost;
	char			 more[48];

	if (!log_limit_may(&denied, auth_mono(), &lost))
		return (0);
	if (lost > 0) {
		(void)snprintf(more, sizeof(more),
		    " (and %llu that are not here)", (unsigned long long)lost);
		strlcat(copy.text, more, sizeof(copy.text));
	}
	auth_audit(&copy);
	return (1);
}

int
auth_recv_audit(struct proc_peer *peer, struct imsg *imsg)
{
	struct audit_event	 e;

	if (imsg_get_data(imsg, &e, sizeof(e)) == -1 ||
	    e.what < AUDIT_LOGIN || e.what > AUDIT_QUOTA || e.at < 0 ||
	    memchr(e.email, '\0', sizeof(e.email)) == NULL ||
	    memchr(e.token_id, '\0', sizeof(e.token_id)) == NULL ||
	    memchr(e.node, '\0', sizeof(e.node)) == NULL ||
	    memchr(e.addr, '\0', sizeof(e.addr)) == NULL ||
	    memchr(e.target, '\0', sizeof(e.target)) == NULL ||
	    memchr(e.text, '\0', sizeof(e.text)) == NULL)
		return (-1);
	auth_audit(&e);
	return (0);
}

static int
usage_cmp(const struct usage *a, const struct usage *b)
{
	if (a->kind != b->kind)
		return (a->kind < b->kind ? -1 : 1);
	return (strcmp(a->id, b->id));
}

/* Only the last word on each counts. */
static void
usage_put(enum usage_kind kind, const char *id, int up, int64_t at)
{
	struct usage	*u, want;

	want.kind = kind;
	strlcpy(want.id, id, sizeof(want.id));
	if ((u = RB_FIND(usage_tree, &usages, &want)) == NULL) {
		if (nusages >= USAGE_MAX ||
		    (u = calloc(1, sizeof(*u))) == NULL)
			return;
		u->kind = kind;
		strlcpy(u->id, id, sizeof(u->id));
		RB_INSERT(usage_tree, &usages, u);
		if (nusages++ == 0)
			usage_since = auth_mono();
	}
	u->up = up;
	u->at = at;
}

void
auth_used(const char *token_id)
{
	usage_put(USAGE_TOKEN, token_id, 0, auth_wall());
}

void
auth_session_used(const char *id)
{
	usage_put(USAGE_SESSION, id, 0, auth_wall());
}

void
auth_node_state(const char *node_id, int up, int64_t since)
{
	usage_put(USAGE_NODE, node_id, up, since);
}

int64_t
auth_node_seen(const char *node_id)
{
	struct usage	*u, want;

	want.kind = USAGE_NODE;
	strlcpy(want.id, node_id, sizeof(want.id));
	u = RB_FIND(usage_tree, &usages, &want);
	return (u == NULL ? 0 : u->at);
}

/* ---- what goes out ---- */

static enum store_result
usage_write(const struct usage *u)
{
	if (u->kind == USAGE_TOKEN)
		return (store_token_used(auth_store, u->id, u->at));
	if (u->kind == USAGE_SESSION)
		return (store_session_used(auth_store, u->id, u->at));
	return (store_node_state(auth_store, u->id, u->up, u->at));
}

/* Write at most AUTH_BATCH; how many lines and how many of the rest. */
static enum store_result
batch_rows(size_t *done, size_t *used)
{
	struct audit_event	 lost;
	struct line		*l;
	struct usage		*u;
	enum store_result	 r;

	if (nlost > 0) {
		memset(&lost, 0, sizeof(lost));
		lost.at = auth_wall();
		(void)snprintf(lost.text, sizeof(lost.text),
		    "%llu lines before this were lost",
		    (unsigned long long)nlost);
		if ((r = store_audit_add(auth_store, &lost)) != STORE_OK)
			return (r);
	}
	TAILQ_FOREACH(l, &lines, entry) {
		if (*done == AUTH_BATCH)
			return (STORE_OK);
		if ((r = store_audit_add(auth_store, &l->event)) != STORE_OK)
			return (r);
		(*done)++;
	}
	RB_FOREACH(u, usage_tree, &usages) {
		if (*done + *used == AUTH_BATCH)
			return (STORE_OK);
		r = usage_write(u);
		if (r == STORE_NOWRITE || r == STORE_DOWN)
			return (r);
		(*used)++;
	}
	return (STORE_OK);
}

/* 0, or -1 if it can't be written now; it stays in memory then. */
static int
batch_write(void)
{
	struct usage		*u;
	enum store_result	 r;
	size_t			 done = 0, used = 0;

	if ((r = store_begin(auth_store)) == STORE_OK) {
		if ((r = batch_rows(&done, &used)) == STORE_OK)
			r = store_commit(auth_store);
		else
			store_rollback(auth_store);
	}
	lines_since = usage_since = auth_mono();
	if (r != STORE_OK) {
		auth_trouble("the audit log is kept in memory");
		retry_at = auth_mono() + LINES_MS;
		return (-1);
	}
	if (nlost > 0)
		log_warnx("%llu lines of the audit log were lost",
		    (unsigned long long)nlost);
	nlost = 0;
	lines_pop(done);
	while (used-- > 0 && (u = RB_MIN(usage_tree, &usages)) != NULL) {
		RB_REMOVE(usage_tree, &usages, u);
		nusages--;
		free(u);
	}
	return (0);
}

/*
 * A wall clock that jumps ahead must not cost the log.  It is trusted again
 * after it has gone on for a day.
 */
static int
clock_steady(uint64_t now)
{
	static int64_t	 offset;	/* wall - mono at the last look, s */
	static uint64_t	 again;		/* ms, trusted from then on */
	static int	 looked;
	int64_t		 o = auth_wall() - (int64_t)(now / 1000);

	if (looked && o > offset + CLOCK_JUMP_S) {
		log_warnx("the clock jumped ahead by %lld s: old lines of the "
		    "audit log stay for a day more", (long long)(o - offset));
		again = now + DAY_S * 1000ULL;
	}
	looked = 1;
	offset = o;
	return (now >= again);
}

/* 1 if there may be more. */
static int
trim(uint64_t now)
{
	int	 n;

	if (now < trim_at || !store_is_open(auth_store))
		return (0);
	trim_at = now + TRIM_MS;
	if (!clock_steady(now) || store_audit_trim(auth_store, auth_wall() -
	    (int64_t)AUTH_AUDIT_DAYS * DAY_S, AUTH_BATCH, &n) != STORE_OK)
		return (0);
	if (n < AUTH_BATCH)
		return (0);
	trim_at = now;
	return (1);
}

int
auth_audit_tick(void)
{
	uint64_t	 now = auth_mono();

	if (now >= retry_at && (nlines >= AUTH_BATCH ||
	    (nlines > 0 && now - lines_since >= LINES_MS) ||
	    (nusages > 0 && now - usage_since >= USAGE_MS))) {
		if (batch_write() == -1)
			return (0);
		if (nlines >= AUTH_BATCH)
			return (1);
		if (nlines == 0 && nusages > AUTH_BATCH) {
			usage_since -= USAGE_MS;
			return (1);
		}
	}
	return (trim(now));
}

void
auth_audit_settle(void)
{
	if (nlines > 0 && auth_mono() >= retry_at)
		(void)batch_write();
}

void
auth_audit_flush(void)
{
	while (nlines + nusages > 0 && batch_write() == 0)
		;
}

size_t
auth_audit_memory(size_t *n)
{
	*n = nlines + nusages;
	return (nlines * sizeof(struct line) +
	    nusages * sizeof(struct usage));
}
