// Topics as rooms of Socket.IO: `sub` joins one, `pub` sends `m` to all in it. `node socketio.js PORT [deflate]`
"use strict";

const { createServer } = require("node:http");
const { Server } = require("socket.io");

const [port, deflate] = process.argv.slice(2);

const http = createServer();
const io = new Server(http, {
  serveClient: false,
  transports: ["websocket"],
  allowUpgrades: false,
  httpCompression: false,
  maxHttpBufferSize: 16 * 1024 * 1024,
  perMessageDeflate:
    deflate === "deflate"
      ? { threshold: 256, serverNoContextTakeover: true, clientNoContextTakeover: true }
      : false,
});

io.on("connection", (socket) => {
  socket.on("sub", (topic, done) => {
    socket.join(topic);
    if (typeof done === "function") done();
  });
  socket.on("pub", (topic, payload) => io.to(topic).emit("m", payload));
});

http.listen({ host: "127.0.0.1", port: Number(port), backlog: 4096 }, () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
