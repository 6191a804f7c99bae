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

#ifndef MUX_H
#define MUX_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#include "mux_frame.h"

/*
 * One link that carries many streams: credit, scheduling, half-close,
 * reset.  Pure: frames in by mux_input, frames out by mux_output, time from
 * the caller.  Nothing is sent by itself; when there is something to send,
 * ops->want_output asks the owner to call mux_output soon.
 *
 * Ownership: the mux owns its streams.  A stream is gone after its reset or
 * done callback returns, and when its owner has called mux_reset on it;
 * nobody may touch it after that.  Callbacks may call any function here but
 * mux_free on the mux they come from; want_output only takes note.  All
 * callbacks but want_output run from mux_input, mux_output and mux_free, so
 * a stream never goes away under an owner's call to mux_drain or mux_read.
 */

#define MUX_CREDIT_INITIAL	(256 * 1024)	/* per stream and direction */
#define MUX_CREDIT_SPARSE	(128 * 1024)	/* the least of a window beside
						   streams that carry little */
#define MUX_CREDIT_LEAST	(8 * 1024)	/* ... if half of it takes
						   MUX_SPARSE_LAG */
#define MUX_CREDIT_EARLY	(64 * 1024)	/* before ACCEPT (in hello) */
#define MUX_CREDIT_MAX		(16 * 1024 * 1024)
#define MUX_CREDIT_NEAR		(768 * 1024)	/* the most where a round trip
						   takes less than MUX_NEAR:
						   more would only be memory */
#define MUX_NEAR		1000		/* us */
#define MUX_STREAMS_PRESUMED	4096		/* that a peer takes, if its
						   hello does not say */
#define MUX_RTT_FLOOR		1000		/* us: windows grow to what is
						   read within that, at least */
#define MUX_RTT_SPARSE		150	/* us: the same beside streams that
						   carry little, and wait for
						   what is on the way */
#define MUX_RTT_MAX		2000000	/* us: no path is longer */
#define MUX_SPARSE_LAG		10000	/* us: for half a window; a person
						   feels what is longer */
#define MUX_SPARSE_FOR		1000000	/* us: after such a stream's data */
#define MUX_GROW_AFTER		50000		/* us: of reading at that pace;
						   a socket whose reader is
						   stalled is quick at first */

#define MUX_WIDEST_FOR		200000	/* us: after the largest window of a
						   link was looked at, or four
						   round trips */

/*
 * Datagram streams (mux_kind_dgram: UDP) keep the bounds of what they carry,
 * up to MUX_DGRAM_MAX bytes and down to none, and wait for nobody.  They have
 * no credit.  Each has two queues, one of what is to be sent and one of what
 * came and is not taken, each bounded to MUX_DGRAM_QUEUE; when one is full, or
 * the budgets have no more memory, the oldest give way to the newest.  So a
 * link that is slow or an owner that does not read loses datagrams, as a
 * network would, and never stalls the sender or another stream.
 *
 *	to send		mux_dgram_send; FIN behind all that: mux_dgram_end
 *	to receive	ops->datagram, or mux_dgram_peek and mux_dgram_drop
 *			for what it did not take
 *	the end		FIN as with bytes: ops->input with length 0.  UDP has
 *			no half-close: who hears FIN has only to call
 *			mux_dgram_end, and done follows.
 *
 * mux_accept, mux_reset, mux_eof, mux_queued and all other callbacks are as
 * for bytes; pull, mux_ready, mux_peek, mux_drain and mux_read are not for
 * them and do nothing.  mux_splice carries them on like any other stream.
 */
#define MUX_DGRAM_QUEUE		(192 * 1024)	/* with 4 for each datagram */
#define MUX_DGRAM_BASE		(8 * 1024)	/* reserved for each stream */
#define MUX_DGRAM_SCARCE	(128 * 1024)	/* and at most, once half of a
						   budget is used */
#define MUX_DGRAM_IOVS		6		/* that one may lie in */

struct meter_flow;
struct mux;
struct mux_stream;

/*
 * What the receive windows of several links may reserve together, bytes.
 * Windows begin at MUX_CREDIT_INITIAL; from half of the limit on only
 * MUX_CREDIT_EARLY is given and nothing grows; at the limit streams are
 * refused with MUX_CODE_LIMIT.
 */
struct mux_budget {
	size_t		 limit;
	size_t		 used;
};

/*
 * One of several who have links that rest on a budget.  From three quarters
 * of its limit on, who holds a sixteenth of it gets no more, so that idle
 * streams of one are no end to those of others; who holds a thirty-second of
 * it or less has windows as large as ever until seven eighths are used.
 * gone: the last of its links is; it may be freed.
 */
struct mux_holder {
	size_t		 used;
	unsigned int	 links;		/* and who else keeps it */
	void		(*gone)(struct mux_holder *);
};

enum mux_more {
	MUX_IDLE,		/* nothing more now: mux_ready when there is */
	MUX_MORE,		/* ask again */
	MUX_LAST		/* nothing more ever: send FIN */
};

/*
 * Members may be NULL: without input all that comes is queued, without pull
 * nothing is sent.
 */
struct mux_stream_ops {
	/* The far end is connected (streams that we opened). */
	void	(*accepted)(struct mux_stream *, void *);
	/*
	 * Bytes have come and nothing is queued before them.  Returns how
	 * many were taken; the rest is queued, to be taken with mux_read or
	 * mux_peek and mux_drain.  While something is queued, arrivals are
	 * queued behind it and input is not called.  Called with length 0
	 * once when FIN has come (and, if something is queued then, not
	 * again: see mux_eof).
	 */
	size_t	(*input)(struct mux_stream *, void *, const uint8_t *, size_t);
	/*
	 * Fill the buffer with the next bytes to send, at most cap.  Returns
	 * how many, and how it goes on in *more (MUX_IDLE when called).  No
	 * bytes and MUX_MORE is taken as MUX_IDLE.  Streams of the peer's
	 * are pulled once they are accepted.
	 */
	size_t	(*pull)(struct mux_stream *, void *, uint8_t *, size_t,
		    enum mux_more *);
	/*
	 * Optional.  As input and pull, for several frames at once, in order;
	 * pullv fills a piece before it begins the next.  inputv may keep
	 * input waiting until mux_input_end.
	 */
	size_t	(*inputv)(struct mux_stream *, void *, struct iovec *, int);
	size_t	(*pullv)(struct mux_stream *, void *, struct iovec *, int,
		    enum mux_more *);
	/*
	 * Ended early, by the peer or with the link; what is queued is lost.
	 * But what came before MUX_CODE_TARGET_RESET is there to be taken
	 * first, without an end behind it (mux_eof).
	 */
	void	(*reset)(struct mux_stream *, void *, uint16_t, const char *);
	/* Both directions ended, and all that came was taken. */
	void	(*done)(struct mux_stream *, void *);
	/*
	 * A datagram has come and none is queued before it: whether it was
	 * taken.  If not, or without this member, it is queued.
	 */
	int	(*datagram)(struct mux_stream *, void *, const uint8_t *,
		    size_t);
	/* All datagrams that were to be sent have left. */
	void	(*drained)(struct mux_stream *, void *);
};

struct mux_ops {
	/*
	 * The peer opens a stream.  The owner takes it with mux_stream_own
	 * within the callback or resets it, and calls mux_accept when the
	 * far end is connected; bytes may come before that (early data).
	 * What is not taken is reset (MUX_CODE_UNSUPPORTED).
	 */
	void	(*open)(struct mux *, void *, struct mux_stream *,
		    const struct mux_open *);
	void	(*hello)(struct mux *, void *, const struct mux_hello *);
	void	(*goaway)(struct mux *, void *, const struct mux_goaway *);
	/*
	 * Call mux_output soon, not from here, until it returns 0; before it
	 * has, this is not called again.
	 */
	void	(*want_output)(struct mux *, void *);
};

struct mux_config {
	const struct mux_ops	*ops;
	void			*arg;
	int			 dialer;	/* ours are the odd ids */
	size_t			 data_max;	/* payload of a DATA frame that
						   we send, <= MUX_DATA_MAX */
	uint32_t		 streams_max;	/* that the peer may open */
	int			 strangers;	/* see below */
	const char		*owner;		/* its email, outliving the
						   mux; or NULL: see below */
	size_t			 link_budget;	/* bytes of receive windows */
	struct mux_budget	*budget;	/* of the process; not NULL */
	struct mux_holder	*holder;	/* whose link it is, or NULL */
};

struct mux_stats {
	uint64_t	 in, out;		/* payload bytes */
	uint32_t	 streams;		/* open now */
	size_t		 queued;		/* bytes received, not taken */
	uint64_t	 lost;			/* datagrams, both ways */
};

/*
 * With strangers set, streams whose OPEN names no user, as nobody logged in
 * for them, leave a quarter to others: of the windows there may be, and, of
 * those that we open, of the streams that the peer takes.  With an owner, all
 * of those who are somebody else leave an eighth to it.
 */

/* What a link's streams, or one of them, take, bytes. */
struct mux_memory {
	size_t		 state;		/* structures, and frames that wait */
	size_t		 queued;	/* data that waits... */
	size_t		 held;		/* ...in blocks of so many */
	size_t		 window;	/* reserved for what may come */
};

/* mux_new: NULL without memory.  The config is copied. */
struct mux	*mux_new(const struct mux_config *);
/*
 * mux_end: the link is about to go: every stream is reset at both ends with
 * this code and text, and none can be opened.  What is still to be told the
 * peer is there for mux_output.  Unlike mux_free it may be called inside a
 * callback.
 */
void		 mux_end(struct mux *, uint16_t, const char *);
/*
 * mux_finish: the same for a peer that closed in order, but streams on which
 * both sides have said all they had, and of which something is only not
 * taken yet, are left to their owners.  Returns how many there are; to be
 * called again until there are none.
 */
uint32_t	 mux_finish(struct mux *, uint16_t, const char *);
/* mux_free: every stream gets reset(MUX_CODE_NODE_GONE, text) first. */
void		 mux_free(struct mux *, const char *);

/*
 * mux_input: take one frame (one WebSocket message) that came at now, us of
 * a clock that only goes forward.  Returns 0, or -1 when the peer broke the
 * protocol: the link must end; mux_error says how.
 */
int		 mux_input(struct mux *, const uint8_t *, size_t, uint64_t);
const char	*mux_error(const struct mux *);
/*
 * mux_input_end: the buffers of the frames shown since the last time are
 * about to go.  Streams whose owners have inputv are given what is left.
 */
void		 mux_input_end(struct mux *);

/*
 * mux_output: write the next frame, at most cap (>= MUX_FRAME_MAX) bytes,
 * and return its length, or 0 if there is none.  Control frames go first,
 * then the ready streams, a turn each.  Within a callback there is none, and
 * want_output asks again.
 */
size_t		 mux_output(struct mux *, uint8_t *, size_t, uint64_t);

/*
 * mux_output_run: the next frames, of one stream, as the buffer has room for.
 * Each is led by gap bytes that are left free for the caller's head, and is
 * MUX_HEAD_LEN + data_max long, but for the last one, whose length is in
 * *last.  Returns how many there are.
 */
int		 mux_output_run(struct mux *, uint8_t *, size_t cap, size_t gap,
		    uint64_t, size_t *last);

/* The round-trip time of the link as measured, us. */
void		 mux_set_rtt(struct mux *, uint32_t);
/* What it has carried and holds. */
void		 mux_get_stats(const struct mux *, struct mux_stats *);
/* As long as there are streams to look at; with all of them, and itself. */
void		 mux_memory(const struct mux *, struct mux_memory *);
void		 mux_stream_memory(const struct mux_stream *,
		    struct mux_memory *);
/* What all links of the process keep for the next that needs it. */
size_t		 mux_memory_spare(void);

/*
 * Send hello or goaway; copied.  Nothing leaves before hello.  Its version
 * is filled in by the mux, its credit at most MUX_CREDIT_EARLY.  -1:
 * without memory, a string is not text, or a second hello.
 */
int		 mux_send_hello(struct mux *, const struct mux_hello *);
int		 mux_send_goaway(struct mux *, const struct mux_goaway *);

/*
 * mux_open_stream: open a stream; open->credit is filled in by the mux.
 * Returns NULL if the mux's or peer's limits or the budget forbid it, or a
 * string is not text (mux_frame.h).  Bytes may be sent at once: call
 * mux_ready.
 */
struct mux_stream *mux_open_stream(struct mux *, const struct mux_open *,
		    const struct mux_stream_ops *, void *);
/*
 * The same, with a limit of bandwidth (or NULL) on what comes: see
 * mux_meter.
 */
struct mux_stream *mux_open_metered(struct mux *, const struct mux_open *,
		    const struct mux_stream_ops *, void *,
		    struct meter_flow *);
/*
 * mux_meter: the peer gets credit on this stream no faster than the meters
 * of this flow (meter.h) allow; its window is no larger than that takes.
 * mux_pace: the owner is asked for data no faster than that.  Datagrams over
 * the limit are lost (mux_dgram_lost), those that come and those that the
 * owner sends.  The flow is new and lives until the stream has ended or NULL
 * takes its place; what the peer had been granted before is its own, unless
 * it is early data.
 */
void		 mux_meter(struct mux_stream *, struct meter_flow *);
void		 mux_pace(struct mux_stream *, struct meter_flow *);
/* Take over a stream: one that the peer opened, or another owner's. */
void		 mux_stream_own(struct mux_stream *,
		    const struct mux_stream_ops *, void *);
/* The far end is connected: send ACCEPT. */
void		 mux_accept(struct mux_stream *);
/* There may be something for pull now. */
void		 mux_ready(struct mux_stream *);
/* End it early and forget it: no callback follows.  Text may be NULL. */
void		 mux_reset(struct mux_stream *, uint16_t, const char *);

/*
 * What has been received and not yet taken.  mux_peek fills at most n iovecs
 * with the queue's head and returns how many; mux_drain says that so many
 * bytes of it have been consumed, which earns the peer new credit.  mux_read
 * copies and drains.  mux_eof: FIN came and all before it was taken.
 */
int		 mux_peek(const struct mux_stream *, struct iovec *, int);
void		 mux_drain(struct mux_stream *, size_t);
size_t		 mux_read(struct mux_stream *, uint8_t *, size_t);
size_t		 mux_queued(const struct mux_stream *);
int		 mux_eof(const struct mux_stream *);

/*
 * mux_dgram_send: queue a datagram; it is copied, and may push out the oldest
 * ones.  0, or -1 if it is itself lost: longer than MUX_DGRAM_MAX, behind
 * mux_dgram_end, or for lack of memory.
 * mux_dgram_end: FIN, behind what is queued.
 * mux_dgram_peek: where the oldest that came lies, in MUX_DGRAM_IOVS iovecs:
 * how many of them (0: it is empty), or -1 if there is none.
 * mux_dgram_drop: it has been taken.
 * mux_dgram_lost: how many gave way here, of those that came and of those to
 * be sent.
 */
int		 mux_dgram_send(struct mux_stream *, const void *, size_t);
void		 mux_dgram_end(struct mux_stream *);
int		 mux_dgram_peek(const struct mux_stream *, struct iovec *);
void		 mux_dgram_drop(struct mux_stream *);
void		 mux_dgram_lost(const struct mux_stream *, uint64_t *,
		    uint64_t *);

/* Whether it carries datagrams. */
int		 mux_stream_dgram(const struct mux_stream *);
/* Its number on the link; bytes received and sent. */
uint32_t	 mux_stream_id(const struct mux_stream *);
uint64_t	 mux_stream_in(const struct mux_stream *);
uint64_t	 mux_stream_out(const struct mux_stream *);

#endif /* MUX_H */
