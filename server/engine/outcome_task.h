// Waits for work that another thread does for a client and that ends well or with an error.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "protocol/reply_writer.h"
#include "server/engine/call.h"
#include "server/engine/services.h"
#include "server/engine/task.h"

namespace larder {

class OutcomeTask : public Task {
 public:
  // `refusal` is the answer to an error, whose own text is for the log.
  explicit OutcomeTask(const char* refusal) : refusal_(refusal) {}

  // What the other thread calls at the end, with what went wrong or nothing.
  std::function<void(const std::string& error)> teller(Call& call) const {
    return [outcome = outcome_, waker = call.waker(), worker = call.worker().index,
            &workers = call.services().workers](const std::string& error) {
      workers.visit(worker, [outcome, waker, failed = !error.empty()](ClientsOfWorker&) {
        outcome->failed = failed;
        outcome->done = true;
        waker->wake();
      });
    };
  }

  Progress step(ReplyWriter& reply, int64_t) override {
    if (!outcome_->done) return Progress::wait;
    outcome_->failed ? reply.error(refusal_) : reply.ok();
    return Progress::done;
  }

 private:
  struct Outcome {  // on the client's worker only
    bool done = false;
    bool failed = false;
  };

  const char* const refusal_;
  const std::shared_ptr<Outcome> outcome_ = std::make_shared<Outcome>();
};

}  // namespace larder
