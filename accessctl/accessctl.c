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
 * accessctl: administers a relay from its host, and reaches nodes through it
 * from anywhere.
 */

#include "compat.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessctl.h"
#include "log.h"

static int	cmd_help(int, char **);
static void	print_commands(FILE *);
static int	words_match(const struct command *, int, char **);

const char	*program = "accessctl";
int		 verbose;

#define RELAY_ARGS	"[--relay url] [--token-file file] [--ca file] " \
			"[--pin pin] [--allow-plaintext]"

const struct command	 commands[] = {
	{ "user add", "[--username name] [--admin] "
	    "[--password-stdin | --no-password] email",
	    "add a user", cmd_user_add },
	{ "user list", "[--json]", "list the users", cmd_user_list },
	{ "user passwd", "[--password-stdin | --no-password] email",
	    "change a user's password", cmd_user_passwd },
	{ "user disable", "email",
	    "lock a user out and end what they have open", cmd_user_disable },
	{ "user enable", "email", "let a user in again", cmd_user_enable },
	{ "user delete", "email", "delete a user with tokens and nodes",
	    cmd_user_delete },
	{ "token create", "--user email --scope scope[,scope] "
	    "[--name name] [--expires 30d] [--nodes name,name]",
	    "make a token and print it, once", cmd_token_create },
	{ "token list", "[--user email] [--json]", "list the tokens",
	    cmd_token_list },
	{ "token revoke", "id", "revoke a token and end what rests on it",
	    cmd_token_revoke },
	{ "node list", "[--json]", "list the nodes", cmd_node_list },
	{ "node show", "[--json] name", "show a node", cmd_node_show },
	{ "node rename", "from to", "rename a node", cmd_node_rename },
	{ "node remove", "name", "forget a node and end its link",
	    cmd_node_remove },
	{ "node kick", "name", "end a node's link; it comes back",
	    cmd_node_kick },
	{ "connection list", "[--json]", "list who is connected to what",
	    cmd_connection_list },
	{ "connection kill", "id", "end a connection", cmd_connection_kill },
	{ "stats", "[--json]", "show counters of the relay", cmd_stats },
	{ "reload", "", "read relayd.conf and the certificates again",
	    cmd_reload },
	{ "login", "--relay url [--ca file] [--pin pin] "
	    "[--from-file file | --from-stdin] [--no-check] "
	    "[--allow-plaintext]",
	    "keep relay and token for the commands below", cmd_login },
	{ "connect", RELAY_ARGS " node [host] port [tcp]",
	    "connect standard input and output to a target", cmd_connect },
	{ "forward", "[-nv] " RELAY_ARGS
	    " -L [bind:]port:node:[host:]hostport ...",
	    "lead local ports to targets", cmd_forward },
	{ "nodes", "[--json] " RELAY_ARGS, "list the nodes I may reach",
	    cmd_nodes },
	{ "help", "[command]", "show this, or more of a command", cmd_help },
};
const size_t	 ncommands = nitems(commands);

static void
print_commands(FILE *fp)
{
	size_t	 i;

	fprintf(fp, "usage: accessctl [-vV] command [options]\n\n");
	for (i = 0; i < ncommands; i++)
		fprintf(fp, "  %-16s %s\n", commands[i].name,
		    commands[i].help);
	fprintf(fp, "\naccessctl help command shows its options; "
	    "accessctl(1) says more.\n");
}

int
usage_of(const char *name)
{
	size_t	 i;

	for (i = 0; i < ncommands; i++) {
		if (strcmp(commands[i].name, name) == 0)
			fprintf(stderr, "usage: accessctl %s%s%s\n", name,
			    commands[i].args[0] != '\0' ? " " : "",
			    commands[i].args);
	}
	return (EXIT_USAGE);
}

static int
cmd_help(int argc, char **argv)
{
	char	 name[64];
	size_t	 i;
	int	 n = 0;

	if (argc < 2) {
		print_commands(stdout);
		return (EXIT_OK);
	}
	snprintf(name, sizeof(name), "%s%s%s", argv[1], argc > 2 ? " " : "",
	    argc > 2 ? argv[2] : "");
	for (i = 0; i < ncommands; i++) {
		if (strncmp(commands[i].name, name, strlen(name)) != 0)
			continue;
		printf("accessctl %s %s\n    %s\n", commands[i].name,
		    commands[i].args, commands[i].help);
		n++;
	}
	if (n == 0) {
		fprintf(stderr, "accessctl: there is no command %s\n", name);
		return (EXIT_USAGE);
	}
	return (EXIT_OK);
}

/* How many words of argv the command's name takes up, or 0. */
static int
words_match(const struct command *c, int argc, char **argv)
{
	const char	*space = strchr(c->name, ' ');
	size_t		 len;

	if (space == NULL)
		return (strcmp(c->name, argv[0]) == 0 ? 1 : 0);
	len = space - c->name;
	if (argc < 2 || strncmp(c->name, argv[0], len) != 0 ||
	    argv[0][len] != '\0' || strcmp(space + 1, argv[1]) != 0)
		return (0);
	return (2);
}

int
main(int argc, char **argv)
{
	const char	*slash = strrchr(argv[0], '/');
	size_t		 i;
	int		 n;

	signal(SIGPIPE, SIG_IGN);
	if (strcmp(slash != NULL ? slash + 1 : argv[0], "access-client") ==
	    0) {
		program = "access-client";
		log_init(program, LOG_STYLE_TERMINAL, 0);
		return (cmd_access_client(argc, argv));
	}
	while (argc > 1 && argv[1][0] == '-') {
		if (strcmp(argv[1], "-v") == 0)
			verbose++;
		else if (strcmp(argv[1], "-V") == 0 ||
		    strcmp(argv[1], "--version") == 0) {
			printf("accessctl %s\n", CULVERT_VERSION);
			return (EXIT_OK);
		} else if (strcmp(argv[1], "-h") == 0 ||
		    strcmp(argv[1], "--help") == 0) {
			print_commands(stdout);
			return (EXIT_OK);
		} else {
			print_commands(stderr);
			return (EXIT_USAGE);
		}
		argc--;
		argv++;
	}
	log_init(program, LOG_STYLE_TERMINAL, verbose);
	if (argc < 2) {
		print_commands(stderr);
		return (EXIT_USAGE);
	}
	for (i = 0; i < ncommands; i++) {
		if ((n = words_match(&commands[i], argc - 1, argv + 1)) > 0)
			return (commands[i].run(argc - n, argv + n));
	}
	fprintf(stderr, "accessctl: there is no command %s; accessctl help "
	    "lists them\n", argv[1]);
	return (EXIT_USAGE);
}
