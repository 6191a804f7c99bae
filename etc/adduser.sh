#!/bin/sh
# usage: adduser.sh NAME
# Adds a system user for one kind of process: no password, shell or home.
set -eu
name=$1

case $(uname -s) in
FreeBSD)
	pw useradd "$name" -d /nonexistent -s /usr/sbin/nologin -c Culvert
	;;
OpenBSD)
	useradd -g =uid -d /var/empty -s /sbin/nologin -c Culvert "$name"
	;;
*)
	shell=/usr/sbin/nologin
	[ -x "$shell" ] || shell=/sbin/nologin
	useradd --system --user-group --no-create-home \
	    --home-dir /nonexistent --shell "$shell" --comment Culvert "$name"
	;;
esac
