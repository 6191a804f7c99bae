// A visitor's WebSocket, for tests: node http_ws.js URL COUNT [SUBPROTOCOL].
// Sends so many messages of growing size, text and binary, and wants each
// back as it was; then pings, and closes in order.
"use strict";
const crypto = require("crypto");
const WebSocket = require("ws");

const [url, count, protocol] = [process.argv[2], Number(process.argv[3]),
    process.argv[4]];
// Names below localhost are this machine, whatever its resolver knows.
const lookup = (host, options, done) => options.all ?
    done(null, [{ address: "127.0.0.1", family: 4 }]) :
    done(null, "127.0.0.1", 4);
const ws = new WebSocket(url, protocol ? [protocol, "other"] : [],
    { perMessageDeflate: true, lookup });
let n = 0, sent = null;

function fail(why) {
	console.log("failed: " + why);
	process.exit(1);
}

function next() {
	if (n === count) {
		ws.ping("are you there");
		return;
	}
	const size = n === count - 1 ? 1 << 20 : n * n;
	sent = n % 2 ? crypto.randomBytes(size) : "x".repeat(size);
	n++;
	ws.send(sent);
}

ws.on("open", next);
ws.on("message", (data, binary) => {
	if (binary !== (typeof sent !== "string") ||
	    Buffer.compare(data, Buffer.from(sent)) !== 0)
		fail(`message ${n} is another`);
	next();
});
ws.on("pong", (data) => {
	if (data.toString() !== "are you there")
		fail("pong");
	ws.close(1000, "done");
});
ws.on("close", (code) => {
	if (code !== 1000 || n !== count)
		fail(`closed with ${code} behind ${n}`);
	console.log(`ok ${n} ${ws.protocol} ${ws.extensions}`);
});
ws.on("error", (e) => fail(e.message));
setTimeout(() => fail("timeout"), 60000).unref();
