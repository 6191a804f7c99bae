"""What every end-to-end test needs: TAP, a folder that is gone at the end,
programs that are ended by their pid, free ports."""

import atexit
import hashlib
import os
import pwd
import random
import re
import shutil
import signal
import socket
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


WRAPPERS = ("strace", "faketime")


def kill_pid(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


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
        kill_pid(self.pid, sig)

    def stop(self, seconds=8.0):
        if self.p.poll() is None:
            # These end with what they run, and not the other way round.
            below = kids(self.pid) if self.argv[0] in WRAPPERS else []
            for pid in below or [self.pid]:
                kill_pid(pid, signal.SIGTERM)
            try:
                self.p.wait(seconds)
            except subprocess.TimeoutExpired:
                for pid in below + [self.pid]:
                    kill_pid(pid, signal.SIGKILL)
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


def is_free(port, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        try:
            s.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(family=socket.AF_INET):
    """A port below the ephemeral range that nobody has."""
    while True:
        port = random.randrange(20000, 32000)
        if port in _ports:
            continue
        if not is_free(port, family):
            continue
        _ports.add(port)
        return port


def free_range(n):
    """The first of so many ports in a row, below the ephemeral range, that
    nobody has."""
    while True:
        first = free_port()
        rest = range(first + 1, first + n)
        if rest.stop <= 32000 and _ports.isdisjoint(rest) and all(
                is_free(port) for port in rest):
            _ports.update(rest)
            return first


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
