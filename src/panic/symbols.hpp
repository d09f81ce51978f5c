// symbols: which function an address belongs to, with file and line, and whose function it is.
//
// dladdr alone knows exported names only, and an executable exports nearly nothing: the lambdas that
// goroutines are made of are never among them. So the .symtab of a module is read from its file, once,
// at the first question. Files, lines and inlined calls come from debug information (lines.hpp), if there is any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gos::rt {

// Whose function it is, for those who do not want to see the runtime's.
enum class symbol_owner : std::uint8_t {
  user,      // everybody else's
  standard,  // the C++ library's: invoke, apply
  runtime,   // gossamer's
};

// One function at an address.
struct symbol_frame {
  std::string function;  // readable; empty if unknown
  std::string file;      // of the place in it; empty if unknown
  int line = 0;
  symbol_owner owner = symbol_owner::user;
};

struct symbol_place {
  symbol_frame own;                  // the function that has the address
  std::uintptr_t offset = 0;         // from its begin
  std::vector<symbol_frame> inlined;  // the calls that the compiler put inline there, innermost first
  std::string module;                // file name of the executable or library; empty if unknown
  std::uintptr_t module_offset = 0;  // as the file counts its addresses; the address itself if the module is unknown
};

// Allocates; may read files. Any thread; not for signal handlers. Throws std::bad_alloc.
symbol_place find_symbol(void* pc);

// The readable form of a mangled name, or the name itself.
std::string demangle(const char* mangled);

}  // namespace gos::rt
