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


#ifndef PROC_INTERNAL_H
#define PROC_INTERNAL_H

#include <sys/queue.h>
#include <sys/types.h>

#include <imsg.h>

#include "proc.h"

/*
 * Between the files that make proc: proc.c is the parent, proc_kid.c the
 * children it keeps, proc_exec.c how they start, proc_log.c what they say;
 * proc_child.c is a child, and proc_imsg.c the pipes of both.
 */

#define PROC_FD_PARENT		3	/* in a child: the pipe */
#define PROC_FD_REPORT		4	/* in a child: forbidden calls */
#define PROC_NAME_MAX		32

/* Others find the arguments without being told. */
#ifndef __linux__
#define setproctitle_init(argc, argv, envp)
#endif

struct event;

#define PROC_STOP_ALL	1

/* Messages of proc's own: types below PROC_IMSG_FIRST. */
enum proc_imsg {
	/* from the parent */
	IMSG_PROC_PEER = 1,	/* a pipe to another process */
	IMSG_PROC_GO,		/* your configuration is complete */
	IMSG_PROC_STOP,		/* id: PROC_STOP_ALL, or 0 for you alone */
	IMSG_PROC_PING,
	/* to the parent */
	IMSG_PROC_READY,	/* sandboxed and serving */
	IMSG_PROC_PONG,
	IMSG_PROC_OWNED,	/* that process sent a bad message */
	/* from the parent again */
	IMSG_PROC_LOG,		/* struct proc_level: log so much */
	/* to the parent, before READY */
	IMSG_PROC_FILE,		/* fd; id: enum proc_file */
	/* Finish, there is another, as in struct proc_def: */
	IMSG_PROC_DRAIN = 32,	/* from the parent: struct proc_drain */
	IMSG_PROC_QUIET		/* to the parent */
};

/*
 * What proc(5) says of a process.  It opens these itself, of itself, as its
 * parent may not see it there: that has given up the right to look into
 * others, and their entries may be hidden (hidepid=).
 */
enum proc_file {
	PROC_FILE_STAT,		/* /proc/self/stat */
	PROC_FILE_SMAPS,	/* /proc/self/smaps_rollup */
	PROC_FILES
};

/*
 * The payload of PEER and OWNED; the others have none.  Their id is the pid
 * of that process, as the parent told it.
 */
struct proc_who {
	uint32_t	 kind;
	uint32_t	 instance;
};

struct proc_level {
	uint32_t	 level;		/* enum log_level */
};

struct proc_drain {
	uint32_t	 spread_ms;
	uint32_t	 unused;
};

/* Owned by the table in proc_self. */
struct proc_peer {
	int			 kind;
	int			 instance;
	uint32_t		 pid;		/* in a child, of another */
	char			 name[PROC_NAME_MAX];
	struct imsgbuf		 ibuf;
	struct event		*read;
	struct event		*write;
	struct event		*later;		/* see proc_send_later */
	struct event		*retry;		/* no room to read */
	int			 busy;		/* its messages are handled */
	int			 gone;		/* free it when not busy */
	int			 xoff;
	int			 congested;
	int			 deaf;		/* a message to it was lost */
	int			 told;		/* peer_up was called */
	int			 mute;		/* only proc's own messages
						   count */
};

/* This process. */
struct proc_self {
	const struct proc_daemon *daemon;
	const struct proc_def	*def;
	struct proc_options	 opts;		/* without argv */
	const char		*argv0;
	int			 kind;
	int			 instance;
	char			 name[PROC_NAME_MAX];
	struct event_base	*base;
	int			 serving;	/* peer_up may be called */
	int			 piped;		/* parent: children's lines
						   come by pipes */
	struct proc_peer	*peers[PROC_KINDS_MAX][PROC_INSTANCES_MAX];
	/* What the parent, or a child, accepts of proc's own messages. */
	const struct proc_rule	*rules;
	size_t			 nrules;
	/* A peer closed its pipe; it sent a bad message. */
	void			 (*lost)(struct proc_peer *);
	void			 (*bad)(struct proc_peer *);
	void			 (*quit)(int);
};

extern struct proc_self	 proc_self;

/* A process that there should be. */
struct proc_kid {
	TAILQ_ENTRY(proc_kid)	 entry;		/* the list owns it */
	int			 kind;
	int			 instance;
	char			 name[PROC_NAME_MAX];
	pid_t			 pid;		/* 0: there is none now */
	int			 report;	/* of forbidden calls, or -1 */
	int			 files[PROC_FILES];	/* or -1 */
	struct proc_log		*log;
	int			 ready;
	uint64_t		 ready_at;
	int			 unanswered;	/* pings */
	int64_t			 started;	/* s since 1970 */
	unsigned int		 starts;	/* so far */
	int			 deaths;	/* none stable between */
	int			 delay_ms;	/* before the next start */
	struct event		*again;		/* start it */
	struct event		*late;		/* it did not start in time */
	struct event		*kill;		/* it had its chance */
	int			 old;		/* from before: it drains */
	int			 apart;		/* it has no pipes to others */
	int			 foreign;	/* nor ever will: another
						   protocol */
	int			 held;		/* left alone as yet */
};

TAILQ_HEAD(proc_kids, proc_kid);
extern struct proc_kids	 proc_kids;

/* How far the parent is. */
struct proc_state {
	int	 up;			/* all served, once */
	int	 stopping;
	int	 status;		/* to exit with */
};

extern struct proc_state proc_state;

/* The patience of the parent; tests have less. */
struct proc_times {
	int	 ping_ms;	/* between pings */
	int	 pings;		/* unanswered ones that make a hang */
	int	 abort_ms;	/* from SIGABRT to SIGKILL */
	int	 backoff_ms;	/* first, doubled to... */
	int	 backoff_max_ms;
	int	 stable_ms;
	int	 deaths;
	int	 stop_ms;
	int	 start_ms;	/* from exec to READY */
};

extern struct proc_times proc_times;

/* proc_imsg.c */
void	 proc_become(const struct proc_daemon *, const struct proc_options *,
	    int, int);
void	 proc_name(int, int, char *, size_t);
/* Takes the descriptor; replaces a pipe to the same peer. */
struct proc_peer *proc_peer_new(int, int, int);
/* Call peer_up once serving; read from it. */
void	 proc_peer_start(struct proc_peer *);
/* Calls peer_down. */
void	 proc_peer_close(struct proc_peer *);
/* Handle what has come, without the event loop; -1: the peer is lost. */
int	 proc_peer_poll(struct proc_peer *, int);

/* proc_kid.c */
struct proc_kid	*proc_kid_find(int, int);
void	 proc_kid_new(int, int);
void	 proc_kid_start(struct proc_kid *);
/* Was it reaped with this status: tidy up, start it again or give up. */
void	 proc_kid_ended(struct proc_kid *, int);
void	 proc_kid_kill_soon(struct proc_kid *);
void	 proc_kid_later(struct event *, int);

void	 proc_kid_join(struct proc_kid *, struct proc_kid *);
/* An instance of a kind that nobody has; -1: there is none. */
int	 proc_kid_instance(int, int);

/* proc.c */
/* See which children have ended. */
void	 proc_reap(void);

/* proc_upgrade.c */
/* A child that is none of proc_kids has ended: is it ours? */
void	 proc_rehearsed(pid_t, int);
/* What tells whether two binaries' messages are the same. */
uint64_t proc_protocol(const struct proc_daemon *);
/*
 * Execute a file that was opened, by its path where that is not possible.
 * Returns only if it failed.
 */
void	 proc_exec_fd(int, const char *, char *const *);

/* proc_resume.c */
/*
 * Take in the children of the one before, if there was one.  1: they are all
 * there is to be, none need be started.
 */
int	 proc_adopt(void);
/* Another was executed before us, and its children are there. */
int	 proc_takes_over(void);
/* While the one before may still be gone back to: do so. */
int	 proc_may_go_back(void);
void	 proc_go_back(const char *);
void	 proc_stay(void);

/* proc_stranger.c */
struct state_line;
/*
 * A line about a child of a kind that there is no more: 0, or -1 if it can't
 * be one.  End them all, there is no way back.  A child has ended: was it one?
 */
int	 proc_stranger_add(const struct state_line *);
void	 proc_strangers_end(void);
int	 proc_stranger_ended(pid_t);

/* In test builds: fail in the way that $CULVERT_TEST_RESUME says. */
void	 proc_resume_test(void);

/* proc_child.c */
/* -T NAME:CALL: what happens when this process does that?  Test builds. */
void	 proc_test(void);

/* proc_exec.c */
/*
 * Start a child: its end of the pipe, where it reports, its log or -1 to
 * share ours.  Returns its pid or -1.
 */
pid_t	 proc_exec(const char *, int, int, int, int);
/*
 * Start another program of this one's arguments: the opened file, what it
 * finds on descriptors 3 and 2.  Returns its pid or -1.
 */
pid_t	 proc_exec_program(int, char *const *, int, int);
/*
 * Detach: returns in the daemon.  What waits in front of the terminal ends
 * with the status given to proc_detached, or with 1 when we die.
 */
void	 proc_detach(void);
void	 proc_detached(int);
/* Make the empty folder children are shut into; find it. */
void	 proc_empty_make(void);
const char *proc_empty(void);

/* proc_usage.c */
/* In a child: open what the parent is to read, and send it. */
void	 proc_usage_send(void);
int	 proc_recv_file(struct proc_peer *, struct imsg *);

/* proc_log.c */
struct proc_log;
/*
 * All lines go to syslog or the journal from now on, with a facility of
 * syslog(3), and until proc_log_quiet to where ours went before, too.
 */
void	 proc_log_start(const char *, enum log_dest, int);
void	 proc_log_quiet(void);
/* A pipe for a child's lines; sets the end that is for the child. */
struct proc_log	*proc_log_new(const char *, int *);
/* The same, of a pipe that is there; and its descriptor. */
struct proc_log	*proc_log_adopt(const char *, int, pid_t);
int	 proc_log_fd(const struct proc_log *);
/* Our own; it is taken over with the next proc_log_start, if it is not -1. */
int	 proc_log_own_fd(void);
void	 proc_log_take(int);
void	 proc_log_pid(struct proc_log *, pid_t);
/* Forward what is left. */
void	 proc_log_free(struct proc_log *);

#endif /* PROC_INTERNAL_H */
