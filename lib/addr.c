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

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "addr.h"

static int	digits(const char *, uint32_t, uint32_t *);
static int	addr_bytes(const struct sockaddr *, uint8_t [16]);

static const uint8_t	 mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
			    0xff };

/* Plain decimal, no sign, space or leading zero, at most max. */
static int
digits(const char *s, uint32_t max, uint32_t *v)
{
	uint64_t	 n = 0;

	if (*s == '\0' || (s[0] == '0' && s[1] != '\0'))
		return (-1);
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return (-1);
		if ((n = n * 10 + (*s - '0')) > max)
			return (-1);
	}
	*v = n;
	return (0);
}

int
addr_parse_port(const char *s, uint16_t *port)
{
	uint32_t	 v;

	if (digits(s, UINT16_MAX, &v) == -1 || v == 0)
		return (-1);
	*port = v;
	return (0);
}

/* Without brackets, and cut at the '%', which is where zone points behind. */
static int
host_split(const char *host, char *buf, size_t size, const char **zone)
{
	size_t	 len = strlen(host);
	char	*p;

	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
		if (memchr(host, ':', len) == NULL)
			return (-1);	/* brackets are for IPv6 */
	}
	if (len >= size)
		return (-1);
	memcpy(buf, host, len);
	buf[len] = '\0';
	*zone = NULL;
	if ((p = strchr(buf, '%')) != NULL) {
		*p++ = '\0';
		*zone = p;
	}
	return (0);
}

int
addr_parse(const char *host, const char *port, struct sockaddr_storage *ss)
{
	struct sockaddr_in	 sin;
	struct sockaddr_in6	 sin6;
	const char		*zone;
	char			 buf[ADDR_STRLEN];
	uint16_t		 p = 0;
	uint32_t		 scope = 0;

	if (host_split(host, buf, sizeof(buf), &zone) == -1 ||
	    (port != NULL && addr_parse_port(port, &p) == -1))
		return (-1);

	memset(ss, 0, sizeof(*ss));
	memset(&sin, 0, sizeof(sin));
	memset(&sin6, 0, sizeof(sin6));
	if (inet_pton(AF_INET6, buf, &sin6.sin6_addr) == 1) {
		if (zone != NULL && digits(zone, UINT32_MAX, &scope) == -1)
			return (-1);
		sin6.sin6_family = AF_INET6;
		sin6.sin6_port = htons(p);
		sin6.sin6_scope_id = scope;
		memcpy(ss, &sin6, sizeof(sin6));
		return (0);
	}
	if (zone == NULL && inet_pton(AF_INET, buf, &sin.sin_addr) == 1) {
		sin.sin_family = AF_INET;
		sin.sin_port = htons(p);
		memcpy(ss, &sin, sizeof(sin));
		return (0);
	}
	return (-1);
}

socklen_t
addr_len(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return (sizeof(struct sockaddr_in));
	if (sa->sa_family == AF_INET6)
		return (sizeof(struct sockaddr_in6));
	return (0);
}

uint16_t
addr_port(const struct sockaddr *sa)
{
	struct sockaddr_in	 sin;
	struct sockaddr_in6	 sin6;

	if (sa->sa_family == AF_INET) {
		memcpy(&sin, sa, sizeof(sin));
		return (ntohs(sin.sin_port));
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&sin6, sa, sizeof(sin6));
		return (ntohs(sin6.sin6_port));
	}
	return (0);
}

/* The address in network order, rest 0: 4, 6, or 0 for another family. */
static int
addr_bytes(const struct sockaddr *sa, uint8_t b[16])
{
	struct sockaddr_in	 sin;
	struct sockaddr_in6	 sin6;

	memset(b, 0, 16);
	if (sa->sa_family == AF_INET) {
		memcpy(&sin, sa, sizeof(sin));
		memcpy(b, &sin.sin_addr, 4);
		return (4);
	}
	if (sa->sa_family != AF_INET6)
		return (0);
	memcpy(&sin6, sa, sizeof(sin6));
	if (memcmp(&sin6.sin6_addr, mapped, sizeof(mapped)) == 0) {
		memcpy(b, sin6.sin6_addr.s6_addr + sizeof(mapped), 4);
		return (4);
	}
	memcpy(b, &sin6.sin6_addr, 16);
	return (6);
}

/*
 * Not getnameinfo(3): the name of an interface takes a socket to find, which
 * is no call for a sandbox.
 */
const char *
addr_format_host(const struct sockaddr *sa, char buf[ADDR_STRLEN])
{
	struct sockaddr_in6	 sin6;
	uint8_t			 b[16];
	size_t			 len;

	switch (addr_bytes(sa, b)) {
	case 4:
		inet_ntop(AF_INET, b, buf, ADDR_STRLEN);
		break;
	case 6:
		inet_ntop(AF_INET6, b, buf, ADDR_STRLEN);
		memcpy(&sin6, sa, sizeof(sin6));
		if (sin6.sin6_scope_id != 0) {
			len = strlen(buf);
			snprintf(buf + len, ADDR_STRLEN - len, "%%%u",
			    (unsigned int)sin6.sin6_scope_id);
		}
		break;
	default:
		strlcpy(buf, sa->sa_family == AF_UNIX ? "local" : "unknown",
		    ADDR_STRLEN);
	}
	return (buf);
}

const char *
addr_format(const struct sockaddr *sa, char buf[ADDR_STRLEN])
{
	char	 host[ADDR_STRLEN];

	addr_format_host(sa, host);
	if (addr_len(sa) == 0)
		strlcpy(buf, host, ADDR_STRLEN);
	else
		snprintf(buf, ADDR_STRLEN, strchr(host, ':') != NULL ?
		    "[%.55s]:%u" : "%.55s:%u", host, addr_port(sa));
	return (buf);
}

int
addr_is_loopback(const struct sockaddr *sa)
{
	static const uint8_t	 one[16] = { [15] = 1 };
	uint8_t			 b[16];

	switch (addr_bytes(sa, b)) {
	case 4:
		return (b[0] == 127);
	case 6:
		return (memcmp(b, one, sizeof(one)) == 0);
	default:
		return (0);
	}
}

int
addr_is_any(const struct sockaddr *sa)
{
	static const uint8_t	 zero[16];
	uint8_t			 b[16];
	int			 family = addr_bytes(sa, b);

	return (memcmp(b, zero, sizeof(zero)) == 0 ? family : 0);
}

void
addr_key(const struct sockaddr *sa, struct addr_key *key)
{
	memset(key, 0, sizeof(*key));
	key->family = addr_bytes(sa, key->addr);
	if (key->family == 6)
		memset(key->addr + 8, 0, 8);
}

/* Keep the first bits of an address. */
static void
mask(uint8_t addr[16], unsigned int bits)
{
	unsigned int	 i;

	for (i = 0; i < 16; i++) {
		if (bits >= 8) {
			bits -= 8;
			continue;
		}
		addr[i] &= 0xff00 >> bits;
		bits = 0;
	}
}

int
addr_prefix_parse(const char *s, struct addr_prefix *p)
{
	struct sockaddr_storage	 ss;
	const char		*slash;
	char			 host[ADDR_STRLEN];
	uint32_t		 bits, max;
	size_t			 len;

	slash = strchr(s, '/');
	len = slash != NULL ? (size_t)(slash - s) : strlen(s);
	if (len >= sizeof(host))
		return (-1);
	memcpy(host, s, len);
	host[len] = '\0';
	/* A prefix with a zone or brackets would say more than is matched. */
	if (strpbrk(host, "[%") != NULL || addr_parse(host, NULL, &ss) == -1)
		return (-1);

	max = ss.ss_family == AF_INET ? 32 : 128;
	bits = max;
	if (slash != NULL && digits(slash + 1, max, &bits) == -1)
		return (-1);
	memset(p, 0, sizeof(*p));
	p->family = addr_bytes((struct sockaddr *)&ss, p->addr);
	if (p->family == 4 && max == 128) {
		if (bits < 96)
			return (-1);	/* half mapped: neither family */
		bits -= 96;
	}
	p->bits = bits;
	mask(p->addr, bits);
	return (0);
}

int
addr_prefix_match(const struct addr_prefix *p, const struct sockaddr *sa)
{
	uint8_t	 b[16];

	if (addr_bytes(sa, b) != p->family)
		return (0);
	mask(b, p->bits);
	return (memcmp(b, p->addr, sizeof(b)) == 0);
}

const char *
addr_prefix_format(const struct addr_prefix *p, char buf[ADDR_STRLEN])
{
	size_t	 len;

	inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->addr, buf,
	    ADDR_STRLEN);
	len = strlen(buf);
	if (p->bits != (p->family == 4 ? 32 : 128))
		snprintf(buf + len, ADDR_STRLEN - len, "/%u", p->bits);
	return (buf);
}
