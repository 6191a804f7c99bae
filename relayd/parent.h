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

#ifndef PARENT_H
#define PARENT_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "msg.h"
#include "msg_conf.h"
#include "relayd.h"

/*
 * The parent: what its files share.
 *
 *	relayd.c	start, configuration, what it is asked
 *	reload.c	another configuration in the place of this one
 *	parent_send.c	the configuration, to each process
 *	parent_listener.c	which sockets and pipes each listener has
 *	listen.c	the sockets
 *	access_file.c	the access log
 *	upgrade.c	a new binary in the place of this one
 */

/*
 * To be raised when a message between processes means something else, but
 * has its size.  A build for tests speaks a protocol of its own.
 */
#ifdef CULVERT_TEST
#define RELAYD_PROTOCOL	1002
#else
#define RELAYD_PROTOCOL	2
#endif

struct imsg;

/* relayd.c */
extern struct relayd_conf	*conf;
extern char			*relayd_conffile;	/* its path */
extern int			 control_fd;
extern uint8_t			 relayd_nonce_key[32];	/* of all listeners */
extern uint8_t			 relayd_beacon_key[32];	/* of auth */
extern uint32_t			 relayd_generation;	/* of conf */
extern int			 relayd_verbose;	/* now */
extern int64_t			 relayd_started;	/* s since 1970 */

void	 relayd_up(void);
/* From now on so much is logged (lib/log.h), or what -v says if it is more. */
void	 relayd_log_level(int);

/* reload.c: hooks of struct proc_daemon, messages. */
void	 reload_signal(void);
int	 reload_recv(struct proc_peer *, struct imsg *);
int	 reload_recv_taken(struct proc_peer *, struct imsg *);
/* It is about to get its first configuration. */
void	 reload_peer(struct proc_peer *);

/* parent_send.c: all that this process may have of conf. */
void	 send_conf(struct proc_peer *);
/* What somebody asked of the parent, by way of router. */
void	 send_answer(uint32_t, uint32_t, const char *);
/*
 * Whether one more is done of what router asks for and the log tells of: 1, or
 * 0 and it is answered, as there are too many.
 */
int	 command_may(uint32_t);

/* parent_listener.c */
/* The sockets for the keys process and this listener, new ones. */
void	 send_sign_socket(int);
/* A link between these two listeners; and between this and all that are. */
void	 send_listener_link(int, int);
void	 send_listener_links(int);
/* From now on others may have links to it. */
void	 listener_joins(int);
/* Which of the sockets is a listener's; -1: none yet, or no more. */
int	 listener_slot(int);
void	 listener_slot_set(int, int);
/* It is there, and may be told things: not if it is another binary's yet. */
struct proc_peer *listener_peer(int);
int	 listener_recv_again(struct proc_peer *, struct imsg *);

/* access_file.c */
/*
 * Open the file of this configuration (-1: it has none), made if need be:
 * 0, or -1 (logged).  And from now on that one is it.
 */
int	 access_file_open(const struct relayd_conf *, int *);
void	 access_file_use(int);
/* Hand it to a listener. */
void	 access_file_send(struct proc_peer *);
/* SIGUSR1: open it by its name again, for all. */
void	 access_file_reopen(void);

/* upgrade.c */
/*
 * What this program is called (argv[0]), before the directory changes; and
 * what it was started with, for the next one: a flag and its value or NULL.
 */
void	 upgrade_program(const char *);
void	 upgrade_arg(const char *, const char *);
/* A configuration that goes on from another: whether it may.  0 or -1
   (logged), with what there is of the sockets in it. */
int	 upgrade_config(struct relayd_conf *, int rehearse);
/* What a process that has its configuration is told beyond that. */
void	 upgrade_configure(struct proc_peer *);
/* Hooks of struct proc_daemon. */
void	 upgrade_signal(void);
void	 upgrade_save(struct state *);
int	 upgrade_restore(const struct state_line *);
void	 upgrade_takeover(void);
void	 upgrade_stays(const char *);
void	 upgrade_old(int, int, int);
/* Messages. */
int	 upgrade_recv(struct proc_peer *, struct imsg *);
int	 upgrade_recv_taken(struct proc_peer *, struct imsg *);
int	 upgrade_recv_serves(struct proc_peer *, struct imsg *);
int	 upgrade_recv_end(struct proc_peer *, struct imsg *);

#endif /* PARENT_H */
