// The same as gossamer.cpp, as on a kernel without io_uring: threads wait.
#include <cstdlib>

#include "gossamer.cpp"

namespace {
[[maybe_unused]] const int set = ::setenv("GOS_DEBUG", "nouring", 1);
}
