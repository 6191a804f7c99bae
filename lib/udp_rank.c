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
 * A list for each grade.  In that of the steady ones the first is so for the
 * longest time; in the others the one that was active last is at the end.
 */

#include "compat.h"

#include <stddef.h>

#include "udp_rank.h"

/* What part of all may be of a grade before it makes room. */
static const unsigned int grade_part[] = { 8, 4 };

static void
rank_to(struct udp_ranks *rs, struct udp_rank *r, enum udp_grade grade)
{
	r->grade = grade;
	TAILQ_INSERT_TAIL(&rs->grades[grade].list, r, entry);
	rs->grades[grade].n++;
}

void
udp_ranks_begin(struct udp_ranks *rs, unsigned int max)
{
	int	 i;

	for (i = 0; i < UDP_GRADES; i++) {
		TAILQ_INIT(&rs->grades[i].list);
		rs->grades[i].n = 0;
	}
	rs->max = max;
}

struct udp_rank *
udp_ranks_least(struct udp_ranks *rs)
{
	size_t	 i;

	for (i = 0; i < nitems(grade_part); i++) {
		if (rs->grades[i].n > rs->max / grade_part[i])
			break;
	}
	if (i == UDP_STEADY)
		return (TAILQ_LAST(&rs->grades[i].list, udp_rank_list));
	return (TAILQ_FIRST(&rs->grades[i].list));
}

void
udp_rank_add(struct udp_ranks *rs, struct udp_rank *r, uint64_t now)
{
	r->answered = 0;
	r->begun = now;
	rank_to(rs, r, UDP_NEW);
}

void
udp_rank_remove(struct udp_ranks *rs, struct udp_rank *r)
{
	TAILQ_REMOVE(&rs->grades[r->grade].list, r, entry);
	rs->grades[r->grade].n--;
}

/*
 * When its source gets what is sent to it, it is not made up; when nothing is
 * sent to it, as with logs, that it goes on has to do.
 */
void
udp_rank_spoke(struct udp_ranks *rs, struct udp_rank *r, uint64_t now)
{
	enum udp_grade	 grade = r->grade;

	if (r->answered)
		grade = UDP_PROVEN;
	else if (now - r->begun >= UDP_RANK_STEADY_MS)
		grade = UDP_STEADY;
	if (grade == UDP_STEADY && r->grade == UDP_STEADY)
		return;
	udp_rank_remove(rs, r);
	rank_to(rs, r, grade);
}

void
udp_rank_answered(struct udp_ranks *rs, struct udp_rank *r)
{
	r->answered = 1;
	if (r->grade == UDP_STEADY)
		return;
	udp_rank_remove(rs, r);
	rank_to(rs, r, r->grade);
}
