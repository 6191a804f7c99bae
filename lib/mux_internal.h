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

#ifndef MUX_INTERNAL_H
#define MUX_INTERNAL_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "meter.h"
#include "mux.h"
#include "mux_queue.h"

/*
 * Between mux.c (the link, and frames in), mux_output.c (frames out, and who
 * is next), mux_table.c (which stream has an id), mux_stream.c (streams:
 * their state), mux_credit.c (what they let the peer send), mux_input.c (what
 * comes, and how its owner takes it) and mux_dgram.c (what is different with
 * datagrams).
 *
 * Nothing is freed and no done callback runs while a call into the mux is on
 * the stack: mux_enter and mux_leave count, and the outermost mux_leave
 * clears up.  What is over is marked STREAM_DEAD at once and found by no
 * list or table any more, so whoever calls an owner checks for that after.
 */

#define MUX_REFUSED_MIN	256	/* refusals of streams waiting to go out: */
#define MUX_REFUSED_MAX	8192	/* more than come at once */
/*
 * What a stream may send before others have their turn, bytes: as much as is
 * read and sealed at once.  A stream that of late sent less than a frame and
 * so many bytes a microsecond goes before those in the middle of theirs, by
 * a frame: a keystroke does not wait for bulk.  But of such streams there may
 * be many, and they, too, only get so many frames in a row.
 */
#define MUX_TURN	(120 * 1024)
#define MUX_RUN_MAX	8		/* frames at once */
#define MUX_CREDIT_QUANTUM (512 * 1024)
#define MUX_LOAN_MIN	(8 * 1024)	/* bytes, to be worth it */
#define MUX_LOAN_MAX	16		/* frames */
#define MUX_SPARSE	4
#define MUX_RECENT_MAX	(4 * MUX_TURN)	/* bytes: more is not remembered */
#define MUX_SPARSE_TIMES 3
#define MUX_SPARSE_PART	8		/* of what a link carries, at most */
#define MUX_SPARSE_RUN	8

/* State of a stream. */
#define STREAM_OURS	0x0001	/* we opened it */
#define STREAM_ACCEPTED	0x0002
#define STREAM_READY	0x0004	/* pull may have something */
#define STREAM_FIN_OUT	0x0008	/* our FIN was handed out */
#define STREAM_FIN_IN	0x0010	/* the peer's FIN has come */
#define STREAM_DEAD	0x0020	/* the owner has forgotten it */
#define STREAM_STRANGER	0x0080	/* see struct mux_config */
#define STREAM_GUEST	0x1000	/* likewise: somebody, but not the owner */
#define STREAM_BROKEN	0x0040	/* both FINs are set: reset follows, when
				   what is queued was taken */
/* Lists it is on. */
#define STREAM_CONTROL	0x0100
#define STREAM_RING	0x0200
#define STREAM_ENDED	0x0400
#define STREAM_SPARSE	0x0800	/* mux.sparse, not mux.ring */
/* Frames it owes the peer, in this order. */
#define OWE_OPEN	0x01
#define OWE_ACCEPT	0x02
#define OWE_CREDIT	0x04
#define OWE_RESET	0x08

struct mux_stream {
	TAILQ_ENTRY(mux_stream)	 entry;		/* mux.streams or mux.dead */
	TAILQ_ENTRY(mux_stream)	 control;	/* mux.control */
	TAILQ_ENTRY(mux_stream)	 turn;		/* mux.ring, .sparse, .ended */
	struct mux_stream	*next;		/* in its slot of the table */
	struct mux		*mux;
	const struct mux_stream_ops *ops;	/* NULL until it is owned */
	void			*arg;
	uint8_t			*owed;		/* payload of OPEN or RESET */
	uint16_t		 owed_len;
	uint8_t			 owe;
	uint8_t			 few;		/* times that little came */
	uint16_t		 code;		/* of RESET */
	uint32_t		 flags;
	uint32_t		 id;

	uint32_t		 allowance;	/* we may still send */
	uint32_t		 sent;		/* in this turn, bytes */
	uint32_t		 recent;	/* bytes, as time forgives */
	uint32_t		 sent_at;	/* when: the low bits */
	uint32_t		 recent_in;	/* the same, of what came */
	uint32_t		 came_at;
	uint32_t		 came_in;	/* the link's then: low bits */

	/*
	 * The receive window: what was reserved for this stream.  The three
	 * of arriving, queue and consumed never exceed it together.
	 */
	uint32_t		 window;
	uint32_t		 arriving;	/* granted and not yet come */
	uint32_t		 consumed;	/* taken, credit not yet sent */
	struct mux_queue	 queue;
	uint64_t		 fit_at;	/* when it was looked at */
	uint32_t		 fit_took;	/* bytes consumed since */
	/* Bytes a ms before it shrank beside a sparse one; 0: it did not. */
	uint32_t		 fit_rate;
	uint64_t		 quick_since;	/* the reader, for the window */

	/*
	 * With a meter, credit is sent as it allows: of what was consumed,
	 * given is to be sent next, the meter's want is waited for, and the
	 * rest has not been asked for.  With a pace, data is.
	 */
	struct meter_flow	*meter;
	struct meter_flow	*pace;
	uint32_t		 given;
	uint32_t		 paced;		/* bytes that may be sent */

	uint64_t		 in;
	uint64_t		 out;
	struct mux_dgram	*dgram;		/* NULL: a stream of bytes */
};

/*
 * What a datagram stream has besides.  In queues of many, each is led by its
 * length; received ones wait in the stream's own queue.
 */
struct mux_dgram {
	struct mux_queue	 out;		/* to be sent */
	struct mux_queue	 going;		/* the rest of one: no length */
	struct mux_queue	 coming;	/* the beginning, as well */
	size_t			 part_len;	/* of the one that comes */
	uint8_t			 ending;	/* FIN when all is sent */
	uint8_t			 parts;		/* one comes in parts... */
	uint8_t			 given_up;	/* and there is no room */
	uint64_t		 lost_in;
	uint64_t		 lost_out;
};

TAILQ_HEAD(mux_streams, mux_stream);

struct mux_refused {
	uint32_t		 id;
	uint16_t		 code;
};

struct mux {
	struct mux_config	 cfg;
	struct mux_streams	 streams;	/* all that live */
	struct mux_streams	 control;	/* those that owe a frame */
	struct mux_streams	 ring;		/* those with data and credit */
	struct mux_streams	 sparse;	/* and those that go before */
	struct mux_streams	 ended;		/* done is to be called */
	struct mux_streams	 dead;		/* to be freed */

	struct mux_stream	**table;	/* by id; NULL until needed */
	unsigned int		 bits;		/* of the index of a slot */
	uint32_t		 count;		/* in the table */
	uint32_t		 peer_count;	/* the peer's, until our RESET
						   has gone out too */
	uint32_t		 ring_count;	/* in both */
	uint32_t		 sparse_run;	/* frames of sparse ones */
	uint32_t		 our_count;	/* of streams that we opened */
	uint32_t		 nstrangers;	/* of these */
	uint32_t		 nguests;	/* likewise */
	uint32_t		 peer_streams;	/* that the peer takes */
	uint32_t		 next_id;	/* of ours */
	uint32_t		 last_id;	/* of the peer's */

	struct mux_refused	*refused;	/* a ring; NULL when empty */
	uint16_t		 refused_size;
	uint16_t		 refused_first;
	uint16_t		 refused_count;

	uint8_t			 hello_done;	/* sent: it has gone out */
	uint8_t			 hello_seen;
	uint8_t			 asked;		/* want_output was called */
	uint8_t			 in_output;
	uint8_t			 closing;
	uint16_t		 hello_len;
	uint16_t		 goaway_len;
	uint8_t			*hello;		/* payloads waiting */
	uint8_t			*goaway;
	uint32_t		 early_in;	/* credit in our hello */
	uint32_t		 early_out;	/* and in the peer's */

	unsigned int		 depth;		/* of calls, see above */
	uint32_t		 rtt;		/* us */
	uint32_t		 rtt_least;	/* of a long time, us */
	struct mux_stream	*loan;		/* its frames wait for others */
	uint64_t		 sparse_at;	/* data of a sparse one came */
	uint32_t		 sparse_id;	/* which was this */
	uint32_t		 widest;	/* window of late */
	uint64_t		 widest_at;
	uint64_t		 now;		/* us */
	uint64_t		 in;
	uint64_t		 out;
	uint64_t		 lost;		/* datagrams */
	size_t			 queued;
	size_t			 reserved;	/* windows, bytes */
	const char		*error;
};

/* mux.c */
/*
 * Around each call that may call back: what ends within is freed when the
 * outermost leaves.
 */
void	 mux_enter(struct mux *);
void	 mux_leave(struct mux *);
/* Free what is dead, unless a call is still on the stack. */
void	 mux_reap(struct mux *);
/* The link is to end for this, a static text.  -1. */
int	 mux_fail(struct mux *, const char *);

/* mux_output.c */
/* There is something to send. */
void	 mux_want(struct mux *);
/* It has something to send and may; or not any more. */
void	 mux_ring_add(struct mux *, struct mux_stream *);
/* It has sent so many bytes. */
void	 mux_ring_sent(struct mux *, struct mux_stream *, size_t);
/* And has more: at the head if its turn is not over, else at the tail. */
void	 mux_ring_again(struct mux *, struct mux_stream *);
void	 mux_ring_remove(struct mux *, struct mux_stream *);

/* mux_table.c: streams by id. */
/* NULL: there is none.  mux_table_add: 0, or -1 without memory. */
struct mux_stream *mux_table_find(const struct mux *, uint32_t);
int	 mux_table_add(struct mux *, struct mux_stream *);
void	 mux_table_remove(struct mux *, struct mux_stream *);

/* mux_stream.c */
/* One that the peer opened; NULL, and the code why not. */
struct mux_stream *mux_stream_new_peer(struct mux *, uint32_t,
	    const struct mux_open *, uint16_t *);
void	 mux_stream_free(struct mux_stream *);
/* Take it out of everything; with OWE_RESET it stays until that is out. */
void	 mux_stream_kill(struct mux_stream *);
/* The owner did nothing for this: reset both ends. */
void	 mux_stream_abort(struct mux_stream *, uint16_t, const char *);
/* Into the ring if it has something and may send. */
void	 mux_stream_arm(struct mux_stream *);
/* Control frames it is to send, OWE_*. */
void	 mux_stream_owe(struct mux_stream *, uint8_t);
/* If both sides have said all, it has ended. */
void	 mux_stream_check_done(struct mux_stream *);
/* More allowance to send; -1: beyond all reason. */
int	 mux_stream_allow(struct mux_stream *, uint32_t);
/* The peer will send no more. */
void	 mux_stream_fin(struct mux_stream *);
/* RESET came of a target: 0 if what is queued goes first, else -1. */
int	 mux_stream_break(struct mux_stream *, uint16_t, const char *);
/* It has ended, or broke: tell the owner which. */
void	 mux_stream_over(struct mux_stream *);

/* mux_input.c */
/* DATA with its flags from the peer; -1: against the rules. */
int	 mux_stream_data(struct mux_stream *, const uint8_t *, size_t, int);
/* Give the owner what waited for more to come. */
void	 mux_stream_settle(struct mux *);

/* mux.c */
/* No refusal waits any more. */
void	 mux_refused_free(struct mux *);

/* mux_credit.c */
/*
 * Reserve the window of a new stream, or at least so little: how much it is,
 * 0 if there is no more.  And give back what was reserved.
 */
uint32_t mux_window_new(struct mux *, uint32_t, uint32_t);
/*
 * Is there room for more windows of a stranger's or a guest's stream (that
 * flag), or of the owner's (0)?
 */
int	 mux_others_fit(const struct mux *, uint32_t);
void	 mux_unreserve(struct mux *, size_t);
/*
 * Of a datagram stream: have so many bytes reserved in all, or -1; no more
 * than at its beginning.
 */
int	 mux_stream_reserve(struct mux_stream *, size_t);
void	 mux_stream_release(struct mux_stream *);
/* Nothing more will come: reserved is what the queue needs, and no more. */
void	 mux_stream_keep(struct mux_stream *);
/* The meters (its give) let the peer have so much more. */
void	 mux_stream_given(void *, uint32_t);
/* Nothing more will come, or go: back with what was paid for. */
void	 mux_stream_unmeter(struct mux_stream *);
void	 mux_stream_unpace(struct mux_stream *);
/* The owner took so many bytes. */
void	 mux_stream_took(struct mux_stream *, size_t);
/* Credit for OPEN's far end, ACCEPT, and CREDIT (0: none); counted given. */
void	 mux_stream_grant_early(struct mux_stream *);
uint32_t mux_stream_grant_accept(struct mux_stream *);
uint32_t mux_stream_grant_more(struct mux_stream *);

/* mux_dgram.c */
struct mux_dgram *mux_dgram_new(void);		/* NULL: no memory */
void	 mux_dgram_clear(struct mux_dgram *);
void	 mux_dgram_free(struct mux_dgram *);
/* As mux_stream_data, of a datagram. */
int	 mux_dgram_data(struct mux_stream *, const uint8_t *, size_t, int);
/* The next frame of a stream that is out of the ring; 0: there is none. */
size_t	 mux_dgram_output(struct mux *, struct mux_stream *, uint8_t *);

#endif /* MUX_INTERNAL_H */
