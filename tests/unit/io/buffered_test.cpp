// buffered: lines, limits, failures in the middle, over streams that give and take as little as they like.
#include "fixture.hpp"

#include <cstring>

#include <gossamer/buffered.hpp>

using namespace gos_test;

namespace {

// Gives its text in pieces of at most `piece`, fails once where it is told to, and takes pieces as small.
struct slow_stream {
  std::string text = {};
  std::size_t piece = 1;
  std::size_t fails_at = std::string::npos;
  std::size_t at = 0;
  std::string taken = {};
  int calls = 0;

  gos::result<std::size_t> read_some(std::span<std::byte> buffer) {
    ++calls;
    if (at >= fails_at) {
      fails_at = std::string::npos;
      return std::unexpected(gos::error(gos::io_errc::timeout));
    }
    const std::size_t size = std::min({piece, buffer.size(), text.size() - at});
    std::memcpy(buffer.data(), text.data() + at, size);
    at += size;
    return size;
  }
  gos::result<std::size_t> write_some(std::span<const std::byte> data) {
    ++calls;
    if (taken.size() >= fails_at) return std::unexpected(gos::error(std::errc::no_space_on_device));
    const std::size_t size = std::min(piece, data.size());
    taken.append(reinterpret_cast<const char*>(data.data()), size);
    return size;
  }
};
static_assert(gos::readable_stream<slow_stream> && gos::writable_stream<slow_stream>);
static_assert(gos::readable_stream<gos::buffered_reader> && gos::writable_stream<gos::buffered_writer>);

std::vector<std::string> lines_of(gos::buffered_reader& reader) {
  std::vector<std::string> all;
  for (std::string_view line : reader.lines()) all.emplace_back(line);
  return all;
}

using strings = std::vector<std::string>;

TEST(BufferedReader, Lines) {
  for (const std::size_t piece : {1, 3, 7, 4096}) {
    slow_stream s{.text = "one\n\ntwo\r\n\rthree\n a line that is longer than the buffer\nlast", .piece = piece};
    gos::buffered_reader reader(s, 16);
    EXPECT_EQ(lines_of(reader), (strings{"one", "", "two", "\rthree", " a line that is longer than the buffer", "last"}));
    EXPECT_FALSE(reader.failure());
    EXPECT_EQ(reader.read_line().error(), gos::io_errc::end_of_file);
    EXPECT_FALSE(reader.failure());
  }
  slow_stream empty, ended{.text = "a\n"};
  gos::buffered_reader of_empty(empty), of_ended(ended);
  EXPECT_EQ(lines_of(of_empty), strings{});
  EXPECT_EQ(lines_of(of_ended), strings{"a"});
}

TEST(BufferedReader, GoesOnAfterAFailure) {
  slow_stream s{.text = "first\nsecond\n", .piece = 2, .fails_at = 8};
  gos::buffered_reader reader(s);
  EXPECT_EQ(lines_of(reader), strings{"first"});
  ASSERT_TRUE(reader.failure());
  EXPECT_EQ(*reader.failure(), std::errc::timed_out);
  EXPECT_EQ(reader.read_line().value(), "second");
}

TEST(BufferedReader, LimitsLines) {
  slow_stream s{.text = std::string(39, 'x') + '\n' + std::string(40, 'y') + "\n", .piece = 9};
  gos::buffered_reader reader(s, 16);
  reader.set_line_limit(40);
  EXPECT_EQ(reader.read_line().value(), std::string(39, 'x'));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(reader.read_line().error(), gos::io_errc::line_too_long);
  EXPECT_EQ(*reader.failure(), std::errc::message_size);
  reader.set_line_limit(41);
  EXPECT_EQ(reader.read_line().value(), std::string(40, 'y'));
}

TEST(BufferedReader, PeeksSkipsAndReads) {
  slow_stream s{.text = "GET / HTTP/1.1;body of the message", .piece = 5};
  gos::buffered_reader reader(s, 16);
  EXPECT_EQ(reader.peek(3).value(), "GET");
  EXPECT_EQ(reader.peek(20).value(), "GET / HTTP/1.1;body ");
  reader.skip(4);
  EXPECT_EQ(reader.read_until(';').value(), "/ HTTP/1.1;");
  char buffer[64];
  EXPECT_EQ(reader.read_full(std::span<char>(buffer, 8)).value(), 8U);
  EXPECT_EQ(std::string_view(buffer, 8), "body of ");
  EXPECT_EQ(reader.peek(100).value(), "the message");
  const auto rest = reader.read_full(std::span<char>(buffer));
  EXPECT_EQ(rest.error(), gos::io_errc::unexpected_end_of_file);
  EXPECT_EQ(rest.error().transferred(), 11U);
  EXPECT_EQ(reader.read_some(std::span<char>(buffer)).value(), 0U);
  EXPECT_EQ(reader.read_some(std::span<char>()).value(), 0U);
}

// Reads by random calls add up to the text.
TEST(BufferedReader, LosesNothing) {
  auto random = rng();
  for (int round = 0; round < rounds(200); ++round) {
    slow_stream s{.piece = random() % 40 + 1};
    for (std::size_t i = random() % 500; i > 0; --i) s.text += "abc;\n"[random() % 5];
    gos::buffered_reader reader(s, random() % 64);
    std::string got;
    for (bool more = true; more;) {
      char buffer[50];
      gos::result<std::string_view> part = std::string_view();
      switch (random() % 3) {
        case 0: part = reader.read_until(';'); break;
        case 1: {
          const auto n = reader.read_some(std::span<char>(buffer, random() % 50 + 1));
          part = std::string_view(buffer, n.value());
          more = *n != 0;
          break;
        }
        case 2:
          part = reader.peek(random() % 50 + 1);
          reader.skip(part->size());
          break;
      }
      if (part) got += *part;
    }
    ASSERT_EQ(got, s.text);
  }
}

TEST(BufferedWriter, CollectsAndFlushes) {
  slow_stream s{.piece = 1000};
  {
    gos::buffered_writer writer(s, 16);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(writer.write("abc"));
    EXPECT_EQ(s.calls, 0);
    EXPECT_EQ(writer.buffered(), 15U);
    EXPECT_TRUE(writer.write("defg"));
    EXPECT_EQ(s.taken, "abcabcabcabcabcd");
    EXPECT_TRUE(writer.flush());
    EXPECT_EQ(s.taken, "abcabcabcabcabcdefg");
    EXPECT_EQ(writer.write_all(std::string(100, 'z')).value(), 100U);  // past the buffer
    EXPECT_EQ(writer.buffered(), 0U);
    EXPECT_TRUE(writer.write("end"));
    gos::buffered_writer moved(std::move(writer));
  }
  EXPECT_EQ(s.taken, "abcabcabcabcabcdefg" + std::string(100, 'z') + "end");
}

TEST(BufferedWriter, RemembersItsFailure) {
  slow_stream s{.piece = 3, .fails_at = 6};
  gos::buffered_writer writer(s, 16);
  EXPECT_TRUE(writer.write("0123456789"));
  EXPECT_EQ(writer.flush().error(), std::errc::no_space_on_device);
  s.fails_at = std::string::npos;
  EXPECT_EQ(writer.write("x").error(), std::errc::no_space_on_device);
  EXPECT_EQ(writer.flush().error(), std::errc::no_space_on_device);
  EXPECT_EQ(writer.failure()->code(), std::errc::no_space_on_device);
  EXPECT_EQ(s.taken, "012345");
}

TEST(Streams, ReadAllAndCopyAll) {
  slow_stream from{.text = std::string(100'000, 'c'), .piece = 777}, to{.piece = 100};
  EXPECT_EQ(gos::copy_all(to, from).value(), 100'000U);
  EXPECT_TRUE(to.taken == from.text);
  from.at = 0;
  EXPECT_TRUE(gos::read_all(from).value() == from.text);
  from.at = 0;
  from.fails_at = 5000;
  EXPECT_EQ(gos::read_all(from).error(), std::errc::timed_out);
}

}  // namespace
