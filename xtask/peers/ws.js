// Topics on bare WebSockets, as one writes them with the package `ws`: `/sub/TOPIC` listens, and whoever is on `/pub` sends
// `TOPIC PAYLOAD`. `node ws.js PORT [deflate]`
"use strict";

const { createServer } = require("node:http");
const { WebSocketServer } = require("ws");

const [port, deflate] = process.argv.slice(2);
const SPACE = 32;

const topics = new Map();
const server = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  maxPayload: 16 * 1024 * 1024,
  perMessageDeflate:
    deflate === "deflate"
      ? { threshold: 256, serverNoContextTakeover: true, clientNoContextTakeover: true }
      : false,
});

function subscribe(socket, topic) {
  let subscribers = topics.get(topic);
  if (subscribers === undefined) {
    subscribers = new Set();
    topics.set(topic, subscribers);
  }
  subscribers.add(socket);
  socket.on("close", () => {
    subscribers.delete(socket);
    if (subscribers.size === 0) topics.delete(topic);
  });
}

function publish(message) {
  const end = message.indexOf(SPACE);
  const subscribers = topics.get(message.toString("latin1", 0, end));
  if (subscribers === undefined) return;
  // One buffer for all: a string would be encoded anew for each.
  const payload = message.subarray(end + 1);
  const options = { binary: false };
  for (const socket of subscribers) socket.send(payload, options);
}

server.on("connection", (socket, request) => {
  socket.on("error", () => {});
  if (request.url === "/pub") socket.on("message", publish);
  else subscribe(socket, request.url.slice("/sub/".length));
});

const http = createServer();
http.on("upgrade", (request, socket, head) => {
  socket.setNoDelay(true);
  server.handleUpgrade(request, socket, head, (accepted) => server.emit("connection", accepted, request));
});
http.listen({ host: "127.0.0.1", port: Number(port), backlog: 4096 }, () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
