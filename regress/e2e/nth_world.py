"""A relay, a device and people, of which anything may fail, and what must be
so all the same."""
import threading
import time

from fault import *
from doors import *

bad = []                # what must not be
WRONG = re.compile(r"killed by signal (?!9)|forbidden|does not answer|out of step|"
                   r"at the word of|does not come to serve|does not end")


def note(what, why):
    bad.append("%s: %s" % (what, why))
    print("# %s: %s" % (what, why), file=sys.stderr, flush=True)


def datagrams():
    """The port of an echo of UDP."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))

    def echo():
        while True:
            s.sendto(*s.recvfrom(65536))
    threading.Thread(target=echo, daemon=True).start()
    return s.getsockname()[1]


class World:
    """A relay, a device and a person's log-in, all of which may fail."""

    def __init__(self, faults, rng):
        self.n, self.faults, self.rng = 0, faults, rng
        make_cert("relay", "DNS:localhost,DNS:%s,DNS:*.%s" % (DOMAIN,
                                                              DOMAIN))
        self.relay = Relay(prefork=2, obj=FAULT_OBJ, domain=DOMAIN,
                           extra=CONF.split("\n", 1)[1] +
                           "\npublish ports 20000-31999 on 127.0.0.1 by any")
        self.doors = Doors(self.relay, FAULT_OBJ, ("pi",))
        self.agent = self.doors.agents["pi"]
        wait_for(lambda: self.doors.ask("pi." + DOMAIN, "/length/5")[0] ==
                 200, 30)
        self.cookie, self.token = self.doors.enter(), self.doors.pair()
        self.entered = time.monotonic()
        self.env = login(self.relay)
        self.target = Target(echo)
        self.ports = free_port(), free_port()
        for port, to in ((self.ports[0], self.target.port),
                         ("%d/udp" % self.ports[1], datagrams())):
            self.doors.must("publish", "add", "127.0.0.1:%s" % port,
                            "pi:%d" % to)
        self.mark()

    def mark(self):
        self.seen = {p: len(p.lines("ended: |killed")) for p in self.procs()}

    def procs(self):
        return self.relay.proc, self.agent.proc

    def stream(self, obj=OBJ):
        """The status of a stream; that of a good one must be right."""
        data = self.rng.randbytes(self.rng.choice((10, 40000, 300000)))
        p = subprocess.Popen(
            [obj + "/accessctl", "connect", "pi", str(self.target.port)],
            env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        try:
            out, err = p.communicate(data, timeout=20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.communicate()
            return "hangs", ""
        if p.returncode == 0 and out != data:
            return "wrong", "%d of %d bytes" % (len(out), len(data))
        return p.returncode, err.decode(errors="replace")

    def scenario(self, what):
        """What people do; it may fail, but not hang, nor lie."""
        self.n += 1
        st, err = self.stream()
        if st in ("hangs", "wrong"):
            note(what, "a stream is " + st)
        self.visits(what)
        email = "u%d@example.org" % self.n
        done_ = {}
        for i, args in enumerate((
                ("user", "add", email, "--no-password"),
                ("token", "create", "--user", email, "--scope", "connect"),
                ("stats",), ("reload",), ("connection", "list"),
                ("user", "delete", email))):
            r = self.relay.ctl(*args, timeout=40)
            done_[args[0] + args[-1]] = r.returncode
            if r.returncode == 124:
                note(what, "hangs: accessctl " + " ".join(args))
            elif r.returncode != 0 and not r.stderr.strip():
                note(what, "no reason: accessctl " + " ".join(args))
            if i == 0:
                added = r.returncode == 0
            elif i == 5 and added and "no such" in r.stderr + r.stdout:
                note(what, "an added user is not there")

    def visits(self, what):
        d = self.doors
        for name, f in (("a port", self.port), ("a port of UDP", self.udp),
                        ("the login page", self.enter), ("a pairing", self.pair),
                        ("the API", self.api),
                        ("a page", lambda: d.public("pi", 20000)),
                        ("a private page", lambda: d.private(self.cookie)),
                        ("a stranger", d.stranger),
                        ("a password", d.basic),
                        ("a program", lambda: d.rpc(self.token)),
                        ("TLS", lambda: d.through(20000))):
            try:
                f()
            except Wrong as e:
                note(what, "%s: %s" % (name, e))
            except TimeoutError:
                note(what, name + " hangs")
            except CUT:
                pass

    def enter(self):
        """The oldest of somebody's visits end one day.  Who comes again and
        again within a minute is refused."""
        if time.monotonic() - self.entered < 1:
            return
        self.entered = time.monotonic()
        try:
            self.cookie = self.doors.enter()
        except SystemExit as e:
            if not isinstance(e.code, str):
                raise

    def port(self):
        """A published one: what comes back is right, or cut."""
        data = self.rng.randbytes(30000)
        with socket.create_connection(("127.0.0.1", self.ports[0]), 20) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            got = b"".join(iter(lambda: s.recv(65536), b""))
        if not data.startswith(got):
            raise Wrong("what comes back is not what was sent")

    def pair(self):
        r = run([OBJ + "/agentd", "pair", "-s", self.agent.socket, "--json"],
                timeout=40)
        if r.returncode == 124:
            raise TimeoutError
        if r.returncode != 0:
            if not r.stderr.strip():
                raise Wrong("no reason: agentd pair")
            return
        st, _, body = self.doors.ask(DOMAIN, "/api/pair", {
            "Content-Type": "application/json"}, method="POST",
            body=json.dumps({"code": json.loads(r.stdout)["code"]}))
        if st not in (200, 401, 404, 502, 503, 504):
            raise Wrong("%d %.200r" % (st, body))

    def udp(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", self.ports[1]))
            s.settimeout(0.3)
            s.send(b"hello")
            try:
                if s.recv(100) != b"hello":
                    raise Wrong("another datagram")
            except TimeoutError:        # these may be lost
                pass

    def api(self):
        for what, want in (("/health", 200), ("/version", 200),
                           ("/api/nodes", 401)):
            st = self.doors.ask(DOMAIN, what)[0]
            if st not in (want, 502, 503, 504):
                raise Wrong("%s: %d" % (what, st))

    def well(self):
        """A few streams, as each may come by another listener."""
        return self.relay.proc.alive() and self.agent.proc.alive() and \
            self.relay.serving() and \
            all(self.stream()[0] == 0 for _ in range(3))

    def recover(self, what):
        """Within seconds all is well, or a daemon has ended with a reason;
        which is started again for what comes next."""
        self.faults.disarm()
        ok_ = wait_for(lambda: not self.relay.proc.alive() or
                       not self.agent.proc.alive() or self.well(), 45, 0.03)
        if not ok_:
            note(what, "not well again: relayd ... %s agentd ... %s" % (
                self.relay.proc.text()[-700:], self.agent.proc.text()[-700:]))
        deaths = 0
        for p in self.procs():
            said = p.lines(WRONG)
            if said:
                note(what, said)
            deaths += len(p.lines("ended: ")) - self.seen[p]
            if not p.alive():
                st = p.p.returncode
                if st <= 0:
                    note(what, "%s ended with %d" % (p.name, st))
                elif not p.lines("fatal|giving up|could not|can't|no "):
                    note(what, "%s ended without a reason" % p.name)
                said = True
            if said or not ok_:
                deaths += 99
        if deaths > 3:          # before the backoff grows
            self.agent.stop()
            if self.relay.stop() not in (0, 1):
                note(what, "relayd ended with %d" % self.relay.proc.p.
                     returncode)
            self.relay.start()
            self.agent.start(wait=False)
            if not wait_for(self.well, 30, 0.03):
                note(what, "a new start does not help")
            self.mark()


