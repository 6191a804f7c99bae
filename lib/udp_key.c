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
 * Which of our addresses a datagram came to, and which it is to leave from;
 * what a system says of that is only here.
 */

#include "compat.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <string.h>

#include "udp_key.h"

#ifdef IP_PKTINFO
static void
local_ask4(int fd)
{
	int	 on = 1;

	(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
}

static void
local_get4(struct cmsghdr *c, struct udp_key *key)
{
	struct in_pktinfo	 info;

	if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
		return;
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	memcpy(key->local, &info.ipi_spec_dst, 4);
}

static size_t
local_put4(struct cmsghdr *c, const struct udp_key *key)
{
	struct in_pktinfo	 info;

	memset(&info, 0, sizeof(info));
	memcpy(&info.ipi_spec_dst, key->local, 4);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return (CMSG_SPACE(sizeof(info)));
}
#else
static void
local_ask4(int fd)
{
	int	 on = 1;

	(void)setsockopt(fd, IPPROTO_IP, IP_RECVDSTADDR, &on, sizeof(on));
}

static void
local_get4(struct cmsghdr *c, struct udp_key *key)
{
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVDSTADDR)
		memcpy(key->local, CMSG_DATA(c), 4);
}

static size_t
local_put4(struct cmsghdr *c, const struct udp_key *key)
{
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_SENDSRCADDR;
	c->cmsg_len = CMSG_LEN(4);
	memcpy(CMSG_DATA(c), key->local, 4);
	return (CMSG_SPACE(4));
}
#endif

static void
local_get6(struct cmsghdr *c, struct udp_key *key)
{
	struct in6_pktinfo	 info;

	if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO)
		return;
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	memcpy(key->local, &info.ipi6_addr, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
		key->ifindex = info.ipi6_ifindex;
}

static size_t
local_put6(struct cmsghdr *c, const struct udp_key *key)
{
	struct in6_pktinfo	 info;

	memset(&info, 0, sizeof(info));
	memcpy(&info.ipi6_addr, key->local, 16);
	info.ipi6_ifindex = key->ifindex;
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return (CMSG_SPACE(sizeof(info)));
}

void
udp_key_socket(int fd, int family)
{
	int	 on = 1;

	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on,
		    sizeof(on));
	else
		local_ask4(fd);
}

int
udp_key_get(struct udp_key *key, const struct sockaddr_storage *ss,
    struct msghdr *msg)
{
	const struct sockaddr_in	*sin;
	const struct sockaddr_in6	*sin6;
	struct cmsghdr			*c;

	memset(key, 0, sizeof(*key));
	key->family = ss->ss_family;
	switch (ss->ss_family) {
	case AF_INET:
		sin = (const struct sockaddr_in *)ss;
		memcpy(key->source, &sin->sin_addr, 4);
		key->port = sin->sin_port;
		break;
	case AF_INET6:
		sin6 = (const struct sockaddr_in6 *)ss;
		memcpy(key->source, &sin6->sin6_addr, 16);
		key->port = sin6->sin6_port;
		key->scope = sin6->sin6_scope_id;
		break;
	default:
		return (-1);
	}
	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (ss->ss_family == AF_INET)
			local_get4(c, key);
		else
			local_get6(c, key);
	}
	return (0);
}

void
udp_key_put(const struct udp_key *key, struct msghdr *msg,
    union udp_control *control)
{
	static const uint8_t	 any[16];

	if (memcmp(key->local, any, sizeof(any)) == 0)
		return;
	memset(control, 0, sizeof(*control));
	msg->msg_control = control;
	msg->msg_controllen = sizeof(*control);
	msg->msg_controllen = key->family == AF_INET ?
	    local_put4(CMSG_FIRSTHDR(msg), key) :
	    local_put6(CMSG_FIRSTHDR(msg), key);
}
