// What the example at the top of <gossamer/broadcast.hpp> takes for given: tools/examples.py.
struct event {};
event next_event();
void show(const event&);
