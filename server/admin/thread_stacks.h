// What every thread is at, told in the log: for a server that hangs. Each thread but the caller is
// interrupted by a signal and notes its own calls, for addr2line.
#pragma once

namespace larder {

class Log;

// Makes it possible. To be called once, before there are other threads.
void prepare_thread_stacks();
// From one thread at a time. A thread that doesn't answer in a second is named without calls.
void log_thread_stacks(Log& log);

}  // namespace larder
