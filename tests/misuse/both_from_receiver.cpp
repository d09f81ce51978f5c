// misuse: a recv_chan as a chan (CH-13)
// expect: conversion from .gos::recv_chan<int>. to non-scalar type .gos::chan<int>|no viable conversion from .gos::recv_chan<int>. to .gos::chan<int>
#include <gossamer/chan.hpp>

gos::recv_chan<int> ch;
#ifdef MISUSE
gos::chan<int> both = ch;
#endif
