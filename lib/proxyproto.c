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

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "proxyproto.h"

#define V2_LOCAL	0x20
#define V2_PROXY	0x21
#define V2_UNSPEC	0x00
#define V2_TCP4		0x11
#define V2_UDP4		0x12
#define V2_TCP6		0x21
#define V2_UDP6		0x22
#define V2_LEN4		12	/* two addresses and two ports */
#define V2_LEN6		36

static ssize_t	 v1_parse(const uint8_t *, size_t, struct proxyproto *);
static int	 v1_line(char *, struct proxyproto *);
static int	 v1_addr(int, const char *, const char *,
		    struct sockaddr_storage *);
static ssize_t	 v2_parse(const uint8_t *, size_t, struct proxyproto *);
static int	 v2_addrs(uint8_t, const uint8_t *, size_t,
		    struct proxyproto *);
static void	 put4(struct sockaddr_storage *, const uint8_t *,
		    const uint8_t *);
static void	 put6(struct sockaddr_storage *, const uint8_t *,
		    const uint8_t *);
static int	 get(const struct sockaddr_storage *, int, uint8_t *,
		    uint8_t *);

static const uint8_t	 v1_start[] = { 'P', 'R', 'O', 'X', 'Y', ' ' };
static const uint8_t	 v2_start[] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
			    0x0a, 'Q', 'U', 'I', 'T', 0x0a };

ssize_t
proxyproto_parse(const uint8_t *buf, size_t len, struct proxyproto *p)
{
	memset(p, 0, sizeof(*p));
	if (len == 0)
		return (0);
	if (memcmp(buf, v1_start, len < sizeof(v1_start) ? len :
	    sizeof(v1_start)) == 0)
		return (len < sizeof(v1_start) ? 0 : v1_parse(buf, len, p));
	if (memcmp(buf, v2_start, len < sizeof(v2_start) ? len :
	    sizeof(v2_start)) == 0)
		return (len < sizeof(v2_start) ? 0 : v2_parse(buf, len, p));
	return (-1);
}

/* ---- version 1: a line ---- */

static ssize_t
v1_parse(const uint8_t *buf, size_t len, struct proxyproto *p)
{
	char	 line[PROXYPROTO_V1_MAX];
	size_t	 i;

	for (i = sizeof(v1_start);; i++) {
		if (i == len)
			return (0);
		if (buf[i] == '\r')
			break;
		if (i == PROXYPROTO_V1_MAX - 2 || buf[i] < ' ' ||
		    buf[i] > '~')
			return (-1);
	}
	if (i + 1 == len)
		return (0);
	if (buf[i + 1] != '\n')
		return (-1);
	memcpy(line, buf + sizeof(v1_start), i - sizeof(v1_start));
	line[i - sizeof(v1_start)] = '\0';
	p->version = 1;
	return (v1_line(line, p) == -1 ? -1 : (ssize_t)i + 2);
}

/* What follows "PROXY ": the protocol, two addresses, two ports. */
static int
v1_line(char *line, struct proxyproto *p)
{
	char	*word[5], *s = line;
	int	 i, family;

	/* Whatever else it says then is to be ignored. */
	if (strcmp(line, "UNKNOWN") == 0 ||
	    strncmp(line, "UNKNOWN ", 8) == 0) {
		p->local = 1;
		return (0);
	}
	for (i = 0; i < 5; i++)
		word[i] = strsep(&s, " ");
	/* A missing word is NULL; one space between, and none behind. */
	if (s != NULL || word[4] == NULL)
		return (-1);
	if (strcmp(word[0], "TCP4") == 0)
		family = AF_INET;
	else if (strcmp(word[0], "TCP6") == 0)
		family = AF_INET6;
	else
		return (-1);
	if (v1_addr(family, word[1], word[3], &p->src) == -1 ||
	    v1_addr(family, word[2], word[4], &p->dst) == -1)
		return (-1);
	return (0);
}

static int
v1_addr(int family, const char *host, const char *port,
    struct sockaddr_storage *ss)
{
	/* What addr_parse knows beyond a plain address. */
	if (strpbrk(host, "[%") != NULL)
		return (-1);
	if (addr_parse(host, strcmp(port, "0") == 0 ? NULL : port, ss) == -1)
		return (-1);
	return (ss->ss_family == family ? 0 : -1);
}

/* ---- version 2: binary ---- */

static ssize_t
v2_parse(const uint8_t *buf, size_t len, struct proxyproto *p)
{
	size_t	 size;

	if (len > 12 && buf[12] != V2_LOCAL && buf[12] != V2_PROXY)
		return (-1);
	if (len < PROXYPROTO_V2_HEAD)
		return (0);
	size = (size_t)buf[14] << 8 | buf[15];
	if (size > PROXYPROTO_V2_MAX - PROXYPROTO_V2_HEAD)
		return (-1);
	p->version = 2;
	/* Of the rest of a LOCAL one even the family is to be ignored. */
	if (buf[12] == V2_LOCAL)
		p->local = 1;
	else if (v2_addrs(buf[13], NULL, size, p) == -1)
		return (-1);
	if (len < PROXYPROTO_V2_HEAD + size)
		return (0);
	if (!p->local)
		(void)v2_addrs(buf[13], buf + PROXYPROTO_V2_HEAD, size, p);
	return (PROXYPROTO_V2_HEAD + size);
}

/* The addresses that size bytes begin with; b is NULL until they are there. */
static int
v2_addrs(uint8_t family, const uint8_t *b, size_t size, struct proxyproto *p)
{
	switch (family) {
	case V2_UNSPEC:
		p->local = 1;
		return (0);
	case V2_TCP4:
	case V2_UDP4:
		if (size < V2_LEN4)
			return (-1);
		if (b != NULL) {
			put4(&p->src, b, b + 8);
			put4(&p->dst, b + 4, b + 10);
		}
		break;
	case V2_TCP6:
	case V2_UDP6:
		if (size < V2_LEN6)
			return (-1);
		if (b != NULL) {
			put6(&p->src, b, b + 32);
			put6(&p->dst, b + 16, b + 34);
		}
		break;
	default:
		return (-1);
	}
	p->datagram = family == V2_UDP4 || family == V2_UDP6;
	return (0);
}

static void
put4(struct sockaddr_storage *ss, const uint8_t *addr, const uint8_t *port)
{
	struct sockaddr_in	 sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	memcpy(&sin.sin_addr, addr, 4);
	memcpy(&sin.sin_port, port, 2);
	memcpy(ss, &sin, sizeof(sin));
}

static void
put6(struct sockaddr_storage *ss, const uint8_t *addr, const uint8_t *port)
{
	struct sockaddr_in6	 sin6;

	memset(&sin6, 0, sizeof(sin6));
	sin6.sin6_family = AF_INET6;
	memcpy(&sin6.sin6_addr, addr, 16);
	memcpy(&sin6.sin6_port, port, 2);
	memcpy(ss, &sin6, sizeof(sin6));
}

/* ---- the way out ---- */

/* Address and port as they are sent, in that family.  0, or -1. */
static int
get(const struct sockaddr_storage *ss, int family, uint8_t *addr,
    uint8_t *port)
{
	struct sockaddr_in	 sin;
	struct sockaddr_in6	 sin6;

	if (ss->ss_family == AF_INET) {
		memcpy(&sin, ss, sizeof(sin));
		if (family == AF_INET6) {
			memset(addr, 0, 10);
			memset(addr + 10, 0xff, 2);
			addr += 12;
		}
		memcpy(addr, &sin.sin_addr, 4);
		memcpy(port, &sin.sin_port, 2);
		return (0);
	}
	if (ss->ss_family != AF_INET6)
		return (-1);
	memcpy(&sin6, ss, sizeof(sin6));
	memcpy(addr, &sin6.sin6_addr, 16);
	memcpy(port, &sin6.sin6_port, 2);
	return (0);
}

size_t
proxyproto_build(uint8_t buf[PROXYPROTO_BUILD_MAX], int version, int datagram,
    const struct sockaddr_storage *src, const struct sockaddr_storage *dst)
{
	uint8_t	 addr[2][16], port[2][2];
	char	 text[2][INET6_ADDRSTRLEN], line[PROXYPROTO_BUILD_MAX + 1];
	size_t	 alen;
	int	 family, known;

	family = src->ss_family == AF_INET && dst->ss_family == AF_INET ?
	    AF_INET : AF_INET6;
	known = get(src, family, addr[0], port[0]) == 0 &&
	    get(dst, family, addr[1], port[1]) == 0;
	if (version == 1) {
		if (!known || datagram)
			strlcpy(line, "PROXY UNKNOWN\r\n", sizeof(line));
		else
			snprintf(line, sizeof(line),
			    "PROXY %s %s %s %u %u\r\n",
			    family == AF_INET ? "TCP4" : "TCP6",
			    inet_ntop(family, addr[0], text[0],
			    sizeof(text[0])),
			    inet_ntop(family, addr[1], text[1],
			    sizeof(text[1])),
			    port[0][0] << 8 | port[0][1],
			    port[1][0] << 8 | port[1][1]);
		memcpy(buf, line, strlen(line));
		return (strlen(line));
	}
	if (version != 2)
		return (0);

	alen = !known ? 0 : family == AF_INET ? 4 : 16;
	memcpy(buf, v2_start, sizeof(v2_start));
	buf[12] = V2_PROXY;
	buf[13] = !known ? V2_UNSPEC : family == AF_INET ?
	    (datagram ? V2_UDP4 : V2_TCP4) : (datagram ? V2_UDP6 : V2_TCP6);
	buf[14] = 0;
	buf[15] = known ? 2 * alen + 4 : 0;
	if (!known)
		return (PROXYPROTO_V2_HEAD);
	buf += PROXYPROTO_V2_HEAD;
	memcpy(buf, addr[0], alen);
	memcpy(buf + alen, addr[1], alen);
	memcpy(buf + 2 * alen, port[0], 2);
	memcpy(buf + 2 * alen + 2, port[1], 2);
	return (PROXYPROTO_V2_HEAD + 2 * alen + 4);
}
