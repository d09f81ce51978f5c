// panics: what the tests of panics share.
#pragma once
#include "fixture.hpp"

namespace gos_test {

using lines = std::vector<std::string>;

// Runs the test's body twice: as main goroutine, and on the plain thread.
template <class F>
void both(F body) {
  gos::run([&] { body(); });
  body();
}

// The text of the panic that a deferred call sees.
inline std::string seen() {
  const auto panicked = gos::recover();
  return panicked ? panicked->message() : "nothing";
}

// Runs f in a goroutine to its end.
template <class F>
void in_goroutine(F f) {
  gos::wait_group ended;
  ended.go(f);
  ended.wait();
}

}  // namespace gos_test
