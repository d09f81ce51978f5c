// What a panic's value says of itself: contract CR-03.
#include "fixture.hpp"

#include <memory>
#include <string_view>
#include <system_error>
#include <thread>

using namespace gos_test;

namespace shapes {
enum class color { red, green };
enum plain_enum : unsigned char { small = 3 };
struct no_text {
  int x = 0;
};
struct streamed {
  int x = 0;
  friend std::ostream& operator<<(std::ostream& out, const streamed& s) { return out << "streamed " << s.x; }
};
struct with_message {
  std::string message() const { return "from message"; }
};
struct with_what {
  const char* what() const noexcept { return "from what"; }
  std::string message() const { return "not this"; }
};
struct looks_like_bool {
  operator bool() const { return true; }
};
struct throws {
  std::string message() const { throw std::runtime_error("no text"); }
};
struct base {
  virtual ~base() = default;
  int id = 5;
};
struct derived : base {};
struct move_only {
  std::unique_ptr<int> p;
};
}  // namespace shapes

namespace {

template <class T>
std::string text_of(T&& value) {
  return panic_text([&] { gos::panic(std::forward<T>(value)); });
}

TEST(CR, CR_03_plain_values_as_they_are) {
  EXPECT_EQ(text_of("literal"), "literal");
  EXPECT_EQ(text_of(std::string("string")), "string");
  EXPECT_EQ(text_of(std::string_view("view")), "view");
  EXPECT_EQ(text_of(42), "42");
  EXPECT_EQ(text_of(-7LL), "-7");
  EXPECT_EQ(text_of(18446744073709551615ULL), "18446744073709551615");
  EXPECT_EQ(text_of(static_cast<unsigned char>(200)), "200");
  EXPECT_EQ(text_of('c'), "c");
  EXPECT_EQ(text_of(true), "true");
  EXPECT_EQ(text_of(1.5), "1.5");
  EXPECT_EQ(text_of(0.1F), "0.1");
}

TEST(CR, CR_03_types_with_a_text) {
  EXPECT_EQ(text_of(std::runtime_error("error")), "error");
  EXPECT_EQ(text_of(shapes::with_what{}), "from what");
  EXPECT_EQ(text_of(shapes::with_message{}), "from message");
  EXPECT_EQ(text_of(shapes::streamed{3}), "streamed 3");
  EXPECT_EQ(text_of(std::make_error_code(std::errc::broken_pipe)), "Broken pipe");
  EXPECT_EQ(text_of(std::errc::broken_pipe), "Broken pipe");
}

TEST(CR, CR_03_others_by_type) {
  EXPECT_EQ(text_of(shapes::color::green), "shapes::color(1)");
  EXPECT_EQ(text_of(shapes::small), "shapes::plain_enum(3)");
  EXPECT_TRUE(text_of(shapes::no_text{}).starts_with("(shapes::no_text) 0x"));
  EXPECT_TRUE(text_of(shapes::looks_like_bool{}).starts_with("(shapes::looks_like_bool) 0x"));
  int n = 0;
  char expected[64];
  std::snprintf(expected, sizeof expected, "(int*) %p", static_cast<void*>(&n));
  EXPECT_EQ(text_of(&n), expected);
}

TEST(Panic, a_text_that_throws) {
  const auto p = panic_of([] { gos::panic(shapes::throws{}); });
  ASSERT_TRUE(p);
  EXPECT_THROW(p->message(), std::runtime_error);
}

TEST(Panic, the_value_by_type) {
  const auto text = panic_of([] { gos::panic("literal"); });
  ASSERT_TRUE(text);
  EXPECT_EQ(*text->value<std::string>(), "literal");
  EXPECT_EQ(text->value<const char*>(), nullptr);
  EXPECT_EQ(text->value<int>(), nullptr);

  const auto moved = panic_of([] { gos::panic(shapes::move_only{std::make_unique<int>(9)}); });
  ASSERT_TRUE(moved);
  EXPECT_EQ(*moved->value<shapes::move_only>()->p, 9);

  const auto family = panic_of([] { gos::panic(shapes::derived{}); });
  ASSERT_TRUE(family);
  EXPECT_NE(family->value<shapes::derived>(), nullptr);
  ASSERT_NE(family->value<shapes::base>(), nullptr);
  EXPECT_EQ(family->value<shapes::base>()->id, 5);
  EXPECT_EQ(family->value<shapes::no_text>(), nullptr);

  const auto error = panic_of([] { gos::panic(std::out_of_range("x")); });
  ASSERT_TRUE(error);
  EXPECT_STREQ(error->value<std::exception>()->what(), "x");
}

TEST(Panic, handles_are_values) {
  auto p = panic_of([] { gos::panic(1); });
  ASSERT_TRUE(p);
  gos::panic_value copy = *p;
  gos::panic_value other = std::move(copy);
  copy = other;
  EXPECT_EQ(copy.message(), "1");
  gos::panic_value empty = std::move(copy);
  EXPECT_EQ(copy.message(), "");  // moved from: empty, by contract of the class
  EXPECT_EQ(copy.stack_trace(), "");
  EXPECT_EQ(copy.value<int>(), nullptr);
  EXPECT_FALSE(copy.is_runtime_error());
}

}  // namespace
