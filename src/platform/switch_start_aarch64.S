// gos_switch_start: the first instructions of a fresh context on aarch64 (see switch_aarch64.hpp).
// Takes the entry function from the stack and enters it with no return address.
#if defined(__aarch64__)
    .text
    .p2align 4
    .globl gos_switch_start
    .hidden gos_switch_start
    .type gos_switch_start, %function
gos_switch_start:
    .cfi_startproc
    .cfi_undefined x30
    ldr x3, [sp], #16
    mov x30, #0
    br x3
    .cfi_endproc
    .size gos_switch_start, . - gos_switch_start
#endif
    .section .note.GNU-stack, "", %progbits
