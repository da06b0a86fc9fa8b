// bullmq against a running server: jobs that fail, wait, are first, repeat, depend on others, are
// limited in rate. Port: the first argument.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { FlowProducer, Queue, QueueEvents, Worker } from "bullmq";

const connection = { port: Number(process.argv[2]), maxRetriesPerRequest: null };
const events = new QueueEvents("jobs", { connection });
await events.waitUntilReady();
const queue = new Queue("jobs", { connection });

const seen = { completed: 0, failed: 0 };
const worker = new Worker("jobs", async (job) => {
  if (job.data.failures > job.attemptsMade) throw new Error("as planned");
  await job.updateProgress(50);
  return job.data.n * 2;
}, { connection, concurrency: 5 });
for (const what of Object.keys(seen)) worker.on(what, () => ++seen[what]);

await queue.addBulk(Array.from({ length: 200 }, (_, n) => ({ name: `job${n}`, data: { n } })));
const delayed = await queue.add("delayed", { n: 1 }, { delay: 300 });
const retried = await queue.add("retried", { n: 3, failures: 2 },
                                { attempts: 4, backoff: { type: "exponential", delay: 20 } });
await queue.add("first", { n: 9 }, { priority: 1 });
assert.equal(await retried.waitUntilFinished(events), 6);
assert.equal(await delayed.waitUntilFinished(events), 2);
while (seen.completed < 203) await sleep(10);
assert.equal(seen.failed, 2);

await queue.upsertJobScheduler("repeated", { every: 100 }, { name: "repeated", data: { n: 5 } });
while (seen.completed < 206) await sleep(10);
assert.ok(await queue.removeJobScheduler("repeated"));

await queue.pause();
await queue.add("later", { n: 1 });
await sleep(100);
assert.equal((await queue.getJobCounts("active")).active, 0);
await queue.resume();

const flows = new FlowProducer({ connection });
const children = [2, 3].map((n) => ({ name: `child${n}`, queueName: "jobs", data: { n } }));
const flow = await flows.add({ name: "parent", queueName: "jobs", data: { n: 1 }, children });
await flow.job.waitUntilFinished(events);
assert.deepEqual(Object.values(await flow.job.getChildrenValues()).sort(), [4, 6]);

const limited = new Queue("limited", { connection });
let ran = 0;
const slow = new Worker("limited", async () => { ++ran; },
                        { connection, limiter: { max: 5, duration: 400 } });
const began = Date.now();
await limited.addBulk(Array.from({ length: 12 }, () => ({ name: "job", data: {} })));
while (ran < 12) await sleep(10);
assert.ok(Date.now() - began >= 700, "twelve jobs, five in 400 ms");

await queue.obliterate({ force: true });
assert.equal((await queue.getJobCounts("completed")).completed, 0);
for (const end of [worker, slow, queue, limited, events, flows]) await end.close();
console.log("bullmq: all well");
