// misuse: an element whose move may throw (CH-17)
// expect: elements of a channel must be nothrow-movable: wrap the type in a std::unique_ptr
#include <gossamer/chan.hpp>

struct heavy {
  heavy();
  heavy(heavy&&) noexcept(false);
};
#ifdef MISUSE
auto ch = gos::make_chan<heavy>();
#endif
