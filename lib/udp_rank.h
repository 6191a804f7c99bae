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

#ifndef UDP_RANK_H
#define UDP_RANK_H

#include <sys/queue.h>

#include <stdint.h>

/*
 * Which of the sources that speak to a UDP socket makes room for another.  As
 * sources are easily made up, first one that may be:
 *  - new ones, while they are more than an eighth of all there may be: the
 *    one idle longest;
 *  - then steady ones, which have gone on for a second but were never
 *    answered, while they are more than a quarter: the one that is so for the
 *    shortest time, as made-up sources that go on shall not push out who was
 *    there before them;
 *  - then proven ones, which have spoken after an answer: the one idle longest.
 * Pure: the caller has the clock, in ms.
 */

#define UDP_RANK_STEADY_MS	1000

enum udp_grade { UDP_NEW, UDP_STEADY, UDP_PROVEN, UDP_GRADES };

/* A source: part of what it belongs to, which the caller owns. */
struct udp_rank {
	TAILQ_ENTRY(udp_rank)	 entry;
	enum udp_grade		 grade;
	int			 answered;
	uint64_t		 begun;
};

TAILQ_HEAD(udp_rank_list, udp_rank);

struct udp_ranks {
	struct {
		struct udp_rank_list	 list;
		unsigned int		 n;
	}		 grades[UDP_GRADES];
	unsigned int	 max;
};

/* For at most so many. */
void		 udp_ranks_begin(struct udp_ranks *, unsigned int);
/* Which is to make room, of as many as there may be, 1 at least. */
struct udp_rank	*udp_ranks_least(struct udp_ranks *);

/*
 * udp_rank_add: a source has spoken for the first time, now; udp_rank_spoke:
 * and once more; udp_rank_answered: it has been sent something.
 */
void		 udp_rank_add(struct udp_ranks *, struct udp_rank *, uint64_t);
void		 udp_rank_spoke(struct udp_ranks *, struct udp_rank *,
		    uint64_t);
void		 udp_rank_answered(struct udp_ranks *, struct udp_rank *);
void		 udp_rank_remove(struct udp_ranks *, struct udp_rank *);

#endif /* UDP_RANK_H */
