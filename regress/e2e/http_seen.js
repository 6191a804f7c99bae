// Beside http_node.js: requests below /d/ are answered at once when all of
// them is there, and remembered by the visitor's address: /seen?ADDRESS.
"use strict";
const seen = new Map();

exports.request = (req, res) => {
	if (req.url.startsWith("/seen?")) {
		res.end(JSON.stringify(seen.get(req.url.slice(6)) ?? []));
		return true;
	}
	const who = req.headers["x-forwarded-for"];
	if (who === undefined)
		return false;
	if (!seen.has(who))
		seen.set(who, []);
	let n = 0;
	req.on("data", (b) => n += b.length);
	req.on("end", () => {
		seen.get(who).push([req.method,
		    Buffer.from(req.url, "latin1").toString("hex"), n]);
		res.end("ok");
	});
	req.on("error", () => {});
	return true;
};
