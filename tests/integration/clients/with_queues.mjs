// bull and bee-queue against a running server. Port: the first argument.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import Bee from "bee-queue";
import Bull from "bull";

const redis = { port: Number(process.argv[2]) };

async function bull() {
  const queue = new Bull("bull", { redis });
  let done = 0;
  queue.process(4, async (job) => {
    if (job.data.failures > job.attemptsMade) throw new Error("as planned");
    ++done;
    return job.data.n;
  });
  await queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ data: { n } })));
  const retried = await queue.add({ n: 5, failures: 1 }, { attempts: 3, backoff: 20 });
  const delayed = await queue.add({ n: 7 }, { delay: 200 });
  assert.equal(await retried.finished(), 5);
  assert.equal(await delayed.finished(), 7);
  while (done < 102) await sleep(10);
  await queue.add({ n: 1 }, { repeat: { every: 100, limit: 2 } });
  while (done < 104) await sleep(10);
  assert.equal((await queue.getJobCounts()).failed, 0);
  await queue.clean(0, "completed");
  await queue.close();
}

async function bee() {
  const queue = new Bee("bee", { redis, activateDelayedJobs: true });
  queue.process(3, async (job) => job.data.n + 1);
  const result = async (job) => {
    const made = await job.save();
    return new Promise((resolve) => made.on("succeeded", resolve));
  };
  const jobs = Array.from({ length: 20 }, (_, n) => result(queue.createJob({ n })));
  assert.deepEqual(await Promise.all(jobs), Array.from({ length: 20 }, (_, n) => n + 1));
  assert.equal(await result(queue.createJob({ n: 1 }).delayUntil(Date.now() + 200)), 2);
  assert.equal((await queue.checkHealth()).succeeded, 21);
  await queue.close();
}

await bull();
await bee();
console.log("bull, bee-queue: all well");
