// cgroup: finds the directory of this process's CPU control group and reads the quota there and in all parents.
//
// /proc/self/cgroup names the group, a path within a hierarchy; /proc/self/mountinfo says where that hierarchy is mounted,
// and which group the mount shows as its root (a container sees only its own part). Version 1 has one hierarchy per
// controller; where one with the cpu controller exists it rules, else version 2 does.
// Everything works in fixed buffers, without allocation and without exceptions: this runs in the middle of the runtime's start.
#include "platform/cgroup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gos::rt {

namespace {

// A path or a line of text in place. Appending beyond the capacity makes it `overflowed`, and it is then not used.
class text_buffer {
 public:
  std::string_view view() const noexcept { return {data_, size_}; }
  // Valid until the next change.
  const char* c_str() noexcept {
    data_[size_] = '\0';
    return data_;
  }
  bool overflowed() const noexcept { return overflowed_; }
  void clear() noexcept {
    size_ = 0;
    overflowed_ = false;
  }
  void shorten(std::size_t size) noexcept { size_ = std::min(size_, size); }
  void push(char c) noexcept {
    if (size_ == capacity) {
      overflowed_ = true;
    } else {
      data_[size_++] = c;
    }
  }
  void append(std::string_view text) noexcept {
    for (const char c : text) push(c);
  }

 private:
  static constexpr std::size_t capacity = 4095;
  char data_[capacity + 1];
  std::size_t size_ = 0;
  bool overflowed_ = false;
};

// Reads a file line by line; lines that do not fit are cut.
class line_reader {
 public:
  explicit line_reader(const char* path) noexcept : fd_(::open(path, O_RDONLY | O_CLOEXEC)) {}
  line_reader(const line_reader&) = delete;
  line_reader& operator=(const line_reader&) = delete;
  ~line_reader() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool next(text_buffer& line) noexcept {
    line.clear();
    bool any = false;
    for (;;) {
      if (position_ == filled_ && !refill()) return any;
      any = true;
      const char c = buffer_[position_++];
      if (c == '\n') return true;
      line.push(c);
    }
  }

 private:
  bool refill() noexcept {
    if (fd_ < 0) return false;
    const ssize_t got = ::read(fd_, buffer_, sizeof buffer_);
    position_ = 0;
    filled_ = got > 0 ? static_cast<std::size_t>(got) : 0;
    return got > 0;
  }

  int fd_;
  std::size_t position_ = 0;
  std::size_t filled_ = 0;
  char buffer_[1024];
};

// Cuts off and returns the part of `rest` before `separator`.
std::string_view take_until(std::string_view& rest, char separator) noexcept {
  const std::size_t at = rest.find(separator);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

bool list_contains(std::string_view list, std::string_view word) noexcept {
  while (!list.empty()) {
    if (take_until(list, ',') == word) return true;
  }
  return false;
}

// mountinfo writes space, tab, newline and backslash as three octal digits.
void append_unescaped(text_buffer& out, std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out.push(static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0')));
      i += 3;
    } else {
      out.push(text[i]);
    }
  }
}

struct cgroup_name {
  int version = 0;  // 0: not in any group that limits CPU
  text_buffer path;
};

// Lines of /proc/self/cgroup: "0::/path" (version 2) or "4:cpu,cpuacct:/path" (version 1).
void find_group(const char* root, cgroup_name& group) noexcept {
  text_buffer line;
  line.append(root);
  line.append("/proc/self/cgroup");
  line_reader file(line.c_str());
  while (file.next(line)) {
    if (line.overflowed()) continue;
    std::string_view rest = line.view();
    const std::string_view hierarchy = take_until(rest, ':');
    const std::string_view controllers = take_until(rest, ':');
    const bool is_v1 = list_contains(controllers, "cpu");
    const bool is_v2 = hierarchy == "0" && controllers.empty() && group.version == 0;
    if (!is_v1 && !is_v2) continue;
    group.version = is_v1 ? 1 : 2;
    group.path.clear();
    group.path.append(rest);
    if (is_v1) return;
  }
}

struct cgroup_mount {
  text_buffer shown;  // the group that the mount shows as its root
  text_buffer point;  // where it is mounted
};

// Lines of /proc/self/mountinfo: "id parent major:minor ROOT POINT options tags... - FSTYPE source SUPEROPTIONS".
bool find_mount(const char* root, int version, cgroup_mount& mount) noexcept {
  text_buffer line;
  line.append(root);
  line.append("/proc/self/mountinfo");
  line_reader file(line.c_str());
  while (file.next(line)) {
    const std::size_t dash = line.view().find(" - ");
    if (line.overflowed() || dash == std::string_view::npos) continue;
    std::string_view tail = line.view().substr(dash + 3);
    const std::string_view type = take_until(tail, ' ');
    take_until(tail, ' ');
    if (version == 2 ? type != "cgroup2" : type != "cgroup" || !list_contains(tail, "cpu")) continue;
    std::string_view head = line.view().substr(0, dash);
    for (int skipped = 0; skipped < 3; ++skipped) take_until(head, ' ');
    append_unescaped(mount.shown, take_until(head, ' '));
    append_unescaped(mount.point, take_until(head, ' '));
    return !mount.shown.overflowed() && !mount.point.overflowed();
  }
  return false;
}

// Reads a small file in `directory` into `out`; false when there is none.
bool read_setting(text_buffer& directory, std::string_view name, text_buffer& out) noexcept {
  const std::size_t length = directory.view().size();
  directory.push('/');
  directory.append(name);
  bool found = false;
  if (!directory.overflowed()) {
    line_reader file(directory.c_str());
    found = file.next(out);
  }
  directory.shorten(length);
  return found;
}

std::int64_t parse_number(std::string_view text) noexcept {
  std::int64_t value = -1;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The limit of one group in whole CPUs, rounded up; 0 when it has none.
int directory_limit(text_buffer& directory, int version) noexcept {
  std::int64_t quota = -1;
  std::int64_t period = -1;
  text_buffer value;
  if (version == 2) {
    if (!read_setting(directory, "cpu.max", value)) return 0;
    std::string_view rest = value.view();
    quota = parse_number(take_until(rest, ' '));  // "max" stays -1
    period = parse_number(rest);
  } else {
    if (!read_setting(directory, "cpu.cfs_quota_us", value)) return 0;
    quota = parse_number(value.view());
    if (!read_setting(directory, "cpu.cfs_period_us", value)) return 0;
    period = parse_number(value.view());
  }
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<int>(std::min<std::int64_t>((quota - 1) / period + 1, 1 << 20));
}

// The part of `path` below `shown`; empty when the group is the mount's root or lies outside of what the mount shows.
std::string_view path_below(std::string_view path, std::string_view shown) noexcept {
  if (shown == "/") return path == "/" ? std::string_view() : path;
  if (path.substr(0, shown.size()) != shown) return {};
  path.remove_prefix(shown.size());
  return path.empty() || path.front() == '/' ? path : std::string_view();
}

}  // namespace

int cgroup_cpu_limit(const char* root) noexcept {
  cgroup_name group;
  find_group(root, group);
  if (group.version == 0 || group.path.overflowed()) return 0;
  cgroup_mount mount;
  if (!find_mount(root, group.version, mount)) return 0;

  text_buffer directory;
  directory.append(root);
  directory.append(mount.point.view());
  const std::size_t top = directory.view().size();
  const std::string_view below = path_below(group.path.view(), mount.shown.view());
  // A path that climbs ("/../x") leaves the part of the tree that this process can see; the top is all there is.
  if (below.find("/..") == std::string_view::npos) directory.append(below);
  if (directory.overflowed()) return 0;

  int least = 0;
  for (;;) {
    const int limit = directory_limit(directory, group.version);
    if (limit != 0 && (least == 0 || limit < least)) least = limit;
    if (directory.view().size() <= top) return least;
    directory.shorten(std::max(directory.view().rfind('/'), top));
  }
}

}  // namespace gos::rt
