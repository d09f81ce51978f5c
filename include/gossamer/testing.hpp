// testing: a test that leaves goroutines behind fails, and says which.
//
//   #include <gtest/gtest.h>
//   #include <gossamer/testing.hpp>
//
//   TEST(Server, Stops) {
//     const gos::leak_check check;
//     server s;
//     s.stop();
//   }
//
// At the end of its scope it waits for the goroutines that have been made since its beginning, for as long as it is told; those
// that are still there then are a failure of the test, each with its state, what it waits on, its stack and who spawned it.
// Include GoogleTest before. With another framework: leak_check_to, with a function that takes the text.
// Goroutines that others make meanwhile (tests that run beside) are taken for the test's own.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gossamer/detail/duration.hpp>

namespace gos {

namespace detail {
std::vector<std::uint64_t> goroutine_ids();
// What is to be told of those that are not among `known`, after waiting for their end; empty: there are none.
std::string left_behind(const std::vector<std::uint64_t>& known, duration patience);
}  // namespace detail

// Calls report(text) at the end of its scope if goroutines were left behind.
template <class Report> class [[nodiscard]] leak_check_to {
 public:
  explicit leak_check_to(Report report, duration patience = std::chrono::seconds(1))
      : known_(detail::goroutine_ids()), patience_(patience), report_(std::move(report)) {}
  leak_check_to(const leak_check_to&) = delete;
  leak_check_to& operator=(const leak_check_to&) = delete;
  ~leak_check_to() {
    const std::string text = detail::left_behind(known_, patience_);
    if (!text.empty()) report_(text);
  }

 private:
  const std::vector<std::uint64_t> known_;
  const duration patience_;
  Report report_;
};

#if defined(ADD_FAILURE)
namespace detail {
struct fails_the_test {
  void operator()(const std::string& text) const { ADD_FAILURE() << text; }
};
}  // namespace detail

class [[nodiscard]] leak_check : public leak_check_to<detail::fails_the_test> {
 public:
  explicit leak_check(duration patience = std::chrono::seconds(1)) : leak_check_to({}, patience) {}
};
#endif

}  // namespace gos
