// See references.hpp. Memory is copied out by the kernel, which knows what is mapped and readable at that moment; pages that
// nobody has touched are passed over.
#include "report/references.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include "platform/stack.hpp"
#include "sched/inspect.hpp"

namespace gos::rt {

namespace {

constexpr std::size_t page_max = std::size_t{64} << 10;
// Shadow memory of sanitizers has no pointers and no end.
constexpr std::uintptr_t mapping_max = std::uintptr_t{1} << 40;

struct mapping {
  std::uintptr_t low;
  std::uintptr_t high;
};

std::vector<mapping> writable_memory() {
  std::vector<mapping> all;
  std::FILE* const maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return all;
  char line[512];
  bool whole = true;  // `line` begins where a line begins
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long low = 0;
    unsigned long high = 0;
    char rights[5] = {};
    const bool starts = whole;
    whole = std::char_traits<char>::find(line, std::char_traits<char>::length(line), '\n') != nullptr;
    if (!starts || std::sscanf(line, "%lx-%lx %4s", &low, &high, rights) != 3) continue;
    if (rights[0] == 'r' && rights[1] == 'w' && high - low < mapping_max) all.push_back({low, high});
  }
  std::fclose(maps);
  return all;
}

class search {
 public:
  search(const range_set& wanted, const range_set& ignored, void (*hit)(std::uint32_t, void*), void* argument)
      : wanted_(wanted), ignored_(ignored), hit_(hit), argument_(argument), buffer_(new std::uintptr_t[page_max / sizeof(std::uintptr_t)]) {}

  bool all() {
    const std::vector<mapping> mappings = writable_memory();
    if (mappings.empty()) return false;
    for (const mapping& one : mappings) {
      for (std::uintptr_t at = one.low; at < one.high;) at = window(at, one.high);
      if (failed_) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t window_pages = 4096;

  // Some pages from `at` on; returns where they end.
  std::uintptr_t window(std::uintptr_t at, std::uintptr_t high) {
    std::uint64_t pages[window_pages];
    const std::uintptr_t end = std::min(high, at + window_pages * page_);
    stack_slot slot;
    // Stacks are looked at one by one, by who knows how far they are in use.
    if (stack_find(reinterpret_cast<const void*>(at), &slot, nullptr)) {
      const std::uintptr_t slot_end = reinterpret_cast<std::uintptr_t>(slot.base) + slot.size;
      return slot_end > at ? std::min(high, slot_end) : end;
    }
    const auto wanted = static_cast<ssize_t>((end - at) / page_ * sizeof pages[0]);
    const bool known = pagemap_.fd >= 0 && ::pread(pagemap_.fd, pages, static_cast<std::size_t>(wanted),
                                                   static_cast<off_t>(at / page_ * sizeof pages[0])) == wanted;
    constexpr std::uint64_t present_or_swapped = std::uint64_t{3} << 62;
    for (std::size_t i = 0; at < end; at += page_, ++i) {
      if (known && (pages[i] & present_or_swapped) == 0) continue;
      if (!stack_find(reinterpret_cast<const void*>(at), &slot, nullptr)) words(at, at + page_);
    }
    return end;
  }

  void words(std::uintptr_t low, std::uintptr_t high) {
    iovec to{buffer_.get(), high - low};
    iovec from{reinterpret_cast<void*>(low), high - low};
    const ssize_t got = ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0);
    if (got < 0) {
      if (errno == ENOSYS || errno == EPERM) failed_ = true;
      return;  // gone meanwhile
    }
    const auto own = reinterpret_cast<std::uintptr_t>(buffer_.get());
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof(std::uintptr_t); ++i) {
      const address_range* target = wanted_.find(buffer_[i]);
      if (target == nullptr) continue;
      const std::uintptr_t where = low + i * sizeof(std::uintptr_t);
      if ((where >= own && where < own + page_max) || ignored_.find(where) != nullptr) continue;
      if (in_goroutine_record(reinterpret_cast<const void*>(where))) continue;
      hit_(target->owner, argument_);
    }
  }

  const range_set& wanted_;
  const range_set& ignored_;
  void (*const hit_)(std::uint32_t, void*);
  void* const argument_;
  const std::unique_ptr<std::uintptr_t[]> buffer_;
  const std::size_t page_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  struct descriptor {
    const int fd = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    ~descriptor() {
      if (fd >= 0) ::close(fd);
    }
  } pagemap_;
  bool failed_ = false;
};

}  // namespace

void range_set::sort() {
  std::sort(ranges_.begin(), ranges_.end(),
            [](const address_range& a, const address_range& b) { return a.low() < b.low(); });
  if (ranges_.empty()) return;
  not_first_ = ranges_.front().not_low;
  not_last_ = ranges_.back().not_high;
}

const address_range* range_set::next(std::uintptr_t address) const noexcept {
  const auto at = std::partition_point(ranges_.begin(), ranges_.end(),
                                       [=](const address_range& r) { return r.high() <= address; });
  return at == ranges_.end() ? nullptr : &*at;
}

const address_range* range_set::find(std::uintptr_t address) const noexcept {
  if (address < ~not_first_ || address >= ~not_last_) return nullptr;  // most words are
  const address_range* const at = next(address);
  return at != nullptr && at->low() <= address ? at : nullptr;
}

bool find_references(const range_set& wanted, const range_set& ignored, void (*hit)(std::uint32_t owner, void* argument),
                     void* argument) {
  return search(wanted, ignored, hit, argument).all();
}

}  // namespace gos::rt
