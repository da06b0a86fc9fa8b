"""rq against a running server: jobs that fail, depend on others, wait for their time. Port: the
first argument. Package: python3-rq."""
import logging
import operator
import sys
import time
from datetime import timedelta

import redis
import rq

logging.disable()  # of the job that fails
connection = redis.Redis(port=int(sys.argv[1]))
queue = rq.Queue("jobs", connection=connection)
jobs = [queue.enqueue(operator.add, i, i) for i in range(30)]
after = queue.enqueue(operator.add, 1, 2, depends_on=jobs[5])
failing = queue.enqueue(operator.truediv, 1, 0, retry=rq.Retry(max=2))
later = queue.enqueue_in(timedelta(seconds=1), operator.add, 5, 5)

rq.SimpleWorker([queue], connection=connection).work(burst=True)
assert [job.result for job in jobs] == [2 * i for i in range(30)]
assert after.result == 3
assert failing.get_status(refresh=True) == "failed"
assert later.get_status(refresh=True) == "scheduled"

time.sleep(1)
for job in queue.scheduled_job_registry.get_jobs_to_schedule():
    queue.scheduled_job_registry.remove(job)
    queue.enqueue_job(rq.job.Job.fetch(job, connection=connection))
rq.SimpleWorker([queue], connection=connection).work(burst=True)
assert later.result == 10
assert (queue.failed_job_registry.count, queue.finished_job_registry.count) == (1, 32)
assert rq.Worker.count(connection=connection) == 0
print("rq: all well")
