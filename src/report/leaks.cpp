// See leaks.hpp and include/gossamer/runtime.hpp. Who is stuck for certain says stuck.cpp; the rest is told by the clock.
#include "report/leaks.hpp"

#include <gossamer/mutex.hpp>
#include <gossamer/runtime.hpp>
#include <gossamer/testing.hpp>

#include <algorithm>
#include <limits>
#include <mutex>

#include "base/fatal.hpp"
#include "platform/clock.hpp"
#include "platform/environment.hpp"
#include "report/dump.hpp"
#include "report/gather.hpp"
#include "report/stuck.hpp"
#include "sched/sched.hpp"

namespace gos {

namespace {

using namespace gos::rt;

constexpr const char* certain_note = "certain: nobody who can still run is able to wake it";

// One at a time: they mark goroutines.
std::vector<std::uint64_t> find_certain(const void* frame) {
  static mutex one_at_a_time;
  const std::lock_guard guard(one_at_a_time);
  return certainly_stuck(frame);
}

bool may_leak(const goroutine_view& view) noexcept {
  if (view.state != goroutine_state::waiting || view.deadline_ns != goroutine::no_deadline_ns) return false;
  return view.reason != wait_reason::none && view.reason != wait_reason::sleep && view.reason != wait_reason::io_wait;
}

struct found_leak {
  const gathered_goroutine* one;
  bool certain;
  std::int64_t waited_ns;
};

class leak_search {
 public:
  // Who is certain is so at `frame` of the caller.
  leak_search(std::int64_t longer_ns, const void* frame) : certain_(find_certain(frame)), everybody_(all_others()) {
    for (const gathered_goroutine& one : everybody_.all()) {
      if (!may_leak(one.view)) continue;
      const bool certain = std::binary_search(certain_.begin(), certain_.end(), one.view.id);
      const std::int64_t waited_ns = now_ns_ - one.view.since_ns;
      if (certain || waited_ns > longer_ns) leaks_.push_back({&one, certain, waited_ns});
    }
  }
  const std::vector<found_leak>& leaks() const noexcept { return leaks_; }
  const gathered& everybody() const noexcept { return everybody_; }
  std::int64_t now_ns() const noexcept { return now_ns_; }

 private:
  static inspect_options all_others() noexcept {
    inspect_options options;
    if (on_goroutine()) options.omit = current_goroutine();
    return options;
  }

  const std::vector<std::uint64_t> certain_;
  const gathered everybody_;
  const std::int64_t now_ns_ = monotonic_ns();
  std::vector<found_leak> leaks_;
};

std::vector<runtime::leak> describe_leaks(const leak_search& search) {
  stuck_texts texts(search.everybody());
  std::vector<runtime::leak> all;
  for (const found_leak& found : search.leaks()) {
    const std::string note = found.certain ? certain_note : "blocked for " + duration_text(found.waited_ns) + ": somebody may still wake it";
    all.push_back({found.one->view.id, found.certain, texts.describe(*found.one, found.certain, note, search.now_ns())});
  }
  return all;
}

}  // namespace

[[gnu::noinline]] std::vector<runtime::leak> runtime::leaks(duration blocked_longer_than) {
  return describe_leaks(leak_search(blocked_longer_than.count(), __builtin_frame_address(0)));
}

[[gnu::noinline]] std::string runtime::leak_report(duration blocked_longer_than) {
  const leak_search search(blocked_longer_than.count(), __builtin_frame_address(0));
  std::string text;
  for (const found_leak& found : search.leaks()) {
    std::string line = stuck_header(found.one->view, found.certain, search.now_ns());
    line.pop_back();
    text += line + (found.certain ? " certain\n" : " blocked for " + duration_text(found.waited_ns) + "\n");
  }
  return text;
}

std::vector<std::uint64_t> detail::goroutine_ids() {
  std::vector<std::uint64_t> ids;
  inspect_options options;
  options.stacks = false;
  options.between = [](void* out) {
    auto& list = *static_cast<std::vector<std::uint64_t>*>(out);
    list.reserve(2 * list.size() + inspect_batch_max);
  };
  ids.reserve(inspect_batch_max);
  inspect_goroutines(
      options,
      [](const goroutine_view& view, void* out) { static_cast<std::vector<std::uint64_t>*>(out)->push_back(view.id); }, &ids);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string detail::left_behind(const std::vector<std::uint64_t>& known, duration patience) {
  const auto is_new = [&known](std::uint64_t id) { return !std::binary_search(known.begin(), known.end(), id); };
  const auto left = [&] {
    const std::vector<std::uint64_t> ids = goroutine_ids();
    return std::any_of(ids.begin(), ids.end(), is_new);
  };
  const std::int64_t until_ns = monotonic_ns() + patience.count();
  for (std::int64_t pause_ns = 100'000; left(); pause_ns = std::min<std::int64_t>(pause_ns * 2, 20'000'000)) {
    if (monotonic_ns() >= until_ns) break;
    kernel_section kernel;
    sleep_until(monotonic_ns() + pause_ns);
  }
  if (!left()) return {};
  const std::vector<std::uint64_t> certain = find_certain(__builtin_frame_address(0));
  const gathered everybody{inspect_options{}};
  stuck_texts texts(everybody);
  const std::int64_t now_ns = monotonic_ns();
  std::string text;
  std::size_t count = 0;
  for (const gathered_goroutine& one : everybody.all()) {
    if (!is_new(one.view.id)) continue;
    const bool is_certain = std::binary_search(certain.begin(), certain.end(), one.view.id);
    text += "\n" + texts.describe(one, is_certain, is_certain ? certain_note : "still there", now_ns);
    ++count;
  }
  if (count == 0) return {};
  return std::to_string(count) + (count == 1 ? " goroutine was" : " goroutines were") + " left behind\n" + text;
}

void rt::report_leaks_at_end() noexcept {
  static const bool wanted = debug_flag("leaks");
  if (!wanted) return;
  std::string text;
  std::size_t count = 0;
  // The program's main function has returned: on this stack there is nothing of it but stale words.
  const leak_search search(std::numeric_limits<std::int64_t>::max(), current_goroutine()->stack().top());
  for (const runtime::leak& one : describe_leaks(search)) {
    text += "\n" + one.text;
    ++count;
  }
  if (count == 0) return;
  text = "gossamer: " + std::to_string(count) + (count == 1 ? " goroutine has" : " goroutines have") + " leaked\n" + text;
  write_error(text.data(), text.size());
}

}  // namespace gos
