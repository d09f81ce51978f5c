// file_server: files of a directory. What a path may reach is left to the kernel: openat2 resolves it beneath the directory's
// descriptor, so that neither `..` nor a symbolic link that somebody puts there while we look leads out of it.
//
// Rejected: comparing the resolved name (realpath) with the directory's before opening it, which is true only until it is opened.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include <gossamer/go.hpp>
#include <gossamer/http.hpp>
#include <gossamer/panic.hpp>

#include "http/conditions.hpp"

namespace gos::http {

namespace {

using net::owned_descriptor;

constexpr int open_flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;  // a FIFO must not hold us up

struct opened {
  owned_descriptor fd;
  struct stat info {};
  int failure = 0;
};

opened looked_at(int fd) {
  opened file;
  if (fd < 0) {
    file.failure = errno;
    return file;
  }
  file.fd = owned_descriptor(fd);
  if (fstat(fd, &file.info) != 0) file.failure = errno;
  return file;
}

// Without openat2: no symbolic link is followed at all.
int open_step_by_step(int directory, std::string_view path) {
  owned_descriptor at(openat(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  while (at.get() >= 0) {
    const std::size_t slash = path.find('/');
    const std::string piece(path.substr(0, slash));
    const bool last = slash == std::string_view::npos;
    const int next = openat(at.get(), piece.c_str(), O_NOFOLLOW | (last ? open_flags : O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (last || next < 0) return next;
    at = owned_descriptor(next);
    path.remove_prefix(slash + 1);
  }
  return -1;
}

opened open_beneath(int directory, const std::string& path) {
  const detail::blocking_scope may_block;
  open_how how{};
  how.flags = open_flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long fd = syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
  if (fd < 0 && errno == ENOSYS) return looked_at(open_step_by_step(directory, path));
  return looked_at(static_cast<int>(fd));
}

opened open_anywhere(const std::string& path) {
  const detail::blocking_scope may_block;
  return looked_at(open(path.c_str(), open_flags));
}

struct known_type {
  std::string_view ending, type;
};
constexpr std::array known_types{
    known_type{"html", "text/html; charset=utf-8"},
    known_type{"htm", "text/html; charset=utf-8"},
    known_type{"css", "text/css; charset=utf-8"},
    known_type{"js", "text/javascript; charset=utf-8"},
    known_type{"mjs", "text/javascript; charset=utf-8"},
    known_type{"json", "application/json"},
    known_type{"txt", "text/plain; charset=utf-8"},
    known_type{"md", "text/markdown; charset=utf-8"},
    known_type{"csv", "text/csv; charset=utf-8"},
    known_type{"xml", "text/xml; charset=utf-8"},
    known_type{"svg", "image/svg+xml"},
    known_type{"png", "image/png"},
    known_type{"jpg", "image/jpeg"},
    known_type{"jpeg", "image/jpeg"},
    known_type{"gif", "image/gif"},
    known_type{"webp", "image/webp"},
    known_type{"avif", "image/avif"},
    known_type{"ico", "image/vnd.microsoft.icon"},
    known_type{"woff", "font/woff"},
    known_type{"woff2", "font/woff2"},
    known_type{"ttf", "font/ttf"},
    known_type{"pdf", "application/pdf"},
    known_type{"wasm", "application/wasm"},
    known_type{"zip", "application/zip"},
    known_type{"gz", "application/gzip"},
    known_type{"mp3", "audio/mpeg"},
    known_type{"ogg", "audio/ogg"},
    known_type{"mp4", "video/mp4"},
    known_type{"webm", "video/webm"},
};

std::string_view type_of(std::string_view name) noexcept {
  const std::size_t dot = name.find_last_of("./");
  if (dot != std::string_view::npos && name[dot] == '.') {
    for (const known_type& k : known_types) {
      if (equal_ignoring_case(k.ending, name.substr(dot + 1))) return k.type;
    }
  }
  return "application/octet-stream";
}

std::string etag_of(const struct stat& info) {
  std::string text = "\"";
  char digits[20];
  for (const std::uint64_t part : {static_cast<std::uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000 +
                                       static_cast<std::uint64_t>(info.st_mtim.tv_nsec),
                                   static_cast<std::uint64_t>(info.st_size), static_cast<std::uint64_t>(info.st_ino)}) {
    if (text.size() > 1) text += '-';
    text.append(digits, std::to_chars(digits, digits + sizeof digits, part, 16).ptr);
  }
  return text + '"';
}

std::string content_range(const byte_range& r, std::uint64_t size) {
  return "bytes " + std::to_string(r.first) + '-' + std::to_string(r.first + r.size - 1) + '/' + std::to_string(size);
}

void send_ranges(response_writer& response, int fd, std::uint64_t size, const std::vector<byte_range>& ranges,
                 std::string_view type, const std::string& boundary) {
  std::vector<std::string> heads;
  std::uint64_t length = 0;
  for (const byte_range& r : ranges) {
    heads.push_back("\r\n--" + boundary + "\r\nContent-Type: " + std::string(type) + "\r\nContent-Range: " + content_range(r, size) +
                    "\r\n\r\n");
    length += heads.back().size() + r.size;
  }
  const std::string end = "\r\n--" + boundary + "--\r\n";
  response.header("Content-Type", "multipart/byteranges; boundary=" + boundary);
  response.header("Content-Length", std::to_string(length + end.size()));
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (!response.write_all(heads[i]) || !response.send_file(fd, ranges[i].first, ranges[i].size)) return;
  }
  static_cast<void>(response.write_all(end));
}

void send_opened(const request& request, response_writer& response, const opened& file, std::string_view name) {
  const std::string etag = etag_of(file.info);
  const auto modified = std::chrono::system_clock::time_point(std::chrono::seconds(file.info.st_mtim.tv_sec));
  const auto size = static_cast<std::uint64_t>(file.info.st_size);
  const validators valid{etag, modified};
  response.header("ETag", etag);
  response.header("Last-Modified", format_date(modified));
  response.header("Accept-Ranges", "bytes");
  const status verdict = judge_conditions(request, valid);
  if (verdict == status::precondition_failed) return response.error(verdict);
  if (verdict == status::not_modified) return response.set_status(verdict);

  const std::string_view type = response.headers().has("Content-Type") ? response.headers().get("Content-Type") : type_of(name);
  std::vector<byte_range> ranges;
  switch (judge_ranges(request, valid, size, ranges)) {
    case range_outcome::unsatisfiable:
      response.header("Content-Range", "bytes */" + std::to_string(size));
      return response.error(status::range_not_satisfiable);
    case range_outcome::some: response.set_status(status::partial_content); break;
    case range_outcome::whole: ranges.assign(1, {0, size});
  }
  if (ranges.size() > 1) {
    std::string boundary = etag.substr(1, etag.size() - 2);
    return send_ranges(response, file.fd.get(), size, ranges, std::string(type), boundary);
  }
  if (response.current_status() == status::partial_content) response.header("Content-Range", content_range(ranges[0], size));
  response.header("Content-Type", std::string(type));
  response.header("Content-Length", std::to_string(ranges[0].size));
  static_cast<void>(response.send_file(file.fd.get(), ranges[0].first, ranges[0].size));
}

bool may_be_seen(std::string_view path, bool dot_files) noexcept {
  if (path.find('\0') != std::string_view::npos) return false;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view piece = path.substr(at, end - at);
    if (piece == "..") return false;
    if (piece.starts_with('.') && !dot_files && piece != ".well-known") return false;
    at = end + 1;
  }
  return true;
}

struct served_directory {
  owned_descriptor fd;
  file_options options;

  void serve(request& request, response_writer& response) const;
};

void served_directory::serve(request& request, response_writer& response) const {
  if (request.method() != "GET" && request.method() != "HEAD") {
    response.header("Allow", "GET, HEAD");
    return response.error(status::method_not_allowed);
  }
  std::string path(request.pattern().find("{path...}") != std::string_view::npos ? request.path_value("path") : request.path());
  path.erase(0, std::min(path.find_first_not_of('/'), path.size()));
  if (!may_be_seen(path, options.dot_files)) return response.error(status::not_found, "404 page not found");
  const bool directory = path.empty() || path.ends_with('/');
  if (directory) path += "index.html";
  const opened file = open_beneath(fd.get(), path);
  if (file.failure == EACCES || file.failure == EPERM) return response.error(status::forbidden);
  if (file.failure == EMFILE || file.failure == ENFILE || file.failure == ENOMEM) return response.error(status::service_unavailable);
  if (file.failure == 0 && S_ISDIR(file.info.st_mode) && !directory) {  // what it refers to lies below it
    const std::string_view raw = request.raw_path();
    std::string to = std::string(raw.substr(raw.rfind('/') + 1)) + '/';
    return response.redirect(status::moved_permanently, "./" + to);
  }
  if (file.failure != 0 || !S_ISREG(file.info.st_mode)) return response.error(status::not_found, "404 page not found");
  if (!options.cache_control.empty()) response.header("Cache-Control", options.cache_control);
  send_opened(request, response, file, path);
}

}  // namespace

handler file_server(std::string directory, file_options options) {
  const int fd = open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) panic("http: file_server: open " + directory + ": " + error(std::error_code(errno, std::system_category())).message());
  auto served = std::make_shared<served_directory>(owned_descriptor(fd), std::move(options));
  return [served = std::move(served)](request& r, response_writer& w) { served->serve(r, w); };
}

void serve_file(request& request, response_writer& response, const std::string& path) {
  const opened file = open_anywhere(path);
  if (file.failure != 0 || !S_ISREG(file.info.st_mode)) return response.error(status::not_found, "404 page not found");
  send_opened(request, response, file, path);
}

}  // namespace gos::http
