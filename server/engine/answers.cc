#include "server/engine/answers.h"

#include <memory>

namespace larder {
namespace {

class VisitTask : public Task {
 public:
  VisitTask(std::shared_ptr<bool> finished, std::function<void(ReplyWriter&)> answer)
      : finished_(std::move(finished)), answer_(std::move(answer)) {}

  Progress step(ReplyWriter& reply, int64_t) override {
    if (!*finished_) return Progress::wait;
    answer_(reply);
    return Progress::done;
  }
  bool only_asks() const override { return true; }

 private:
  std::shared_ptr<bool> finished_;  // on the client's worker only
  std::function<void(ReplyWriter&)> answer_;
};

}  // namespace

void visit_workers(Call& call, std::function<void(ClientsOfWorker&)> visit,
                   std::function<void(ReplyWriter&)> answer) {
  auto finished = std::make_shared<bool>(false);
  call.start_task(std::make_unique<VisitTask>(finished, std::move(answer)));
  call.services().workers.visit_all(call.worker().index, std::move(visit),
                                    [finished, waker = call.waker()] {
                                      *finished = true;
                                      waker->wake();
                                    });
}

}  // namespace larder
