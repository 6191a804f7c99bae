#!/bin/sh
# agentd.conf(5): what is accepted, what is refused, and with what words; and
# that flags beat the environment, which beats the file.
set -u
cd "$(dirname "$0")/../.." || exit 1
program=agentd
CULVERT_OBJ=${CULVERT_OBJ:-obj}
if [ "$(id -u)" -eq 0 ] && [ -e /etc/culvert/agentd.login ]; then
	echo '1..0 # SKIP this machine is a node: /etc/culvert/agentd.login'
	exit 0
fi
. regress/conf.sh

# A token of the right form that nobody has.
token=culv_exampleexam0_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_8be6bae5
unset RELAY_URL RELAY_TOKEN HTTP_NETWORK_RELAY_URL HTTP_NETWORK_RELAY_NAME \
    HTTP_NETWORK_RELAY_SECRET SERVER_HOST SERVER_PORT PAT_TOKEN PING_INTERVAL BACKEND_URL
unset CULVERT_AGENTD_SOCKET https_proxy HTTPS_PROXY http_proxy all_proxy ALL_PROXY no_proxy NO_PROXY
HOME=$T/home XDG_CONFIG_HOME=$T/home/config
export HOME XDG_CONFIG_HOME

echo "$token" >"$T/token"
for mode in 644 640; do
	cp "$T/token" "$T/token.$mode"
	chmod $mode "$T/token.$mode"
done
echo "${token%?}" >"$T/token.short"
echo "${token%?}x" >"$T/token.typo"
: >"$T/token.empty"
printf '\n   %s  \r\nmore\n' "$token" >"$T/token.spaces"
openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=test CA" -days 2 \
    -keyout "$T/ca.key" -out "$T/ca.pem" 2>"$T/log" || {
	sed 's/^/# /' "$T/log"
	echo 'Bail out! no certificate'
	exit 1
}

mkdir "$T/in"
for file in regress/agentd/conf/*; do
	sed "s|@TOKEN@|$token|g" "$file" >"$T/in/$(basename "$file")"
done
pairs "$T/in"

# ---- who may read it --------------------------------------------------------

conf=$T/made.conf
made() {
	check "$1" "$2" -f "$conf"
}
base="relay \"ws://127.0.0.1:8080\"
name pi"

echo "$base
token \"$token\"" >"$conf"
chmod 644 "$conf"
made 'a token in a file that others may read' \
    '@T@/made.conf:3: token: others may read this file: chmod 600 it, or use "token file"'
chmod 600 "$conf"
made 'a token in a file of our own' 'configuration OK'
echo "$base
proxy \"http://me:secret@proxy\"
token file \"$T/token\"" >"$conf"
made 'a password in a file of our own' 'configuration OK'
chmod 644 "$conf"
made 'a password in a file that others may read' \
    '@T@/made.conf:3: proxy: others may read this file: chmod 600 it, as there is a password in it'
echo "$base
proxy \"http://proxy\"
token file \"$T/token\"" >"$conf"
chmod 644 "$conf"
made 'a proxy without one' 'configuration OK'
environment="HTTPS_PROXY=http://proxy http_proxy=ftp://me:secret@proxy"
made 'the file beats the environment' 'configuration OK'
check 'an argument that is wrong' \
    'proxy: malformed host or port of a proxy' -f "$conf" \
    --proxy 'http://me:secret@'
sed '/^proxy/d' "$conf" >"$conf.no"
check 'a proxy of the environment that is wrong' \
    'http_proxy: the scheme of a proxy is http, socks5 or socks5h' \
    -f "$conf.no"
environment="http_proxy=ftp://me:secret@proxy no_proxy=10.0.0.0/8,127.0.0.0/8"
check 'a proxy of the environment that is wrong, even if it is not used' \
    'http_proxy: the scheme of a proxy is http, socks5 or socks5h' \
    -f "$conf.no"
environment=
printf '%s\ntoken "%s"\n' "$base" "$token" >"$conf"
chmod 600 "$conf"
echo "include \"made.conf\"" >"$T/outer.conf"
chmod 644 "$T/outer.conf"
check 'a token in an included file of our own' 'configuration OK' \
    -f "$T/outer.conf"
printf 'name pi\n%s\n' "$token" >"$conf"
made 'a token that stands alone is not printed' '@T@/made.conf:2: syntax error: a line begins with a keyword'
printf 'tokn %s\nname %s pi\n' "$token" "$token" >"$conf"
made 'nor is one behind a mistake' '@T@/made.conf:1: tokn: unknown keyword
@T@/made.conf:2: name: syntax error: the form is name name'
check 'a secret on the command line' 'configuration OK' \
    --relay ws://localhost --name pi --secret "$token"
check 'a bad secret on the command line is not printed' \
    'token: token is cut short' \
    --relay ws://localhost --name pi --token "${token%??}"

# ---- the backend of a flag --------------------------------------------------

echo "$base
token file \"$T/token\"
http backend \"https://127.0.0.1\" ca \"$T/no-such.pem\"" >"$conf"
check 'a backend by its flag, in place of that of the file' \
    'configuration OK' -f "$conf" --backend http://127.0.0.1:8000
environment="BACKEND_URL=http://127.0.0.1:8000"
made 'a backend of the environment' 'configuration OK'
environment="BACKEND_URL=http://127.0.0.1:8000/app"
made 'a backend of the environment that is wrong' \
    'backend: a backend has a host and a port and no path: requests keep theirs'
check 'the flag beats it' 'configuration OK' -f "$conf" \
    --backend unix:/run/app.sock
environment=

# ---- many rules -------------------------------------------------------------

i=0
echo "$base
token file \"$T/token\"" >"$conf"
while [ $i -lt 1024 ]; do
	echo 'pass to 10.0.0.1'
	i=$((i + 1))
done >>"$conf"
made '1024 rules' 'configuration OK'
echo 'pass to 10.0.0.1' >>"$conf"
made '1025 rules' '@T@/made.conf:1028: rules: at most 1024'

# ---- which beats which ------------------------------------------------------

# What is refused shows what was taken.
cat >"$conf" <<EOF
relay "ws://file.example.org"
name "-file-"
token file "$T/token"
EOF
relay_said() {
	echo "relay ws://$1: ws:// sends everything in the clear: use wss://, or \"allow plaintext\" if that is meant"
}
name_said() {
	echo "name $1: a node's name is of a-z, 0-9 and single hyphens inside, at most 63 characters"
}
made 'the file' "$(relay_said file.example.org; name_said -file-)"
environment="HTTP_NETWORK_RELAY_URL=ws://env1.example.org HTTP_NETWORK_RELAY_NAME=-env-"
made 'the environment beats the file' \
    "$(relay_said env1.example.org; name_said -env-)"
environment="$environment RELAY_URL=ws://env2.example.org"
made 'RELAY_URL beats HTTP_NETWORK_RELAY_URL' \
    "$(relay_said env2.example.org; name_said -env-)"
check 'a flag beats the environment' \
    "$(relay_said flag.example.org; name_said -flag-)" -f "$conf" \
    --relay-url ws://flag.example.org --name -flag-
environment="RELAY_URL= HTTP_NETWORK_RELAY_NAME= PAT_TOKEN="
made 'an empty variable is none' \
    "$(relay_said file.example.org; name_said -file-)"

printf 'relay "ws://127.0.0.1"\nname pi\n' >"$conf"
for name in RELAY_TOKEN PAT_TOKEN HTTP_NETWORK_RELAY_SECRET; do
	environment="$name=$token"
	made "$name" 'configuration OK'
	environment="$name=culv_nonsense"
	made "$name that is wrong" 'token: token is cut short'
done
environment="RELAY_TOKEN=nonsense"
check 'a token file as a flag beats the environment' 'configuration OK' \
    -f "$conf" --token-file "$T/token"
environment="RELAY_TOKEN=$token PING_INTERVAL=15"
made 'PING_INTERVAL' 'configuration OK'
environment="RELAY_TOKEN=$token PING_INTERVAL=0"
made 'PING_INTERVAL that makes no sense' \
    'PING_INTERVAL 0: seconds from 1 to 40 are wanted; ignored
configuration OK'
printf 'name pi\npin "sha256:%064d"\n' 0 >"$conf"
environment="RELAY_TOKEN=$token SERVER_HOST=relay.example.org"
made 'SERVER_HOST' 'configuration OK'
environment="RELAY_TOKEN=$token SERVER_HOST=relay.example.org SERVER_PORT=8443"
made 'SERVER_HOST and SERVER_PORT' 'configuration OK'
environment="RELAY_TOKEN=$token SERVER_HOST=2001:db8::1 SERVER_PORT=8443"
made 'SERVER_HOST of IPv6' 'configuration OK'
environment="RELAY_TOKEN=$token SERVER_HOST=relay.example.org SERVER_PORT=0"
made 'SERVER_PORT that is wrong' \
    'relay wss://relay.example.org:0: malformed host or port'
environment=

# ---- the login file ---------------------------------------------------------

if [ "$(id -u)" -ne 0 ]; then
	login=$XDG_CONFIG_HOME/culvert/agentd.login
	mkdir -p "$(dirname "$login")"
	printf '# A log-in.\nrelay "ws://127.0.0.1"\nname "pi"\ntoken "%s"\n' \
	    "$token" >"$login"
	: >"$T/nothing.conf"
	check 'a login file' 'configuration OK' -f "$T/nothing.conf"
	chmod 644 "$login"
	check 'a login file that others may read' \
	    '@T@/home/config/culvert/agentd.login: others may read this secret: chmod 600 it' \
	    -f "$T/nothing.conf"
	chmod 600 "$login"
	echo 'relay' >>"$login"
	check 'a login file with an error' \
	    '@T@/home/config/culvert/agentd.login:5: relay: a value is missing' \
	    -f "$T/nothing.conf"
	rm "$login"
fi

head -c 1000 /dev/urandom >"$conf"
"$CULVERT_OBJ/agentd" -n -f "$conf" >"$T/said" 2>&1 </dev/null
status=$?
if [ $status -eq 1 ] && ! grep -q Sanitizer "$T/said"; then
	ok 'rubbish'
else
	echo 'exit status 1' >"$T/want"
	echo "exit status $status" >>"$T/said"
	not_ok 'rubbish'
fi
check 'no such file' '@T@/no-such.conf: No such file or directory' \
    -f "$T/no-such.conf"

# ---- the example ------------------------------------------------------------

# As it is, and with everything in it that is commented out.
grep -v '^#token' etc/examples/agentd.conf >"$conf"
environment="RELAY_TOKEN=$token RELAY_URL=ws://127.0.0.1"
check 'etc/examples/agentd.conf' 'configuration OK' -f "$conf" --name pi
environment=
sed -e 's/^#\([a-z]\)/\1/' -e "s|\"/etc/culvert/agentd.token\"|\"$T/token\"|" \
    -e "s|\"/etc/culvert/ca.pem\"|\"$T/ca.pem\"|" \
    etc/examples/agentd.conf >"$conf"
made 'etc/examples/agentd.conf, all of it' 'configuration OK'

echo "1..$count"
