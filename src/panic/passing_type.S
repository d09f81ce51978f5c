// passing_type: the type information of passing_exception, as an object of passing_type (throw_stack.hpp).
//
// Laid out by hand, as the Itanium C++ ABI has it: the virtual functions, the name. Not in C++: type_info has no constexpr
// constructor, and goroutines may run, and throw, before a file has been initialised; and a link-time optimiser that sees a
// variable where it expects type information warns.
    .section .rodata.gos_passing_name, "a", %progbits
name:
    .string "N3gos2rt17passing_exceptionE"

    .section .data.rel.ro.gos_passing_type, "aw", %progbits
    .balign 8
    .globl _ZTIN3gos2rt17passing_exceptionE
    .type _ZTIN3gos2rt17passing_exceptionE, %object
    .size _ZTIN3gos2rt17passing_exceptionE, 16
_ZTIN3gos2rt17passing_exceptionE:
    .quad _ZTVN3gos2rt12passing_typeE + 16
    .quad name

    .section .note.GNU-stack, "", %progbits
