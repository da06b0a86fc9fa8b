// A recorded trace, replayed cache-aside: each line is a GET, and what is missing is SET.
//
//   trace:  a  b  a  c        GET a (nothing)  SET a  GET b (nothing)  SET b  GET a  GET c ...
//
// Keys are numbered in the order they first appear, and named like those of other loads. Threads
// and connections take lines in turn, so the order is that of the trace up to what is under way:
// one connection without pipelining keeps it exactly.
#pragma once

#include "client/bench/workload.h"

namespace larder::bench {

// Reads the trace of --replay. The error is a sentence.
MadeWorkload make_trace_workload(const BenchOptions& options);

}  // namespace larder::bench
