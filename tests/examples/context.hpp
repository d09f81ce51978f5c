// What the example at the top of <gossamer/context.hpp> takes for given: tools/examples.py.
void fetch(gos::context, gos::chan<int>);
gos::chan<int> results;
void use(std::optional<int>);
void log(std::string);
gos::mutex table_lock;
gos::context ctx;
