// Two socket.io servers that tell each other of messages, by PUBLISH and by a stream. Port: the
// first argument.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createAdapter as byChannels } from "@socket.io/redis-adapter";
import { createAdapter as byStream } from "@socket.io/redis-streams-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io } from "socket.io-client";

const MESSAGES = 50;
const connections = [];

async function connected() {
  const made = await createClient({ url: `redis://127.0.0.1:${process.argv[2]}` }).connect();
  connections.push(made);
  return made;
}

async function served(adapter) {
  const http = createServer();
  const server = new Server(http, { adapter });
  server.on("connection", (socket) => {
    socket.join("room");
    socket.on("say", (text) => server.to("room").emit("heard", text));
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  return { server, port: http.address().port };
}

async function play(adapter) {
  const servers = [await served(await adapter()), await served(await adapter())];
  const clients = servers.map(({ port }) => io(`http://127.0.0.1:${port}`));
  const heard = clients.map(() => []);
  clients.forEach((client, i) => client.on("heard", (text) => heard[i].push(text)));
  await Promise.all(clients.map((client) => client.connected ||
                                new Promise((resolve) => client.on("connect", resolve))));
  while ((await servers[0].server.fetchSockets()).length < 2) await sleep(20);
  for (let i = 0; i < MESSAGES; ++i) clients[i % 2].emit("say", i);
  while (heard.some((texts) => texts.length < MESSAGES)) await sleep(10);
  const all = Array.from({ length: MESSAGES }, (_, i) => i);
  for (const texts of heard) assert.deepEqual(texts.sort((a, b) => a - b), all);
  for (const client of clients) client.close();
  for (const { server } of servers) await server.close();
}

await play(async () => byChannels(await connected(), await connected()));
await play(async () => byStream(await connected()));
for (const connection of connections) connection.destroy();
console.log("socket.io by channels and by streams: all well");
