// See text.hpp. Source of the words: Go syscall/zerrors_linux_amd64.go.
#include "signal/text.hpp"

#include <iterator>

namespace gos::rt {

std::string signal_text(int signal) {
  // clang-format off
  static constexpr const char* texts[] = {
      "hangup", "interrupt", "quit", "illegal instruction", "trace/breakpoint trap", "aborted", "bus error",
      "floating point exception", "killed", "user defined signal 1", "segmentation fault",
      "user defined signal 2", "broken pipe", "alarm clock", "terminated", "stack fault", "child exited",
      "continued", "stopped (signal)", "stopped", "stopped (tty input)", "stopped (tty output)",
      "urgent I/O condition", "CPU time limit exceeded", "file size limit exceeded",
      "virtual timer expired", "profiling timer expired", "window changed", "I/O possible", "power failure",
      "bad system call",
  };
  // clang-format on
  if (signal >= 1 && signal <= static_cast<int>(std::size(texts))) return texts[signal - 1];
  return "signal " + std::to_string(signal);
}

}  // namespace gos::rt
