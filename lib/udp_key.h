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

#ifndef UDP_KEY_H
#define UDP_KEY_H

#include <sys/socket.h>

#include <netinet/in.h>

#include <stdint.h>

/* Who speaks to whom in a datagram. */

/* With whom, and which of our addresses it spoke to; compared as bytes. */
struct udp_key {
	uint8_t		 source[16];
	uint8_t		 local[16];
	uint32_t	 scope;
	uint32_t	 ifindex;	/* for link-local addresses */
	uint16_t	 port;
	uint16_t	 family;
};

/* Room for either family's word on our address. */
union udp_control {
	struct cmsghdr	 align;
	char		 buf[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 64];
};

/* Before bind: to learn which of our addresses is spoken to. */
void	udp_key_socket(int, int);
/* From what recvmsg said, control included.  -1: no family that we know. */
int	udp_key_get(struct udp_key *, const struct sockaddr_storage *,
	    struct msghdr *);
/*
 * For sendmsg: the answer comes from where the question went.  control is the
 * room for it, and has to live as long as the message.
 */
void	udp_key_put(const struct udp_key *, struct msghdr *,
	    union udp_control *);

#endif /* UDP_KEY_H */
