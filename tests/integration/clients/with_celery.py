"""celery against a running server, as broker and as back end: groups, chords, chains, retries,
jobs for later, the control channel. Port: the first argument. Package: python3-celery."""
import os
import pathlib
import subprocess
import sys

import celery

port = sys.argv[1] if __name__ == "__main__" else os.environ["BROKER_PORT"]
app = celery.Celery("with_celery", broker=f"redis://127.0.0.1:{port}/1",
                    backend=f"redis://127.0.0.1:{port}/2")
app.conf.update(task_acks_late=True, broker_connection_retry_on_startup=True)
WAIT_S = 60


@app.task(name="add")
def add(a, b):
    return a + b


@app.task(name="total")
def total(numbers):
    return sum(numbers)


@app.task(name="flaky", bind=True, max_retries=3)
def flaky(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


def play():
    results = [add.delay(i, i) for i in range(50)]
    assert [result.get(timeout=WAIT_S) for result in results] == [2 * i for i in range(50)]
    sums = [add.s(i, 1) for i in range(10)]
    assert celery.group(sums)().get(timeout=WAIT_S) == list(range(1, 11))
    assert celery.chord(sums, total.s())().get(timeout=WAIT_S) == 55
    assert celery.chain(add.s(1, 2), add.s(3))().get(timeout=WAIT_S) == 6
    assert flaky.delay().get(timeout=WAIT_S) == 2
    assert add.apply_async((1, 1), countdown=0.5).get(timeout=WAIT_S) == 2
    assert len(app.control.inspect(timeout=5).ping()) == 1


def main():
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "with_celery", "worker", "-c", "2", "-l", "error"],
        cwd=pathlib.Path(__file__).parent, env={**os.environ, "BROKER_PORT": port},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        play()
    finally:
        worker.terminate()
        worker.wait()
    print("celery: all well", flush=True)
    os._exit(0)  # its objects try to connect again while Python ends


if __name__ == "__main__":
    main()
