// Requests as bytes: what the effect log, the append-only file and replicas are given.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/bytes.h"

namespace larder {

size_t request_bytes(std::span<const Bytes> words);
// Writes a request to room of request_bytes(); returns its end.
char* put_request(char* to, std::span<const Bytes> words);
void append_request(std::string& text, std::span<const Bytes> words);

}  // namespace larder
