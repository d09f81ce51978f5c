// See dump.hpp.
#include "report/dump.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <unordered_map>
#include <vector>

#include "panic/stack_trace.hpp"
#include "panic/symbols.hpp"
#include "platform/clock.hpp"
#include "report/gather.hpp"
#include "report/stalls.hpp"
#include "sched/sched.hpp"

namespace gos::rt {

namespace {

constexpr std::size_t frames_max = 64;
constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t parents_max = 10;
constexpr std::int64_t minute_ns = 60'000'000'000;

const char* state_text(const goroutine_view& view) noexcept {
  switch (view.state) {
    case goroutine_state::dead: return "dead";
    case goroutine_state::runnable: return "runnable";
    case goroutine_state::running: return view.blocking ? "syscall" : "running";
    case goroutine_state::waiting:
    case goroutine_state::aged:
    case goroutine_state::scanned:
    case goroutine_state::examined: break;
  }
  return wait_reason_text(view.reason);
}

}  // namespace

// `2.305 s`, `3 min 5 s`, `2 h 3 min`.
std::string duration_text(std::int64_t ns) {
  ns = std::max<std::int64_t>(ns, 0);
  const long long ms = ns / 1'000'000;
  const long long minutes = ms / 60'000;
  char text[48];
  if (minutes >= 60) {
    std::snprintf(text, sizeof text, "%lld h %lld min", minutes / 60, minutes % 60);
  } else if (minutes >= 1) {
    std::snprintf(text, sizeof text, "%lld min %lld s", minutes, ms / 1000 % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld.%03lld s", ms / 1000, ms % 1000);
  }
  return text;
}

namespace {

std::string wait_line(const gathered& everybody, const gathered_goroutine& one, std::int64_t now_ns) {
  if (one.view.state != goroutine_state::waiting) return {};
  const std::string on = everybody.wait_text(one);
  std::string text = !on.empty() ? "\twaits on " + on : one.view.reason == wait_reason::sleep ? "\tsleeps" : "\twaits";
  if (one.view.since_ns != 0) text += ", for " + duration_text(now_ns - one.view.since_ns);
  if (one.deadline_ns != goroutine::no_deadline_ns) text += ", at most " + duration_text(one.deadline_ns - now_ns) + " more";
  return text + "\n";
}

// What stands together. Stacks are the same if they look the same: the runtime's own frames, which are not shown, may differ.
struct kind {
  std::uint32_t stack;  // which text
  goroutine_state state;
  wait_reason reason;
  bool blocking;
  bool fresh;
  void* spawn_pc;
  bool operator==(const kind&) const = default;
};
struct kind_hash {
  std::size_t operator()(const kind& k) const noexcept {
    const std::uint64_t small = (std::uint64_t{k.stack} << 24) | (static_cast<std::uint64_t>(k.state) << 16) |
                                (static_cast<std::uint64_t>(k.reason) << 8) | (k.blocking ? 2U : 0U) | (k.fresh ? 1U : 0U);
    return static_cast<std::size_t>((small ^ reinterpret_cast<std::uintptr_t>(k.spawn_pc)) * 0x9e3779b97f4a7c15U);
  }
};
using group = std::vector<const gathered_goroutine*>;

// In the order of their first members' ids. `same` says which text each stack has.
std::vector<group> fold(const std::vector<gathered_goroutine>& all, const std::vector<std::uint32_t>& same) {
  std::vector<group> groups;
  std::unordered_map<kind, std::size_t, kind_hash> known;
  for (const gathered_goroutine& one : all) {
    const goroutine_view& v = one.view;
    const kind of{same[one.stack], v.state, v.reason, v.blocking, v.fresh, v.spawn_pc};
    const auto [at, added] = known.try_emplace(of, groups.size());
    if (added) groups.emplace_back();
    groups[at->second].push_back(&one);
  }
  return groups;
}

// Looks each address up once.
class frame_texts {
 public:
  explicit frame_texts(bool runtime_frames) noexcept : runtime_frames_(runtime_frames) {}

  std::string stack(void* const* frames, std::size_t depth) {
    stack_text text(runtime_frames_);
    for (std::size_t i = 0; i < depth; ++i) text.add(place(frames[i]));
    std::string out = std::move(text).finish();
    if (depth == frames_max) out += "...more frames\n";
    return out;
  }

  std::string creator(void* spawn_pc, const std::string& parents) {
    const auto [at, added] = spawns_.try_emplace(spawn_pc);
    if (added) at->second = describe_spawn(spawn_pc);
    return describe_creator(at->second, parents);
  }

 private:
  const symbol_place& place(void* pc) {
    const auto [at, added] = places_.try_emplace(pc);
    if (added) at->second = find_symbol(static_cast<char*>(pc) - 1);  // inside the call
    return at->second;
  }

  const bool runtime_frames_;
  std::unordered_map<void*, symbol_place> places_;
  std::unordered_map<void*, std::string> spawns_;
};

// The texts of all stacks, equal ones once.
class stack_texts {
 public:
  stack_texts(const gathered& everybody, frame_texts& frames) {
    for (std::uint32_t stack = 0; stack < everybody.stack_count(); ++stack) {
      std::string text = frames.stack(everybody.frames(stack), everybody.depth(stack));
      const auto [at, added] = known_.try_emplace(std::move(text), static_cast<std::uint32_t>(texts_.size()));
      if (added) texts_.push_back(&at->first);
      which_.push_back(at->second);
    }
  }
  const std::vector<std::uint32_t>& which() const noexcept { return which_; }
  const std::string& of(std::uint32_t stack) const noexcept { return *texts_[which_[stack]]; }

 private:
  std::unordered_map<std::string, std::uint32_t> known_;
  std::vector<const std::string*> texts_;
  std::vector<std::uint32_t> which_;  // of texts_, for each stack
};

// `goroutine 5`, or of several the first few.
std::string parents_text(const group& members) {
  std::vector<std::uint64_t> parents;
  for (const gathered_goroutine* one : members) parents.push_back(one->view.parent_id);
  std::sort(parents.begin(), parents.end());
  parents.erase(std::unique(parents.begin(), parents.end()), parents.end());
  std::string list = parents.size() == 1 ? "goroutine " : "goroutines ";
  const std::size_t told = std::min(parents.size(), parents_max);
  for (std::size_t i = 0; i < told; ++i) list += (i == 0 ? "" : ", ") + std::to_string(parents[i]);
  if (told < parents.size()) list += " and " + std::to_string(parents.size() - told) + " more";
  return list;
}

// The runtime's threads, for who suspects the runtime.
std::string threads_text() {
  std::string text = "\nthread " + std::to_string(sched.sysmon_thread.load(std::memory_order_relaxed)) + " [watchdog]\n";  // relaxed: a number
  // acquire: pairs with machine_new().
  for (const machine* mp = sched.machines.load(std::memory_order_acquire); mp != nullptr; mp = mp->all_next) {
    // relaxed, all: a snapshot.
    const int thread = mp->thread.load(std::memory_order_relaxed);
    if (thread == 0) continue;
    const goroutine* gp = __atomic_load_n(&mp->current, __ATOMIC_RELAXED);
    text += "thread " + std::to_string(thread) + " [";
    if (gp != nullptr && gp != &mp->g0) {
      text += "runs goroutine " + std::to_string(gp->id);
    } else {
      text += mp->resting.load(std::memory_order_relaxed) ? "idle" : "looks for work";
    }
    text += "]\n";
  }
  return text;
}

class piecewise {
 public:
  piecewise(dump_writer write, void* argument) : write_(write), argument_(argument) { text_.reserve(piece_size + piece_size / 4); }
  void add(const std::string& text) {
    text_ += text;
    if (text_.size() >= piece_size) flush();
  }
  void flush() {
    if (!text_.empty()) write_(text_.data(), text_.size(), argument_);
    text_.clear();
  }

 private:
  const dump_writer write_;
  void* const argument_;
  std::string text_;
};

// What stands where the stack would.
const char* instead_of_stack(const goroutine_view& view) noexcept {
  if (view.fresh) return "";
  if (view.state == goroutine_state::running) return "\truns on another thread; its stack is not shown\n";
  return inspect_sees_stacks() ? "\tits stack could not be read\n" : "\tits stack cannot be read: the system refuses membarrier\n";
}

}  // namespace

std::string stuck_header(const goroutine_view& view, bool leaked, std::int64_t now_ns) {
  std::string text = goroutine_header(view, now_ns);
  if (!leaked) return text;
  const std::string reason = wait_reason_text(view.reason);
  return text.insert(text.find('[') + 1 + reason.size(), " (leaked)");
}

struct stuck_texts::known {
  frame_texts frames{false};
  std::unordered_map<std::uint32_t, std::string> stacks;
};

stuck_texts::stuck_texts(const gathered& everybody) : everybody_(everybody), known_(std::make_unique<known>()) {}
stuck_texts::~stuck_texts() = default;

std::string stuck_texts::describe(const gathered_goroutine& one, bool leaked, const std::string& note, std::int64_t now_ns) {
  std::string text = stuck_header(one.view, leaked, now_ns) + "\t" + note + "\n" + wait_line(everybody_, one, now_ns);
  if (one.stack != 0) {
    const auto [at, added] = known_->stacks.try_emplace(one.stack);
    if (added) at->second = known_->frames.stack(everybody_.frames(one.stack), everybody_.depth(one.stack));
    text += at->second;
  } else {
    text += instead_of_stack(one.view);
  }
  return text + known_->frames.creator(one.view.spawn_pc, parents_text({&one}));
}

std::string goroutine_header(const goroutine_view& view, std::int64_t now_ns) {
  std::string text = "goroutine " + std::to_string(view.id) + " [" + state_text(view);
  if (view.state == goroutine_state::waiting && view.since_ns != 0 && now_ns - view.since_ns >= minute_ns) {
    text += ", " + std::to_string((now_ns - view.since_ns) / minute_ns) + " minutes";
  }
  if (view.locked) text += ", locked to thread";
  text += "]:";
  if (view.name[0] != '\0') text += std::string(" ") + view.name;
  return text + "\n";
}

std::string describe_caller(void* const* frames, std::size_t depth, bool runtime_frames) {
  std::string text;
  const goroutine* gp = on_goroutine() ? current_goroutine() : nullptr;
  if (gp != nullptr) {
    goroutine_view view;
    view.id = gp->id;
    view.state = goroutine_state::running;
    view.locked = (gp->flags & goroutine_flag::locked) != 0;
    if (gp->extra != nullptr) std::copy_n(gp->extra->name, sizeof view.name, view.name);
    text = goroutine_header(view, 0);
  } else {
    text = "thread that is not a goroutine:\n";
  }
  text += frame_texts(runtime_frames).stack(frames, depth);
  if (gp != nullptr) text += describe_creator(gp->spawn_pc, gp->parent_id);
  return text;
}

void write_dump(const dump_options& options, bool first, dump_writer write, void* argument) {
  const gathered everybody({.running_stacks = options.running_stacks, .frames_max = frames_max, .omit = options.omit});
  const std::int64_t now_ns = monotonic_ns();
  frame_texts frames(options.runtime_frames);
  const stack_texts stacks(everybody, frames);
  const std::vector<group> groups = fold(everybody.all(), stacks.which());
  const std::string stalls = stalls_text();
  piecewise out(write, argument);
  for (const group& members : groups) {
    if (!first) out.add("\n");
    first = false;
    for (const gathered_goroutine* one : members) {
      out.add(goroutine_header(one->view, now_ns));
      out.add(wait_line(everybody, *one, now_ns));
    }
    const std::uint32_t stack = members[0]->stack;
    out.add(stack != 0 ? stacks.of(stack) : instead_of_stack(members[0]->view));
    out.add(frames.creator(members[0]->view.spawn_pc, parents_text(members)));
  }
  if (options.runtime_frames) out.add(threads_text());
  if (!stalls.empty()) out.add("\n" + stalls);
  out.flush();
}

}  // namespace gos::rt
