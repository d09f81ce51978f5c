// nil_chan: operations on the nil channel, which block for ever.
#pragma once

namespace gos::rt {

[[noreturn]] void nil_send() noexcept;
[[noreturn]] void nil_recv() noexcept;
// A select without any arm that could ever be ready.
[[noreturn]] void select_nothing() noexcept;

}  // namespace gos::rt
