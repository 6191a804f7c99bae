"""What the end-to-end tests share: real daemons on free loopback ports, and
who talks to them."""

import http.server
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading

from harness import *  # noqa: F401,F403


# ---- certificates ----

def openssl(*args, input=None):
    subprocess.run(["openssl", *args], check=True, cwd=path("tls"),
                   input=input, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def make_key(name, kind="ec"):
    if kind == "rsa":
        openssl("genrsa", "-out", name, "2048")
    else:
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout",
                "-out", name)
    os.chmod(path("tls/" + name), 0o600)


def make_ca():
    if os.path.exists(path("tls/ca.pem")):
        return path("tls/ca.pem")
    os.mkdir(path("tls"), 0o755)
    make_key("ca.key")
    openssl("req", "-new", "-x509", "-key", "ca.key", "-days", "3", "-subj",
            "/CN=test CA", "-out", "ca.pem")
    return path("tls/ca.pem")


def make_cert(name, names="DNS:localhost,DNS:*.localhost,IP:127.0.0.1,"
              "IP:0:0:0:0:0:0:0:1", kind="ec", days=2):
    """(certificate, key) signed by the CA."""
    make_ca()
    make_key(name + ".key", kind)
    write("tls/%s.ext" % name, "subjectAltName=%s\nbasicConstraints="
          "critical,CA:FALSE\nextendedKeyUsage=serverAuth\n" % names)
    openssl("req", "-new", "-key", name + ".key", "-subj", "/CN=" + name,
            "-out", name + ".csr")
    openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey",
            "ca.key", "-CAcreateserial", "-days", str(days), "-extfile",
            name + ".ext", "-out", name + ".pem")
    return path("tls/%s.pem" % name), path("tls/%s.key" % name)


def client_context():
    return ssl.create_default_context(cafile=make_ca())


# ---- the programs ----

def make_users():
    for u in USERS:
        try:
            pwd.getpwnam(u)
        except KeyError:
            subprocess.check_call(["sh", TOP + "/etc/adduser.sh", u])


def ordinary_user():
    """A user to run as where root would be too much."""
    return "nobody"


class Relay:
    def __init__(self, name="relayd", tls=True, prefork=2, extra="",
                 listen=None, port=None, user=None, obj=OBJ, args=(),
                 certs=None, start=True, domain=None):
        self.port = port or free_port()
        self.domain = domain or ("localhost" if tls else None)
        self.tls, self.user, self.obj, self.name = tls, user, obj, name
        self.args = list(args)
        self.dir = path(name + ".d")
        os.makedirs(self.dir + "/state", exist_ok=True)
        os.chmod(self.dir, 0o755)
        os.chmod(self.dir + "/state", 0o700)
        if ROOT and user is None:
            make_users()
            shutil.chown(self.dir + "/state", "_culvertdb")
        elif ROOT:
            shutil.chown(self.dir, user)
            shutil.chown(self.dir + "/state", user)
        self.socket = self.dir + "/relayd.sock"
        if certs is None and tls:
            if not os.path.exists(path("tls/relay.pem")):
                make_cert("relay")
            certs = [(path("tls/relay.pem"), path("tls/relay.key"))]
            if ROOT and user is not None:
                shutil.chown(certs[0][1], user)
        self.certs = certs or []
        self.extra, self.prefork, self.listen = extra, prefork, listen
        self.write_conf()
        self.proc = None
        if start:
            self.start()

    def write_conf(self):
        listen = self.listen or ["listen on 127.0.0.1 port %d%s" % (
            self.port, " tls" if self.tls else "")]
        self.conf = write(self.name + ".d/relayd.conf", "\n".join(
            (["domain " + self.domain] if self.domain else []) +
            ["state \"%s/state\"" % self.dir,
             "control \"%s\"" % self.socket, "prefork %d" % self.prefork] +
            ["certificate \"%s\" key \"%s\"" % c for c in self.certs] +
            listen + [self.extra]) + "\n")

    def start(self, wait=True):
        self.proc = Proc(self.name, [self.obj + "/relayd", "-d", "-f",
                                     self.conf, *self.args], user=self.user)
        if wait and not self.proc.wait_line(r"serves on", 30):
            self.proc.show()
            raise SystemExit("relayd did not start")
        return self

    @property
    def url(self):
        return "%s://localhost:%d" % ("wss" if self.tls else "ws", self.port)

    def ctl(self, *args, input=None, timeout=30):
        env = dict(os.environ, CULVERT_SOCKET=self.socket)
        return run([OBJ + "/accessctl", *args], env=env, input=input,
                   timeout=timeout, user=self.user)

    def json(self, *args):
        r = self.ctl(*args, "--json")
        try:
            return json.loads(r.stdout)
        except ValueError:
            return None

    def stat(self, name):
        for s in self.json("stats") or []:
            if s.get("name") == name:
                return s.get("value")
        return None

    def user_add(self, email="you@example.org"):
        return self.ctl("user", "add", email, "--no-password")

    def token(self, scope, email="you@example.org", *args):
        r = self.ctl("token", "create", "--user", email, "--scope", scope,
                     *args)
        return r.stdout.strip()

    def children(self):
        return self.proc.children()

    def serving(self):
        """Whether all processes answer."""
        return self.ctl("stats", timeout=5).returncode == 0

    def stop(self):
        return self.proc.stop()


class Agent:
    made = 0

    def __init__(self, relay, name="pi", token=None, extra="", user=None,
                 wait=True, url=None, obj=OBJ, args=(), ca=True,
                 program=None):
        self.relay, self.name = relay, name
        self.token = token or relay.token("node")
        self.user, self.args = user, list(args)
        self.program = program or [obj + "/agentd"]
        d = "agentd-%s.d" % name
        os.makedirs(path(d), exist_ok=True)
        os.chmod(path(d), 0o755)
        if ROOT and user is None:
            make_users()
        tokfile = write(d + "/token", self.token + "\n", 0o600)
        lines = ["relay \"%s\"" % (url or relay.url), "name \"%s\"" % name,
                 "token file \"%s\"" % tokfile]
        if ca and (url or relay.url).startswith("wss"):
            lines.append("ca \"%s\"" % make_ca())
        self.conf = write(d + "/agentd.conf",
                          "\n".join(lines + [extra]) + "\n")
        # Two of one name may be there at once.
        Agent.made += 1
        self.socket = path("%s/%d.sock" % (d, Agent.made))
        if ROOT and user is not None:
            shutil.chown(tokfile, user)
            shutil.chown(path(d), user)
        self.start(wait)

    def start(self, wait=True):
        env = dict(os.environ, CULVERT_AGENTD_SOCKET=self.socket)
        if self.user is not None:
            env.update(HOME="/", XDG_CONFIG_HOME="/nonexistent")
        self.proc = Proc("agentd-" + self.name, [
            *self.program, "-d", "-f", self.conf, *self.args],
            user=self.user, env=env)
        if wait and not self.proc.wait_line("link to .* is up", 30):
            self.proc.show()
            self.relay.proc.show()
            raise SystemExit("agentd did not get its link")
        return self

    def children(self):
        return self.proc.children()

    def status(self, *args):
        return run([OBJ + "/agentd", "status", "-s", self.socket, *args],
                   user=self.user)

    def status_json(self):
        """(exit status, what it shows or None)"""
        r = self.status("--json")
        try:
            return r.returncode, json.loads(r.stdout)
        except ValueError:
            return r.returncode, None

    def stop(self):
        return self.proc.stop()


def login(relay, token=None, name="home"):
    """Log a laptop in; the environment its programs need."""
    token = token or relay.token("connect")
    env = dict(os.environ, XDG_CONFIG_HOME=path(name),
               CULVERT_SOCKET=relay.socket)
    args = [OBJ + "/accessctl", "login", "--relay", relay.url,
            "--from-stdin"]
    if relay.tls:
        args += ["--ca", make_ca()]
    r = run(args, input=token + "\n", env=env)
    if r.returncode != 0:
        print("# " + r.stderr, file=sys.stderr)
        relay.proc.show()
        raise SystemExit("accessctl login failed")
    return env


def strace(daemon, name=None):
    """What to run it with, for its calls in a file; name it otherwise."""
    return ["strace", "-f", "-qq", "-o", path((name or daemon) + ".calls"),
            OBJ + "/" + daemon]


def node_online(relay, name="pi", online=True):
    for n in relay.json("node", "list") or []:
        if n.get("name", n.get("node")) == name:
            return bool(n.get("online")) == online
    return not online


# ---- ssh ----

class Sshd:
    def __init__(self):
        self.port = free_port()
        d = path("ssh")
        os.makedirs(d, mode=0o700, exist_ok=True)
        for k in ("host", "user"):
            subprocess.check_call(["ssh-keygen", "-q", "-t", "ed25519", "-N",
                                   "", "-f", "%s/%s" % (d, k)])
        shutil.copy(d + "/user.pub", d + "/authorized_keys")
        with open(d + "/host.pub") as f:
            key = " ".join(f.read().split()[:2])
        write("ssh/known_hosts", "device " + key + "\n")
        sftp = "/usr/lib/openssh/sftp-server"
        conf = write("ssh/sshd_config", """Port %d
ListenAddress 127.0.0.1
HostKey %s/host
AuthorizedKeysFile %s/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 200:30:400
MaxSessions 100
Subsystem sftp %s
""" % (self.port, d, d, sftp))
        if ROOT:
            os.makedirs("/run/sshd", exist_ok=True)
        self.proc = Proc("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", conf])
        if not wait_for(lambda: can_connect(self.port)):
            self.proc.show()
            raise SystemExit("sshd did not start")

    def config(self, env, node="pi", extra="", name="ssh_config"):
        me = pwd.getpwuid(os.geteuid()).pw_name
        return write("ssh/" + name, """Host *
	User %s
	Port %d
	IdentityFile %s/user
	IdentitiesOnly yes
	UserKnownHostsFile %s/known_hosts
	HostKeyAlias device
	BatchMode yes
	ProxyCommand env XDG_CONFIG_HOME=%s %s/accessctl connect %%h %%p
%s
""" % (me, self.port, path("ssh"), path("ssh"), env["XDG_CONFIG_HOME"], OBJ,
       extra), 0o600)


def can_connect(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


# ---- targets ----

class Target:
    """A TCP service in this process, a thread a connection."""

    def __init__(self, handler, host="127.0.0.1"):
        self.sock = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else
            socket.AF_INET, backlog=512)
        self.port = self.sock.getsockname()[1]
        self.handler = handler
        self.conns = []
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            self.conns.append(c)
            threading.Thread(target=self.serve, args=(c,),
                             daemon=True).start()

    def serve(self, c):
        try:
            self.handler(c)
        except OSError:
            pass
        finally:
            c.close()

    def close(self):
        self.sock.close()


def echo(c):
    while True:
        b = c.recv(65536)
        if not b:
            return
        c.sendall(b)


class Between:
    """A TCP proxy to this port.  passes(data, up) gives what is passed on of
    what comes, up: towards that port; it may wait."""

    def __init__(self, port, passes):
        self.to = port
        self.passes = passes
        self.port = Target(self.serve).port

    def pump(self, a, b, up):
        try:
            while True:
                d = a.recv(65536)
                if not d:
                    break
                b.sendall(self.passes(d, up))
        except OSError:
            pass
        for x in (a, b):
            try:
                x.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve(self, c):
        s = socket.create_connection(("127.0.0.1", self.to))
        threading.Thread(target=self.pump, args=(s, c, False),
                         daemon=True).start()
        self.pump(c, s, True)


class UdpTarget:
    """A UDP service: what it answers, or None, is up to a function."""

    def __init__(self, answer=lambda b: b):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.answer = answer
        self.sources = []               # of each datagram, in order
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                b, a = self.sock.recvfrom(70000)
                self.sources.append(a)
                answer = self.answer(b)
                if answer is not None:
                    self.sock.sendto(answer, a)
            except OSError:
                return


def stalled(port):
    """A connection to a source there that is asked, and not read."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    s.connect(("127.0.0.1", port))
    s.sendall(b"g")
    return s


class QuietServer(http.server.ThreadingHTTPServer):
    """A web server of such a handler on a port of its own."""
    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *a):
        pass


class Connect:
    """accessctl connect, its ends in our hands."""

    def __init__(self, env, *args):
        self.p = subprocess.Popen(
            [OBJ + "/accessctl", "connect", *map(str, args)], env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.pid = self.p.pid

    def echoes(self):
        """Whether a byte comes back from a target that echoes."""
        self.p.stdin.write(b"a")
        self.p.stdin.flush()
        return os.read(self.p.stdout.fileno(), 10) == b"a"

    def end(self, data=b"", seconds=20):
        """Send, half-close, read all; (status, stdout, stderr)."""
        try:
            out, err = self.p.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired:
            self.p.kill()
            out, err = self.p.communicate()
            return 124, out, err.decode(errors="replace")
        err = "".join(x for x in err.decode(errors="replace")
                      .splitlines(True) if not x.startswith("=="))
        return self.p.returncode, out, err

    def kill(self):
        self.p.kill()
        self.p.communicate()


class Forward(Proc):
    def __init__(self, env, spec, wait=True):
        super().__init__("forward", [OBJ + "/accessctl", "forward", "-L",
                                     spec], env=env)
        if wait and not self.wait_line("forwarding", 20):
            self.show()
            raise SystemExit("accessctl forward did not start")


# ---- HTTP by hand ----

class Http:
    """A connection, from this address of loopback; rcvbuf makes its window
    small.  Strict about what comes back."""

    def __init__(self, port, src="127.0.0.1", rcvbuf=None):
        s = socket.socket()
        if rcvbuf is not None:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        s.settimeout(60)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.bind((src, 0))
        s.connect(("127.0.0.1", port))
        self.s = client_context().wrap_socket(s, server_hostname="localhost")
        self.buf = b""

    def send(self, path, method="GET", token=None, fields=(), version="1.1",
             body=b""):
        head = ["%s %s HTTP/%s" % (method, path, version), "Host: localhost"]
        if token is not None:
            head.append("Authorization: Bearer " + token)
        self.s.sendall("\r\n".join(head + list(fields) + ["", ""]).encode() +
                       body)

    def more(self):
        b = self.s.recv(16384)
        self.buf += b
        return b

    def take(self, n):
        while len(self.buf) < n:
            if not self.more():
                raise EOFError("cut")
        b, self.buf = self.buf[:n], self.buf[n:]
        return b

    def line(self):
        while b"\r\n" not in self.buf:
            if not self.more():
                raise EOFError("cut")
        line, self.buf = self.buf.split(b"\r\n", 1)
        return line.decode()

    def answer(self, head=False):
        """(status, fields, body); head: there is no body."""
        m = re.fullmatch(r"HTTP/1\.1 (\d\d\d) [A-Za-z -]+", self.line())
        st, f = int(m[1]), {}
        while True:
            line = self.line()
            if line == "":
                break
            name, value = line.split(": ", 1)
            assert name.lower() not in f, line
            f[name.lower()] = value
        body = b""
        if head:
            pass
        elif f.get("transfer-encoding") == "chunked":
            assert "content-length" not in f
            while True:
                n = int(self.line(), 16)
                body += self.take(n)
                assert self.take(2) == b"\r\n"
                if n == 0:
                    break
        elif "content-length" in f:
            body = self.take(int(f["content-length"]))
        else:
            while self.more():
                pass
            body, self.buf = self.buf, b""
        return st, f, body

    def closed(self):
        try:
            return self.buf == b"" and self.s.recv(1) == b""
        except OSError:
            return True

    def __enter__(self):
        return self

    def __exit__(self, *a):
        self.s.close()


def http_get(port, path, token=None, src="127.0.0.1", method="GET", **kw):
    with Http(port, src) as h:
        h.send(path, method, token, **kw)
        return h.answer(method == "HEAD")
