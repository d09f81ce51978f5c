// hold: goroutines that do not run are kept from being resumed, so that their stacks can be looked at or shrunk.
//
// Who resumes a goroutine waits for on_cpu == 0 (INV3 of goroutine.hpp), so setting on_cpu to held_mark holds it still, except
// for a machine that has already seen 0. Such a machine has named the goroutine as its `current` before it looked: a
// hazard pointer, with the membarrier as the holder's half of the fence. A goroutine that some machine names is let go again.
//
// INV1 Marks are set by who has hold_lock, and none is left when it is released: a mark seen there is one's own.
// INV2 While goroutines are held nothing is waited for: a machine that would resume one of them spins, perhaps with the
//      only processor.
// INV3 Only a goroutine that is not fresh is marked: one that is fresh is given a stack, or takes over another's,
//      without regard to the mark.
// Private to sched. Not to be used where membarrier is refused.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/spin.hpp"
#include "sched/goroutine.hpp"

namespace gos::rt {

inline constexpr std::uint32_t held_mark = 2;  // of on_cpu
inline constexpr std::size_t hold_max = 64;    // at once: who is woken meanwhile waits for all of them

extern spin_lock hold_lock;

// Marks gp, which was seen in the state `seen`, unless it is running, being left, or something else by now.
bool hold_mark(goroutine* gp, goroutine_state seen) noexcept;

// Of `count` marked ones, those that are really held come first; returns how many. The others are let go.
std::size_t hold_settle(goroutine** marked, std::size_t count) noexcept;

// Drops the mark. A machine that has resumed gp meanwhile has replaced it.
void hold_let_go(goroutine* gp) noexcept;

}  // namespace gos::rt
