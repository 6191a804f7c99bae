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
 * Streams by id: a table of chains, made when the first stream comes and
 * grown with them.  Ids are the peer's choice, so where one falls depends on
 * a number it does not know.
 */

#include "compat.h"

#include <stdlib.h>

#include "mux_internal.h"

#define TABLE_BITS_MIN	3
#define TABLE_BITS_KEEP	6	/* an empty table above that is freed */
#define TABLE_BITS_MAX	20

static uint32_t	 multiplier;

static struct mux_stream **
table_slot(struct mux_stream **table, unsigned int bits, uint32_t id)
{
	return (&table[(uint32_t)(id * multiplier) >> (32 - bits)]);
}

struct mux_stream *
mux_table_find(const struct mux *m, uint32_t id)
{
	struct mux_stream	*s;

	if (m->table == NULL)
		return (NULL);
	s = *table_slot(m->table, m->bits, id);
	while (s != NULL && s->id != id)
		s = s->next;
	return (s);
}

static int
table_grow(struct mux *m)
{
	struct mux_stream	**table, **slot, *s, *next;
	unsigned int		  bits, i;

	while (multiplier == 0)
		multiplier = arc4random() | 1;
	bits = m->table == NULL ? TABLE_BITS_MIN : m->bits + 1;
	if (bits > TABLE_BITS_MAX ||
	    (table = calloc((size_t)1 << bits, sizeof(*table))) == NULL)
		return (-1);
	for (i = 0; m->table != NULL && i < 1U << m->bits; i++)
		for (s = m->table[i]; s != NULL; s = next) {
			next = s->next;
			slot = table_slot(table, bits, s->id);
			s->next = *slot;
			*slot = s;
		}
	free(m->table);
	m->table = table;
	m->bits = bits;
	return (0);
}

int
mux_table_add(struct mux *m, struct mux_stream *s)
{
	struct mux_stream	**slot;

	/* Without memory to grow, longer chains will do. */
	if ((m->table == NULL || m->count >> m->bits != 0) &&
	    table_grow(m) == -1 && m->table == NULL)
		return (-1);
	slot = table_slot(m->table, m->bits, s->id);
	s->next = *slot;
	*slot = s;
	m->count++;
	return (0);
}

void
mux_table_remove(struct mux *m, struct mux_stream *s)
{
	struct mux_stream	**slot;

	slot = table_slot(m->table, m->bits, s->id);
	while (*slot != s)
		slot = &(*slot)->next;
	*slot = s->next;
	if (--m->count == 0 && m->bits > TABLE_BITS_KEEP) {
		free(m->table);
		m->table = NULL;
	}
}
