// random: a small generator, one per processor, seeded (wyrand, Wang Yi 2019).
//
// Not for secrets. Owner only. Every choice the runtime makes by chance (which victim, which ready
// arm of a select) draws from one of these. GOS_SEED fixes those of the processors; a plain thread's
// is seeded by the clock.
#pragma once

#include <cstdint>

namespace gos::rt {

class random_generator {
 public:
  constexpr explicit random_generator(std::uint64_t seed = 0) noexcept : state_(seed) {}

  std::uint32_t next() noexcept {
    state_ += 0xa0761d6478bd642fULL;
    __extension__ using wide = unsigned __int128;
    const wide product = static_cast<wide>(state_) * (state_ ^ 0xe7037ed1a0b428dbULL);
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(product >> 64) ^ static_cast<std::uint64_t>(product));
  }

  // Uniform in [0, bound), bound > 0 (Lemire's multiplication, its tiny bias accepted).
  std::uint32_t below(std::uint32_t bound) noexcept {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(next()) * bound) >> 32);
  }

 private:
  std::uint64_t state_;
};

}  // namespace gos::rt
