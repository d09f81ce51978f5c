// gos_unwind_through: the frame between two stacks, on aarch64 (see unwind.hpp and unwind_x86_64.S). x19 holds `left`.
#if defined(__aarch64__)
    .text
    .p2align 4
    .globl gos_unwind_through
    .hidden gos_unwind_through
    .type gos_unwind_through, %function
gos_unwind_through:
    .cfi_startproc
    stp x29, x30, [sp, #-32]!
    .cfi_def_cfa_offset 32
    .cfi_offset x29, -32
    .cfi_offset x30, -24
    str x19, [sp, #16]
    .cfi_offset x19, -16
    mov x19, x0
    .cfi_remember_state
    .cfi_same_value x19
    .cfi_escape 0x0f, 3, 0x83, 0, 0x06   // DW_CFA_def_cfa_expression: DW_OP_breg19 0, DW_OP_deref
    .cfi_escape 0x10, 30, 2, 0x83, 16    // DW_CFA_expression, the return address: DW_OP_breg19 16
    .cfi_escape 0x10, 29, 2, 0x83, 8     // DW_CFA_expression, x29: DW_OP_breg19 8
    mov x0, x1
    blr x2
    .cfi_restore_state
    ldr x19, [sp, #16]
    ldp x29, x30, [sp], #32
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size gos_unwind_through, . - gos_unwind_through
#endif
    .section .note.GNU-stack, "", %progbits
