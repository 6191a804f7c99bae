#!/bin/sh
# relayd.conf(5): what is accepted, what is refused, and with what words.
set -u
cd "$(dirname "$0")/../.." || exit 1
program=relayd
CULVERT_OBJ=${CULVERT_OBJ:-obj}
. regress/conf.sh

# ---- certificates -----------------------------------------------------------

# sign NAME NOT-BEFORE NOT-AFTER [HOST]: NAME.pem for NAME.key, valid in between
sign() {
	openssl req -new -key "$1.key" -subj "/CN=${4:-localhost}" \
	    -addext "subjectAltName=DNS:${4:-localhost},IP:127.0.0.1" \
	    -out req &&
	openssl ca -batch -notext -config ca.cnf -selfsign -keyfile "$1.key" \
	    -startdate "$2" -enddate "$3" -in req -out "$1.pem"
}

certificates() {
	mkdir "$T/tls" && cd "$T/tls" || return 1
	cat >ca.cnf <<-EOF
	[ca]
	default_ca = c
	[c]
	database = index
	new_certs_dir = .
	rand_serial = yes
	unique_subject = no
	default_md = sha256
	policy = p
	copy_extensions = copy
	[p]
	commonName = supplied
	EOF
	: >index
	for name in ec old new named wild; do
		openssl ecparam -name prime256v1 -genkey -noout -out $name.key
	done
	openssl genrsa -out rsa.key 2048 &&
	openssl genpkey -algorithm ed25519 -out ed.key &&
	sign ec 20200101000000Z 20991231235959Z &&
	sign rsa 20200101000000Z 20991231235959Z &&
	sign ed 20200101000000Z 20991231235959Z &&
	sign named 20200101000000Z 20991231235959Z relay.example.org &&
	sign wild 20200101000000Z 20991231235959Z '*.example.org' &&
	sign old 20200101000000Z 20200102000000Z &&
	sign new 20980101000000Z 20991231235959Z &&
	openssl ec -in ec.key -aes128 -passout pass:secret -out locked.key ||
	    return 1
	cat ec.pem rsa.pem >chain.pem
	cat ec.key ec.pem >both.pem
	cp ec.key world.key && chmod 644 world.key
	cp ec.key group.key && chmod 640 group.key
	head -c 5000 /dev/urandom >rubbish.pem
	: >empty.pem
	mkfifo pipe
	head -c 300000 /dev/zero >huge.pem
	(cat ec.key && head -c 70000 /dev/zero) >huge.key
}

if ! (certificates) >"$T/log" 2>&1; then
	sed 's/^/# /' "$T/log"
	echo 'Bail out! no certificates'
	exit 1
fi
mkdir "$T/state" "$T/open"
if [ "$(id -u)" -eq 0 ] && id _culvertdb >"$T/log" 2>&1; then
	chown _culvertdb "$T/state" "$T/open"
fi
chmod 755 "$T/open"

pairs regress/relayd/conf

# ---- what no text file holds ------------------------------------------------

conf=$T/made.conf
# made NAME WANT: what the configuration in $conf gets as an answer
made() {
	check "$1" "$2" -f "$conf"
}

printf 'listen on 127.0.0.1\0 port 80\n' >"$conf"
made 'a NUL outside of quotes' '@T@/made.conf:1: byte 0x00 has no place here'
printf '\nlisten on "127.0.0.1\0" port 80\n' >"$conf"
made 'a NUL in quotes' '@T@/made.conf:2: a string holds a NUL'
printf 'user \001\033[2J\n' >"$conf"
made 'a control character' '@T@/made.conf:1: byte 0x01 has no place here'
printf 'user "\033[2J"\n listen on "\033[2J"\n' >"$conf"
made 'an escape sequence is not printed raw' \
    '@T@/made.conf:2: listen on \033[2J port 80: not an address and a port'
{ printf 'user '; head -c 9000 /dev/zero | tr '\0' x; } >"$conf"
made 'a word without end' '@T@/made.conf:1: a word is too long'
{ printf 'user "'; head -c 9000 /dev/zero | tr '\0' x; echo '"'; } >"$conf"
made 'a string without end' '@T@/made.conf:1: a string is too long'
{ printf 'user "'; head -c 8191 /dev/zero | tr '\0' x; echo '"'
  echo 'listen on 127.0.0.1'; echo "state \"$T/state\""; } >"$conf"
made 'the longest string' 'configuration OK'
{ printf 'domain '; head -c 255 /dev/zero | tr '\0' x; echo
  echo 'listen on 127.0.0.1'; echo "state \"$T/state\""; } >"$conf"
made 'the longest domain' 'configuration OK'
long=$(head -c 256 /dev/zero | tr '\0' x)
echo "domain $long" >"$conf"
made 'a longer domain' \
    "@T@/made.conf:1: domain $long: not the name of a host"
{ echo 'listen on 127.0.0.1'; echo "state \"$T/state\""
  echo "control \"/$(head -c 106 /dev/zero | tr '\0' x)\""; } >"$conf"
made 'the longest control socket' 'configuration OK'
printf 'prefork 0' >"$conf"
made 'an error in a last line without an end' \
    '@T@/made.conf:1: prefork 0: a number from 1 to 32'
printf 'prefork \134' >"$conf"
made 'a backslash at the end' '@T@/made.conf:1: prefork \\: a number from 1 to 32'
printf 'prefork 1\134' >"$conf"
made 'a backslash at the end of a word' \
    '@T@/made.conf:1: prefork 1\\: a number from 1 to 32'
printf 'user "\134' >"$conf"
made 'a backslash at the end of a quote' \
    '@T@/made.conf:1: a quote is not closed'

{ echo 'listen on 127.0.0.1 tls'; echo "state \"$T/state\""
  i=0
  while [ $i -lt 64 ]; do
	echo "certificate \"$T/tls/ec.pem\" key \"$T/tls/ec.key\""
	i=$((i + 1))
  done; } >"$conf"
made '64 certificates' 'configuration OK'
echo "certificate \"$T/tls/ec.pem\" key \"$T/tls/ec.key\"" >>"$conf"
made '65 certificates' '@T@/made.conf:67: certificate: at most 64'

{ echo 'listen on 127.0.0.1'; echo "state \"$T/state\""
  i=0
  while [ $i -lt 256 ]; do
	echo "trusted proxy 192.0.2.$i"
	echo 'publish port 22 by any'
	i=$((i + 1))
  done; } >"$conf"
made '256 trusted proxies and rules of publish' 'configuration OK'
echo 'trusted proxy 192.0.3.0' >>"$conf"
made '257 trusted proxies' '@T@/made.conf:515: trusted proxy: at most 256'
sed 515d "$conf" >"$conf.256"
echo 'publish port 23 by any' >>"$conf.256"
mv "$conf.256" "$conf"
made '257 rules of publish' '@T@/made.conf:515: publish: at most 256 rules'

printf 'bandwidth {\n\tspeed\n\tper user 1\n}\nbandwidth per node 1\n' >"$conf"
"$CULVERT_OBJ/relayd" -n -f "$conf" 2>&1 </dev/null |
    sed -n 's/^.*made\.conf:\([0-9]*\): .*/\1/p' >"$T/said"
printf '%s\n' 2 3 5 >"$T/want"
if cmp -s "$T/want" "$T/said"; then
	ok 'the lines behind one that makes no sense are read'
else
	not_ok 'the lines behind one that makes no sense are read'
fi

# token NAME TOKEN WANT: of metrics, in a file for its owner alone
token() {
	printf 'listen on 127.0.0.1\nstate "%s/state"\nmetrics token "%s"\n' \
	    "$T" "$2" >"$conf"
	chmod 600 "$conf"
	made "$1" "$3"
	chmod 644 "$conf"
}
token 'a token for metrics' abcdefghijklmnop 'configuration OK'
token 'a token for metrics that is too short' abcdefghijklmno \
    '@T@/made.conf:3: metrics token: 16 to 256 characters without spaces'
token 'a token for metrics with a space' 'abcdefgh ijklmnop' \
    '@T@/made.conf:3: metrics token: 16 to 256 characters without spaces'
long=$(head -c 256 /dev/zero | tr '\0' x)
token 'the longest token for metrics' "$long" 'configuration OK'
token 'a longer one' "x$long" \
    '@T@/made.conf:3: metrics token: 16 to 256 characters without spaces'
token 'a token for metrics with a control byte' "abcdefghijklmno$(printf '\177')" \
    '@T@/made.conf:3: metrics token: 16 to 256 characters without spaces'

printf 'metrics token abcdefghijklmnop\n' >"$conf"
chmod 644 "$conf"
made 'a token for metrics that others may read' \
    '@T@/made.conf:1: metrics token: others may read this file: chmod 600 it, or include one that is so'

printf 'rpc node n key 0123456789abcdef\n' >"$conf"
made 'the key of a node that others may read' \
    '@T@/made.conf:1: rpc node n: others may read this file: chmod 600 it, or include one that is so'
printf 'rpc pending 64 key 0123456789abcdef\n' >"$conf"
made 'a key of what is no node' \
    '@T@/made.conf:1: rpc pending: only a node has a key'
longest=$(head -c 120 /dev/zero | tr '\0' x)
{ echo 'listen on 127.0.0.1'; echo "state \"$T/state\""
  echo "rpc node $longest key 0123456789abcdef"
  i=1
  while [ $i -lt 1024 ]; do
	echo "rpc node n$i key 0123456789abcdef"
	i=$((i + 1))
  done; } >"$conf"
chmod 600 "$conf"
made 'keys of 1024 nodes' 'configuration OK'
echo "rpc node x$longest key 0123456789abcdef" >>"$conf"
echo 'rpc node n1024 key 0123456789abcdef' >>"$conf"
made 'one more, and a name that is too long' \
    "@T@/made.conf:1027: rpc node: a name of at most 120 bytes
@T@/made.conf:1028: rpc node: at most 1024"
chmod 644 "$conf"
long=$(head -c 300 /dev/zero | tr '\0' x)
echo "publish port 1 by $long@example.org" >"$conf"
made 'a rule of publish for a longer email than any' \
    "@T@/made.conf:1: publish by $long@example.org: any, or a user's email"

# Rubbish is refused in a few lines and without much ado.
for bytes in 10 1000 100000 1000000; do
	head -c $bytes /dev/urandom >"$conf"
	timeout 20 "$CULVERT_OBJ/relayd" -n -f "$conf" >"$T/said" 2>&1 \
	    </dev/null
	status=$?
	lines=$(wc -l <"$T/said")
	if [ $status -eq 1 ] && [ "$lines" -ge 1 ] && [ "$lines" -le 21 ] &&
	    ! grep -q Sanitizer "$T/said"; then
		ok "$bytes bytes of rubbish"
	else
		echo "exit status 1, up to 21 lines" >"$T/want"
		echo "exit status $status" >>"$T/said"
		not_ok "$bytes bytes of rubbish"
	fi
done
check 'a device without end' '/dev/zero:1: byte 0x00 has no place here
/dev/zero:1: the configuration is too long' -f /dev/zero

check 'no such file' '@T@/no-such.conf: No such file or directory' \
    -f "$T/no-such.conf"
check 'a folder' '@T@/tls:1: Is a directory' -f "$T/tls"
if [ "$(id -u)" -ne 0 ]; then
	echo >"$T/closed.conf"
	chmod 0 "$T/closed.conf"
	check 'a file we may not read' '@T@/closed.conf: Permission denied' \
	    -f "$T/closed.conf"
fi
echo "listen on 127.0.0.1
state \"$T/state\"" >"$conf"
stdin=$conf
check 'from standard input' 'configuration OK' -f /dev/stdin
stdin=

# ---- arguments --------------------------------------------------------------

usage='usage: relayd [-dnvV] [-D macro=value] [-f file]'
# wrong NAME WANT ARGUMENT ...: usage errors are exit status 2
wrong() {
	name=$1
	printf '%s\n' "$2" >"$T/want"
	shift 2
	"$CULVERT_OBJ/relayd" "$@" 2>&1 </dev/null |
	    sed 's/^.*relayd: //' >"$T/said"
	if cmp -s "$T/want" "$T/said"; then
		ok "$name"
	else
		not_ok "$name"
	fi
}
wrong '-D without a value' '-D x: not macro=value' -n -D x -f "$conf"
wrong '-D with a bad name' '-D a-b=c: not macro=value' -n -D a-b=c -f "$conf"
wrong '-D without a name' '-D =c: not macro=value' -n -D =c -f "$conf"
wrong 'an argument' "$usage" -n -f "$conf" more

# ---- the examples -----------------------------------------------------------

for name in relayd relayd-local; do
	sed -e "s|\"/etc/letsencrypt/live/[^/]*/fullchain.pem\"|\"$T/tls/named.pem\"|" \
	    -e "s|\"/etc/letsencrypt/live/[^/]*/privkey.pem\"|\"$T/tls/named.key\"|" \
	    -e "s|\"/var/lib/culvert\"|\"$T/state\"|" \
	    "etc/examples/$name.conf" >"$T/example.conf"
	grep -q "$T/state" "$T/example.conf" ||
	    echo "state \"$T/state\"" >>"$T/example.conf"
	check "etc/examples/$name.conf" 'configuration OK' \
	    -f "$T/example.conf"
	# What is commented out there as well.
	tab=$(printf '\t')
	sed -e "s/^#\([a-z}$tab]\)/\1/" "$T/example.conf" >"$T/whole.conf"
	check "etc/examples/$name.conf, all of it" 'configuration OK' \
	    -f "$T/whole.conf"
done

echo "1..$count"
