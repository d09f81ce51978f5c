// misuse: an lvalue that only moves is sent
// expect: cannot bind rvalue reference of type .std::unique_ptr<int>|no matching member function for call to .send
#include <gossamer/chan.hpp>
#include <memory>

gos::chan<std::unique_ptr<int>> ch;
std::unique_ptr<int> value;
#ifdef MISUSE
void wrong() { ch.send(value); }
#endif
