// See debug_table.hpp.
//
// The asserts are the reader's: it unpacks fields of these sizes. When one of them fails, or a field moves into another
// structure, the table gets a new version, and tools/gossamer_gdb.py learns it.
#include "sched/debug_table.hpp"

#include "sched/sched.hpp"

namespace gos::rt {

static_assert(sizeof(void*) == 8 && sizeof(std::size_t) == 8);
static_assert(sizeof(std::atomic<goroutine*>) == 8 && sizeof(std::atomic<machine*>) == 8);
static_assert(sizeof(std::atomic<std::size_t>) == 8 && sizeof(std::atomic<std::int64_t>) == 8);

static_assert(sizeof(switch_context) == 24);
static_assert(sizeof(goroutine::on_cpu) == 4);
static_assert(sizeof(goroutine::state) == 1 && sizeof(goroutine::flags) == 1);
static_assert(sizeof(goroutine::reason) == 1 && sizeof(goroutine::stack_class) == 1);
static_assert(sizeof(goroutine::id) == 8 && sizeof(goroutine::parent_id) == 8);
static_assert(sizeof(goroutine::wait_object) == 8 && sizeof(goroutine::body) == 8);
static_assert(sizeof(goroutine::since_ns) == 8 && sizeof(goroutine::deadline_ns) == 8);
static_assert(goroutine::no_deadline_ns == INT64_MAX);
static_assert(sizeof(machine::current) == 8 && sizeof(machine::blocking) == 8);
static_assert(sizeof(machine::alive) == 1 && sizeof(machine::thread) == 4);

static_assert(static_cast<int>(goroutine_state::dead) == 0 && static_cast<int>(goroutine_state::runnable) == 1);
static_assert(static_cast<int>(goroutine_state::running) == 2 && static_cast<int>(goroutine_state::waiting) == 3);
static_assert(static_cast<int>(goroutine_state::aged) == 4 && static_cast<int>(goroutine_state::scanned) == 5);
static_assert(static_cast<int>(goroutine_state::examined) == 6);
static_assert(goroutine_flag::fresh == 1 && goroutine_flag::locked == 2);

static_assert(offsetof(debug_table, version) == 16 && offsetof(debug_table, size) == 20);
static_assert(offsetof(debug_table, slab) == 24 && offsetof(debug_table, wait_reason_count) == 64);
static_assert(offsetof(debug_table, machine_thread) == 164 && sizeof(debug_table) == 168);

}  // namespace gos::rt

using gos::rt::debug_table;
using gos::rt::goroutine;
using gos::rt::goroutine_extra;
using gos::rt::machine;

// used: named by the note below only, which a link-time optimiser does not look at. In a linker's eyes notes are needed, and
// so is what they name.
[[gnu::used]] constinit const debug_table gos_debug_table = {
    .magic = "gossamer.debug",
    .version = debug_table::current_version,
    .size = sizeof(debug_table),
    .slab = &gos::rt::goroutine_slab,
    .slab_used = &gos::rt::goroutine_slab_used,
    .machines = &gos::rt::sched.machines,
    .now_ns = &gos::rt::sched.coarse_ns,
    .wait_reasons = gos::rt::wait_reason_texts,
    .wait_reason_count = gos::rt::wait_reason_count,
    .goroutine_size = sizeof(goroutine),
    .goroutine_context = offsetof(goroutine, context),
    .goroutine_on_cpu = offsetof(goroutine, on_cpu),
    .goroutine_state = offsetof(goroutine, state),
    .goroutine_flags = offsetof(goroutine, flags),
    .goroutine_reason = offsetof(goroutine, reason),
    .goroutine_stack_class = offsetof(goroutine, stack_class),
    .goroutine_stack_base = offsetof(goroutine, stack_base),
    .goroutine_id = offsetof(goroutine, id),
    .goroutine_parent_id = offsetof(goroutine, parent_id),
    .goroutine_spawn_pc = offsetof(goroutine, spawn_pc),
    .goroutine_wait_object = offsetof(goroutine, wait_object),
    .goroutine_since_ns = offsetof(goroutine, since_ns),
    .goroutine_deadline_ns = offsetof(goroutine, deadline_ns),
    .goroutine_body = offsetof(goroutine, body),
    .goroutine_closure = offsetof(goroutine, closure),
    .goroutine_extra = offsetof(goroutine, extra),
    .extra_name = offsetof(goroutine_extra, name),
    .extra_name_size = sizeof(goroutine_extra::name),
    .machine_next = offsetof(machine, all_next),
    .machine_current = offsetof(machine, current),
    .machine_idle = offsetof(machine, g0),
    .machine_blocking = offsetof(machine, blocking),
    .machine_alive = offsetof(machine, alive),
    .machine_thread = offsetof(machine, thread),
};

// An ELF note: the sizes of its name and contents, its type, the name, the contents.
__asm__(
    ".pushsection .note.gossamer, \"a\", %note\n\t"
    ".balign 4\n\t"
    ".long 9, 8, 1\n\t"
    ".asciz \"gossamer\"\n\t"
    ".balign 4\n\t"
    ".quad gos_debug_table - .\n\t"
    ".popsection");
