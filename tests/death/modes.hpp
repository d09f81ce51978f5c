// modes: the frame of the small programs in this folder. Each is one executable with a list of named modes; the test names
// the mode as first argument and checks the output and how the process ended.
#pragma once
#include <gossamer/gossamer.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

using namespace std::chrono_literals;

using modes = std::map<std::string, std::function<int()>>;

// Runs the mode that the command line names; status 64 when there is none.
inline int run_mode(const modes& known, int argc, char** argv) {
  const auto found = known.find(argc > 1 ? argv[1] : "");
  if (found == known.end()) {
    for (const auto& [name, body] : known) std::fprintf(stderr, "%s\n", name.c_str());
    return 64;
  }
  return found->second();
}

// Ends the process at once, past the runtime and every exit handler: for what must not have happened.
[[noreturn]] inline void wrong(const char* what) {
  std::fprintf(stderr, "wrong: %s\n", what);
  std::fflush(nullptr);
  std::_Exit(70);
}
