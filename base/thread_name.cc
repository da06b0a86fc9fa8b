#include "base/thread_name.h"

#include <pthread.h>

namespace larder {
namespace {

constexpr size_t kNameBytes = 15;  // pthread_setname_np(3) refuses longer ones

}  // namespace

void name_this_thread(const std::string& name) {
  ::pthread_setname_np(::pthread_self(), name.substr(0, kNameBytes).c_str());
}

}  // namespace larder
