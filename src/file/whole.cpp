// whole: whole files, read, written and replaced.
#include <fcntl.h>

#include <gossamer/buffered.hpp>
#include <gossamer/file.hpp>

#include <algorithm>

namespace gos {

namespace {

constexpr std::uint64_t expected_max = 1U << 30;  // a size is only what it was, or a promise of a device

result<void> write_and_close(file& to, std::string_view data, bool to_disk) {
  if (auto wrote = to.write_all(data); !wrote) return std::unexpected(wrote.error());
  if (to_disk) {
    if (auto synced = to.sync(); !synced) return synced;
  }
  return to.close();
}

// A name is on the disk when its directory is.
result<void> sync_directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view folder = slash == std::string_view::npos ? "."
                                  : slash == 0                    ? "/"
                                                                  : path.substr(0, slash);
  auto opened = file::open(folder, O_RDONLY | O_DIRECTORY);
  if (!opened) return std::unexpected(opened.error());
  auto synced = opened->sync();
  // Some file systems have no such thing for directories.
  if (!synced && synced.error() == std::errc::invalid_argument) return {};
  return synced;
}

}  // namespace

result<std::string> read_file(std::string_view path) {
  auto opened = file::open(path);
  if (!opened) return std::unexpected(opened.error());
  const std::uint64_t size = opened->size().value_or(0);
  return detail::read_all(detail::source::of(*opened), std::min(size, expected_max));
}

result<void> write_file(std::string_view path, std::string_view data, int mode) {
  auto opened = file::open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  if (!opened) return std::unexpected(opened.error());
  return write_and_close(*opened, data, false);
}

result<void> replace_file(std::string_view path, std::string_view data, int mode) {
  // In the same directory: a name is taken over within one file system.
  const std::string prefix = (path.find('/') == std::string_view::npos ? "./" : "") + std::string(path) + ".";
  auto made = create_temporary(prefix, mode);
  if (!made) return std::unexpected(made.error());
  const std::string temporary = made->name();
  auto written = write_and_close(*made, data, true);
  if (written) written = rename(temporary, path);
  if (!written) {
    static_cast<void>(remove(temporary));
    return written;
  }
  return sync_directory_of(path);
}

}  // namespace gos
