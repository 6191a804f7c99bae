"""What accessctl forward is tried with: a page that says what it was asked for,
by TCP and by a Unix socket, and the program itself."""
import http.server
import socketserver

from culvert import *


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"you asked for " + self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        n = int(self.headers["Content-Length"])
        while n > 0:
            n -= len(self.rfile.read(min(n, 1 << 16)))
        self.do_GET()

    def address_string(self):
        return "local"

    def log_message(self, *a):
        pass


class UnixWeb(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Forwards(Proc):
    def __init__(self, env, *specs, args=(), wait=True, name="forward"):
        argv = [OBJ + "/accessctl", "forward", *args]
        for s in specs:
            argv += ["-L", s]
        super().__init__(name, argv, env=env)
        if wait and not self.wait_line("forwarding", 30, len(specs)):
            self.show()
            raise SystemExit("accessctl forward did not start")


def curl(*args):
    return run(["curl", "-sS", "--max-time", "30", *args]).stdout
