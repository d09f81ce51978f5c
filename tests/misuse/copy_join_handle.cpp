// misuse: a join handle is copied
// expect: join_handle.*because.*move|join_handle.*\n.*\n.*\n.*move constructor
#include <gossamer/go.hpp>

auto handle = gos::spawn([] {});
#ifdef MISUSE
auto copy = handle;
#endif
