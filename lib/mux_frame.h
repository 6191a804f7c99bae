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

#ifndef MUX_FRAME_H
#define MUX_FRAME_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * The frames of the mux, as culvert(7) documents them: pure encoding.
 * Every number is in network byte order on the wire and in host order here.
 * One WebSocket binary message is one frame: a head of 8 bytes, and the
 * payload up to the end of the message.
 *
 *	head	type u8, flags u8, reserved u16 = 0, stream id u32
 *
 * Ids of streams that the dialing side opens are odd, the others even; each
 * side's only ever rise and end at MUX_ID_MAX.  Id 0 is the link.
 *
 *	OPEN	kind u8, reserved u8 = 0, port u16, credit u32,
 *		host length u8, host, node length u8, node, then fields:
 *		1 client address, 2 user, 3 request id: text
 *		4 reserved (terminal size)
 *		5 ticket u64
 *	ACCEPT	credit u32, on top of the early credit in the hello
 *	DATA	bytes, at most MUX_DATA_MAX, none only together with FIN; of
 *		a datagram stream: a datagram, or with PART a part of one
 *	CREDIT	credit u32, not 0
 *	RESET	code u16, text to the end, at most MUX_TEXT_MAX
 *	CONTROL	what u8, then fields; on stream 0:
 *		what 1, hello: 1 version u32, 2 credit u32, 3 epoch u64,
 *		4 software text, 5 name text
 *		what 2, goaway: 1 delay u32, 2 text
 *
 *	field	type u8, length u16, value
 *
 * Fields may come in any order and be left out (0, or no text), but not come
 * twice; unknown ones are skipped, and so is CONTROL of an unknown kind or
 * on a stream.  Text is UTF-8 without control characters.  In RESET and
 * goaway, what is not becomes '?'; elsewhere it is malformed.
 */

#define MUX_PROTOCOL	"culvert.1"	/* WebSocket subprotocol */
#define MUX_HEAD_LEN	8
#define MUX_DATA_MAX	16384		/* payload of one DATA frame, bytes */
#define MUX_FRAME_MAX	(MUX_HEAD_LEN + MUX_DATA_MAX)
#define MUX_DGRAM_MAX	65527	/* a datagram: the most UDP takes (IPv6) */
#define MUX_HOST_MAX	255		/* target host, bytes */
#define MUX_NODE_MAX	63		/* node name: a DNS label */
#define MUX_TEXT_MAX	255		/* text fields, bytes */
#define MUX_ID_MAX	0x7fffffffU	/* stream ids */
#define MUX_VERSION	1		/* in hello */
/* The longest payloads that we write: OPEN, and any CONTROL or RESET. */
#define MUX_OPEN_MAX	(8 + 1 + MUX_HOST_MAX + 1 + MUX_NODE_MAX + \
			    3 * (3 + MUX_TEXT_MAX) + 3 + 8)
#define MUX_CONTROL_MAX	512

enum mux_type {
	MUX_OPEN = 1, MUX_ACCEPT = 2, MUX_DATA = 3, MUX_CREDIT = 4,
	MUX_RESET = 5, MUX_CONTROL = 6
};

/* Flags of DATA. */
#define MUX_FIN		0x01		/* the last */
#define MUX_PART	0x02		/* the datagram goes on */

/* What a stream carries (OPEN). */
enum mux_kind {
	MUX_KIND_TCP = 1, MUX_KIND_UDP = 2,
	MUX_KIND_HTTP = 3,	/* bytes, after a prologue (http_prologue.h);
				   host is a service's name, "": the default
				   backend; port 0 */
	MUX_KIND_SSH = 4, MUX_KIND_SFTP = 5,
	MUX_KIND_API = 6,	/* a question to the relay itself */
	MUX_KIND_UNIX = 7,	/* bytes; host is a path, port 0 */
	MUX_KIND_TLS = 8	/* bytes of TLS that are passed on unread; host
				   is a service's name, port 0 */
};

/* Why a stream ended early (RESET). */
enum mux_code {
	MUX_CODE_CANCEL = 0,		/* this side has lost interest */
	MUX_CODE_REFUSED = 1,		/* the target refused */
	MUX_CODE_UNREACHABLE = 2,	/* no route, no such host */
	MUX_CODE_TIMEOUT = 3,		/* the target did not answer */
	MUX_CODE_DENIED = 4,		/* policy or scope */
	MUX_CODE_NO_NODE = 5,		/* no such node */
	MUX_CODE_NODE_OFFLINE = 6,	/* known, but no link */
	MUX_CODE_NODE_GONE = 7,		/* its link ended under the stream */
	MUX_CODE_LIMIT = 8,		/* some limit was reached */
	MUX_CODE_PROTOCOL = 9,		/* the peer broke the protocol */
	MUX_CODE_TARGET_RESET = 10,	/* the target's connection was reset */
	MUX_CODE_KILLED = 11,		/* by administrator or revocation */
	MUX_CODE_INTERNAL = 12,		/* trouble of our own */
	MUX_CODE_UNSUPPORTED = 13,	/* kind not served here */
	MUX_CODE_GOING_AWAY = 14,	/* the relay ends, or is replaced */
	MUX_CODE_NO_SERVICE = 15	/* the node has no service of that
					   name */
};

struct mux_head {
	uint8_t		 type;
	uint8_t		 flags;
	uint32_t	 id;
};

/* Strings are NUL-terminated here, are text as above, and may be empty. */
struct mux_open {
	uint8_t		 kind;
	uint16_t	 port;			/* of the target */
	uint32_t	 credit;		/* the opener can take, bytes */
	char		 host[MUX_HOST_MAX + 1];
	char		 node[MUX_NODE_MAX + 1];
	/* typed fields, all optional */
	char		 client[MUX_TEXT_MAX + 1];	/* its address */
	char		 user[MUX_TEXT_MAX + 1];
	char		 request_id[MUX_TEXT_MAX + 1];
	uint64_t	 ticket;		/* between listeners; 0: none */
};

/* CONTROL frames on stream 0. */
enum mux_control_what {
	MUX_CONTROL_HELLO = 1, MUX_CONTROL_GOAWAY = 2
};

struct mux_hello {
	uint32_t	 version;	/* 1 */
	uint32_t	 credit;	/* bytes that may follow an OPEN */
	uint64_t	 epoch;		/* boot epoch: ms since 1970 when the
					   sender started; 0 from a relay */
	uint32_t	 streams;	/* that the other side may have open;
					   0: not said */
	char		 software[MUX_TEXT_MAX + 1];	/* "agentd 0.1.0" */
	char		 name[MUX_NODE_MAX + 1];	/* of the node */
};

struct mux_goaway {
	uint32_t	 delay;		/* spread the return over so many ms */
	char		 text[MUX_TEXT_MAX + 1];
};

/* Write an 8-byte head. */
void	mux_head_put(uint8_t *, uint8_t, uint8_t, uint32_t);
/* Read one.  Returns 0, or -1 for an unknown type, flag, or reserved bits. */
int	mux_head_get(const uint8_t *, size_t, struct mux_head *);

/* Does a stream of this kind carry datagrams, rather than bytes? */
int	mux_kind_dgram(uint8_t);

/*
 * Payloads.  put: into a buffer of the given size; returns the length, or
 * -1 if it does not fit or a string is not text.  get: from exactly these
 * bytes; returns 0, or -1 if malformed, and what it wrote then is not to be
 * used.  Unknown typed fields are skipped, doubled known ones and leftovers
 * of a field refused.  The text of RESET and goaway is made fit both ways,
 * and may be NULL in mux_reset_put; get takes any kind and code.
 */
ssize_t	mux_open_put(uint8_t *, size_t, const struct mux_open *);
int	mux_open_get(const uint8_t *, size_t, struct mux_open *);
/* ACCEPT and CREDIT. */
ssize_t	mux_credit_put(uint8_t *, size_t, uint32_t);
int	mux_credit_get(const uint8_t *, size_t, uint32_t *);
ssize_t	mux_reset_put(uint8_t *, size_t, uint16_t, const char *);
int	mux_reset_get(const uint8_t *, size_t, uint16_t *,
	    char[MUX_TEXT_MAX + 1]);
ssize_t	mux_hello_put(uint8_t *, size_t, const struct mux_hello *);
int	mux_hello_get(const uint8_t *, size_t, struct mux_hello *);
ssize_t	mux_goaway_put(uint8_t *, size_t, const struct mux_goaway *);
int	mux_goaway_get(const uint8_t *, size_t, struct mux_goaway *);
/*
 * Whether this can be a text of a frame (a node, a host, a path): UTF-8
 * without control characters.  What holds another is refused by its reader,
 * who ends the link.  1 or 0.
 */
int	mux_text_valid(const char *);
/* What a CONTROL payload is: enum mux_control_what, or 0 (to be skipped). */
int	mux_control_what(const uint8_t *, size_t);

/* "refused", "unreachable", ...; never NULL. */
const char	*mux_code_name(uint16_t);
/* "tcp", "udp", ..., "?"; of enum mux_kind. */
const char	*mux_kind_name(uint16_t);
/*
 * A target for a person: "host:80", "[::1]:53/udp", "/run/x.sock", "http",
 * "http grafana", "tls mail".  Returns the buffer.
 */
#define MUX_TARGET_LEN	(MUX_HOST_MAX + 16)
const char	*mux_target(uint8_t, const char *, uint16_t,
		    char [MUX_TARGET_LEN]);

#endif /* MUX_FRAME_H */
