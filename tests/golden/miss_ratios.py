#!/usr/bin/env python3
"""Checks the policies' miss ratios with larder-sim: `miss_ratios <larder-sim> small|traces`.

`small` replays synthetic traces that are made here from a seed. `traces` replays the development
traces beside the project and checks the marks of docs/adr/0006; without them it is skipped.
Reduction: 1 - misses / misses of fifo, at the same number of objects.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

TRACES = pathlib.Path(__file__).resolve().parents[3] / "shared" / "traces"
SKIPPED = 77
SIZES = "0.1%,1%,10%,30%"
OBJECTS_MIN = 100
# Mean reduction over the traces, per cent: known from libCacheSim, with half a point for the way
# order and ghosts are approximated.
MARKS = {"s3fifo": 10.5, "arc": 9.7, "clock": 6.6, "sieve": 4.7, "lru": 5.7, "slru": 6.8,
         "adaptive": 14.6}
# How much worse than these adaptive may be in its worst cell, per cent of their misses.
WORSE_MAX = {"fifo": 1, "lru": 2}


def simulate(sim, trace, policies, sizes, *flags):
    command = [sim, str(trace), "--policy", ",".join(policies), "--size", sizes, "--json", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["runs"]


def reductions(runs):
    """{policy: {size: reduction in per cent}} against fifo, for sizes of enough objects."""
    fifo = {run["size"]: run["miss_ratio"] for run in runs if run["policy"] == "fifo"}
    found = {}
    for run in runs:
        if run["objects"] >= OBJECTS_MIN:
            reduction = 100 * (1 - run["miss_ratio"] / fifo[run["size"]])
            found.setdefault(run["policy"], {})[run["size"]] = reduction
    return found


def zipf_trace(rng, keys, requests):
    weights = [1 / (rank + 1) for rank in range(keys)]
    return rng.choices(range(keys), weights, k=requests)


def scans_trace(rng, keys, requests):
    """Popular keys, and scans over all others in between."""
    trace, cold = [], keys
    while len(trace) < requests:
        trace += zipf_trace(rng, keys, 1000)
        trace += range(cold, cold + 500)
        cold = keys + (cold + 500 - keys) % (20 * keys)
    return trace


def check_refusals(sim):
    """What can't be drawn is said before the runs."""
    faults = []
    for words, said in ((["--plot", "curves.pdf"], ".svg or a .png"),
                        (["--plot", "/no/such/curves.svg"], "No such file"),
                        (["--samples", "65"], "samples")):
        done = subprocess.run([sim, "/dev/null", *words], capture_output=True, text=True,
                              check=False)
        if done.returncode != 1 or said not in done.stderr or done.stdout:
            faults.append(f"{words}: {done}")
    return faults


def check_small(sim):
    rng = random.Random(1)
    expected = {"zipf": (zipf_trace(rng, 5000, 100_000), {"adaptive": 10, "s3fifo": 10, "lru": 5}),
                "scans": (scans_trace(rng, 2000, 100_000), {"adaptive": 10, "s3fifo": 10})}
    faults = check_refusals(sim)
    for name, (trace, marks) in expected.items():
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.write("".join(f"{key}\n" for key in trace))
            file.flush()
            found = reductions(simulate(sim, file.name, [*marks, "fifo"], "500"))
        for policy, mark in marks.items():
            reduction = found[policy]["500"]
            print(f"{name:8} {policy:10} {reduction:6.2f}%, mark {mark}%")
            if reduction < mark:
                faults.append(f"{name}: {policy} {reduction:.2f}%, at least {mark}% expected")
    return faults


def check_traces(sim):
    if not TRACES.is_dir():
        print(f"skipped: the development traces are not at {TRACES}")
        sys.exit(SKIPPED)
    cells = {policy: [] for policy in MARKS}
    for trace in sorted(TRACES.glob("*.csv.gz")):
        found = reductions(simulate(sim, trace, [*MARKS, "fifo"], SIZES, "--threads", "2"))
        for policy in MARKS:
            cells[policy] += found[policy].values()
            print(f"{trace.name:22} {policy:10}",
                  " ".join(f"{size}: {value:6.2f}" for size, value in found[policy].items()))
    faults = []
    cells["fifo"] = [0] * len(cells["adaptive"])
    for other, worse_max in WORSE_MAX.items():
        worst = max(100 * ((100 - ours) / (100 - theirs) - 1)
                    for ours, theirs in zip(cells["adaptive"], cells[other]))
        print(f"adaptive is {worst:.2f}% worse than {other} in its worst cell, mark {worse_max}%")
        if worst > worse_max:
            faults.append(f"adaptive is {worst:.2f}% worse than {other} in some cell")
    for policy, mark in MARKS.items():
        mean = sum(cells[policy]) / len(cells[policy])
        print(f"mean {policy:10} {mean:6.2f}%, mark {mark}%, worst {min(cells[policy]):.2f}%")
        if mean < mark:
            faults.append(f"{policy}: {mean:.2f}% in the mean, at least {mark}% expected")
    return faults


def main():
    faults = {"small": check_small, "traces": check_traces}[sys.argv[2]](sys.argv[1])
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main()
