#include "server/admin/server_end.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "server/admin/log.h"
#include "server/engine/append_only.h"
#include "server/engine/pause.h"
#include "server/engine/persistence.h"
#include "server/engine/services.h"
#include "server/engine/trouble.h"
#include "server/replication/replicator.h"

namespace larder {

void ServerEnd::wait(const std::function<void()>& look) {
  while (true) {
    // The signal of a wish may have come while one that was called off was still being left.
    const auto cause = is_wished() ? std::optional(Signals::Cause::asked) : signals_.wait_for_end();
    if (!cause) {
      look();
    } else if (prepare(*cause)) {
      return;
    }
  }
}

void ServerEnd::ask(const EndWish& wish, std::function<void()> called_off) {
  std::lock_guard lock(mutex_);
  asking_.push_back(std::move(called_off));
  if (wish_) {
    wish_->now |= wish.now;
    wish_->force |= wish.force;
    return;
  }
  wish_ = wish;
  ++attempt_;
  until_ms_ = INT64_MAX;
  signals_.ask_for_end();
}

bool ServerEnd::call_off() {
  if (!give_up({})) return false;
  log_.notice("Shutdown manually aborted.");
  return true;
}

// Nothing given: whatever is on its way. Returns whether there was something to give up.
bool ServerEnd::give_up(std::optional<Attempt> which) {
  std::vector<std::function<void()>> asking;
  {
    std::lock_guard lock(mutex_);
    if (!wish_ || final_ || attempt_ != which.value_or(attempt_)) return false;
    wish_.reset();
    asking.swap(asking_);
    services_.pause.end(PauseState::By::end);
  }
  for (const auto& called_off : asking) called_off();
  return true;
}

std::optional<int64_t> ServerEnd::remaining_ms() const {
  std::lock_guard lock(mutex_);
  if (!wish_ || until_ms_ == INT64_MAX) return {};
  return std::max<int64_t>(until_ms_ - steady_ms(), 0);
}

std::string ServerEnd::option(const char* name) const {
  return services_.configuration.value(name).value_or("");
}

EndWish ServerEnd::wish_of(Signals::Cause cause) const {
  const bool by_int = cause == Signals::Cause::sigint;
  const std::string words =
      " " + option(by_int ? "shutdown-on-sigint" : "shutdown-on-sigterm") + " ";
  const auto has = [&](const char* word) { return words.find(word) != words.npos; };
  return {.save = has(" save "), .nosave = has(" nosave "), .now = has(" now "),
          .force = has(" force "), .failover = has(" failover ")};
}

bool ServerEnd::is_wished() const {
  std::lock_guard lock(mutex_);
  return wish_.has_value();
}

EndWish ServerEnd::wish() const {
  std::lock_guard lock(mutex_);
  return wish_.value_or(EndWish());
}

bool ServerEnd::is_on(Attempt attempt) const {
  std::lock_guard lock(mutex_);
  return wish_ && attempt_ == attempt;
}

bool ServerEnd::may_wait(Attempt attempt) const {
  if (!is_on(attempt)) return false;
  heed_insisting();
  std::lock_guard lock(mutex_);
  return wish_ && attempt_ == attempt && !wish_->now && steady_ms() < until_ms_;
}

// Who presses Ctrl-C again does not want to wait.
void ServerEnd::heed_insisting() const {
  if (!signals_.insists()) return;
  log_.warning("Received SIGINT again, stopping at once");
  services_.persistence->drop_half_file();
  std::_Exit(1);
}

// Returns whether the server may stop now.
bool ServerEnd::prepare(Signals::Cause cause) {
  const auto attempt = begin(cause);
  if (!attempt) return false;
  const bool holds = will_save();  // else a script that runs for long is not waited for
  if (holds) replicator_.hold(true);
  leave_replicas(*attempt);
  if (is_on(*attempt) && save_data() && finish(*attempt)) return true;
  if (give_up(attempt)) {
    log_.warning("Errors trying to shut down the server. Check the logs for more information.");
  }
  if (holds) replicator_.hold(false);
  return false;
}

// Writes wait from here on, so that what replicas have and what is saved is all there is at the
// end. Nothing when it was called off before this thread heard of it.
std::optional<ServerEnd::Attempt> ServerEnd::begin(Signals::Cause cause) {
  const EndWish by_signal = wish_of(cause);
  const int64_t patience_ms = std::atoll(option("shutdown-timeout").c_str()) * 1000;
  std::lock_guard lock(mutex_);
  if (!wish_) {
    if (cause == Signals::Cause::asked) return {};
    wish_ = by_signal;
    ++attempt_;
  }
  until_ms_ = steady_ms() + patience_ms;
  services_.pause.begin(PauseState::By::end, PauseState::kUntilEnded, true, unix_ms());
  return attempt_;
}

// What was answered reaches the replicas, if they are quick, and one takes over, if that was asked.
void ServerEnd::leave_replicas(Attempt attempt) {
  const auto goes_on = [this, attempt] { return may_wait(attempt); };
  const auto patience_ms = remaining_ms().value_or(0);
  if (wish().failover && replicator_.hand_over(patience_ms, goes_on)) {
    return log_.notice("A replica has taken over");
  }
  replicator_.wait_for_replicas(goes_on);
}

// While the data is being loaded there is not all of it.
bool ServerEnd::will_save() const {
  const EndWish wanted = wish();
  const bool saves = wanted.save || services_.persistence->has_save_points();
  return saves && !wanted.nosave && (services_.settings.trouble.load() & kLoading) == 0;
}

// False: the data would be lost.
bool ServerEnd::save_data() {
  const bool force = wish().force;
  const AppendOnlyFacts log = services_.append_only->facts();
  if (log.starting && log.rewriting) {
    log_.warning(force ? "Writing initial AOF. Exit anyway."
                       : "Writing initial AOF, can't exit.");
    if (!force) return false;
  }
  Persistence& persistence = *services_.persistence;
  persistence.give_up_bgsave();
  if (!will_save()) return true;
  log_.notice("Saving before the end");
  const auto outcome = std::make_shared<std::promise<std::string>>();
  std::future<std::string> error = outcome->get_future();
  persistence.start_save(true, [outcome](const std::string& why) { outcome->set_value(why); });
  constexpr std::chrono::milliseconds kStep{10};
  while (error.wait_for(kStep) != std::future_status::ready) heed_insisting();
  if (error.get().empty()) return true;
  log_.warning(force ? "Error trying to save the DB. Exit anyway."
                     : "Error trying to save the DB, can't exit.");
  return force;
}

bool ServerEnd::finish(Attempt attempt) {
  std::lock_guard lock(mutex_);
  final_ = wish_ && attempt_ == attempt;
  return final_;
}

}  // namespace larder
