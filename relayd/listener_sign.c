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
 * Signing for certificates whose keys this process never sees: one short
 * synchronous exchange with the keys process for each full handshake.
 */

#include "compat.h"

#include <sys/socket.h>

#include <imsg.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "listener.h"
#include "log.h"

/* A keys process that is slower than this is dead or stopped. */
#define SIGN_TIMEOUT_MS	1000

static int	sign_fd = -1;

static int
sign_exchange(const struct sign_ask *ask, struct sign_answer *answer)
{
	struct pollfd	 pfd = { .fd = sign_fd, .events = POLLIN };
	ssize_t		 n;
	int		 r;

	do
		n = send(sign_fd, ask, sizeof(*ask), MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n != sizeof(*ask))
		return (-1);
	do {
		while ((r = poll(&pfd, 1, SIGN_TIMEOUT_MS)) == -1 &&
		    errno == EINTR)
			continue;
		if (r != 1)
			return (-1);
		do
			n = recv(sign_fd, answer, sizeof(*answer),
			    MSG_DONTWAIT);
		while (n == -1 && errno == EINTR);
		if (n != sizeof(*answer))
			return (-1);
		/* An older number is what an earlier wait gave up on. */
	} while (answer->seq != ask->seq);
	return (0);
}

static int
sign_for(void *arg, const uint8_t keyid[EVTLS_KEYID_LEN],
    enum evtls_sign_kind kind, const uint8_t *in, size_t inlen,
    uint8_t out[EVTLS_SIGN_MAX], size_t *outlen)
{
	static struct sign_ask		 ask;
	static struct sign_answer	 answer;
	static uint64_t			 seq;

	if (sign_fd == -1 || inlen > sizeof(ask.data))
		return (-1);
	memset(&ask, 0, sizeof(ask));
	ask.seq = ++seq;
	memcpy(ask.keyid, keyid, EVTLS_KEYID_LEN);
	ask.kind = kind;
	ask.len = inlen;
	memcpy(ask.data, in, inlen);
	if (sign_exchange(&ask, &answer) == -1) {
		log_warnx("keys does not sign: TLS connections fail until it "
		    "does");
		return (-1);
	}
	if (!answer.ok || answer.len == 0 || answer.len > EVTLS_SIGN_MAX)
		return (-1);
	memcpy(out, answer.data, answer.len);
	*outlen = answer.len;
	return (0);
}

const struct evtls_signer listener_signer = { sign_for, NULL };

int
sign_recv_socket(struct proc_peer *peer, struct imsg *imsg)
{
	if (sign_fd != -1)
		close(sign_fd);
	if ((sign_fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	return (0);
}
