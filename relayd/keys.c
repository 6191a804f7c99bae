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
 * The keys process: holds the private keys of the certificates and signs
 * for the listeners.  It has no files, no network, and answers nothing but
 * one fixed question.
 */

#include "compat.h"

#include <sys/socket.h>

#include <event2/event.h>
#include <event2/util.h>
#include <imsg.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "key_set.h"
#include "log.h"
#include "msg.h"
#include "msg_conf.h"
#include "relayd.h"

#define KEY_PEM_MAX	(64 * 1024)

/* A listener's signing socket. */
struct customer {
	struct event	*ev;
	int		 fd;
};

static int	keys_recv_begin(struct proc_peer *, struct imsg *);
static int	keys_recv_key(struct proc_peer *, struct imsg *);
static int	keys_recv_end(struct proc_peer *, struct imsg *);
static int	keys_recv_socket(struct proc_peer *, struct imsg *);
static void	keys_forget(evutil_socket_t, short, void *);
static void	keys_answer(evutil_socket_t, short, void *);
static void	keys_sign(const struct sign_ask *, struct sign_answer *);

/*
 * A listener that hangs may accept with certificates of the configuration
 * before, until the parent ends it.
 */
#define KEYS_SLACK_MS	(15 * 1000)

static struct key_set	 current, next;
static struct retired_keys retired;
static struct event	*retired_timer;
/* For how long a handshake may take: now, and in the next configuration. */
static uint32_t		 handshake_ms, next_handshake_ms;
static char		*pem;		/* being received */
static size_t		 pem_len, pem_size;
static struct customer	 customers[PROC_INSTANCES_MAX];

const struct proc_rule keys_rules[] = {
	{ IMSG_CONF_BEGIN, PROC_PARENT, sizeof(struct conf_begin),
	    keys_recv_begin, 0, 0 },
	{ IMSG_CONF_KEY, PROC_PARENT, sizeof(struct conf_chunk),
	    keys_recv_key, 0, 0 },
	{ IMSG_CONF_END, PROC_PARENT, sizeof(struct conf_end),
	    keys_recv_end, 0, 0 },
	{ IMSG_SIGN_SOCKET, PROC_PARENT, sizeof(struct sign_socket),
	    keys_recv_socket, 0, 1 },
};
const size_t keys_nrules = nitems(keys_rules);

void
keys_start(void)
{
}

void
keys_serve(void)
{
}

static int
keys_recv_begin(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_begin	 begin;

	if (imsg_get_data(imsg, &begin, sizeof(begin)) == -1)
		return (-1);
	log_setverbose(begin.verbose);
	next_handshake_ms = begin.limits.handshake_ms;
	key_set_clear(&next);
	freezero(pem, pem_size);
	pem = NULL;
	pem_len = pem_size = 0;
	return (0);
}

static int
keys_recv_key(struct proc_peer *peer, struct imsg *imsg)
{
	static struct conf_chunk	 c;
	int				 ret = -1;

	if (imsg_get_data(imsg, &c, sizeof(c)) == -1 ||
	    c.total == 0 || c.total > KEY_PEM_MAX || c.len == 0 ||
	    c.len > sizeof(c.data) || next.n == CERTS_MAX)
		goto done;
	if (pem == NULL) {
		pem_size = c.total;
		if ((pem = calloc(1, pem_size)) == NULL)
			fatal("key");
		pem_len = 0;
	}
	if (c.total != pem_size || pem_len + c.len > pem_size)
		goto done;
	memcpy(pem + pem_len, c.data, c.len);
	if ((pem_len += c.len) == pem_size) {
		/*
		 * The parent has read it, and knows what is signed for: then
		 * this is for want of memory, and the next keys has it.
		 */
		if (key_set_load(&next, pem, pem_size) == -1 ||
		    memcmp(next.keys[next.n - 1].id, c.keyid,
		    sizeof(c.keyid)) != 0)
			fatalx("a private key can't be read");
		ret = 0;
		freezero(pem, pem_size);
		pem = NULL;
		pem_len = pem_size = 0;
	} else
		ret = 0;
 done:
	explicit_bzero(&c, sizeof(c));
	return (ret);
}

static int
keys_recv_end(struct proc_peer *peer, struct imsg *imsg)
{
	struct conf_end	 end;

	if (imsg_get_data(imsg, &end, sizeof(end)) == -1)
		return (-1);
	retired_keys_add(&retired, &current, &next,
	    clock_ms() + handshake_ms + KEYS_SLACK_MS);
	current = next;
	memset(&next, 0, sizeof(next));
	handshake_ms = next_handshake_ms;
	keys_forget(-1, 0, NULL);
	log_debug("holds %zu keys, and %zu of earlier configurations",
	    current.n, retired.n);
	/* Now the listeners may use the certificates. */
	(void)proc_send(peer, IMSG_CONF_TAKEN, 0, -1, &end, sizeof(end));
	return (0);
}

/* Those whose time has come. */
static void
keys_forget(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv;
	uint64_t	 now = clock_ms(), until;

	if (retired_timer == NULL && (retired_timer =
	    evtimer_new(proc_base(), keys_forget, NULL)) == NULL)
		fatal("event");
	if ((until = retired_keys_end(&retired, now)) == UINT64_MAX)
		return;
	tv.tv_sec = (until - now) / 1000;
	tv.tv_usec = (until - now) % 1000 * 1000;
	evtimer_add(retired_timer, &tv);
}

static int
keys_recv_socket(struct proc_peer *peer, struct imsg *imsg)
{
	struct sign_socket	 msg;
	struct customer		*c;

	if (imsg_get_data(imsg, &msg, sizeof(msg)) == -1 ||
	    msg.listener < 0 || msg.listener >= PROC_INSTANCES_MAX)
		return (-1);
	c = &customers[msg.listener];
	if (c->ev != NULL) {
		event_free(c->ev);
		close(c->fd);
		c->ev = NULL;
	}
	if ((c->fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	evutil_make_socket_nonblocking(c->fd);
	c->ev = event_new(proc_base(), c->fd, EV_READ | EV_PERSIST,
	    keys_answer, c);
	if (c->ev == NULL || event_add(c->ev, NULL) == -1)
		fatal("event");
	return (0);
}

static void
keys_answer(evutil_socket_t fd, short what, void *arg)
{
	static struct sign_ask		 ask;
	static struct sign_answer	 answer;
	struct customer			*c = arg;
	ssize_t				 n;

	n = recv(fd, &ask, sizeof(ask), 0);
	/* Nobody brings another socket for one that was short of memory. */
	if (n == -1 && errno != ECONNRESET)
		return;
	if (n != sizeof(ask)) {
		/* The listener is gone, or no longer one of ours. */
		if (n > 0)
			log_warnx("a listener asked in the wrong form");
		event_free(c->ev);
		close(c->fd);
		c->ev = NULL;
		return;
	}
	memset(&answer, 0, sizeof(answer));
	answer.seq = ask.seq;
	keys_sign(&ask, &answer);
	do
		n = send(fd, &answer, sizeof(answer),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
}

static void
keys_sign(const struct sign_ask *ask, struct sign_answer *answer)
{
	EVP_PKEY_CTX	*ctx = NULL;
	const struct key *k;
	size_t		 len = sizeof(answer->data);
	int		 type;

	if ((k = key_set_find(&current, ask->keyid)) == NULL)
		k = retired_keys_find(&retired, ask->keyid);
	if (k == NULL || ask->len == 0 || ask->len > sizeof(ask->data))
		return;
	type = EVP_PKEY_base_id(k->pkey);
	if ((type != EVP_PKEY_EC || ask->kind != EVTLS_SIGN_ECDSA ||
	    ask->len > EVP_MAX_MD_SIZE) &&
	    (type != EVP_PKEY_RSA || ask->kind != EVTLS_SIGN_RSA ||
	    ask->len != (uint32_t)EVP_PKEY_size(k->pkey)))
		return;
	if ((ctx = EVP_PKEY_CTX_new(k->pkey, NULL)) != NULL &&
	    EVP_PKEY_sign_init(ctx) == 1 && (type != EVP_PKEY_RSA ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1) &&
	    EVP_PKEY_sign(ctx, answer->data, &len, ask->data, ask->len) ==
	    1) {
		answer->ok = 1;
		answer->len = len;
	}
	EVP_PKEY_CTX_free(ctx);
}
