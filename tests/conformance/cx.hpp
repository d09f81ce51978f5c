// cx: what the tests of contexts share.
#pragma once
#include "fixture.hpp"

#include <system_error>

namespace gos_test {

inline const std::error_code canceled = gos::context_errc::canceled;
inline const std::error_code deadline_exceeded = gos::context_errc::deadline_exceeded;
inline const std::error_code cause_one = std::make_error_code(std::errc::no_link);
inline const std::error_code cause_two = std::make_error_code(std::errc::owner_dead);

inline bool closed(const gos::context& ctx) {
  const auto got = ctx.done().try_recv();
  return !got && got.error() == gos::recv_status::closed;
}

inline void expect_live(const gos::context& ctx) {
  EXPECT_FALSE(ctx.err());
  EXPECT_FALSE(cause(ctx));
  EXPECT_FALSE(closed(ctx));
}

inline void expect_over(const gos::context& ctx, std::error_code err, std::error_code why) {
  EXPECT_TRUE(closed(ctx));
  EXPECT_EQ(ctx.err(), err);
  EXPECT_EQ(cause(ctx), why);
}

}  // namespace gos_test
