// text: the names of signals, in Go's words.
#pragma once

#include <string>

namespace gos::rt {

// `interrupt`, `killed`, ...; `signal 40` for one that has no name.
std::string signal_text(int signal);

}  // namespace gos::rt
