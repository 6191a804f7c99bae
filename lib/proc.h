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

#ifndef PROC_H
#define PROC_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "log_sink.h"
#include "sandbox.h"

/*
 * A daemon of several processes of one binary.  Tables say which processes
 * exist, who has a pipe to whom, and which message each accepts from whom;
 * the dispatcher checks sender, type, exact length and descriptor before a
 * handler runs.
 *
 * The parent starts each process by fork and exec of the same binary
 * ("relayd -x listener -I 1"): descriptor 3 is its pipe to the parent, 4
 * where a forbidden system call is reported, 2 the log.  The child takes
 * pipes to its peers and its configuration from the parent, calls start(),
 * gives up its user and files, enters its sandbox, and calls serve().
 *
 * A child that ends is started again, with backoff 0.1 s doubling to 30 s,
 * and its peers get new pipes.  One that dies PROC_DEATHS_MAX times without
 * having served PROC_STABLE_S seconds ends the daemon.  One that does not
 * answer a ping for PROC_HANG_S seconds is aborted.  Children end when the
 * parent is gone.
 */

#define PROC_KINDS_MAX		8
#define PROC_INSTANCES_MAX	64	/* those that drain included */
#define PROC_PARENT		0	/* kind of the parent, always */
#define PROC_LATER_MS		4		/* see proc_send_later */
#define PROC_QUEUE_HIGH		(256 * 1024)	/* bytes queued to a peer */
#define PROC_QUEUE_LOW		(64 * 1024)
#define PROC_QUEUE_MAX		(4 * 1024 * 1024) /* then sends fail */
#define PROC_DEATHS_MAX		10
#define PROC_STABLE_S		10
#define PROC_HANG_S		10
#define PROC_STOP_S		3

/* Message types below this belong to proc itself. */
#define PROC_IMSG_FIRST		64

struct event_base;
struct imsg;
struct proc_peer;		/* a pipe to another process */
struct state;
struct state_line;

/*
 * A message that is taken, and from whom.  Its handler is called when sender,
 * length and descriptor are as said here, and returns 0, or -1 for values that
 * can't be: the peer who sent them is at fault.
 */
struct proc_rule {
	uint32_t	 type;
	int		 from;		/* kind of the sender */
	size_t		 size;		/* of the payload, exact... */
	int		 (*handler)(struct proc_peer *, struct imsg *);
	size_t		 max;		/* ...or from size up to this, if > 0 */
	int		 fd;		/* 1: brings a descriptor; 0: not */
};

struct proc_def {
	int		 kind;		/* its index in the table */
	const char	*name;		/* "listener"; in ps, log, -x */
	const char	*user;		/* runs as, when started by root */
	int		 (*instances)(void);	/* NULL: 1; parent only */
	unsigned int	 peers;		/* 1 << kind of each it has pipes to */
	int		 rank;		/* trust: higher is more trusted */
	enum sandbox_profile sandbox;
	const struct proc_rule *rules;
	size_t		 nrules;
	/*
	 * In the child, when its configuration is complete and it is still
	 * privileged: open what must be opened.  May add sandbox paths with
	 * proc_allow and set the chroot with proc_chroot.
	 */
	void		 (*start)(void);
	/* In the child, sandboxed, before the event loop runs. */
	void		 (*serve)(void);
	/*
	 * In the child, when SIGTERM or the parent's word ends it; the
	 * process ends when this returns, unless it called proc_linger.
	 */
	void		 (*stop)(void);
	/*
	 * In the child, when there is another that takes what is new: finish
	 * what there is, take nothing more, and proc_quit(0).  Peers are to
	 * leave within so many milliseconds.  Say proc_quiet() when nothing
	 * is half done that only the present peers know how to finish.
	 */
	void		 (*drain)(uint32_t);
	/*
	 * A pipe to a peer is there (anew), or is gone.  Not before serve();
	 * pipes that came earlier are told right after it.  Nothing is read
	 * from a peer until then.
	 */
	void		 (*peer_up)(struct proc_peer *);
	void		 (*peer_down)(struct proc_peer *);
	/* The queue to a peer is above PROC_QUEUE_HIGH (1) or low again (0). */
	void		 (*congested)(struct proc_peer *, int);
};

struct proc_daemon {
	const char		*name;		/* "relayd" */
	const struct proc_def	*defs;		/* [PROC_PARENT]: the parent */
	size_t			 ndefs;
	/* Parent: send a (re)started child its configuration. */
	void			 (*configure)(struct proc_peer *);
	/*
	 * Parent: it is in the background, if it goes there, and not in its
	 * sandbox yet.  May be NULL.
	 */
	void			 (*prepare)(void);
	/* Parent: every child serves (called once). */
	void			 (*up)(void);
	/* Parent: SIGHUP; SIGUSR1. */
	void			 (*reload)(void);
	void			 (*reopen)(void);
	/* Parent: the daemon ends; remove what was made. */
	void			 (*down)(void);
	/*
	 * Parent, for a daemon that can be replaced while it runs (see
	 * proc_upgrade): SIGUSR2; write down what the next one needs; read
	 * such a line, 0 or -1 (logged); everything serves, take over; it
	 * could not be done, nothing has changed, and why; one of the
	 * processes from before is quiet (1) or has ended (0).
	 */
	void			 (*upgrade)(void);
	void			 (*save)(struct state *);
	int			 (*restore)(const struct state_line *);
	void			 (*takeover)(void);
	void			 (*stays)(const char *);
	void			 (*old)(int kind, int instance, int quiet);
	int			 protocol;	/* to be raised when a message
						   changes but in its size */
};

struct proc_options {
	int		 foreground;	/* -d: do not detach; in a child: its
					   log is standard error itself */
	int		 verbose;	/* enum log_level */
	/* Parent: where lines go, and the facility of syslog; 0: daemon. */
	enum log_dest	 log_dest;
	int		 log_facility;
	const char	*child;		/* -x NAME: be this child... */
	int		 instance;	/* ...-I N, this one of it */
	const char	*test;		/* -T kind:call (test builds) or NULL */
	const char	*resume;	/* -U ...: what went before, or NULL */
	int		 rehearse;	/* only see whether all would serve */
	/*
	 * What the program was started with.  The title in ps(1) is written
	 * over it: copy what must outlive proc_parent(), optarg as well.
	 */
	int		 argc;
	char		**argv;
};

/* A copy of an argument that outlives the title; without memory, the end. */
char		*proc_arg(const char *);

/*
 * proc_parent: become the parent, start the children, run until the end.
 * Returns the exit status of the daemon.  Unless in the foreground it
 * detaches first: the process that was called ends when all children serve,
 * with 0, or with 1 when one of them could not start, and the daemon runs in
 * "/", so paths have to be absolute.  When it returns from configuring the
 * first child it is in its sandbox already, and root has lost most of its
 * capabilities: open and chown before.
 *
 * proc_child: be a child; does not return.  The program has to take -x NAME,
 * -I N, -d, -v and -T from the command line for it.
 */
int		 proc_parent(const struct proc_daemon *,
		    const struct proc_options *);
__attribute__((__noreturn__))
void		 proc_child(const struct proc_daemon *,
		    const struct proc_options *);

/*
 * A new binary in the place of the one that runs, while its children serve
 * on.  lib/proc_upgrade.c says how; relayd/upgrade.c what is made of it.
 *
 * proc_upgrade: begin: argv is the program, an absolute path, and what it is
 * started with, to which "-U word" is added, and -n for the rehearsal.  0, or
 * -1 with the reason.  Either stays() follows, or this program is no more.
 *
 * proc_resume: in main, with -U, before anything is opened: read what the
 * one before left.  0 or -1 (logged).  Until takeover() is called all that
 * goes wrong, the end of this process included, leads back to it.
 */
int		 proc_upgrade(char *const *argv, char *, size_t);
int		 proc_resume(const struct proc_daemon *,
		    const struct proc_options *);
/* This is the one that was to be replaced, and it failed. */
int		 proc_resumed_back(void);
/* In save() and restore(): a descriptor that goes with it; -1: none. */
void		 proc_save_fd(struct state *, int);
int		 proc_restore_fd(const struct state_line *, size_t);

/*
 * Processes from before, in the parent.  They have their instance among the
 * others (those that are only one each: some other than 0), are not started
 * again, and have pipes to nobody until proc_old_join, which does nothing
 * for those that speak another protocol.
 */
int		 proc_is_old(int kind, int instance);
/* There is one, or will be again, and if it is old it was joined. */
int		 proc_exists(int kind, int instance);
int		 proc_old_count(int kind);
struct proc_peer *proc_old_peer(int kind);	/* one of them, or NULL */
/* Whether these messages mean the same to it. */
int		 proc_old_understands(int kind, int instance);
/* Ask all old ones of a kind to drain, spreading that over so long. */
void		 proc_old_drain(int kind, uint32_t spread_ms);
void		 proc_old_stop(int kind, int instance);	/* -1: all */
void		 proc_old_join(int kind);

/* The event base of this process (made before start()/configure()). */
struct event_base *proc_base(void);
/* Which of its kind this process is. */
int		 proc_instance(void);
/* End in order: the parent ends all, a child itself. */
void		 proc_quit(int status);
/*
 * In stop(): do not end yet, but by proc_quit() or after so many
 * milliseconds.  The parent's patience is PROC_STOP_S.
 */
void		 proc_linger(int ms);
/* In stop(): whether all processes end, and not this one alone. */
int		 proc_all_end(void);

/* In a child that drains: nothing here needs its place any more. */
void		 proc_quiet(void);

/*
 * In start(): a path that the sandbox leaves open; a folder to chroot to,
 * instead of an empty one ("/" for none).  Both take names as they are
 * before the chroot, and copy them.
 */
void		 proc_allow(const char *, int access);
void		 proc_chroot(const char *);
/*
 * What a path is called in serve() and after: without the folder that
 * proc_chroot() named, if there is a chroot.  Points into the path.
 */
const char	*proc_path(const char *);
/*
 * In start(), a child of root: run as this user instead of the table's
 * (from the configuration).
 */
void		 proc_user(const char *);

/*
 * The peer, or NULL while it is down.  A pointer is good until peer_down for
 * it returns; to answer later, keep kind and instance.
 */
struct proc_peer *proc_peer(int kind, int instance);
int		 proc_peer_kind(const struct proc_peer *);
int		 proc_peer_instance(const struct proc_peer *);
/* In the parent: how many of a kind are configured. */
int		 proc_count(int kind);
/* In the parent: how much all processes log from now on, enum log_level. */
void		 proc_log_level(int);

/*
 * In the parent: what a child, or the parent itself, takes.  0, or -1: there
 * is to be none of these.  What can't be found out is 0.
 */
struct proc_usage {
	pid_t		 pid;		/* 0: it is not running now */
	uint64_t	 rss;		/* resident memory, bytes... */
	uint64_t	 pss;		/* ...its part of what is shared, and
					   what is its own; 0: not asked */
	uint64_t	 own;		/* its own alone; likewise */
	uint64_t	 cpu_us;
	int64_t		 started;	/* s since 1970 */
	unsigned int	 starts;	/* of it, so far */
};
int		 proc_usage(int kind, int instance, struct proc_usage *);
/* The same with pss and own, which may take some milliseconds. */
int		 proc_usage_memory(int kind, int instance,
		    struct proc_usage *);

/* Write what is queued for others now, as far as their pipes take it. */
void		 proc_flush(void);

/*
 * proc_send: queue a message; fd -1 or a descriptor, which is taken over and
 * closed in every case.  Returns 0, or -1 if the peer is NULL (down) or its
 * queue is full.
 */
int		 proc_send(struct proc_peer *, uint32_t type, uint32_t id,
		    int fd, const void *, size_t);
/*
 * proc_send_later: the same without a descriptor, for what nobody waits for.
 * It keeps its place among the others, and leaves with the next of them, or
 * after PROC_LATER_MS: to wake a process costs more than to tell it.
 */
int		 proc_send_later(struct proc_peer *, uint32_t type,
		    uint32_t id, const void *, size_t);
/* Stop and go on reading from a peer: XOFF and XON. */
void		 proc_xoff(struct proc_peer *);
void		 proc_xon(struct proc_peer *);
/* Bytes queued to a peer. */
size_t		 proc_queued(const struct proc_peer *);

#endif /* PROC_H */
