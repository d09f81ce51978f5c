// ring_none: no io_uring: the library was built without liburing.
#include "file/ring.hpp"

namespace gos::rt::ring {

bool usable() noexcept { return false; }
std::ptrdiff_t read(int, void*, std::size_t, std::int64_t) noexcept { return refused; }
std::ptrdiff_t write(int, const void*, std::size_t, std::int64_t) noexcept { return refused; }
std::ptrdiff_t sync(int, bool) noexcept { return refused; }
std::uint64_t completed() noexcept { return 0; }

}  // namespace gos::rt::ring
