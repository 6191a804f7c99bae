"""What the end-to-end tests share: real daemons on free loopback ports, each
ended by its pid, in a folder that is gone at the end; and TAP."""

import atexit
import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
OBJ = os.path.join(TOP, os.environ.get("CULVERT_OBJ", "obj"))
TEST_OBJ = os.path.join(TOP, os.environ.get("CULVERT_TEST_OBJ", "obj-test"))
SANITIZED = OBJ.endswith("-asan")
ROOT = os.geteuid() == 0
USERS = ("_culvert _culvertkey _culvertdb _culvertrt _culvertag "
         "_culvertpx").split()

_dir = None
_procs = []
_n = 0
_failed = 0


# ---- TAP ----

def ok(cond, name, why=""):
    global _n, _failed
    _n += 1
    if not cond:
        _failed += 1
    print("%sok %d - %s" % ("" if cond else "not ", _n, name), flush=True)
    if not cond:
        # prove keeps what is on stdout to itself.
        for line in ["not ok %d - %s" % (_n, name),
                     *str(why).splitlines()[:40]]:
            print("# " + line, file=sys.stderr, flush=True)
    return bool(cond)


def eq(got, want, name):
    return ok(got == want, name, "got %r, wanted %r" % (got, want))


def skip_all(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def skip(name, why):
    global _n
    _n += 1
    print("ok %d - %s # SKIP %s" % (_n, name, why), flush=True)


def todo(cond, name, why):
    """What is known not to be so yet."""
    global _n
    _n += 1
    print("%sok %d - %s # TODO %s" % ("" if cond else "not ", _n, name, why),
          flush=True)


def _show_all(*a):
    sys.__excepthook__(*a)
    for p in _procs:
        p.show()


sys.excepthook = _show_all


def done():
    if SANITIZED:
        said = [x for p in _procs for x in p.lines(
            r"ERROR: \w+Sanitizer|runtime error:")]
        ok(not said, "no sanitizer had anything to say", said)
    print("1..%d" % _n, flush=True)
    if _failed:
        for p in _procs:
            p.show()
    sys.exit(1 if _failed else 0)


def wait_for(cond, seconds=10.0, step=0.02):
    """Until cond() is true; returns what it returned, or None in the end."""
    end = time.monotonic() + seconds
    while True:
        v = cond()
        if v:
            return v
        if time.monotonic() > end:
            return None
        time.sleep(step)


# ---- the folder, processes ----

def work():
    global _dir
    if _dir is None:
        _dir = tempfile.mkdtemp(prefix="culvert-e2e.")
        os.chmod(_dir, 0o711)
        os.environ["XDG_CONFIG_HOME"] = _dir + "/home"
        os.environ["HOME"] = _dir + "/home"
        os.environ["CULVERT_AGENTD_SOCKET"] = _dir + "/agentd.sock"
        os.mkdir(_dir + "/home", 0o700)
        for v in ("RELAY_URL", "RELAY_TOKEN", "PAT_TOKEN", "SERVER_HOST",
                  "SERVER_PORT", "HTTP_NETWORK_RELAY_URL",
                  "HTTP_NETWORK_RELAY_NAME", "HTTP_NETWORK_RELAY_SECRET",
                  "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
                  "ALL_PROXY", "no_proxy", "NO_PROXY"):
            os.environ.pop(v, None)
    return _dir


def path(name):
    return os.path.join(work(), name)


def write(name, text, mode=0o644):
    with open(path(name), "w") as f:
        f.write(text)
    os.chmod(path(name), mode)
    return path(name)


def _cleanup():
    for p in reversed(_procs):
        p.stop()
    if _dir is not None:
        shutil.rmtree(_dir, ignore_errors=True)


atexit.register(_cleanup)
for _s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(_s, lambda *a: sys.exit(1))


class Proc:
    """A program of ours that runs until stop()."""

    def __init__(self, name, argv, user=None, env=None, cwd=None):
        self.name = name
        self.log = path("%s.%d.log" % (name, len(_procs)))
        self.argv = argv
        kw = {}
        if user is not None:
            pw = pwd.getpwnam(user)
            kw = dict(user=pw.pw_uid, group=pw.pw_gid, extra_groups=[])
        self.out = open(self.log, "ab")
        self.p = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out,
            env=env, cwd=cwd, **kw)
        self.pid = self.p.pid
        _procs.append(self)

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def lines(self, pattern):
        return [x for x in self.text().splitlines() if re.search(pattern, x)]

    def wait_line(self, pattern, seconds=15.0, count=1):
        r = wait_for(lambda: len(self.lines(pattern)) >= count or
                     self.p.poll() is not None, seconds)
        return bool(r) and len(self.lines(pattern)) >= count

    def alive(self):
        return self.p.poll() is None

    def kill(self, sig=signal.SIGKILL):
        try:
            os.kill(self.pid, sig)
        except ProcessLookupError:
            pass

    def stop(self, seconds=8.0):
        if self.p.poll() is None:
            self.kill(signal.SIGTERM)
            try:
                self.p.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                self.p.wait()
        self.out.close()
        return self.p.returncode

    def show(self):
        print("# ---- %s: %s" % (self.name, " ".join(self.argv)),
              file=sys.stderr)
        for line in self.text().splitlines()[-30:]:
            print("#   " + line, file=sys.stderr)

    def children(self):
        """{title: pid} of the daemon's processes, "listener" 0 as
        "listener", the others as "listener 1" and so on."""
        out = {}
        for pid in kids(self.pid):
            m = re.search(r"-x (\w+) -I (\d+)", cmdline(pid))
            t = m and (m[1], int(m[2])) or title(pid)
            if t:
                out[t[0] if t[1] == 0 else "%s %d" % t] = pid
        return out


def kids(pid):
    out = []
    try:
        for t in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, t)) as f:
                out += [int(x) for x in f.read().split()]
    except OSError:
        pass
    return out


def cmdline(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def title(pid):
    m = re.match(r"(?:\w+: )(\w+)(?: (\d+))?", cmdline(pid))
    return (m[1], int(m[2] or 0)) if m else None


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            s = f.read()
        return s[s.rindex(")") + 2] != "Z"
    except OSError:
        return False


def rss(pid):
    """Resident memory without shared pages, bytes."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return int(re.search(r"^Anonymous:\s+(\d+)", f.read(),
                                 re.M)[1]) << 10
    except (OSError, TypeError):
        return 0


_ports = set()


def free_port(family=socket.AF_INET):
    """A port below the ephemeral range that nobody has."""
    import random
    while True:
        port = random.randrange(20000, 32000)
        if port in _ports:
            continue
        with socket.socket(family, socket.SOCK_STREAM) as s:
            try:
                s.bind(("::1" if family == socket.AF_INET6 else
                        "127.0.0.1", port))
            except OSError:
                continue
        _ports.add(port)
        return port


def run(argv, timeout=60, input=None, env=None, user=None):
    kw = {}
    if user is not None:
        pw = pwd.getpwnam(user)
        kw = dict(user=pw.pw_uid, group=pw.pw_gid, extra_groups=[])
    if input is None:
        kw["stdin"] = subprocess.DEVNULL
    else:
        kw["input"] = input
    try:
        return subprocess.run(argv, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=env,
                              timeout=timeout, **kw)
    except subprocess.TimeoutExpired as e:
        return subprocess.CompletedProcess(
            argv, 124, (e.stdout or b"").decode(errors="replace"),
            (e.stderr or b"").decode(errors="replace") + "\ntimed out")


def sha256(name):
    h = hashlib.sha256()
    with open(name, "rb") as f:
        for b in iter(lambda: f.read(1 << 20), b""):
            h.update(b)
    return h.hexdigest()


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
        import threading
        self.sock = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else
            socket.AF_INET, backlog=512)
        self.port = self.sock.getsockname()[1]
        self.handler = handler
        self.conns = []
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        import threading
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


class Connect:
    """accessctl connect, its ends in our hands."""

    def __init__(self, env, *args):
        self.p = subprocess.Popen(
            [OBJ + "/accessctl", "connect", *map(str, args)], env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.pid = self.p.pid

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
