#!/bin/sh
# usage: inside.sh STEP [VERSION]
# What deb.t does in the fresh Debian, a step at a time.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root
unset XDG_CONFIG_HOME
PATH=/usr/sbin:/usr/bin:/sbin:/bin

# eventually COMMAND ...: it comes true within 20 s
eventually() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || {
			echo "not in time: $*"
			cat /tmp/*.log
			exit 1
		}
		sleep 0.1
	done
}

# owner FILE "USER MODE": whose it is
owner() {
	[ "$(stat -c '%U %a' "$1")" = "$2" ] || {
		stat "$1"
		exit 1
	}
}

step_install() {
	[ -n "$(find /var/lib/apt/lists -name '*Packages*')" ] ||
	    apt-get -q update
	apt-get -q -y install --no-install-recommends /debs/"$1"/*.deb
	dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' \
	    'culvert-*' | grep -c " $1 installed" | grep -qx 3
}

step_installed() {
	for user in _culvert _culvertkey _culvertdb _culvertrt _culvertag \
	    _culvertpx; do
		id "$user"
	done
	owner /var/lib/culvert '_culvertdb 700'
	owner /run/culvert 'root 755'
	for unit in culvert-relayd culvert-agentd; do
		test -L /etc/systemd/system/multi-user.target.wants/$unit.service
	done
	test -x /usr/bin/access-client
	! ldd /usr/sbin/relayd /usr/sbin/agentd /usr/bin/accessctl |
	    grep 'not found'
}

# As a person would, but for certificates: on loopback, in the clear.
step_use() {
	relayd -V | grep -F "$1"
	if [ ! -e /etc/culvert/relayd.conf ]; then
		echo 'listen on 127.0.0.1 port 18080' >/etc/culvert/relayd.conf
		chmod 600 /etc/culvert/relayd.conf
	fi
	relayd -n
	# Else the last time's may be read before the new one is begun.
	rm -f /tmp/*.log
	relayd -d >/tmp/relayd.log 2>&1 &
	relay=$!
	eventually accessctl stats
	if [ ! -e /etc/culvert/agentd.login ]; then
		accessctl user add you@example.org --no-password
		accessctl token create --user you@example.org --scope node |
		    agentd login --relay ws://127.0.0.1:18080 --name pi \
		    --from-stdin
		accessctl token create --user you@example.org --scope connect |
		    accessctl login --relay ws://127.0.0.1:18080 --from-stdin
	fi
	agentd -d >/tmp/agentd.log 2>&1 &
	agent=$!
	eventually grep 'is up' /tmp/agentd.log
	# The relay's own port is a target as good as any.
	status=0
	printf 'GET /version HTTP/1.0\r\n\r\n' |
	    accessctl connect pi 18080 | grep -F "$1" ||
	    status=1
	kill $agent $relay
	wait
	return $status
}

step_remove() {
	apt-get -q -y remove 'culvert-*'
	test ! -e /usr/sbin/relayd
	test -s /etc/culvert/relayd.conf
	test -s /etc/culvert/agentd.login
	test -n "$(find /var/lib/culvert -name '*.db*' -o -name '*.sqlite*')"
}

step_purge() {
	apt-get -q -y purge 'culvert-*'
	left=$(find /etc /usr /var/lib /lib /run -path /var/lib/apt -prune \
	    -o -iname '*culvert*' -print | grep -v '^/var/lib/dpkg' || true)
	[ -z "$left" ] || {
		echo "left: $left"
		exit 1
	}
}

step=$1
shift
set -x
"step_$step" "$@"
