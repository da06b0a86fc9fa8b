// The end of the server, on the main thread: a signal or SHUTDOWN asks for it, writes are held,
// replicas get time to have everything, the data is saved. When that fails or is called off, the
// server goes on as if nobody had asked.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/admin/signals.h"
#include "server/engine/ending.h"

namespace larder {

class Log;
class Replicator;
struct Services;

class ServerEnd : public Ending {
 public:
  ServerEnd(Services& services, Replicator& replicator, Log& log, Signals& signals)
      : services_(services), replicator_(replicator), log_(log), signals_(signals) {}

  // Returns when all is done that has to be done while the server runs. Calls `look` now and then.
  void wait(const std::function<void()>& look);

  void ask(const EndWish& wish, std::function<void()> called_off) override;
  bool call_off() override;
  std::optional<int64_t> remaining_ms() const override;

 private:
  using Attempt = uint64_t;

  EndWish wish_of(Signals::Cause cause) const;
  bool prepare(Signals::Cause cause);
  std::optional<Attempt> begin(Signals::Cause cause);
  bool is_wished() const;
  bool is_on(Attempt attempt) const;
  bool may_wait(Attempt attempt) const;
  void leave_replicas(Attempt attempt);
  bool will_save() const;
  bool save_data();
  bool give_up(std::optional<Attempt> which);
  bool finish(Attempt attempt);
  void heed_insisting() const;
  EndWish wish() const;
  std::string option(const char* name) const;

  Services& services_;
  Replicator& replicator_;
  Log& log_;
  Signals& signals_;

  mutable std::mutex mutex_;
  std::optional<EndWish> wish_;                // guarded by mutex_; nothing: no end on its way
  Attempt attempt_ = 0;                        // guarded by mutex_; number of that wish
  bool final_ = false;                         // guarded by mutex_; it can't be called off
  int64_t until_ms_ = 0;                       // guarded by mutex_; steady clock, for replicas
  std::vector<std::function<void()>> asking_;  // guarded by mutex_; hear when it is called off
};

}  // namespace larder
