// A full sync on its way in: the RDB file that a primary sends, in either of two frames.
//
//   $<length>\r\n<file>              made beforehand
//   $EOF:<40 bytes>\r\n<file><the 40 bytes>   sent while it is made; nothing follows until we ack
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "server/replication/wire.h"
#include "storage/rdb/io.h"

namespace larder {

class Transfer : public Source {
 public:
  static constexpr size_t kMarkBytes = 40;

  // Reads the frame's head. False: see error().
  bool begin(Wire& wire);
  size_t read(char* into, size_t bytes) override;

  // The whole file has come, to the end of its frame.
  bool whole() const { return ended_ && error_.empty(); }
  // Reads on to the end of the frame. False when it does not come.
  bool finish();
  bool by_mark() const { return !mark_.empty(); }
  // 0 when the frame does not say.
  uint64_t total_bytes() const { return total_; }
  uint64_t bytes() const { return bytes_; }
  const std::string& error() const { return error_; }

 private:
  size_t read_counted(char* into, size_t bytes);
  size_t read_marked(char* into, size_t bytes);
  size_t fail(std::string why);

  Wire* wire_ = nullptr;
  std::string mark_;
  std::string held_;  // of a marked file: the last bytes that came, which may be the mark
  uint64_t total_ = 0;
  uint64_t bytes_ = 0;
  bool ended_ = false;
  std::string error_;
};

// A file without a name that holds a transfer until it is whole: what is here stays until then.
class Spool : public Source {
 public:
  ~Spool() override;
  // Reading ends when it is raised.
  void end_with(const Interrupt& interrupt) { interrupt_ = &interrupt; }
  // False: no file can be made in `folder`.
  bool open(const std::string& folder);
  // Takes everything. Empty when all is well. `progress` is called now and then.
  std::string take(Transfer& from, const std::function<void()>& progress);
  size_t read(char* into, size_t bytes) override;
  // The same at a place, for several readers.
  size_t read_at(uint64_t offset, char* into, size_t bytes) const;
  // Appends. False: see errno.
  bool write(Bytes bytes);

 private:
  const Interrupt* interrupt_ = nullptr;
  int fd_ = -1;
};

}  // namespace larder
