// A client of the classic door that knows npm's `ws` and nothing of Nexus: each line of standard input is sent, each
// message received is a line of standard output, and so is the end.
const WebSocket = require("ws");
const readline = require("readline");

const socket = new WebSocket(process.argv[2]);
const say = (line) => process.stdout.write(line + "\n");

socket.on("open", () => {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", (line) => socket.send(line));
});
socket.on("message", (data) => say(data.toString()));
socket.on("error", (error) => say(JSON.stringify({ failed: String(error) })));
socket.on("close", (code) => {
  say(JSON.stringify({ closed: code }));
  process.exit(0);
});
