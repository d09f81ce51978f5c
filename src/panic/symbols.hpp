// symbols: which function an address belongs to, from the ELF symbol tables of the loaded modules.
//
// dladdr alone knows exported names only, and an executable exports nearly nothing: the lambdas that
// goroutines are made of are never among them. So the .symtab of a module is read from its file, once,
// at the first question. Files and lines (DWARF) are another matter.
#pragma once

#include <cstdint>
#include <string>

namespace gos::rt {

struct symbol_place {
  std::string function;            // demangled; empty if unknown
  std::uintptr_t offset = 0;       // from the function's begin
  std::string module;              // file name of the executable or library; empty if unknown
  std::uintptr_t module_offset = 0;  // as the file counts its addresses
};

// Allocates; may read files. Any thread; not for signal handlers. Throws std::bad_alloc.
symbol_place find_symbol(void* pc);

// The readable form of a mangled name, or the name itself.
std::string demangle(const char* mangled);

}  // namespace gos::rt
