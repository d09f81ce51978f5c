// What the example at the top of <gossamer/file.hpp> takes for given: tools/examples.py.
void work(std::string_view);
#ifndef O_WRONLY
constexpr int O_WRONLY = 1, O_CREAT = 0100, O_APPEND = 02000;  // as <fcntl.h> has them
#endif
