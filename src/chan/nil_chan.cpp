// See nil_chan.hpp. Nobody knows these waits, so nobody ends them; they show up in dumps.
#include "chan/nil_chan.hpp"

#include "base/fatal.hpp"
#include "park/park.hpp"

namespace gos::rt {

namespace {
[[noreturn]] void wait_for_ever(wait_reason reason) noexcept {
  kernel_section kernel;
  park(reason, nullptr);
  fatal("gossamer: bug in the runtime: a goroutine that waits for ever was woken (%s)",
        wait_reason_text(reason));
}
}  // namespace

[[gnu::cold]] void nil_send() noexcept { wait_for_ever(wait_reason::chan_send_nil); }
[[gnu::cold]] void nil_recv() noexcept { wait_for_ever(wait_reason::chan_receive_nil); }
[[gnu::cold]] void select_nothing() noexcept { wait_for_ever(wait_reason::select_no_cases); }

}  // namespace gos::rt
