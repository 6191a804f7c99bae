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

#ifndef WS_H
#define WS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

/*
 * The WebSocket protocol, RFC 6455, without extensions: pure, bytes in,
 * events out, no allocation except for fragmented messages.
 */

#define WS_KEY_LEN	24	/* Sec-WebSocket-Key, base64 of 16 bytes */
#define WS_ACCEPT_LEN	28	/* Sec-WebSocket-Accept, base64 of 20 */
#define WS_HEAD_MAX	14	/* longest frame head, with mask key */
#define WS_CONTROL_MAX	125	/* longest control payload */
#define WS_FRAGMENTS_MAX 1024	/* frames of one message */

enum ws_opcode {
	WS_CONT = 0x0, WS_TEXT = 0x1, WS_BINARY = 0x2,
	WS_CLOSE = 0x8, WS_PING = 0x9, WS_PONG = 0xa
};

/* Close codes, RFC 6455, 7.4.1. */
#define WS_CLOSE_NORMAL		1000
#define WS_CLOSE_AWAY		1001
#define WS_CLOSE_PROTOCOL	1002
#define WS_CLOSE_UNSUPPORTED	1003
#define WS_CLOSE_NONE		1005	/* none was in the frame; never sent */
#define WS_CLOSE_DATA		1007
#define WS_CLOSE_POLICY		1008
#define WS_CLOSE_TOO_BIG	1009
#define WS_CLOSE_INTERNAL	1011
#define WS_CLOSE_RESTART	1012
#define WS_CLOSE_TRY_LATER	1013

enum ws_role {
	WS_SERVER,		/* frames from the peer must be masked */
	WS_CLIENT,		/* frames from the peer must not be; ours are */
	WS_INTERNAL		/* no masks either way: between our processes */
};

/*
 * ws_accept: Sec-WebSocket-Accept for a key of exactly WS_KEY_LEN.  Empty if
 * libcrypto will not do SHA-1.
 */
void	ws_accept(const char *, char[WS_ACCEPT_LEN + 1]);
/* ws_key_valid: whether a client's key is the base64 of 16 bytes. */
int	ws_key_valid(const char *, size_t);
/* ws_key_make: a fresh random key. */
void	ws_key_make(char[WS_KEY_LEN + 1]);

/*
 * Receiving.  The parser works in place on the caller's buffer: payloads
 * are unmasked where they lie and handed out as pointers into it.
 */
struct ws {
	enum ws_role	 role;
	size_t		 message_max;	/* bytes of a whole message */
	int		 close_code;	/* after WS_ERROR: what to close with */
	const char	*error;		/* after WS_ERROR: why, static text */
	/* private */
	uint8_t		 msg_opcode;
	uint8_t		 closed;	/* a close frame was received */
	uint32_t	 fragments;
	uint32_t	 utf8_state;
	uint64_t	 msg_len;	/* bytes of the message so far */
	uint8_t		*msg;		/* gathered fragments, or NULL */
	size_t		 msg_size;
	size_t		 utf8_done;	/* bytes of a partial text frame
					   already validated */
	/* of ws_piece: the frame that has begun */
	uint8_t		 frame, fin;
	uint8_t		 key[4];
	uint64_t	 left, done;	/* bytes of its payload */
};

enum ws_result {
	WS_MORE,		/* needs bytes that have not come */
	WS_MESSAGE,		/* a whole text or binary message */
	WS_PIECE,		/* ws_piece: a part of one */
	WS_CONTROL,		/* a ping, pong or close */
	WS_ERROR		/* close with ws->close_code */
};

struct ws_event {
	enum ws_opcode	 opcode;
	uint8_t		*data;	/* unmasked; in the input, or in ws->msg until
				   the next ws_parse */
	size_t		 len;
	int		 code;	/* of a close frame, WS_CLOSE_NONE if absent;
				   data/len: its reason, valid UTF-8 */
	size_t		 consumed; /* bytes of the input that are done with;
				      valid for every result */
	int		 last;	/* WS_PIECE: the message ends with it */
};

/*
 * ws_init: message_max bounds what a message may hold.  ws_done frees a
 * half-gathered message.
 */
void		ws_init(struct ws *, enum ws_role, size_t);
void		ws_done(struct ws *);

/*
 * ws_parse: look at the bytes at buf, of which none has been consumed.
 * WS_MORE with consumed > 0 happens for fragments.  *need (may be NULL) is
 * set with WS_MORE to how many bytes in all, from buf and with the consumed
 * ones, would let the parser go on: a caller that reads at most so much never
 * copies twice.
 * Text is validated as UTF-8 as it arrives: a bad byte in a partial frame is
 * an error at once (RFC 6455, 8.1; unmasking of a partial text frame is done
 * on a copy of the byte, the buffer is left alone until the frame is whole).
 * Events and errors are the same for any cut of the input.  An error is for
 * good: ws_parse repeats it.  What follows a close frame is discarded (RFC
 * 6455, 1.4): all of it is consumed, with WS_MORE.
 *
 * close_code of an error: 1002 for bad framing, 1007 for text or a close
 * reason that is not UTF-8, 1008 for more than WS_FRAGMENTS_MAX frames in a
 * message, 1009 for a message over message_max (as soon as a head announces
 * it), 1011 without memory for fragments.
 */
enum ws_result	ws_parse(struct ws *, uint8_t *, size_t, struct ws_event *,
		    size_t *);

/*
 * ws_piece: the same without gathering anything: messages come as pieces, as
 * their bytes do, so that who has no room for a long one can drop it and go
 * on.  A piece is empty only if it is the last.  Of one connection, either
 * this or ws_parse.
 */
enum ws_result	ws_piece(struct ws *, uint8_t *, size_t, struct ws_event *);

/*
 * Sending.  ws_head writes the head of one unfragmented frame (FIN set) and
 * returns its length; mask is the key to announce, or NULL.  With a mask the
 * caller passes the payload through ws_mask.
 */
size_t	ws_head(uint8_t[WS_HEAD_MAX], enum ws_opcode, size_t,
	    const uint8_t[4]);
/* ws_head_len: what ws_head would return for this payload length. */
size_t	ws_head_len(size_t, int);
/*
 * ws_mask: dst = src ^ key, len bytes, the first of which stands at offset
 * in the payload.  dst may be src; else they must not overlap.  Works on
 * words, so that the compiler vectorises it.
 */
void	ws_mask(uint8_t *, const uint8_t *, size_t, const uint8_t[4], size_t);
/*
 * ws_close_payload: code and reason (may be NULL) as the payload of a close
 * frame; returns its length, 0 for a code that must not be sent, as
 * WS_CLOSE_NONE.  A long reason is cut between characters, one that is not
 * UTF-8 before the bad byte.
 */
size_t	ws_close_payload(uint8_t[WS_CONTROL_MAX], int, const char *);
/* ws_close_code_valid: whether a peer may send this code (7.4.2). */
int	ws_close_code_valid(int);
/*
 * ws_utf8: go on validating UTF-8 (RFC 3629) with the next bytes of a text.
 * The state starts as 0 and is 0 again between characters, so a text is
 * valid if it ends with 0.  Returns -1 at the first byte that can't be.
 */
int	ws_utf8(uint32_t *, const uint8_t *, size_t);

#endif /* WS_H */
