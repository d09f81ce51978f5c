// gos_unwind_through: the frame between two stacks, on x86-64 (see unwind.hpp).
//
// gos_unwind_through(left, argument, walk) calls walk(argument). While it does, the call-frame information says that the
// caller is what *left describes: its stack pointer is left[0], its frame pointer left[1], its return address left[2].
// rbx holds `left`: a register that whoever is called keeps, or tells the unwinder where it is.
#if defined(__x86_64__)
    .text
    .p2align 4
    .globl gos_unwind_through
    .hidden gos_unwind_through
    .type gos_unwind_through, %function
gos_unwind_through:
    .cfi_startproc
    pushq %rbx
    .cfi_def_cfa_offset 16
    .cfi_offset %rbx, -16
    movq %rdi, %rbx
    .cfi_remember_state
    .cfi_same_value %rbx
    .cfi_escape 0x0f, 3, 0x73, 0, 0x06   // DW_CFA_def_cfa_expression: DW_OP_breg3 0, DW_OP_deref
    .cfi_escape 0x10, 16, 2, 0x73, 16    // DW_CFA_expression, the return address: DW_OP_breg3 16
    .cfi_escape 0x10, 6, 2, 0x73, 8      // DW_CFA_expression, rbp: DW_OP_breg3 8
    movq %rsi, %rdi
    call *%rdx
    .cfi_restore_state
    popq %rbx
    .cfi_def_cfa_offset 8
    .cfi_restore %rbx
    ret
    .cfi_endproc
    .size gos_unwind_through, . - gos_unwind_through
#endif
    .section .note.GNU-stack, "", %progbits
