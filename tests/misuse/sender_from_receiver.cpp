// misuse: a recv_chan as a send_chan (CH-13)
// expect: conversion from .gos::recv_chan<int>. to non-scalar type .gos::send_chan<int>|no viable conversion from .gos::recv_chan<int>. to .gos::send_chan<int>
#include <gossamer/chan.hpp>

gos::recv_chan<int> ch;
#ifdef MISUSE
gos::send_chan<int> sender = ch;
#endif
