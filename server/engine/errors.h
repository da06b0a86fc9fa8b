// Error texts that more than one command uses, byte for byte as Redis gives them: clients match on
// them. Source: replies of redis-server 7.2.
#pragma once

#include <string>

namespace larder::errors {

inline constexpr const char* kSyntax = "ERR syntax error";
inline constexpr const char* kNotInteger = "ERR value is not an integer or out of range";
inline constexpr const char* kNotFloat = "ERR value is not a valid float";
inline constexpr const char* kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr const char* kReadOnlyReplica =
    "READONLY You can't write against a read only replica.";
inline constexpr const char* kNoSuchKey = "ERR no such key";
inline constexpr const char* kOutOfRange = "ERR value is out of range";
inline constexpr const char* kOverflow = "ERR increment or decrement would overflow";
inline constexpr const char* kStringTooLong =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
inline constexpr const char* kOffsetRange = "ERR offset is out of range";
inline constexpr const char* kDbRange = "ERR DB index is out of range";
inline constexpr const char* kOutOfMemory =
    "OOM command not allowed when used memory > 'maxmemory'.";
inline constexpr const char* kNoAuth = "NOAUTH Authentication required.";
inline constexpr const char* kWrongPass =
    "WRONGPASS invalid username-password pair or user is disabled.";
inline constexpr const char* kUnblocked = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
inline constexpr const char* kBecameReplica =
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";

// Of DEBUG and MODULE, which an option guards.
inline std::string not_allowed(const std::string& command, const std::string& option) {
  return "ERR " + command + " command not allowed. If the " + option +
         " option is set to \"local\", you can run it from a local connection, otherwise you need "
         "to set this option in the configuration file, and then restart the server.";
}

}  // namespace larder::errors
