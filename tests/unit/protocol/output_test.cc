// What a connection has to send, and the memory it lies in.
#include "protocol/output.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace larder::output_test {
namespace {

constexpr size_t kLarge = Output::kKeepBytes;

std::string pattern(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + i * 31 % 26);
  return text;
}

// In one go, as a socket with room for all takes it.
std::string send_all(Output& output) {
  std::string sent;
  while (!output.empty()) {
    std::array<Bytes, 16> views;
    const size_t count = output.gather(views.data(), views.size());
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
      sent += views[i];
      bytes += views[i].size();
    }
    output.consume(bytes);
  }
  return sent;
}

TEST(Output, SendsWhatWasWrittenAtAnySize) {
  Output output;
  for (const size_t bytes : {1UL, 511UL, 513UL, kLarge, kLarge + 1, 4 * kLarge, 4 * kLarge + 1,
                             9 * kLarge, 3UL, kLarge + 7}) {
    const std::string text = pattern(bytes);
    for (size_t at = 0; at < bytes; at += 1000) output.append(Bytes(text).substr(at, 1000));
    EXPECT_EQ(output.pending(), bytes);
    EXPECT_EQ(send_all(output), text);
    EXPECT_LE(output.capacity(), kLarge);
  }
}

// A batch of replies of 70 to 90 kB neither grows through all sizes nor asks malloc each time.
TEST(Output, ALargeBufferIsUsedAgain) {
  Output output;
  output.append(pattern(kLarge + 1));
  std::array<Bytes, 1> first, second;
  output.gather(first.data(), 1);
  (void)send_all(output);
  EXPECT_EQ(output.capacity(), 0U);
  output.append("x");  // taken for the first of as many
  EXPECT_GT(output.capacity(), kLarge);
  output.gather(second.data(), 1);
  EXPECT_EQ(first[0].data(), second[0].data());
  (void)send_all(output);
  output.append("x");  // it was not
  EXPECT_LT(output.capacity(), kLarge);
}

TEST(Output, SpareBuffersThatNobodyTakesGo) {
  Output::trim_spares();
  Output::trim_spares();
  EXPECT_EQ(Output::trim_spares(), 0U);
  std::vector<Output> outputs(6);
  for (Output& output : outputs) output.append(pattern(kLarge + 1));
  for (Output& output : outputs) (void)send_all(output);
  EXPECT_EQ(Output::trim_spares(), 16 * kLarge);  // four of six are kept
  outputs[0].append(pattern(kLarge + 1));
  (void)send_all(outputs[0]);
  EXPECT_EQ(Output::trim_spares(), 4 * kLarge);  // one at a time was in use
  EXPECT_EQ(Output::trim_spares(), 0U);
}

TEST(Output, BuffersOfManyAreNotMixedUp) {
  std::vector<Output> outputs(20);
  for (size_t round = 0; round < 3; ++round) {
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i].append(std::string(kLarge + 1 + i * 20'000, static_cast<char>('a' + i)));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      const std::string sent = send_all(outputs[i]);
      EXPECT_EQ(sent.size(), kLarge + 1 + i * 20'000);
      EXPECT_EQ(std::count(sent.begin(), sent.end(), static_cast<char>('a' + i)), sent.size());
    }
  }
}

}  // namespace
}  // namespace larder::output_test
