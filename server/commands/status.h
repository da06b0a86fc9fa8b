// How a handler ends: it wrote exactly one reply and returns ok, or it wrote nothing and returns
// the error that the client gets.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"

namespace larder {

class [[nodiscard]] Status {
 public:
  static Status ok() { return {}; }
  // `text` is a literal that starts with the error's prefix word.
  static Status error(const char* text) {
    Status status;
    status.text_ = text;
    return status;
  }
  static Status error(std::string text) {
    Status status;
    status.owned_ = std::make_unique<std::string>(std::move(text));
    status.text_ = *status.owned_;
    return status;
  }

  bool is_ok() const { return text_.data() == nullptr; }
  Bytes text() const { return text_; }

 private:
  Bytes text_;
  std::unique_ptr<std::string> owned_;
};

}  // namespace larder
