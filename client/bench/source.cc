#include "client/bench/source.h"

#include <utility>

namespace larder::bench {

MixSource::MixSource(const std::vector<Command>& commands, Fillings fillings)
    : commands_(commands), fillings_(std::move(fillings)) {
  for (uint32_t i = 0; i < commands.size(); ++i) {
    wheel_.insert(wheel_.end(), commands[i].weight, i);
  }
}

bool MixSource::next(Output& out, Ticket& ticket) {
  const bool choice = commands_.size() > 1;
  ticket.command = choice ? wheel_[fillings_.random.below(wheel_.size())] : 0;
  ticket.key = commands_[ticket.command].recipe.append(out, fillings_);
  return true;
}

bool MixSource::expects(const Ticket& ticket, Bytes value) const {
  if (!commands_[ticket.command].recipe.reads_value()) return true;
  return fillings_.values.matches(ticket.key, value);
}

}  // namespace larder::bench
