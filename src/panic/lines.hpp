// lines: the file and line of an address, and the calls that the compiler put inline there, from debug information.
//
// The seam to the library that reads it: lines_backtrace.cpp, or lines_none.cpp where there is none (GOS_SYMBOLS=OFF).
#pragma once

namespace gos::rt {

// One function that the address lies in. Names may be mangled and may be null, as may be the file; they stay valid.
using line_visitor = void (*)(const char* function, const char* file, int line, void* argument);

// Visits the functions at pc, innermost first: those that were put inline, then the one that has the address. Visits none if
// nothing is known. Any thread; throws nothing by itself.
void find_lines(void* pc, line_visitor visit, void* argument);

}  // namespace gos::rt
