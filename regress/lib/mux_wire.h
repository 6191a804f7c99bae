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

#ifndef MUX_WIRE_H
#define MUX_WIRE_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "mux.h"

/*
 * Two muxes and what lies between them, in virtual time; and flows: streams
 * whose bytes follow a pattern, so that each end can check what it gets.
 */

struct wire_frame {
	STAILQ_ENTRY(wire_frame) entry;
	uint64_t		 at;		/* arrives, us */
	size_t			 n;
	uint8_t			 data[];
};

struct wire {
	struct mux		*m[2];		/* the dialer is 0 */
	struct mux_budget	 budget[2];
	uint64_t		 delay;		/* one way, us */
	size_t			 room;		/* bytes under way, each way */
	/* by sender */
	STAILQ_HEAD(, wire_frame) frames[2];
	size_t			 bytes[2];
	uint64_t		 sent[2];	/* frames */
};

/* One end of a flow. */
struct end {
	struct mux_stream	*s;
	struct mux		*m;
	uint32_t		 in_key;	/* of the pattern */
	uint32_t		 out_key;
	uint64_t		 total;		/* to send */
	uint64_t		 sent;
	uint64_t		 got;
	int			 mute;		/* does not send */
	int			 deaf;		/* does not read */
	int			 ragged;	/* takes, gives odd amounts */
	int			 echo;		/* sends back what comes */
	int			 accepted;
	int			 eof;
	int			 done;
	int			 reset;		/* told of one */
	int			 killed;	/* did it itself */
	uint16_t		 code;
	char			 text[MUX_TEXT_MAX + 1];
};

#define FLOWS		512
#define FLOW_ENDLESS	UINT64_MAX

struct flow {
	struct end		 end[2];	/* the opener is 0 */
};

/* By ticket: how the accepting end finds its flow. */
extern struct flow	 flows[FLOWS];
extern const struct mux_stream_ops end_ops;
extern uint64_t		 wire_now;

/* A mux with hello on its way; streams to it become ends of flows. */
struct mux *wire_mux(const struct mux_ops *, void *, int,
	    struct mux_budget *);
void	 wire_init(struct wire *, struct mux *, struct mux *);
void	 wire_free(struct wire *);
/* At most n frames onto the wire, or off it as their time has come. */
int	 wire_send(struct wire *, int, int);
int	 wire_deliver(struct wire *, int, int);
/* Everything possible now; returns how many frames moved. */
int	 wire_turn(struct wire *);

/* The ops of a mux whose streams are ends: accepted if arg is NULL. */
extern const struct mux_ops flow_ops;

/*
 * Two muxes with these ops and so much memory each, no flow open, at the
 * beginning of time.
 */
void	 wire_up(struct wire *, const struct mux_ops *, void *, size_t);
/* What must hold of a mux at any time. */
void	 wire_check(struct mux *);

/* Open flow i over a mux; bytes there and back; -1: refused. */
int	 flow_open(int, struct mux *, uint64_t, uint64_t);
/* The same with a limit at that end. */
int	 flow_open_metered(int, struct mux *, uint64_t, uint64_t,
	    struct meter_flow *);
void	 end_speak(struct end *);		/* no more mute */
void	 end_listen(struct end *);		/* no more deaf */
void	 end_read(struct end *, size_t);	/* so much of the queue */
void	 end_kill(struct end *, uint16_t, const char *);
int	 end_over(const struct end *);

#endif /* MUX_WIRE_H */
