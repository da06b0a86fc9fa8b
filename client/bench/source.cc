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

bool TransactionSource::next(Output& out, Ticket& ticket) {
  const bool begins = done_ == 0;
  const bool ends = done_ > size_;
  done_ = ends ? 0 : done_ + 1;
  if (!begins && !ends) return source_->next(out, ticket);
  out.append(begins ? "*1\r\n$5\r\nMULTI\r\n" : "*1\r\n$4\r\nEXEC\r\n");
  ticket.command = first_command_ + (ends ? 1 : 0);
  return true;
}

}  // namespace larder::bench
