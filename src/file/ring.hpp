// ring: reads, writes and syncs of files for which no thread waits: io_uring.
//
// The goroutine puts its operation into a ring, parks, and is woken by the completion; what it reads into stays valid because it waits.
// Decided at the first use: the kernel may lack io_uring or an operation, or refuse it (seccomp, kernel.io_uring_disabled, a
// container), and GOS_DEBUG=nouring does without. Then, and where the library was built without liburing (ring_none.cpp), nothing is
// usable, and callers let a thread wait.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gos::rt::ring {

// The operation was not begun: do it another way. No call returns this number.
inline constexpr std::ptrdiff_t refused = -4096;

bool usable() noexcept;

// As file_calls::read and write, EINTR included. User mode; the descriptor must stay open.
std::ptrdiff_t read(int fd, void* buffer, std::size_t size, std::int64_t offset) noexcept;
std::ptrdiff_t write(int fd, const void* data, std::size_t size, std::int64_t offset) noexcept;
std::ptrdiff_t sync(int fd, bool data_only) noexcept;

// How many operations rings have completed.
std::uint64_t completed() noexcept;

}  // namespace gos::rt::ring
