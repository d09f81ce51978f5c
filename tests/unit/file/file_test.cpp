// file: regular files, by either way of waiting (VARIANT nouring), what fails and how it says so, and names.
#include "fixture.hpp"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>

#include <gossamer/file.hpp>

#include "file/ring.hpp"

using namespace gos_test;

namespace {

template <class T> std::string text_of(const gos::result<T>& r) { return r ? "no error" : r.error().message(); }

// A directory for one test, and names in it.
struct folder {
  std::string path = gos::make_temporary_directory("gos_file_").value();
  ~folder() { EXPECT_TRUE(gos::remove_all(path)); }
  std::string operator/(std::string_view name) const { return path + '/' + std::string(name); }
};

std::span<char> span_of(auto& buffer) { return {std::data(buffer), std::size(buffer)}; }

// What a file has at a place: each eight bytes are their own offset.
void fill(std::span<std::uint64_t> words, std::uint64_t offset) {
  for (std::uint64_t& word : words) word = std::exchange(offset, offset + 8);
}
bool is_from(std::span<const std::uint64_t> words, std::uint64_t offset) {
  return std::ranges::all_of(words, [&](std::uint64_t word) { return word == std::exchange(offset, offset + 8); });
}

constexpr std::size_t page = 4096;
using block = std::array<std::uint64_t, page / 8>;

// A file of `size` bytes that the page cache has forgotten.
gos::file cold_file(const folder& here, std::size_t size, int flags = O_RDWR) {
  const std::string path = here / "cold";
  std::string content(size, '\0');
  fill({reinterpret_cast<std::uint64_t*>(content.data()), size / 8}, 0);
  auto made = gos::file::create(path).value();
  EXPECT_EQ(made.write_all(content).value(), size);
  EXPECT_TRUE(made.sync());
  ::posix_fadvise(made.native_handle(), 0, 0, POSIX_FADV_DONTNEED);
  return gos::file::open(path, flags).value();
}

TEST(File, ReadsWritesSeeks) {
  const folder here;
  const auto body = [&] {
    auto f = gos::file::create(here / "f").value();
    EXPECT_EQ(f.name(), here / "f");
    EXPECT_EQ(f.write_all("hello world").value(), 11U);
    EXPECT_EQ(f.seek(6).value(), 6U);
    char buffer[16];
    EXPECT_EQ(f.read_some(span_of(buffer)).value(), 5U);
    EXPECT_EQ(std::string_view(buffer, 5), "world");
    EXPECT_EQ(f.read_some(span_of(buffer)).value(), 0U);
    EXPECT_EQ(f.seek(-5, gos::seek_from::end).value(), 6U);
    EXPECT_EQ(f.seek(-1, gos::seek_from::position).value(), 5U);
    const auto short_read = f.read_full(span_of(buffer));
    EXPECT_EQ(short_read.error(), gos::io_errc::unexpected_end_of_file);
    EXPECT_EQ(short_read.error().transferred(), 6U);
    EXPECT_EQ(f.read_full(span_of(buffer)).error(), gos::io_errc::end_of_file);
    EXPECT_EQ(f.read_at(3, span_of(buffer)).value(), 8U);
    EXPECT_EQ(f.read_at(100, span_of(buffer)).value(), 0U);
    EXPECT_EQ(f.write_at(20, "there").value(), 5U);
    EXPECT_EQ(f.size().value(), 25U);
    EXPECT_TRUE(f.truncate(4));
    EXPECT_TRUE(f.chmod(0600));
    EXPECT_TRUE(f.sync());
    EXPECT_TRUE(f.sync_data());
    const auto info = f.stat().value();
    EXPECT_TRUE(info.is_regular());
    EXPECT_EQ(info.size, 4U);
    EXPECT_EQ(info.permissions, 0600U);
    EXPECT_LT(std::chrono::abs(std::chrono::system_clock::now() - info.modified), 1h);
    EXPECT_TRUE(f.close());
    EXPECT_EQ(text_of(f.read_some(span_of(buffer))), "read " + (here / "f") + ": file already closed");
    EXPECT_EQ(text_of(f.close()), "close " + (here / "f") + ": file already closed");
    EXPECT_EQ(f.native_handle(), -1);
    gos::file none;
    EXPECT_EQ(none.sync().error(), std::errc::invalid_argument);
  };
  body();  // on a plain thread
  gos::run(body);
}

TEST(File, AppendsAndRefusesWriteAt) {
  const folder here;
  ASSERT_TRUE(gos::write_file(here / "f", "one "));
  auto f = gos::file::open(here / "f", O_WRONLY | O_APPEND).value();
  EXPECT_TRUE(f.write_all("two"));
  EXPECT_EQ(f.write_at(0, "x").error(), std::errc::invalid_argument);
  EXPECT_EQ(gos::read_file(here / "f").value(), "one two");
}

TEST(File, SaysWhatFailed) {
  const folder here;
  EXPECT_EQ(text_of(gos::file::open("/nonexistent")), "open /nonexistent: no such file or directory");
  EXPECT_EQ(text_of(gos::file::open(std::string_view("a\0b", 3))).substr(0, 5), "open ");
  EXPECT_EQ(gos::file::open(std::string_view("a\0b", 3)).error(), std::errc::invalid_argument);
  EXPECT_EQ(text_of(gos::file::open(here.path, O_WRONLY)), "open " + here.path + ": is a directory");
  EXPECT_EQ(text_of(gos::rename(here / "a", here / "b")),
            "rename " + (here / "a") + ' ' + (here / "b") + ": no such file or directory");
  char byte[1];
  EXPECT_EQ(text_of(gos::file::open("/").value().read_some(span_of(byte))), "read /: is a directory");
  EXPECT_EQ(text_of(gos::file::from_descriptor(-1).read_some(span_of(byte))), "read descriptor -1: bad file descriptor");
  auto for_reading = gos::file::open("/dev/zero").value();
  EXPECT_EQ(for_reading.write_all("x").error(), std::errc::bad_file_descriptor);
  EXPECT_EQ(for_reading.read_full(span_of(byte)).value(), 1U);

  auto full = gos::file::open("/dev/full", O_WRONLY).value();
  const auto wrote = full.write_all("x");
  EXPECT_EQ(text_of(wrote), "write /dev/full: no space left on device");
  EXPECT_EQ(wrote.error().transferred(), 0U);

  ASSERT_TRUE(gos::write_file(here / "secret", "x", 0600));
  ASSERT_TRUE(gos::chmod(here / "secret", 0));
  std::thread([&] {
    if (::geteuid() == 0) ::setfsuid(65534);  // of this thread
    EXPECT_EQ(text_of(gos::file::open(here / "secret")), "open " + (here / "secret") + ": permission denied");
  }).join();
}

TEST(File, NamesAndDirectories) {
  const folder here;
  ASSERT_TRUE(gos::mkdir_all(here / "a/b/c"));
  EXPECT_TRUE(gos::mkdir_all(here / "a/b"));
  EXPECT_EQ(gos::mkdir(here / "a").error(), std::errc::file_exists);
  ASSERT_TRUE(gos::write_file(here / "a/file", "text"));
  EXPECT_EQ(gos::mkdir_all(here / "a/file/d").error(), std::errc::not_a_directory);
  ASSERT_TRUE(gos::symlink("file", here / "a/symlink"));
  ASSERT_TRUE(gos::link(here / "a/file", here / "a/link"));
  EXPECT_EQ(gos::read_link(here / "a/symlink").value(), "file");
  EXPECT_EQ(gos::stat(here / "a/symlink").value().inode, gos::stat(here / "a/file").value().inode);
  EXPECT_EQ(gos::lstat(here / "a/symlink").value().type, gos::file_type::symlink);
  EXPECT_EQ(gos::stat(here / "a/link").value().links, 2U);
  std::string names;
  const auto entries = gos::read_directory(here / "a").value();
  for (const auto& entry : entries) {
    names += entry.name + (entry.type == gos::file_type::directory ? "/ " : " ");
  }
  EXPECT_EQ(names, "b/ file link symlink ");
  EXPECT_EQ(text_of(gos::read_directory(here / "a/file")), "readdir " + (here / "a/file") + ": not a directory");
  EXPECT_EQ(gos::remove(here / "a").error(), std::errc::directory_not_empty);
  ASSERT_TRUE(gos::rename(here / "a/link", here / "a/b/c/moved"));
  ASSERT_TRUE(gos::truncate(here / "a/file", 2));
  EXPECT_EQ(gos::read_file(here / "a/b/c/moved").value(), "te");
  // What a link leads to stays.
  ASSERT_TRUE(gos::mkdir(here / "kept"));
  ASSERT_TRUE(gos::write_file(here / "kept/file", ""));
  ASSERT_TRUE(gos::symlink(here / "kept", here / "a/to_kept"));
  ASSERT_TRUE(gos::remove_all(here / "a"));
  EXPECT_EQ(gos::stat(here / "a").error(), std::errc::no_such_file_or_directory);
  EXPECT_TRUE(gos::stat(here / "kept/file"));
  EXPECT_TRUE(gos::remove_all(here / "a"));
  EXPECT_TRUE(gos::remove(here / "kept/file"));
  EXPECT_TRUE(gos::remove(here / "kept"));
}

TEST(File, WholeFiles) {
  const folder here;
  const std::string path = here / "whole";
  ASSERT_TRUE(gos::write_file(path, "first"));
  EXPECT_EQ(gos::read_file(path).value(), "first");
  const std::string large(1 << 20, 'l');
  ASSERT_TRUE(gos::replace_file(path, large, 0640));
  EXPECT_EQ(gos::read_file(path).value(), large);
  EXPECT_EQ(gos::stat(path).value().permissions & ~0640U, 0U);
  ASSERT_TRUE(gos::replace_file(path, ""));
  EXPECT_EQ(gos::read_file(path).value(), "");
  EXPECT_EQ(gos::read_directory(here.path).value().size(), 1U);  // nothing is left over
  EXPECT_EQ(gos::replace_file(here / "none/f", "x").error(), std::errc::no_such_file_or_directory);
  EXPECT_NE(gos::read_file("/proc/self/status").value().find("Threads:"), std::string::npos);  // of no known size
}

// Where the ring is, what the page cache lacks comes through it.
TEST(File, ReadsWhatThePageCacheLacks) {
  const folder here;
  gos::run([&] {
    constexpr std::size_t pages = 64;
    auto f = cold_file(here, pages * page);
    const std::uint64_t before = gos::rt::ring::completed();
    auto random = rng();
    for (int i = 0; i < 64; ++i) {
      const std::uint64_t at = random() % pages * page;
      block got{};
      ASSERT_EQ(f.read_at(at, std::as_writable_bytes(std::span(got))).value(), page);
      ASSERT_TRUE(is_from(got, at));
    }
    block got{};
    ASSERT_TRUE(f.seek(page));
    ASSERT_EQ(f.read_full(std::as_writable_bytes(std::span(got))).value(), page);
    EXPECT_TRUE(is_from(got, page));
    EXPECT_TRUE(f.sync());
    // A sync goes through the ring wherever there is one.
    EXPECT_EQ(gos::rt::ring::completed() > before, gos::rt::ring::usable());
  });
}

// Past the page cache, by more than there are processors, beside goroutines that close what others read.
TEST(File, ManyReadAndWriteDirectly) {
  const folder here;
  gos::run([&] {
    constexpr std::size_t pages = 256;
    auto f = cold_file(here, pages * page, O_RDWR | O_DIRECT);
    gos::wait_group all;
    for (int g = 0; g < live(64); ++g) {
      all.go([&, random = rng()]() mutable {
        const std::unique_ptr<block, void (*)(block*)> aligned(static_cast<block*>(std::aligned_alloc(page, page)),
                                                               [](block* b) { std::free(b); });
        for (int i = 0; i < rounds(20); ++i) {
          const std::uint64_t at = random() % pages * page;
          const auto bytes = std::as_writable_bytes(std::span(*aligned));
          if (random() % 4 == 0) {
            fill(*aligned, at);
            EXPECT_EQ(f.write_at(at, bytes).value(), page);
          } else {
            aligned->fill(0);
            EXPECT_EQ(f.read_at(at, bytes).value(), page);
            EXPECT_TRUE(is_from(*aligned, at));
          }
        }
      });
    }
    all.wait();
  });
}

// Close while reads are in the kernel: they end first, each whole or refused, and the number is free afterwards.
TEST(File, CloseWaitsForWhatTheKernelDoes) {
  const folder here;
  gos::run([&] {
    for (int round = 0; round < rounds(20); ++round) {
      auto f = cold_file(here, 64 * page);
      gos::wait_group all;
      for (int g = 0; g < 8; ++g) {
        all.go([&, at = static_cast<std::uint64_t>(g) * 8 * page] {
          for (;;) {
            block got{};
            const auto n = f.read_at(at, std::as_writable_bytes(std::span(got)));
            if (!n) {
              EXPECT_EQ(n.error(), gos::io_errc::file_closed);
              return;
            }
            EXPECT_TRUE(is_from(got, at));
          }
        });
      }
      gos::yield();
      EXPECT_TRUE(f.close());
      all.wait();
    }
  });
}

// The thread that began an operation may end before the kernel has done it.
TEST(File, SyncsFromThreadsThatEnd) {
  const folder here;
  gos::run([&] {
    auto f = gos::file::create(here / "f").value();
    gos::wait_group all;
    for (int i = 0; i < rounds(40); ++i) {
      all.go([&, i] {
        EXPECT_EQ(f.write_at(static_cast<std::uint64_t>(i), "x").value(), 1U);
        EXPECT_TRUE(f.sync_data());
      });
      all.go([&] {
        gos::pin here_to_the_end;
        gos::yield();
        gos::goexit();  // bound to its thread, and takes it with it
      });
    }
    all.wait();
    EXPECT_EQ(f.size().value(), static_cast<std::uint64_t>(rounds(40)));
  });
}

}  // namespace
