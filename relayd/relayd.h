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

#ifndef RELAYD_H
#define RELAYD_H

#include <stddef.h>
#include <stdint.h>

#include "ctl.h"
#include "proc.h"

/*
 * The processes of relayd.  What they say to each other is in msg.h.
 */

enum relayd_kind {
	/* PROC_PARENT = 0 */
	PROC_KEYS = 1,
	PROC_AUTH,
	PROC_ROUTER,
	PROC_LISTENER,
	PROC_KINDS
};

#define USER_ID_LEN	36		/* a UUID as text */
#define DOMAIN_LEN	256

extern const struct proc_daemon	 relayd_daemon;
extern const struct proc_rule	 keys_rules[], auth_rules[], router_rules[],
				 listener_rules[];
extern const size_t		 keys_nrules, auth_nrules, router_nrules,
				 listener_nrules;

/*
 * The head of a line about a process of ours, and about a number of things of
 * one kind in it (memory.c).
 */
void	memory_line(struct ctl_memory *, uint32_t kind, int process,
	    int instance);
void	memory_things(struct proc_peer *, uint32_t id, int process,
	    int instance, const char *what, uint64_t count, uint64_t bytes);

/* What struct proc_def (proc.h) has of each process, and when it is called. */
void	keys_start(void);
void	keys_serve(void);
void	auth_start(void);
void	auth_serve(void);
void	auth_stop(void);
void	auth_peer_up(struct proc_peer *);
void	auth_peer_down(struct proc_peer *);
void	router_start(void);
void	router_serve(void);
void	router_stop(void);
void	router_peer_up(struct proc_peer *);
void	router_peer_down(struct proc_peer *);
void	listener_start(void);
void	listener_serve(void);
void	listener_stop(void);
void	listener_peer_up(struct proc_peer *);
void	listener_peer_down(struct proc_peer *);
void	listener_congested(struct proc_peer *, int);
void	listener_drain(uint32_t);

#endif /* RELAYD_H */
