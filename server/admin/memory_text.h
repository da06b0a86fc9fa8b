// Bytes of this process and how people like to read them.
#pragma once

#include <cstdint>
#include <string>

namespace larder {

// Resident memory of the process.
int64_t resident_bytes();

// 512B, 1.50K, 2.00M, ... with powers of 1024, as Redis writes it.
std::string memory_text(int64_t bytes);

}  // namespace larder
