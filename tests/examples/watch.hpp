// What the example at the top of <gossamer/watch.hpp> takes for given: tools/examples.py.
struct config {};
config load();
void apply(const config&);
void use(const config&);
