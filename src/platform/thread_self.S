// gos_thread_self: the per-thread pointer of thread_self.hpp. A thread starts with the address of
// gos_thread_nobody, an object that whoever uses thread_self defines.
    .section .tdata, "awT", %progbits
    .p2align 3
    .globl gos_thread_self
    .type gos_thread_self, %object
    .size gos_thread_self, 8
gos_thread_self:
    .quad gos_thread_nobody
    .section .note.GNU-stack, "", %progbits
