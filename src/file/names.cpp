// names: files by their names: what is there, what it is, and changes to it.
//
// All of it runs in blocking sections: io_uring has operations for most of it, but the kernel runs them on a thread of its own,
// and what a directory's cache answers takes a microsecond.
#include "file/names.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include <gossamer/file.hpp>

#include "base/random.hpp"
#include "file/calls.hpp"
#include "file/info.hpp"
#include "io/kernel_calls.hpp"
#include "platform/clock.hpp"

namespace gos {

namespace rt {

file_type type_of(mode_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return file_type::regular;
    case S_IFDIR:
      return file_type::directory;
    case S_IFLNK:
      return file_type::symlink;
    case S_IFIFO:
      return file_type::pipe;
    case S_IFSOCK:
      return file_type::socket;
    case S_IFCHR:
      return file_type::character_device;
    case S_IFBLK:
      return file_type::block_device;
    default:
      return file_type::unknown;
  }
}

file_info info_of(const struct ::stat& status) noexcept {
  const auto modified =
      std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  return {.type = type_of(status.st_mode),
          .size = static_cast<std::uint64_t>(status.st_size),
          .permissions = status.st_mode & 07777U,
          .modified = std::chrono::system_clock::time_point(modified),
          .device = status.st_dev,
          .inode = status.st_ino,
          .links = status.st_nlink,
          .user = status.st_uid,
          .group = status.st_gid};
}

}  // namespace rt

namespace {

using namespace rt;

// Without a value, but with the failure.
result<void> done(const result<std::ptrdiff_t>& call) {
  if (!call) return std::unexpected(call.error());
  return {};
}

result<file_info> status_of(std::string_view operation, std::string_view path, bool follow) {
  struct ::stat status {};
  const auto call =
      with_name(operation, path, [&](const char* name) { return file_calls::status(name, &status, follow); });
  if (!call) return std::unexpected(call.error());
  return info_of(status);
}

// call(first, second).
template <class Call>
result<void> with_two_names(std::string_view operation, std::string_view first, std::string_view second,
                            Call call) {
  const std::string a(first), b(second);
  std::ptrdiff_t got = -EINVAL;
  if (is_whole(first) && is_whole(second)) {
    blocking_section blocking;
    got = call(a.c_str(), b.c_str());
  }
  if (got < 0) return std::unexpected(name_failure(operation, a + ' ' + b, got));
  return {};
}

struct directory_end {
  void operator()(::DIR* directory) const noexcept { file_calls::close_directory(directory); }
};
using directory_handle = std::unique_ptr<::DIR, directory_end>;

file_type type_of_entry(const ::dirent& entry) noexcept {
  return type_of(static_cast<mode_t>(DTTOIF(entry.d_type)));
}

struct owned_descriptor {
  int number;
  explicit owned_descriptor(int fd) noexcept : number(fd) {}
  owned_descriptor(const owned_descriptor&) = delete;
  owned_descriptor& operator=(const owned_descriptor&) = delete;
  ~owned_descriptor() {
    if (number >= 0) kernel_calls::close(number);
  }
};

// Calls use(entry) for each until it returns something else than 0. Takes ownership of folder, or -errno.
template <class Use> int for_each_entry(int folder, Use use) {
  ::DIR* opened = nullptr;
  if (folder < 0) return folder;
  if (const int failed = file_calls::open_directory(folder, &opened); failed != 0) return failed;
  const directory_handle directory(opened);
  ::dirent* entry = nullptr;
  for (;;) {
    if (const int got = file_calls::next_entry(directory.get(), &entry); got != 1) return got;
    const std::string_view name(entry->d_name);
    if (name == "." || name == "..") continue;
    if (const int failed = use(*entry); failed != 0) return failed;
  }
}

// Removes `name` of the directory `folder`, with all that is in it. What others remove meanwhile is no error.
int remove_tree(int folder, const char* name) {
  int got = file_calls::remove_name(folder, name);
  if (got == 0 || got == -ENOENT) return 0;
  if (got != -EISDIR && got != -EPERM) return got;  // EPERM: what POSIX wants for directories
  const owned_descriptor inside(file_calls::open_folder(folder, name));
  if (inside.number == -ENOENT) return 0;
  if (inside.number == -ENOTDIR || inside.number == -ELOOP) return got;
  if (inside.number < 0) return inside.number;
  // The names first: a directory that changes while it is read may skip some.
  std::vector<std::string> names;
  got = for_each_entry(kernel_calls::duplicate(inside.number), [&names](const ::dirent& entry) {
    names.emplace_back(entry.d_name);
    return 0;
  });
  for (const std::string& one : names) {
    if (got != 0) break;
    got = remove_tree(inside.number, one.c_str());
  }
  if (got != 0) return got;
  got = file_calls::remove_directory(folder, name);
  return got == -ENOENT ? 0 : got;
}

// Creates the directories on the way to the last `/`, then the whole.
int make_tree(const std::string& path, mode_t mode) {
  int got = file_calls::make_directory(path.c_str(), mode);
  if (got == -ENOENT) {
    const std::size_t end = path.find_last_not_of('/');
    const std::size_t slash = end == std::string::npos ? end : path.rfind('/', end);
    if (slash == std::string::npos || slash == 0) return got;
    if (const int failed = make_tree(path.substr(0, slash), mode); failed != 0) return failed;
    got = file_calls::make_directory(path.c_str(), mode);
  }
  struct ::stat status {};
  if (got == 0 || file_calls::status(path.c_str(), &status, true) != 0) return got;
  return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

// A name that nobody has, most likely.
std::string temporary_name(std::string_view prefix) {
  static std::atomic<std::uint64_t> count{0};
  std::string name;
  if (prefix.find('/') == std::string_view::npos) {
    const char* folder = ::getenv("TMPDIR");
    name = folder != nullptr && *folder != '\0' ? folder : "/tmp";
    name += '/';
  }
  name += prefix;
  // relaxed: only that it differs.
  random_generator random(static_cast<std::uint64_t>(monotonic_ns()) ^
                          (count.fetch_add(1, std::memory_order_relaxed) << 48));
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  for (int i = 0; i < 12; ++i) name += letters[random.below(letters.size())];
  return name;
}

constexpr int temporary_tries = 100;

}  // namespace

result<file_info> stat(std::string_view path) { return status_of("stat", path, true); }
result<file_info> lstat(std::string_view path) { return status_of("lstat", path, false); }

result<void> chmod(std::string_view path, unsigned permissions) {
  return done(
      with_name("chmod", path, [=](const char* name) { return file_calls::change_mode(name, permissions); }));
}

result<void> truncate(std::string_view path, std::uint64_t size) {
  return done(with_name("truncate", path, [=](const char* name) {
    return file_calls::truncate(name, static_cast<std::int64_t>(size));
  }));
}

result<void> rename(std::string_view from, std::string_view to) {
  return with_two_names("rename", from, to,
                        [](const char* a, const char* b) { return file_calls::rename(a, b); });
}

result<void> link(std::string_view existing, std::string_view path) {
  return with_two_names("link", existing, path,
                        [](const char* a, const char* b) { return file_calls::make_link(a, b); });
}

result<void> symlink(std::string_view target, std::string_view path) {
  return with_two_names("symlink", target, path,
                        [](const char* a, const char* b) { return file_calls::make_symlink(a, b); });
}

result<std::string> read_link(std::string_view path) {
  std::string target(256, '\0');
  for (;;) {
    const auto got = with_name("readlink", path, [&](const char* name) {
      return file_calls::read_link(name, target.data(), target.size());
    });
    if (!got) return std::unexpected(got.error());
    const auto size = static_cast<std::size_t>(*got);
    if (size < target.size()) {
      target.resize(size);
      return target;
    }
    target.resize(2 * target.size());
  }
}

result<void> remove(std::string_view path) {
  return done(with_name("remove", path, [](const char* name) {
    const int as_name = file_calls::remove_name(AT_FDCWD, name);
    if (as_name != -EISDIR && as_name != -EPERM) return as_name;
    const int as_directory = file_calls::remove_directory(AT_FDCWD, name);
    return as_directory == -ENOTDIR ? as_name : as_directory;
  }));
}

result<void> remove_all(std::string_view path) {
  return done(with_name("remove", path, [](const char* name) { return remove_tree(AT_FDCWD, name); }));
}

result<void> mkdir(std::string_view path, int mode) {
  return done(with_name("mkdir", path, [=](const char* name) {
    return file_calls::make_directory(name, static_cast<mode_t>(mode));
  }));
}

result<void> mkdir_all(std::string_view path, int mode) {
  return done(
      with_name("mkdir", path, [=](const char* name) { return make_tree(name, static_cast<mode_t>(mode)); }));
}

result<file> create_temporary(std::string_view prefix, int mode) {
  for (int tries = 1;; ++tries) {
    auto made = file::open(temporary_name(prefix), O_RDWR | O_CREAT | O_EXCL, mode);
    if (made || made.error() != std::errc::file_exists || tries == temporary_tries) return made;
  }
}

result<std::string> make_temporary_directory(std::string_view prefix) {
  for (int tries = 1;; ++tries) {
    std::string name = temporary_name(prefix);
    const auto made = mkdir(name, 0700);
    if (made) return name;
    if (made.error() != std::errc::file_exists || tries == temporary_tries)
      return std::unexpected(made.error());
  }
}

result<std::vector<directory_entry>> read_directory(std::string_view path) {
  std::vector<directory_entry> all;
  const auto call = with_name("readdir", path, [&all](const char* name) {
    return for_each_entry(file_calls::open(name, O_RDONLY | O_DIRECTORY, 0), [&all](const ::dirent& entry) {
      all.push_back({entry.d_name, type_of_entry(entry)});
      return 0;
    });
  });
  if (!call) return std::unexpected(call.error());
  std::ranges::sort(all, {}, &directory_entry::name);
  return all;
}

}  // namespace gos
