// node-redis against a running server, in RESP2 and RESP3, with its client-side cache, too. Port:
// the first argument.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { BasicClientSideCache, createClient } from "redis";

async function play(RESP) {
  const url = `redis://127.0.0.1:${process.argv[2]}/3`;
  const client = createClient({ url, RESP, name: "node-redis-test" });
  client.on("error", () => {});  // the cut connection below
  await client.connect();
  await client.flushAll();
  assert.equal(await client.set("key", "value", { EX: 100 }), "OK");
  assert.equal(await client.get("key"), "value");
  assert.equal(await client.get("none"), null);
  assert.equal(await client.clientGetName(), "node-redis-test");
  assert.ok((await client.ttl("key")) > 90);
  // Sent together, as one pipeline.
  const numbers = await Promise.all(Array.from({ length: 1000 }, () => client.incr("n")));
  assert.deepEqual(numbers, Array.from({ length: 1000 }, (_, i) => i + 1));
  assert.deepEqual(await client.mGet(["key", "none"]), ["value", null]);
  const found = [];
  for await (const keys of client.scanIterator({ COUNT: 10 })) found.push(...[keys].flat());
  assert.deepEqual(found.sort(), ["key", "n"]);
  await assert.rejects(client.incr("key"), /value is not an integer or out of range/);
  const other = await client.duplicate().connect();
  await other.sendCommand(["CLIENT", "KILL", "ID", String(await client.sendCommand(["CLIENT", "ID"]))]);
  assert.equal(await client.get("n"), "1000");
  client.destroy?.() ?? (await client.disconnect());
  other.destroy?.() ?? (await other.disconnect());
}

// Every write of another client is seen, and what nobody writes is not asked for again.
async function cached() {
  const url = `redis://127.0.0.1:${process.argv[2]}`;
  const clientSideCache = new BasicClientSideCache();
  const reader = await createClient({ url, RESP: 3, clientSideCache }).connect();
  const writer = await createClient({ url }).connect();
  for (let i = 0; i < 100; ++i) {
    await writer.set("key", `${i}`);
    while (await reader.get("key") !== `${i}`) await sleep(1);
  }
  const { hitCount } = clientSideCache.stats();
  for (let i = 0; i < 10; ++i) assert.equal(await reader.get("key"), "99");
  assert.equal(clientSideCache.stats().hitCount, hitCount + 10);
  await writer.flushAll();
  while (await reader.get("key") !== null) await sleep(1);
  reader.destroy();
  writer.destroy();
}

for (const version of [2, 3]) await play(version);
await cached();
console.log("node-redis: all well");
