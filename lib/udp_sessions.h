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

#ifndef UDP_SESSIONS_H
#define UDP_SESSIONS_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdint.h>

#include "mux.h"

/*
 * A UDP socket that many speak to: each source, by address and port and by
 * which of our addresses it speaks to, is a session, and a session is a
 * datagram stream.  It ends when nothing has come or gone for the idle time,
 * or when its stream does; the next datagram of that source begins another.
 * When there are as many as there may be, the one whose source is least sure
 * to be there makes room, see udp_rank.h.  A few datagrams wait for a session
 * that has no stream yet, or whose stream was not accepted.
 */

#define UDP_SESSION_WAITING	16	/* datagrams, the oldest give way */
#define UDP_SESSION_WAIT_MS	5000	/* older ones are stale */

struct event_base;
struct udp_session;
struct udp_sessions;

struct udp_sessions_ops {
	/*
	 * A new source: give it a stream, now or later.  -1: the datagram is
	 * dropped and there is no session.
	 */
	int	(*begin)(struct udp_session *, void *);
	/*
	 * It is over; called once, before it is freed.  code 0 and text NULL:
	 * it was idle; else as reset of mux_stream_ops.
	 */
	void	(*end)(struct udp_session *, void *, uint16_t, const char *);
	/* One more datagram waits for it to have a stream; may be NULL. */
	void	(*waits)(struct udp_session *, void *);
	/*
	 * Its stream was reset before it was accepted: 1 if it shall get
	 * another one; what it was to carry waits.  Or else, and without this
	 * member, it ends.
	 */
	int	(*refused)(struct udp_session *, void *, uint16_t,
		    const char *);
	/*
	 * May come a source that has no session?  0: its datagram is dropped,
	 * and nobody makes room for it.  Without this member all may.
	 */
	int	(*welcome)(const struct sockaddr *, void *);
};

/*
 * udp_sessions_new: of a bound, non-blocking socket, which stays the caller's
 * and was made ready with udp_key_socket; at most so many, idle for so
 * many ms.  NULL without memory.  udp_sessions_free ends all, with their
 * streams.
 */
struct udp_sessions *udp_sessions_new(struct event_base *, int, unsigned int,
		    unsigned int, const struct udp_sessions_ops *, void *);
void		 udp_sessions_free(struct udp_sessions *);
/* Another idle time, ms. */
void		 udp_sessions_set_idle(struct udp_sessions *, unsigned int);
/* Read no datagrams (1), or do again (0). */
void		 udp_sessions_pause(struct udp_sessions *, int);
/* How many there are. */
unsigned int	 udp_sessions_count(const struct udp_sessions *);
/* For each that has no stream yet. */
void		 udp_sessions_waiting(struct udp_sessions *,
		    void (*)(struct udp_session *, void *));

/* Whether something waits that is not stale. */
int		 udp_session_waits(const struct udp_session *);
/*
 * Open its stream, and send what waited.  0; or -1: the mux refuses, and
 * nothing has changed.
 */
int		 udp_session_open(struct udp_session *, struct mux *,
		    const struct mux_open *);
/* Limits of bandwidth, or NULL, on what comes from its source, and for it. */
void		 udp_session_meter(struct udp_session *, struct meter_flow *,
		    struct meter_flow *);
/* Reset its stream; end() is called. */
void		 udp_session_kill(struct udp_session *, uint16_t,
		    const char *);
struct mux_stream *udp_session_stream(struct udp_session *);
/* What it takes besides its stream, with the datagrams that wait for one. */
size_t		 udp_session_memory(const struct udp_session *);
const struct sockaddr *udp_session_source(const struct udp_session *);
/* Bytes that came from the source, and went to it; in end(), too. */
void		 udp_session_bytes(const struct udp_session *, uint64_t *,
		    uint64_t *);
/* Something of the owner's that stays with it; NULL at first. */
void		 udp_session_set(struct udp_session *, void *);
void		*udp_session_get(const struct udp_session *);

#endif /* UDP_SESSIONS_H */
