"""A relay that publishes ports, a node with an echo, and their visitors."""
from culvert import *

RULES = ("publish ports 20000-31999 on 127.0.0.1 by \"you@example.org\"\n"
         "publish ports 20000-31999 on ::1 by any\n")
relay = Relay(prefork=2, extra=RULES)
relay.user_add()
relay.user_add("other@example.org")
agent = Agent(relay)
target = Target(echo)


def add(port, to=None, *args):
    spec = port if isinstance(port, str) else "127.0.0.1:%d/tcp" % port
    return relay.ctl("publish", "add", *args, spec,
                     to or "pi:%d" % target.port)


def remove(port):
    return relay.ctl("publish", "remove", port if isinstance(port, str) else
                     "127.0.0.1:%d" % port)


def entry(port):
    for p in relay.json("publish", "list") or []:
        if p["port"].split(":")[1].startswith("%d" % port):
            return p
    return {}


def said(r):
    return "%d %s%s" % (r.returncode, r.stdout, r.stderr)


def visit(port, source="127.0.0.1", seconds=20):
    s = socket.socket()
    s.settimeout(seconds)
    s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    return s


def passes(s, data=b"hello"):
    """Whether bytes come back."""
    try:
        s.sendall(data)
        got = b""
        while len(got) < len(data):
            b = s.recv(65536)
            if not b:
                return False
            got += b
        return got == data
    except OSError:
        return False


def reset(s):
    """Whether it ends with a reset, and is no clean end nor a hang."""
    try:
        while s.recv(65536):
            pass
        return False
    except ConnectionResetError:
        return True
    except OSError:
        return False


def works(port, seconds=30, source="127.0.0.1"):
    def once():
        try:
            with visit(port, source) as s:
                return passes(s)
        except OSError:
            return False
    return wait_for(once, seconds)


def refused(port, source="127.0.0.1"):
    """Whether a visitor is turned away at once, with a reset."""
    try:
        with visit(port, source) as s:
            return reset(s)
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        return True


def streams():
    return len(relay.json("connection", "list") or [])
