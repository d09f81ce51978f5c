// What the example at the top of <gossamer/time.hpp> takes for given: tools/examples.py.
gos::chan<int> answers;
void use(std::optional<int>);
void give_up();
void show(gos::time_point);
