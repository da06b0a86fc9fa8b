// What stands between an application and its cache: locks, rate limits, sessions, cached values.
// redlock, rate-limiter-flexible, connect-redis and keyv. Port: the first argument.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import KeyvRedis from "@keyv/redis";
import { RedisStore } from "connect-redis";
import Redis from "ioredis";
import Keyv from "keyv";
import { RateLimiterRedis } from "rate-limiter-flexible";
import { createClient } from "redis";
import Redlock from "redlock";

const port = Number(process.argv[2]);
const url = `redis://127.0.0.1:${port}`;
const plain = new Redis(port);
const client = await createClient({ url }).connect();

async function locks() {
  const redlock = new Redlock([plain], { retryCount: 200, retryDelay: 10 });
  let inside = 0;
  await Promise.all(Array.from({ length: 10 }, async () => {
    const lock = await redlock.acquire(["one"], 5000);
    assert.equal(++inside, 1);
    await sleep(10);
    --inside;
    await lock.release();
  }));
  const lock = await (await redlock.acquire(["two"], 500)).extend(1000);
  await assert.rejects(new Redlock([plain], { retryCount: 0 }).acquire(["two"], 500));
  await lock.release();
  await redlock.using(["three"], 800, () => sleep(1200));  // prolonged meanwhile
}

async function limits() {
  for (const own of [{ storeClient: plain }, { storeClient: client, useRedisPackage: true }]) {
    const limiter = new RateLimiterRedis({ ...own, points: 5, duration: 60, blockDuration: 60 });
    for (let i = 0; i < 5; ++i) await limiter.consume("somebody");
    await assert.rejects(limiter.consume("somebody"), (no) => no.msBeforeNext > 50_000);
    await limiter.delete("somebody");
    await limiter.consume("somebody", 2);
    await limiter.penalty("somebody", 2);
    await limiter.reward("somebody", 1);
    assert.equal((await limiter.get("somebody")).consumedPoints, 3);
    await limiter.delete("somebody");
  }
}

async function sessions() {
  const store = new RedisStore({ client, ttl: 100 });
  await store.set("id", { cookie: {}, user: "somebody" });
  assert.equal((await store.get("id")).user, "somebody");
  await store.touch("id", { cookie: {} });
  assert.ok(await client.ttl("sess:id") > 90);
  assert.equal(await store.length(), 1);
  assert.deepEqual((await store.all()).map((session) => session.id), ["id"]);
  await store.destroy("id");
  assert.equal(await client.exists("sess:id"), 0);
}

async function values() {
  const cache = new Keyv(new KeyvRedis(url));
  await cache.set("key", { deep: [1] }, 300);
  assert.deepEqual(await cache.get("key"), { deep: [1] });
  await sleep(350);
  assert.equal(await cache.get("key"), undefined);
  await cache.set("key", 1);
  await cache.clear();
  assert.equal(await cache.get("key"), undefined);
  await cache.disconnect();
}

for (const part of [locks, limits, sessions, values]) await part();
plain.disconnect();
client.destroy();
console.log("redlock, rate-limiter-flexible, connect-redis, keyv: all well");
