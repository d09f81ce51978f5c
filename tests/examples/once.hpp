// What the example at the top of <gossamer/once.hpp> takes for given: tools/examples.py.
std::FILE* log_file;
std::FILE* open_log();
int load();
void use(int);
