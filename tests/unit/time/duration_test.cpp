// The conversion from any std::chrono duration: exact, rounded up, saturating.
#include "fixture.hpp"

#include <limits>

using gos::detail::moment_after;
using gos::detail::to_nanoseconds;

namespace {

constexpr std::int64_t max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t min = std::numeric_limits<std::int64_t>::min();

static_assert(gos::any_duration<std::chrono::hours>);
static_assert(gos::any_duration<std::chrono::duration<float, std::ratio<1, 3>>>);
static_assert(!gos::any_duration<int>);

TEST(Duration, exact_where_it_fits) {
  using namespace std::chrono;
  EXPECT_EQ(to_nanoseconds(nanoseconds(-5)), -5);
  EXPECT_EQ(to_nanoseconds(microseconds(7)), 7'000);
  EXPECT_EQ(to_nanoseconds(seconds(3)), 3'000'000'000);
  EXPECT_EQ(to_nanoseconds(hours(-1)), -3'600'000'000'000);
  EXPECT_EQ(to_nanoseconds(duration<int, std::ratio<1, 1024>>(1024)), 1'000'000'000);
  EXPECT_EQ(to_nanoseconds(duration<unsigned char>(200)), 200'000'000'000);
  EXPECT_EQ(to_nanoseconds(duration<double>(0.25)), 250'000'000);
  EXPECT_EQ(to_nanoseconds(duration<float, std::milli>(1.5F)), 1'500'000);
}

TEST(Duration, rounds_up) {
  using namespace std::chrono;
  EXPECT_EQ(to_nanoseconds(duration<int, std::pico>(1)), 1);
  EXPECT_EQ(to_nanoseconds(duration<int, std::pico>(1001)), 2);
  EXPECT_EQ(to_nanoseconds(duration<int, std::pico>(-1999)), -1);
  EXPECT_EQ(to_nanoseconds(duration<int, std::ratio<1, 3>>(1)), 333'333'334);
  EXPECT_EQ(to_nanoseconds(duration<double, std::nano>(0.1)), 1);
  EXPECT_EQ(to_nanoseconds(duration<double, std::nano>(-0.1)), 0);
}

TEST(Duration, saturates) {
  using namespace std::chrono;
  EXPECT_EQ(to_nanoseconds(hours::max()), max);
  EXPECT_EQ(to_nanoseconds(hours::min()), min);
  EXPECT_EQ(to_nanoseconds(seconds::max()), max);
  EXPECT_EQ(to_nanoseconds(nanoseconds::max()), max);
  EXPECT_EQ(to_nanoseconds(nanoseconds::min()), min);
  EXPECT_EQ(to_nanoseconds(duration<std::uint64_t>(std::numeric_limits<std::uint64_t>::max())), max);
  EXPECT_EQ(to_nanoseconds(duration<std::uint64_t, std::nano>(std::numeric_limits<std::uint64_t>::max())),
            max);
  EXPECT_EQ(to_nanoseconds(duration<double>(std::numeric_limits<double>::infinity())), max);
  EXPECT_EQ(to_nanoseconds(duration<double>(-1e300)), min);
  EXPECT_EQ(to_nanoseconds(duration<double>(std::numeric_limits<double>::quiet_NaN())), 0);
  EXPECT_EQ(to_nanoseconds(duration<double, std::nano>(9.3e18)), max);
  EXPECT_EQ(to_nanoseconds(seconds(9'223'372'036)), 9'223'372'036'000'000'000);
  EXPECT_EQ(to_nanoseconds(seconds(9'223'372'037)), max);
}

TEST(Duration, moments_saturate) {
  EXPECT_EQ(moment_after(100, 20), 120);
  EXPECT_EQ(moment_after(100, -20), 80);
  EXPECT_EQ(moment_after(100, max), max);
  EXPECT_EQ(moment_after(-100, min), 0);
}

}  // namespace
