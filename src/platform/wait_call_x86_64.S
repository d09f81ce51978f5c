// gos::rt::wait_call_stub(a, b, c, d, wait): see wait_call.hpp. The fifth argument, in r8, is what is called with the others.
#if defined(__x86_64__)
    .text
    .p2align 4
    .globl _ZN3gos2rt14wait_call_stubEv
    .hidden _ZN3gos2rt14wait_call_stubEv
    .type _ZN3gos2rt14wait_call_stubEv, %function
_ZN3gos2rt14wait_call_stubEv:
    .cfi_startproc
    subq $8, %rsp
    .cfi_def_cfa_offset 16
    call *%r8
    addq $8, %rsp
    .cfi_def_cfa_offset 8
    popq %rcx
    .cfi_def_cfa_offset 0
    .cfi_register %rip, %rcx
    jmpq *%rcx
    .cfi_endproc
    .size _ZN3gos2rt14wait_call_stubEv, . - _ZN3gos2rt14wait_call_stubEv
#endif
    .section .note.GNU-stack, "", %progbits
