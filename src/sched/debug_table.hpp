// debug_table: where a debugger finds the goroutines of a program, and how their records look.
//
// A debugger has a dead process, or a live one that must not be disturbed, and perhaps no debug information. So one constant
// in the program's memory says everything that it needs: addresses, sizes, offsets, texts. tools/gossamer_gdb.py is its
// reader, docs/debugging_with_gdb.md describes it for others. It is found by the ELF note `gossamer`, whose contents are the
// distance from themselves to the table, and which programs without symbols have, too; or by the symbol.
//
// INV1 A version never changes. New fields go to the end and are told by `size`; anything else is a new version.
// INV2 Nothing in it is written, and the program itself never reads it.
// Rejected: debug information (most libraries are shipped without); one symbol per offset, as libpthread has them for
// libthread_db (a stripped program has none); a section of its own with no note (linkers drop what nobody names).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sched/goroutine.hpp"
#include "sched/machine.hpp"

namespace gos::rt {

struct debug_table {
  static constexpr std::uint32_t current_version = 1;

  char magic[16];  // "gossamer.debug", zeroes
  std::uint32_t version;
  std::uint32_t size;  // of this table

  // Addresses of variables, and of texts.
  const std::atomic<goroutine*>* slab;         // the records of all goroutines, one after the other; null before the first
  const std::atomic<std::size_t>* slab_used;   // how many of them have ever been used
  const std::atomic<machine*>* machines;       // the first thread's record, linked through machine_next
  const std::atomic<std::int64_t>* now_ns;     // the clock that goroutine_since_ns is taken from
  const char* const* wait_reasons;             // wait_reason_count texts
  std::uint32_t wait_reason_count;

  // Offsets in the record of a goroutine, and its size.
  std::uint32_t goroutine_size;
  std::uint32_t goroutine_context;      // three words: stack pointer, frame pointer, resume address
  std::uint32_t goroutine_on_cpu;       // 4 bytes; not 0 while somebody may be on its stack
  std::uint32_t goroutine_state;        // 1 byte: 0 dead, 1 runnable, 2 running, 3 to 5 waiting
  std::uint32_t goroutine_flags;        // 1 byte: 1 fresh (never ran, has no stack), 2 locked to a thread
  std::uint32_t goroutine_reason;       // 1 byte: index of wait_reasons, while it waits
  std::uint32_t goroutine_stack_class;  // 1 byte: log2 of the size of its stack
  std::uint32_t goroutine_stack_base;   // pointer: the lowest address of its stack
  std::uint32_t goroutine_id;           // 8 bytes
  std::uint32_t goroutine_parent_id;    // 8 bytes
  std::uint32_t goroutine_spawn_pc;     // pointer: return address of the statement that started it, or null
  std::uint32_t goroutine_wait_object;  // pointer: what it waits on, while it waits
  std::uint32_t goroutine_since_ns;     // 8 bytes: since when, while it waits
  std::uint32_t goroutine_deadline_ns;  // 8 bytes: until when at the latest; INT64_MAX: for ever
  std::uint32_t goroutine_body;         // pointer: the function that it was started with ...
  std::uint32_t goroutine_closure;      // pointer: ... and what is passed to it
  std::uint32_t goroutine_extra;        // pointer, or null: what few goroutines have

  // Offsets in what few goroutines have.
  std::uint32_t extra_name;       // characters, ended by a zero
  std::uint32_t extra_name_size;  // not an offset: how many at most, with the zero

  // Offsets in the record of a thread.
  std::uint32_t machine_next;      // pointer, or null
  std::uint32_t machine_current;   // pointer: the goroutine that runs there, or the address of machine_idle
  std::uint32_t machine_idle;      // the record's own stand-in for "no goroutine"
  std::uint32_t machine_blocking;  // pointer: the goroutine that is in a blocking section there, or null
  std::uint32_t machine_alive;     // 1 byte: has a thread
  std::uint32_t machine_thread;    // 4 bytes: the thread's id in the kernel
};

// In goroutine.cpp: the records of all goroutines.
extern constinit std::atomic<goroutine*> goroutine_slab;
extern constinit std::atomic<std::size_t> goroutine_slab_used;

}  // namespace gos::rt

extern "C" [[gnu::visibility("hidden")]] const gos::rt::debug_table gos_debug_table;
