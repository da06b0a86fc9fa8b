// Has pieces of a background thread's work run by the workers in turn.
//
// A thread that computes all the time is the one that the system deschedules when others want its
// core, and a shard's lock that it holds then is missed for milliseconds. A worker that holds the
// lock itself is not kept waiting by it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace larder {

class Workers;

class WorkerTurns {
 public:
  explicit WorkerTurns(Workers& workers);

  // Runs the piece on the next worker and returns when it is over. False when it was not run or
  // said false: the worker is busy for long, and is not asked again before it has had time. Not on
  // a worker's thread, and without locks.
  bool run(const std::function<bool()>& piece);

 private:
  class Turn;

  Workers& workers_;
  size_t next_ = 0;
  std::vector<std::shared_ptr<Turn>> last_;  // of each worker
};

}  // namespace larder
