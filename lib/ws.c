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

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base64.h"
#include "ws.h"
#include "ws_internal.h"

#define WS_FIN		0x80
#define WS_RSV		0x70
#define WS_OPCODE	0x0f
#define WS_MASKED	0x80
#define WS_LEN		0x7f
#define WS_LEN16	126	/* the length follows in 16 bits */
#define WS_LEN64	127	/* in 64 bits */

#define WS_VECTOR	16	/* bytes of a register that every CPU has */

static int		 ws_first_byte(struct ws *, uint8_t, struct ws_frame *);
static int		 ws_second_byte(struct ws *, uint8_t,
			    const struct ws_frame *);
static int		 ws_length(struct ws *, const uint8_t *, size_t,
			    struct ws_frame *);
static int		 ws_peek_text(struct ws *, const uint8_t *, size_t,
			    const struct ws_frame *);
static int		 ws_text(struct ws *, const uint8_t *,
			    const struct ws_frame *);
static int		 ws_gather(struct ws *, const uint8_t *,
			    const struct ws_frame *);
static enum ws_result	 ws_data(struct ws *, uint8_t *,
			    const struct ws_frame *, struct ws_event *);
static enum ws_result	 ws_frame(struct ws *, uint8_t *, size_t,
			    struct ws_event *, size_t *);
static uint32_t		 utf8_lead(uint8_t);

void
ws_init(struct ws *ws, enum ws_role role, size_t message_max)
{
	memset(ws, 0, sizeof(*ws));
	ws->role = role;
	/* With a head before it, a frame's length must not wrap. */
	ws->message_max = message_max < SIZE_MAX / 2 ? message_max :
	    SIZE_MAX / 2;
}

void
ws_done(struct ws *ws)
{
	free(ws->msg);
	ws->msg = NULL;
	ws->msg_size = 0;
	ws->msg_len = 0;
	ws->msg_opcode = 0;
}

int
ws_fail(struct ws *ws, int code, const char *error)
{
	ws->close_code = code;
	ws->error = error;
	return (-1);
}

/* FIN, reserved bits, opcode, and whether such a frame may come now. */
static int
ws_first_byte(struct ws *ws, uint8_t b, struct ws_frame *f)
{
	f->fin = (b & WS_FIN) != 0;
	f->opcode = b & WS_OPCODE;

	if (b & WS_RSV)
		return (ws_fail(ws, WS_CLOSE_PROTOCOL, "reserved bit set"));
	switch (f->opcode) {
	case WS_CONT:
		if (ws->msg_opcode == 0)
			return (ws_fail(ws, WS_CLOSE_PROTOCOL,
			    "continuation of nothing"));
		if (ws->fragments >= WS_FRAGMENTS_MAX)
			return (ws_fail(ws, WS_CLOSE_POLICY,
			    "too many fragments"));
		return (0);
	case WS_TEXT:
	case WS_BINARY:
		if (ws->msg_opcode != 0)
			return (ws_fail(ws, WS_CLOSE_PROTOCOL,
			    "message inside a fragmented message"));
		return (0);
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		if (!f->fin)
			return (ws_fail(ws, WS_CLOSE_PROTOCOL,
			    "fragmented control frame"));
		return (0);
	default:
		return (ws_fail(ws, WS_CLOSE_PROTOCOL, "unknown opcode"));
	}
}

/* Mask bit and short length. */
static int
ws_second_byte(struct ws *ws, uint8_t b, const struct ws_frame *f)
{
	if (ws->role == WS_SERVER && (b & WS_MASKED) == 0)
		return (ws_fail(ws, WS_CLOSE_PROTOCOL, "frame not masked"));
	if (ws->role != WS_SERVER && (b & WS_MASKED) != 0)
		return (ws_fail(ws, WS_CLOSE_PROTOCOL, "frame masked"));
	if (f->opcode >= WS_CLOSE && (b & WS_LEN) > WS_CONTROL_MAX)
		return (ws_fail(ws, WS_CLOSE_PROTOCOL,
		    "control frame too long"));
	return (0);
}

/* A whole length field: of n bytes at p, or the short one if n is 0. */
static int
ws_length(struct ws *ws, const uint8_t *p, size_t n, struct ws_frame *f)
{
	uint64_t	 len = 0;
	size_t		 i;

	if (n == 0)
		len = p[-1] & WS_LEN;
	else
		for (i = 0; i < n; i++)
			len = len << 8 | p[i];

	if (len > INT64_MAX)
		return (ws_fail(ws, WS_CLOSE_PROTOCOL, "length over 2^63"));
	if ((n == 2 && len < WS_LEN16) || (n == 8 && len <= UINT16_MAX))
		return (ws_fail(ws, WS_CLOSE_PROTOCOL,
		    "length not in its shortest form"));
	/* msg_len is 0 or below message_max, so this can't wrap. */
	if (f->opcode < WS_CLOSE && len > ws->message_max - ws->msg_len)
		return (ws_fail(ws, WS_CLOSE_TOO_BIG, "message too big"));
	f->len = len;
	return (0);
}

/*
 * Returns 1 for a whole head, 0 if more bytes are needed (*need of them from
 * buf, in all), or -1.  Each byte is judged as soon as it is there, in the
 * order of the bytes: so a cut in the input changes nothing.
 */
int
ws_frame_head(struct ws *ws, const uint8_t *buf, size_t len,
    struct ws_frame *f, size_t *need)
{
	size_t	 ext = 0;

	*need = 2;
	if (len >= 1 && ws_first_byte(ws, buf[0], f) == -1)
		return (-1);
	if (len < 2)
		return (0);
	if (ws_second_byte(ws, buf[1], f) == -1)
		return (-1);
	if ((buf[1] & WS_LEN) == WS_LEN16)
		ext = 2;
	else if ((buf[1] & WS_LEN) == WS_LEN64)
		ext = 8;
	f->head = 2 + ext + (ws->role == WS_SERVER ? 4 : 0);
	*need = f->head;
	if (len < 2 + ext)
		return (0);
	if (ws_length(ws, buf + 2, ext, f) == -1)
		return (-1);
	*need = f->head + f->len;
	if (len < f->head)
		return (0);
	f->key = ws->role == WS_SERVER ? buf + f->head - 4 : NULL;
	return (1);
}

/*
 * A frame of text of which only len bytes are there: validate those that are
 * new on an unmasked copy.
 */
static int
ws_peek_text(struct ws *ws, const uint8_t *payload, size_t len,
    const struct ws_frame *f)
{
	uint8_t	 copy[512];
	size_t	 n;
	int	 r;

	for (; ws->utf8_done < len; ws->utf8_done += n) {
		if ((n = len - ws->utf8_done) > sizeof(copy))
			n = sizeof(copy);
		if (f->key != NULL) {
			ws_mask(copy, payload + ws->utf8_done, n, f->key,
			    ws->utf8_done);
			r = ws_utf8(&ws->utf8_state, copy, n);
		} else
			r = ws_utf8(&ws->utf8_state, payload + ws->utf8_done,
			    n);
		if (r == -1)
			return (ws_fail(ws, WS_CLOSE_DATA,
			    "text is not UTF-8"));
	}
	return (0);
}

/* A whole frame of text, unmasked: validate what was not yet. */
static int
ws_text(struct ws *ws, const uint8_t *payload, const struct ws_frame *f)
{
	if (ws_utf8(&ws->utf8_state, payload + ws->utf8_done,
	    f->len - ws->utf8_done) == -1)
		return (ws_fail(ws, WS_CLOSE_DATA, "text is not UTF-8"));
	if (f->fin && ws->utf8_state != 0)
		return (ws_fail(ws, WS_CLOSE_DATA,
		    "text ends inside a character"));
	return (0);
}

/* A whole control frame. */
enum ws_result
ws_control(struct ws *ws, uint8_t *payload, const struct ws_frame *f,
    struct ws_event *ev)
{
	uint32_t	 state = 0;

	if (f->key != NULL)
		ws_mask(payload, payload, f->len, f->key, 0);
	ev->opcode = f->opcode;
	ev->data = payload;
	ev->len = f->len;
	if (f->opcode != WS_CLOSE)
		return (WS_CONTROL);

	if (f->len == 1) {
		ws_fail(ws, WS_CLOSE_PROTOCOL, "half a close code");
		return (WS_ERROR);
	}
	if (f->len >= 2) {
		ev->code = payload[0] << 8 | payload[1];
		ev->data += 2;
		ev->len -= 2;
		if (!ws_close_code_valid(ev->code)) {
			ws_fail(ws, WS_CLOSE_PROTOCOL, "bad close code");
			return (WS_ERROR);
		}
		if (ws_utf8(&state, ev->data, ev->len) == -1 || state != 0) {
			ws_fail(ws, WS_CLOSE_DATA,
			    "close reason is not UTF-8");
			return (WS_ERROR);
		}
	}
	ws->closed = 1;
	return (WS_CONTROL);
}

/*
 * Append a whole fragment to the message.  The room grows with what has come,
 * never with what was announced.
 */
static int
ws_gather(struct ws *ws, const uint8_t *payload, const struct ws_frame *f)
{
	const uint8_t	*text;
	uint8_t		*msg;
	size_t		 need, size;

	need = ws->msg_len + f->len;
	if (need > ws->msg_size) {
		size = ws->msg_size;
		size = size > ws->message_max / 2 ? ws->message_max : size * 2;
		if (size < need)
			size = need;
		if ((msg = realloc(ws->msg, size)) == NULL)
			return (ws_fail(ws, WS_CLOSE_INTERNAL,
			    "no memory for fragments"));
		ws->msg = msg;
		ws->msg_size = size;
	}
	/* There may be no room at all yet, if nothing but empty ones came. */
	text = payload;
	if (f->len > 0) {
		text = ws->msg + ws->msg_len;
		if (f->key != NULL)
			ws_mask(ws->msg + ws->msg_len, payload, f->len,
			    f->key, 0);
		else
			memcpy(ws->msg + ws->msg_len, payload, f->len);
	}
	if (ws->msg_opcode == WS_TEXT && ws_text(ws, text, f) == -1)
		return (-1);
	ws->msg_len = need;
	ws->fragments++;
	return (0);
}

/* A whole data frame; WS_MORE if the message goes on behind it. */
static enum ws_result
ws_data(struct ws *ws, uint8_t *payload, const struct ws_frame *f,
    struct ws_event *ev)
{
	if (f->opcode != WS_CONT && f->fin) {
		if (f->key != NULL)
			ws_mask(payload, payload, f->len, f->key, 0);
		if (f->opcode == WS_TEXT && ws_text(ws, payload, f) == -1)
			return (WS_ERROR);
		ev->opcode = f->opcode;
		ev->data = payload;
		ev->len = f->len;
		ws->utf8_done = 0;
		return (WS_MESSAGE);
	}

	if (f->opcode != WS_CONT)
		ws->msg_opcode = f->opcode;
	if (ws_gather(ws, payload, f) == -1)
		return (WS_ERROR);
	ws->utf8_done = 0;
	if (!f->fin)
		return (WS_MORE);
	ev->opcode = ws->msg_opcode;
	ev->data = ws->msg != NULL ? ws->msg : payload;
	ev->len = ws->msg_len;
	ws->msg_opcode = 0;
	ws->msg_len = 0;
	ws->fragments = 0;
	return (WS_MESSAGE);
}

/* The frame at buf; *want is how long it is, or how much of it must come. */
static enum ws_result
ws_frame(struct ws *ws, uint8_t *buf, size_t len, struct ws_event *ev,
    size_t *want)
{
	struct ws_frame	 f;
	uint8_t		*payload;
	int		 r, text;

	if ((r = ws_frame_head(ws, buf, len, &f, want)) == -1)
		return (WS_ERROR);
	if (r == 0)
		return (WS_MORE);
	payload = buf + f.head;
	text = f.opcode == WS_TEXT ||
	    (f.opcode == WS_CONT && ws->msg_opcode == WS_TEXT);
	if (f.opcode == WS_TEXT && ws->utf8_done == 0)
		ws->utf8_state = 0;
	if (len < *want) {
		if (text && ws_peek_text(ws, payload, len - f.head, &f) == -1)
			return (WS_ERROR);
		return (WS_MORE);
	}
	if (f.opcode >= WS_CLOSE)
		return (ws_control(ws, payload, &f, ev));
	return (ws_data(ws, payload, &f, ev));
}

enum ws_result
ws_parse(struct ws *ws, uint8_t *buf, size_t len, struct ws_event *ev,
    size_t *need)
{
	enum ws_result	 result = WS_MORE;
	size_t		 want = 1;

	memset(ev, 0, sizeof(*ev));
	ev->code = WS_CLOSE_NONE;
	if (ws->error != NULL)
		return (WS_ERROR);
	/* The caller is done with the message we gathered for it. */
	if (ws->msg != NULL && ws->msg_opcode == 0)
		ws_done(ws);

	if (ws->closed)
		ev->consumed = len;
	else
		for (;;) {
			result = ws_frame(ws, buf + ev->consumed,
			    len - ev->consumed, ev, &want);
			if (result == WS_ERROR ||
			    want > len - ev->consumed)
				break;
			ev->consumed += want;
			if (result != WS_MORE)
				return (result);
		}
	if (need != NULL)
		*need = ev->consumed + want;
	return (result);
}

/*
 * A state is how many continuation bytes must come, and in which range the
 * next one must lie (RFC 3629, 4: no overlong forms, surrogates, or numbers
 * over U+10FFFF).
 */
#define UTF8_STATE(n, lo, hi)	\
	((uint32_t)(n) | (uint32_t)(lo) << 8 | (uint32_t)(hi) << 16)

static uint32_t
utf8_lead(uint8_t b)
{
	if (b < 0xc2 || b > 0xf4)
		return (0);
	if (b < 0xe0)
		return (UTF8_STATE(1, 0x80, 0xbf));
	if (b < 0xf0)
		return (UTF8_STATE(2, b == 0xe0 ? 0xa0 : 0x80,
		    b == 0xed ? 0x9f : 0xbf));
	return (UTF8_STATE(3, b == 0xf0 ? 0x90 : 0x80,
	    b == 0xf4 ? 0x8f : 0xbf));
}

int
ws_utf8(uint32_t *state, const uint8_t *p, size_t len)
{
	uint64_t	 w;
	uint32_t	 st = *state, n;

	while (len > 0) {
		/* Most text is ASCII, and that goes eight at a time. */
		while (st == 0 && len >= sizeof(w)) {
			memcpy(&w, p, sizeof(w));
			if (w & 0x8080808080808080ULL)
				break;
			p += sizeof(w);
			len -= sizeof(w);
		}
		if (len == 0)
			break;
		if (st != 0) {
			if (*p < (st >> 8 & 0xff) || *p > st >> 16)
				return (-1);
			n = (st & 0xff) - 1;
			st = n > 0 ? UTF8_STATE(n, 0x80, 0xbf) : 0;
		} else if (*p >= 0x80 && (st = utf8_lead(*p)) == 0)
			return (-1);
		p++;
		len--;
	}
	*state = st;
	return (0);
}

void
ws_mask(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t key[4],
    size_t offset)
{
	uint8_t	 k[WS_VECTOR];
	uint8_t	 kv __attribute__((__vector_size__(WS_VECTOR)));
	uint8_t	 a __attribute__((__vector_size__(WS_VECTOR)));
	uint8_t	 b __attribute__((__vector_size__(WS_VECTOR)));
	size_t	 i;

	for (i = 0; i < sizeof(k); i++)
		k[i] = key[(offset + i) & 3];
	memcpy(&kv, k, sizeof(kv));

	/* The copies are how C spells an unaligned load and store. */
	for (i = 0; len - i >= 2 * WS_VECTOR; i += 2 * WS_VECTOR) {
		memcpy(&a, src + i, sizeof(a));
		memcpy(&b, src + i + WS_VECTOR, sizeof(b));
		a ^= kv;
		b ^= kv;
		memcpy(dst + i, &a, sizeof(a));
		memcpy(dst + i + WS_VECTOR, &b, sizeof(b));
	}
	for (; i < len; i++)
		dst[i] = src[i] ^ k[i & 3];
}

size_t
ws_head_len(size_t len, int masked)
{
	size_t	 n = masked ? 6 : 2;

	if (len > UINT16_MAX)
		return (n + 8);
	return (len >= WS_LEN16 ? n + 2 : n);
}

size_t
ws_head(uint8_t head[WS_HEAD_MAX], enum ws_opcode opcode, size_t len,
    const uint8_t mask[4])
{
	size_t	 ext = ws_head_len(len, 0) - 2, i;

	head[0] = WS_FIN | opcode;
	head[1] = ext == 0 ? len : ext == 2 ? WS_LEN16 : WS_LEN64;
	for (i = 0; i < ext; i++)
		head[2 + i] = (uint64_t)len >> 8 * (ext - 1 - i) & 0xff;
	if (mask == NULL)
		return (2 + ext);
	head[1] |= WS_MASKED;
	memcpy(head + 2 + ext, mask, 4);
	return (2 + ext + 4);
}

size_t
ws_close_payload(uint8_t payload[WS_CONTROL_MAX], int code,
    const char *reason)
{
	const uint8_t	*p = (const uint8_t *)reason;
	uint32_t	 state = 0;
	size_t		 i, len = 2;

	if (!ws_close_code_valid(code))
		return (0);
	payload[0] = code >> 8;
	payload[1] = code & 0xff;
	for (i = 0; p != NULL && p[i] != '\0' && i < WS_CONTROL_MAX - 2; i++) {
		if (ws_utf8(&state, p + i, 1) == -1)
			break;
		payload[2 + i] = p[i];
		if (state == 0)
			len = 2 + i + 1;
	}
	return (len);
}

int
ws_close_code_valid(int code)
{
	/*
	 * 1004 is reserved; 1005, 1006 and 1015 stand for what was not sent;
	 * up to 2999 the rest waits for a meaning.
	 */
	return ((code >= 1000 && code <= 1003) ||
	    (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999));
}

void
ws_accept(const char *key, char text[WS_ACCEPT_LEN + 1])
{
	static const char	 guid[] =
				    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char			 in[WS_KEY_LEN + sizeof(guid) - 1];
	uint8_t			 sum[EVP_MAX_MD_SIZE];
	unsigned int		 len = 0;

	memcpy(in, key, WS_KEY_LEN);
	memcpy(in + WS_KEY_LEN, guid, sizeof(guid) - 1);
	if (EVP_Digest(in, sizeof(in), sum, &len, EVP_sha1(), NULL) != 1 ||
	    base64_encode(text, WS_ACCEPT_LEN + 1, sum, len) == -1)
		text[0] = '\0';
}

int
ws_key_valid(const char *key, size_t len)
{
	uint8_t	 bytes[BASE64_BYTES(WS_KEY_LEN)];

	return (len == WS_KEY_LEN &&
	    base64_decode(bytes, sizeof(bytes), key, len) == 16);
}

void
ws_key_make(char key[WS_KEY_LEN + 1])
{
	uint8_t	 bytes[16];

	arc4random_buf(bytes, sizeof(bytes));
	base64_encode(key, WS_KEY_LEN + 1, bytes, sizeof(bytes));
}
