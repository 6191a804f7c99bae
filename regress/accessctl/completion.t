#!/usr/bin/env bash
# What accessctl completion prints, asked in the shells themselves.
set -u
n=0
check() { # check STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
is() { # is GOT WANT NAME
	[ "$1" = "$2" ]
	check $? "$3"
	[ "$1" = "$2" ] || printf '# got: %s\n# not: %s\n' "$1" "$2" >&2
}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
accessctl=$(cd "$CULVERT_OBJ" && pwd)/accessctl
mkdir "$dir/bin" "$dir/home"
export HOME=$dir/home

# An accessctl that knows two users and one node beside all it knows.
cat >"$dir/bin/accessctl" <<EOF
#!/bin/sh
case "\$1 \$2" in
"user list") printf 'EMAIL NAME\nann@example.org ann\nbob@example.org bob\n' ;;
"node list") exit 1 ;;
"nodes ") printf 'NODE STATE\npi online\n' ;;
*) exec "$accessctl" "\$@" ;;
esac
EOF
chmod +x "$dir/bin/accessctl"
PATH=$dir/bin:$PATH

for shell in bash zsh fish; do
	accessctl completion $shell >"$dir/$shell"
	check $? "accessctl completion $shell"
	$shell -n "$dir/$shell"
	check $? "$shell can read it"
done
shellcheck -s bash "$dir/bash"
check $? "shellcheck finds nothing in that of bash"
accessctl completion tcsh 2>/dev/null
is $? 2 "no other shell"

for words in "user" "completion" "help" "token create"; do
	# shellcheck disable=SC2086 # words
	accessctl $words --help 2>&1 | grep -q "^ *\(accessctl \)\?${words%% *} "
	is "${PIPESTATUS[0]} $?" "0 0" "$words --help"
done
is "$(accessctl -s x user list 2>&1)" \
    "accessctl: -s: no option before a command; those of a command stand \
behind it" "an option before the command: what is wrong with it"

# in_bash WORD ...: what bash offers for the last word
in_bash() {
	# shellcheck disable=SC2016 # for the other bash
	bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
	    _accessctl; echo "${COMPREPLY[*]}"' "$dir/bash" accessctl "$@"
}
is "$(in_bash us)" "user" "bash: a command"
is "$(in_bash user dis)" "disable" "bash: its second word"
is "$(in_bash user list --j)" "--json" "bash: an option"
is "$(in_bash user disable '')" "ann@example.org bob@example.org" \
    "bash: users"
is "$(in_bash token create --user b)" "bob@example.org" \
    "bash: users as an option's value"
is "$(in_bash connect p)" "pi" "bash: nodes"
is "$(in_bash connect --ca "$dir/ba")" "$dir/bash" "bash: files"
is "$(in_bash grant l)" "list" "bash: a command of one word, and its others"
is "$(in_bash grant a)" "ann@example.org" "bash: a user as its first operand"
# An @ is a word of its own for an interactive shell.
is "$(in_bash user disable ann @)" "example.org" "bash: the rest of an email"
is "$(in_bash user disable ann @ ex)" "example.org" "bash: a part of that"
is "$(in_bash token create --user bob @ e)" "example.org" \
    "bash: as an option's value"
is "$(in_bash grant bob @ example.org p)" "pi" "bash: the next operand"

# in_fish LINE
in_fish() {
	fish --no-config -c "source $dir/fish; complete -C '$1'" |
	    cut -f 1 | tr '\n' ' '
}
is "$(in_fish 'accessctl us')" "user " "fish: a command"
is "$(in_fish 'accessctl user dis')" "disable " "fish: its second word"
is "$(in_fish 'accessctl user list --j')" "--json " "fish: an option"
is "$(in_fish 'accessctl user disable ')" \
    "ann@example.org bob@example.org " "fish: users"
is "$(in_fish 'accessctl connect p')" "pi " "fish: nodes"
is "$(in_fish 'accessctl grant list --')" "--json --node --user " \
    "fish: a command of two words has not the options of its first"
is "$(in_fish 'accessctl grant ann@example.org pi --')" \
    "--scope --to --until " "fish: and that of one word has its own"

# in_zsh WORD ...: what zsh's own functions would be asked for
in_zsh() {
	# shellcheck disable=SC2016 # for zsh
	zsh -f -c 'file=$1; shift; words=("$@"); CURRENT=$#
	    _arguments() { print -l -- "$@" }
	    _describe() { print -l -- "${list[@]%%:*}" }
	    compadd() { shift; print -l -- "$@" }
	    . "$file"' zsh "$dir/zsh" accessctl "$@" | tr '\n' ' '
}
case $(in_zsh us) in *" user "*|"user "*) : ;; *) false ;; esac
check $? "zsh: commands"
is "$(in_zsh connection '')" "list kill " "zsh: second words"
is "$(in_zsh grant '')" \
    "list revoke *--scope:none: *--to:none: *--until:none: \
*:email or node:_accessctl_both " "zsh: a command of one word, and its others"
is "$(in_zsh user list --)" "*--json *:none: " "zsh: options"
# shellcheck disable=SC2016
is "$(in_zsh connect '' | tr ' ' '\n' | grep node)" \
    '*:node:_accessctl_nodes' "zsh: nodes"
echo "1..$n"
