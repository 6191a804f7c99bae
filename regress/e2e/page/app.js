"use strict";
const by = (id) => document.getElementById(id);
window.progress = [];
window.problems = [];
window.addEventListener("error", (e) => problems.push(e.message));

// A chat: all who are there get what one says.
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const ws = new WebSocket(`${scheme}//${location.host}/ws`, "chat");
ws.onopen = () => document.body.dataset.chat = "open";
ws.onclose = () => document.body.dataset.chat = "closed";
ws.onmessage = (e) => {
	const li = document.createElement("li");
	li.textContent = e.data;
	by("chat").append(li);
};
by("say").addEventListener("submit", (e) => {
	e.preventDefault();
	ws.send(by("words").value);
	by("words").value = "";
});

// Events: how many, and when they came.
const events = new EventSource("/events?every=100&count=20&stay=1");
events.onmessage = (e) => {
	by("event").textContent = e.lastEventId;
	by("events").textContent = Number(by("events").textContent) + 1;
};

// An upload that says how far it is.
by("upload").addEventListener("click", () => {
	const xhr = new XMLHttpRequest();
	xhr.upload.onprogress = (e) => {
		progress.push(e.loaded);
		by("progress").value = e.loaded / e.total;
	};
	xhr.onload = () => by("uploaded").textContent = xhr.responseText;
	xhr.onerror = () => by("uploaded").textContent = "failed";
	xhr.open("PUT", "/upload");
	xhr.send(new Uint8Array(192 << 20).fill(120));
});

// Many small things at once.
Promise.all(Array.from({ length: 60 }, (_, i) => fetch(`/asset/${i}`)
    .then((r) => r.text()))).then((all) => {
	const right = all.filter((text, i) => text === `asset ${i}`).length;
	by("assets").textContent = `${right} of 60 are right`;
});
