// See gather.hpp.
//
// While goroutines are held nothing is allocated: what is seen of a batch goes into room made before, and into the tables
// between the batches.
#include "report/gather.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <unordered_map>

#include "report/holders.hpp"
#include "report/waits.hpp"

namespace gos::rt {

struct gathered::seen {
  goroutine_view view;
  wait_note note;
  void* frames[inspect_frames_max];
};

class gathered::collector {
 public:
  collector(gathered& into) : into_(into), batch_(new seen[inspect_batch_max]) {}

  static void visit(const goroutine_view& view, void* self) { static_cast<collector*>(self)->note(view); }
  static void between(void* self) { static_cast<collector*>(self)->keep_batch(); }

 private:
  void note(const goroutine_view& view) noexcept {
    seen& s = batch_[count_++];
    s.view = view;
    std::copy_n(view.frames, view.depth, s.frames);
    s.note = wait_note();
    describe_wait(s.note, view);
  }

  void keep_batch() {
    for (std::size_t i = 0; i < count_; ++i) keep(batch_[i]);
    count_ = 0;
  }

  void keep(const seen& s) {
    gathered_goroutine one;
    one.view = s.view;
    one.view.frames = nullptr;
    one.stack = s.view.depth == 0 ? 0 : intern(s.frames, s.view.depth);
    one.wait_text = into_.texts_.size();
    one.wait_length = static_cast<std::uint32_t>(s.note.size());
    into_.texts_.append(s.note.text(), s.note.size());
    one.parties = into_.parties_.size();
    into_.parties_.insert(into_.parties_.end(), s.note.parties(), s.note.parties() + s.note.parties_count());
    one.deadline_ns = s.note.deadline_ns();
    one.stack_base = __atomic_load_n(&s.view.gp->stack_base, __ATOMIC_RELAXED);  // relaxed: a snapshot
    into_.all_.push_back(one);
  }

  std::uint32_t intern(void* const* frames, std::size_t depth) {
    std::uint64_t hash = depth;
    for (std::size_t i = 0; i < depth; ++i) {
      hash = (hash ^ reinterpret_cast<std::uintptr_t>(frames[i])) * 0x9e3779b97f4a7c15U;
      hash ^= hash >> 29;
    }
    for (auto [at, end] = known_.equal_range(hash); at != end; ++at) {
      const stack_range& range = into_.stacks_[at->second];
      if (range.depth == depth && std::equal(frames, frames + depth, into_.frames_.begin() + static_cast<std::ptrdiff_t>(range.first))) {
        return at->second;
      }
    }
    const auto index = static_cast<std::uint32_t>(into_.stacks_.size());
    into_.stacks_.push_back({into_.frames_.size(), depth});
    into_.frames_.insert(into_.frames_.end(), frames, frames + depth);
    known_.emplace(hash, index);
    return index;
  }

  gathered& into_;
  std::unique_ptr<seen[]> batch_;
  std::size_t count_ = 0;
  std::unordered_multimap<std::uint64_t, std::uint32_t> known_;
};

namespace {

// Each object once, with how many wait there.
template <class Count>
std::vector<Count> count_parties(std::vector<wait_note::parties_at> parties) {
  std::sort(parties.begin(), parties.end(),
            [](const auto& a, const auto& b) { return std::less<const void*>()(a.object, b.object); });
  std::vector<Count> counts;
  for (const wait_note::parties_at& p : parties) {
    if (p.own == party::holder || p.own == party::user) continue;
    if (counts.empty() || counts.back().object != p.object) counts.push_back({p.object, 0, 0, 0});
    Count& c = counts.back();
    ++(p.own == party::any ? c.waiting : p.own == party::receiver ? c.receiving : c.sending);
  }
  return counts;
}

}  // namespace

gathered::gathered(inspect_options options) {
  collector into(*this);
  options.between = collector::between;
  inspect_goroutines(options, collector::visit, &into);
  std::sort(all_.begin(), all_.end(),
            [](const gathered_goroutine& a, const gathered_goroutine& b) { return a.view.id < b.view.id; });
  counts_ = count_parties<parties_count>(parties_);
  if (const goroutine* gp = options.omit; gp != nullptr) {
    omitted_.id = gp->id;
    if (gp->extra != nullptr) std::copy_n(gp->extra->name, sizeof omitted_.name, omitted_.name);
  }
  if (std::none_of(parties_.begin(), parties_.end(), [](const auto& p) { return p.own == party::holder; })) return;
  for (const gathered_goroutine& one : all_) {
    if (one.stack_base != nullptr) owners_.push_back({one.stack_base, one.view.id});
  }
  if (const goroutine* gp = options.omit; gp != nullptr && gp->stack_base != nullptr) owners_.push_back({gp->stack_base, gp->id});
  std::sort(owners_.begin(), owners_.end(), [](const auto& a, const auto& b) { return std::less<const std::byte*>()(a.base, b.base); });
}

std::string gathered::holder_text(const void* number) const {
  const std::byte* const base = holder_stack(static_cast<detail::holder_word>(reinterpret_cast<std::uintptr_t>(number)));
  if (base == nullptr) return " by a thread";
  const auto at = std::lower_bound(owners_.begin(), owners_.end(), base, [](const stack_owner& owner, const std::byte* wanted) {
    return std::less<const std::byte*>()(owner.base, wanted);
  });
  if (at == owners_.end() || at->base != base) return " by a goroutine that has ended";
  return goroutine_text(at->id);
}

std::string gathered::goroutine_text(std::uint64_t id) const {
  if (id == 0) return " by a thread";
  std::string text = " by goroutine " + std::to_string(id);
  const auto at = std::lower_bound(
      all_.begin(), all_.end(), id,
      [](const gathered_goroutine& one, std::uint64_t wanted) { return one.view.id < wanted; });
  const goroutine_view* view = at != all_.end() && at->view.id == id ? &at->view
                               : id == omitted_.id                   ? &omitted_
                                                                     : nullptr;
  if (view == nullptr) return text + ", which has ended";
  if (view->name[0] != '\0') text += std::string(" \"") + view->name + "\"";
  return text;
}

std::string gathered::wait_text(const gathered_goroutine& one) const {
  std::string text;
  std::size_t next = one.parties;
  for (const char c : std::string_view(texts_).substr(one.wait_text, one.wait_length)) {
    if (c != wait_note::mark) {
      text += c;
      continue;
    }
    const wait_note::parties_at& p = parties_[next++];
    if (p.own == party::holder || p.own == party::user) {
      text += p.own == party::holder ? holder_text(p.object)
                                     : goroutine_text(reinterpret_cast<std::uintptr_t>(p.object));
      continue;
    }
    const auto at = std::lower_bound(counts_.begin(), counts_.end(), p.object, [](const parties_count& count, const void* object) {
      return std::less<const void*>()(count.object, object);
    });
    if (p.own == party::any) {
      if (text.back() != '(') text += ", ";
      text += std::to_string(at->waiting) + " waiting";
    } else {
      text += ", " + std::to_string(at->receiving) + " receiving, " + std::to_string(at->sending) + " sending";
    }
  }
  return text;
}

}  // namespace gos::rt
