#include "server/engine/args.h"

#include <limits>
#include <string>

#include "base/numbers.h"
#include "server/engine/registry.h"

namespace larder {

Bytes Args::bytes() {
  if (!ok_) return {};
  if (at_ >= call_.arg_count()) {
    reject();
    return {};
  }
  return call_.arg(at_++);
}

Key Args::key() {
  if (!ok_ || at_ >= call_.arg_count()) {
    reject();
    return {};
  }
  return call_.key(at_++);
}

int64_t Args::integer(const char* error) {
  const Bytes text = bytes();
  if (!ok_) return 0;
  const auto value = parse_int64(text);
  if (!value) fail(error);
  return value.value_or(0);
}

int64_t Args::integer_in(int64_t low, int64_t high, const char* error) {
  const int64_t value = integer(error);
  if (ok_ && (value < low || value > high)) fail(error);
  return value;
}

double Args::number(const char* error) {
  const Bytes text = bytes();
  if (!ok_) return 0;
  const auto value = parse_double(text);
  if (!value) fail(error);
  return value.value_or(0);
}

bool Args::take(Bytes word) {
  if (!more() || !equals_upper(peek(), word)) return false;
  ++at_;
  return true;
}

bool Args::take_with_value(Bytes word) {
  if (!more() || left() < 2 || !equals_upper(peek(), word)) return false;
  ++at_;
  return true;
}

void Args::fail(const char* error) {
  if (!ok_) return;
  ok_ = false;
  error_ = Status::error(error);
}

void Args::fail(std::string error) {
  if (!ok_) return;
  ok_ = false;
  error_ = Status::error(std::move(error));
}

void Args::fail_late(std::string error) {
  if (ok()) error_ = Status::error(std::move(error));
}

std::optional<int64_t> absolute_expiry(int64_t value, bool seconds, bool relative,
                                       int64_t now_ms) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  if (value <= 0) return {};
  if (seconds) {
    if (value > kMax / 1000) return {};
    value *= 1000;
  }
  if (relative) {
    if (value > kMax - now_ms) return {};
    value += now_ms;
  }
  return value;
}

bool take_expiry(Args& args, ExpiryOption& option, const Call& call, Bytes command,
                 bool allow_persist) {
  using Kind = ExpiryOption::Kind;
  struct Form {
    Bytes word;
    bool seconds, relative;
  };
  constexpr Form kForms[] = {{"EX", true, true}, {"PX", false, true}, {"EXAT", true, false},
                             {"PXAT", false, false}};
  const auto claim = [&](Kind kind, Bytes word) {
    if (option.kind != Kind::none && option.word != word) args.reject();
    option.kind = kind;
    option.word = word;
  };
  const bool keep = !allow_persist && args.take("KEEPTTL");
  const bool persist = allow_persist && args.take("PERSIST");
  if (keep || persist) {
    claim(keep ? Kind::keep : Kind::persist, keep ? "KEEPTTL" : "PERSIST");
    return true;
  }
  for (const Form& form : kForms) {
    if (!args.take_with_value(form.word)) continue;
    claim(Kind::at, form.word);
    const auto value = parse_int64(args.bytes());
    if (!value) {
      args.fail_late(errors::kNotInteger);
      return true;
    }
    const auto at_ms = absolute_expiry(*value, form.seconds, form.relative, call.clock_ms());
    if (!at_ms) args.fail_late("ERR invalid expire time in '" + std::string(command) + "' command");
    option.at_ms = at_ms.value_or(0);
    return true;
  }
  return false;
}

}  // namespace larder
