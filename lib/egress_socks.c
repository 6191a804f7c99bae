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

#include "compat.h"

#include <sys/socket.h>

#include <netinet/in.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "egress_socks.h"

#define VERSION		5
#define AUTH_VERSION	1	/* RFC 1929 */
#define METHOD_NONE	0x00
#define METHOD_PASSWORD	0x02
#define METHOD_REFUSED	0xff
#define COMMAND_CONNECT	1
#define ATYP_V4		1
#define ATYP_NAME	3
#define ATYP_V6		4

static void	put(struct socks *, const void *, size_t);
static void	put8(struct socks *, unsigned int);
static void	put_word(struct socks *, const char *);
static void	socks_request(struct socks *);
static enum socks_end	socks_method(struct socks *, uint8_t);
static enum socks_end	socks_replied(struct socks *, uint8_t);
static enum socks_end	socks_bound(struct socks *, uint8_t, uint8_t);
static enum socks_end	socks_step(struct socks *);
static enum socks_end	socks_fail(struct socks *, enum dial_error,
			    const char *, ...)
			    __attribute__((__format__ (printf, 3, 4)));

static void
put(struct socks *s, const void *data, size_t len)
{
	/* The longest of all is the password's message. */
	memcpy(s->out + s->outlen, data, len);
	s->outlen += len;
}

static void
put8(struct socks *s, unsigned int byte)
{
	s->out[s->outlen++] = byte;
}

/* Its length in a byte, and the word. */
static void
put_word(struct socks *s, const char *word)
{
	size_t	 len = strnlen(word, EGRESS_WORD_MAX - 1);

	put8(s, len);
	put(s, word, len);
}

int
socks_init(struct socks *s, const struct egress *e, const char *host,
    const struct sockaddr *addr, uint16_t port)
{
	memset(s, 0, sizeof(*s));
	if (strlcpy(s->host, host, sizeof(s->host)) >= sizeof(s->host))
		return (-1);
	s->egress = e;
	s->port = port;
	if (addr != NULL)
		memcpy(&s->addr, addr, addr_len(addr));
	else if (addr_parse(host, NULL, &s->addr) == -1)
		s->addr.ss_family = 0;
	s->state = SOCKS_METHOD;
	s->want = 2;
	put8(s, VERSION);
	if (e->has_auth) {
		put8(s, 2);
		put8(s, METHOD_NONE);
		put8(s, METHOD_PASSWORD);
	} else {
		put8(s, 1);
		put8(s, METHOD_NONE);
	}
	return (0);
}

const uint8_t *
socks_output(const struct socks *s, size_t *len)
{
	*len = s->outlen;
	return (s->out);
}

void
socks_sent(struct socks *s, size_t len)
{
	if (len > s->outlen)
		len = s->outlen;
	memmove(s->out, s->out + len, s->outlen - len);
	s->outlen -= len;
	explicit_bzero(s->out + s->outlen, len);
}

size_t
socks_want(const struct socks *s)
{
	return (s->want);
}

static enum socks_end
socks_fail(struct socks *s, enum dial_error error, const char *fmt, ...)
{
	va_list	 ap;

	s->state = SOCKS_OVER;
	s->want = 0;
	s->error = error;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	return (SOCKS_FAILED);
}

/* RFC 1928, 4 */
static void
socks_request(struct socks *s)
{
	const struct sockaddr_in6	*sin6;
	const struct sockaddr_in	*sin;
	uint16_t			 port = htons(s->port);

	put8(s, VERSION);
	put8(s, COMMAND_CONNECT);
	put8(s, 0);
	switch (s->addr.ss_family) {
	case AF_INET:
		sin = (const struct sockaddr_in *)&s->addr;
		put8(s, ATYP_V4);
		put(s, &sin->sin_addr, 4);
		break;
	case AF_INET6:
		sin6 = (const struct sockaddr_in6 *)&s->addr;
		put8(s, ATYP_V6);
		put(s, &sin6->sin6_addr, 16);
		break;
	default:
		put8(s, ATYP_NAME);
		put_word(s, s->host);
		break;
	}
	put(s, &port, 2);
	s->state = SOCKS_REPLY;
	/* Who refuses may say no more than that. */
	s->want = 2;
}

/* RFC 1928, 3 */
static enum socks_end
socks_method(struct socks *s, uint8_t method)
{
	const struct egress	*e = s->egress;

	if (method == METHOD_NONE) {
		socks_request(s);
		return (SOCKS_MORE);
	}
	if (method == METHOD_PASSWORD && e->has_auth) {
		put8(s, AUTH_VERSION);
		put_word(s, e->user);
		put_word(s, e->password);
		s->state = SOCKS_AUTH;
		s->want = 2;
		return (SOCKS_MORE);
	}
	if (method != METHOD_REFUSED)
		return (socks_fail(s, DIAL_UNREACHABLE, "it chose an "
		    "authentication (%u) that was not offered", method));
	return (socks_fail(s, DIAL_DENIED, e->has_auth ? "it takes neither "
	    "a user and password nor nobody: use a proxy helper" :
	    "it wants a user and a password: write "
	    "%s://user:password@host:port", e->kind == EGRESS_SOCKS5 ?
	    "socks5" : "socks5h"));
}

/* RFC 1928, 6 */
static enum socks_end
socks_replied(struct socks *s, uint8_t code)
{
	switch (code) {
	case 0:
		s->state = SOCKS_ADDR;
		s->want = 2;
		return (SOCKS_MORE);
	case 1:
		return (socks_fail(s, DIAL_UNREACHABLE, "it failed (1): is "
		    "the relay's name known there, is it up?"));
	case 2:
		return (socks_fail(s, DIAL_DENIED, "its rules do not allow a "
		    "connection to this relay and port (2): its "
		    "administrator has to permit it"));
	case 3:
		return (socks_fail(s, DIAL_UNREACHABLE, "it has no way to the "
		    "relay's network (3)"));
	case 4:
		return (socks_fail(s, DIAL_UNREACHABLE, "it can't reach the "
		    "relay (4): is the relay's name known there, is it up?"));
	case 5:
		return (socks_fail(s, DIAL_REFUSED, "the relay's port refuses "
		    "it (5): does a relay listen there?"));
	case 6:
		return (socks_fail(s, DIAL_TIMEOUT, "the relay does not "
		    "answer it (6): is it up?"));
	case 7:
		return (socks_fail(s, DIAL_UNREACHABLE, "it does not do "
		    "CONNECT (7)"));
	case 8:
		return (socks_fail(s, DIAL_UNREACHABLE,
		    s->addr.ss_family == 0 ? "it does not resolve names (8): "
		    "write socks5:// for socks5h://" : "it does not do %s "
		    "(8)%s", s->addr.ss_family == AF_INET6 ? "IPv6" : "IPv4",
		    s->egress->kind == EGRESS_SOCKS5 ? ": socks5h:// lets it "
		    "resolve the name" : ""));
	default:
		return (socks_fail(s, DIAL_UNREACHABLE, "it failed (%u)",
		    code));
	}
}

/* The address that it bound says nothing to us: read over it. */
static enum socks_end
socks_bound(struct socks *s, uint8_t reserved, uint8_t atyp)
{
	if (reserved != 0)
		return (socks_fail(s, DIAL_UNREACHABLE,
		    "its answer is malformed"));
	s->state = SOCKS_REST;
	switch (atyp) {
	case ATYP_V4:
		s->want = 4 + 2;
		return (SOCKS_MORE);
	case ATYP_V6:
		s->want = 16 + 2;
		return (SOCKS_MORE);
	case ATYP_NAME:
		s->state = SOCKS_NAME;
		s->want = 1;
		return (SOCKS_MORE);
	default:
		return (socks_fail(s, DIAL_UNREACHABLE,
		    "its answer is malformed"));
	}
}

/* Two bytes are there. */
static enum socks_end
socks_step(struct socks *s)
{
	uint8_t	 a = s->in[0], b = s->in[1];

	s->inlen = 0;
	switch (s->state) {
	case SOCKS_METHOD:
		if (a != VERSION)
			return (socks_fail(s, DIAL_UNREACHABLE,
			    "what answers there is not a SOCKS5 proxy"));
		return (socks_method(s, b));
	case SOCKS_AUTH:
		/* Some say 5 here. */
		if (a != AUTH_VERSION && a != VERSION)
			return (socks_fail(s, DIAL_UNREACHABLE,
			    "its answer is malformed"));
		if (b != 0)
			return (socks_fail(s, DIAL_DENIED, "it does not "
			    "accept this user and password: correct them in "
			    "the proxy's URL"));
		socks_request(s);
		return (SOCKS_MORE);
	case SOCKS_REPLY:
		if (a != VERSION)
			return (socks_fail(s, DIAL_UNREACHABLE,
			    "its answer is malformed"));
		return (socks_replied(s, b));
	default:
		return (socks_bound(s, a, b));
	}
}

enum socks_end
socks_input(struct socks *s, const uint8_t *buf, size_t len)
{
	enum socks_end	 end = SOCKS_MORE;
	size_t		 i;

	for (i = 0; i < len && end == SOCKS_MORE; i++) {
		/* What comes before it was asked for, or behind the end. */
		if (s->want == 0 || s->outlen > 0)
			return (socks_fail(s, DIAL_UNREACHABLE,
			    "it speaks out of turn"));
		s->want--;
		switch (s->state) {
		case SOCKS_NAME:
			s->want = buf[i] + 2;
			s->state = SOCKS_REST;
			break;
		case SOCKS_REST:
			if (s->want == 0) {
				s->state = SOCKS_OVER;
				end = SOCKS_OK;
			}
			break;
		default:
			s->in[s->inlen++] = buf[i];
			if (s->want == 0)
				end = socks_step(s);
			break;
		}
	}
	/* Nobody speaks first but we. */
	if (end == SOCKS_OK && i < len)
		return (socks_fail(s, DIAL_UNREACHABLE,
		    "it speaks out of turn"));
	return (end);
}
