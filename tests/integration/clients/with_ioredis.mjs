// ioredis against a running server: connect, pipeline, errors, reconnect. Port: the first argument.
import assert from "node:assert/strict";
import Redis from "ioredis";

const port = Number(process.argv[2]);
const redis = new Redis({ port, connectionName: "ioredis-test", retryStrategy: () => 50 });

await redis.flushall();
assert.equal(await redis.set("key", "värde"), "OK");
assert.equal(await redis.get("key"), "värde");
assert.equal(await redis.get("none"), null);
assert.deepEqual(await redis.getBuffer("key"), Buffer.from("värde"));
assert.equal(await redis.set("key", "x", "NX"), null);
assert.equal(await redis.set("key", "x", "EX", 100, "GET"), "värde");
assert.ok((await redis.ttl("key")) > 90);
assert.deepEqual(await redis.mget("key", "none"), ["x", null]);
assert.equal(await redis.client("GETNAME"), "ioredis-test");

const replies = await redis.pipeline().incr("n").incr("n").get("n").exec();
assert.deepEqual(replies, [[null, 1], [null, 2], [null, "2"]]);
const many = redis.pipeline();
for (let i = 0; i < 10000; ++i) many.set(`many:${i}`, i);
assert.ok((await many.exec()).every(([error, reply]) => error === null && reply === "OK"));

const found = new Set();
for await (const keys of redis.scanStream({ match: "many:*", count: 500 })) {
  for (const key of keys) found.add(key);
}
assert.equal(found.size, 10000);

await assert.rejects(redis.incr("key"), /^ReplyError: ERR value is not an integer or out of range/);
await assert.rejects(redis.call("NOSUCH", "a"), /ERR unknown command 'NOSUCH'/);
assert.match(await redis.info("server"), /redis_version:7\./);

// The connection is cut; the next command waits for the new one.
const other = new Redis({ port });
const closed = new Promise((resolve) => redis.once("close", resolve));
await other.client("KILL", "ID", await redis.client("ID"));
await closed;
assert.equal(await redis.get("n"), "2");
await Promise.all([redis.quit(), other.quit()]);
console.log("ioredis: all well");
