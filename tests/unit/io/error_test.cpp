// error: texts, comparisons, and the sharing of what they carry (NF-18).
#include <gossamer/error.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>
#include <vector>

namespace {

std::error_code number(int n) { return {n, std::system_category()}; }

TEST(Error, BareCauseIsItsText) {
  EXPECT_EQ(gos::error(gos::io_errc::closed).message(), "use of closed network connection");
  EXPECT_EQ(gos::error(gos::io_errc::timeout).message(), "i/o timeout");
  EXPECT_EQ(gos::error(gos::io_errc::end_of_file).message(), "EOF");
  EXPECT_EQ(gos::error(std::errc::connection_refused).message(), "connection refused");
  EXPECT_EQ(gos::error(number(EADDRINUSE)).message(), "address already in use");
  EXPECT_EQ(gos::error(number(EPIPE)).message(), "broken pipe");
  EXPECT_EQ(gos::error(number(EXDEV)).message(), "invalid cross-device link");
}

TEST(Error, ContextComesFirst) {
  const gos::error e(number(EADDRINUSE), "listen tcp 127.0.0.1:9000: bind");
  EXPECT_EQ(e.message(), "listen tcp 127.0.0.1:9000: bind: address already in use");
  EXPECT_EQ(gos::error(gos::io_errc::unknown_network, "listen foo", "unknown network foo").message(),
            "listen foo: unknown network foo");
  EXPECT_EQ(gos::error(gos::io_errc::timeout, "").message(), "i/o timeout");
}

TEST(Error, ComparesWithTheStandardsConditions) {
  EXPECT_EQ(gos::error(gos::io_errc::timeout), std::errc::timed_out);
  EXPECT_EQ(gos::error(number(ETIMEDOUT)), std::errc::timed_out);
  EXPECT_EQ(gos::error(number(ECONNRESET)), std::errc::connection_reset);
  EXPECT_NE(gos::error(gos::io_errc::closed), std::errc::timed_out);
  EXPECT_EQ(gos::error(gos::io_errc::closed), gos::io_errc::closed);
  EXPECT_EQ(gos::error(gos::io_errc::canceled), std::errc::operation_canceled);
  EXPECT_EQ(gos::error(gos::io_errc::invalid_address), std::errc::invalid_argument);
  const std::error_code code = gos::error(gos::io_errc::timeout, "read");
  EXPECT_EQ(code, std::errc::timed_out);
  EXPECT_EQ(code, make_error_code(gos::io_errc::timeout));
}

TEST(Error, IsSmallAndItsCopiesShareTheText) {
  static_assert(sizeof(gos::error) <= 24);
  static_assert(std::is_nothrow_copy_constructible_v<gos::error>);
  gos::error a(number(EPIPE), "write", {}, 17);
  gos::error b = a;
  gos::error c = std::move(a);
  EXPECT_EQ(b.message(), "write: broken pipe");
  EXPECT_EQ(c.message(), "write: broken pipe");
  EXPECT_EQ(b.transferred(), 17U);
  b = c;
  c = gos::error(gos::io_errc::closed);
  EXPECT_EQ(b.message(), "write: broken pipe");
  EXPECT_EQ(c.message(), "use of closed network connection");
  EXPECT_EQ(c.transferred(), 0U);
}

TEST(Error, CopiesMayBeUsedFromSeveralThreads) {
  const gos::error original(number(EPIPE), "write");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([copy = original] {
      for (int k = 0; k < 1000; ++k) {
        const gos::error again = copy;
        ASSERT_EQ(again.message().size(), std::string_view("write: broken pipe").size());
      }
    });
  }
  for (auto& t : threads) t.join();
}

TEST(Error, TravelsInResults) {
  const auto fails = []() -> gos::result<int> { return std::unexpected(gos::io_errc::closed); };
  EXPECT_EQ(fails().error(), gos::io_errc::closed);
  EXPECT_THROW(
      {
        try {
          static_cast<void>(fails().value());
        } catch (const std::bad_expected_access<gos::error>& e) {
          EXPECT_EQ(e.error().message(), "use of closed network connection");
          throw;
        }
      },
      std::bad_expected_access<gos::error>);
}

}  // namespace
