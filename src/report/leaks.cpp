// See leaks.hpp and include/gossamer/runtime.hpp. Who is stuck for certain says stuck.cpp; the rest is told by the clock.
#include "report/leaks.hpp"

#include <gossamer/mutex.hpp>
#include <gossamer/runtime.hpp>
#include <gossamer/testing.hpp>

#include <algorithm>
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

// One at a time: they mark goroutines.
mutex one_at_a_time;

bool may_leak(const goroutine_view& view) noexcept {
  if (view.state != goroutine_state::waiting || view.deadline_ns != goroutine::no_deadline_ns) return false;
  return view.reason != wait_reason::none && view.reason != wait_reason::sleep && view.reason != wait_reason::io_wait;
}

// Calls found(everybody, goroutine, certain, words, now) for each.
template <class F> void for_each_leak(std::int64_t longer_ns, const void* frame, F found) {
  std::vector<std::uint64_t> certain;
  {
    const std::lock_guard guard(one_at_a_time);
    certain = certainly_stuck(frame);
  }
  inspect_options options;
  if (on_goroutine()) options.omit = current_goroutine();
  const gathered everybody(options);
  const std::int64_t now_ns = monotonic_ns();
  for (const gathered_goroutine& one : everybody.all()) {
    if (!may_leak(one.view)) continue;
    const bool is_certain = std::binary_search(certain.begin(), certain.end(), one.view.id);
    const std::int64_t waited_ns = now_ns - one.view.since_ns;
    if (!is_certain && waited_ns <= longer_ns) continue;
    found(everybody, one, is_certain, is_certain ? std::string("certain") : "blocked for " + duration_text(waited_ns), now_ns);
  }
}

}  // namespace

[[gnu::noinline]] std::vector<runtime::leak> runtime::leaks(duration blocked_longer_than) {
  std::vector<leak> all;
  for_each_leak(blocked_longer_than.count(), __builtin_frame_address(0),
                [&](const gathered& everybody, const gathered_goroutine& one, bool certain, const std::string& words,
                    std::int64_t now_ns) {
                  const std::string note =
                      certain ? "certain: nobody who can still run is able to wake it" : words + ": somebody may still wake it";
                  all.push_back({one.view.id, certain, describe_stuck(everybody, one, certain, note, now_ns)});
                });
  return all;
}

[[gnu::noinline]] std::string runtime::leak_report(duration blocked_longer_than) {
  std::string text;
  for_each_leak(blocked_longer_than.count(), __builtin_frame_address(0),
                [&](const gathered&, const gathered_goroutine& one, bool certain, const std::string& words,
                    std::int64_t now_ns) {
                  std::string line = stuck_header(one.view, certain, now_ns);
                  line.pop_back();
                  text += line + " " + words + "\n";
                });
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
  std::vector<std::uint64_t> certain;
  {
    const std::lock_guard guard(one_at_a_time);
    certain = certainly_stuck(__builtin_frame_address(0));
  }
  const gathered everybody{inspect_options{}};
  const std::int64_t now_ns = monotonic_ns();
  std::string text;
  std::size_t count = 0;
  for (const gathered_goroutine& one : everybody.all()) {
    if (!is_new(one.view.id)) continue;
    const bool is_certain = std::binary_search(certain.begin(), certain.end(), one.view.id);
    text += "\n" + describe_stuck(everybody, one, is_certain, is_certain ? "certain: nobody who can still run is able to wake it"
                                                                         : "still there", now_ns);
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
  for (const runtime::leak& one : runtime::leaks(std::chrono::hours(24 * 365 * 100))) {
    text += "\n" + one.text;
    ++count;
  }
  if (count == 0) return;
  text = "gossamer: " + std::to_string(count) + (count == 1 ? " goroutine has" : " goroutines have") + " leaked\n" + text;
  write_error(text.data(), text.size());
}

}  // namespace gos
