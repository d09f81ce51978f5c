// What the example at the top of <gossamer/signal.hpp> takes for given: tools/examples.py.
struct work_type {};
gos::chan<work_type> work;
void handle(std::optional<work_type>);
void shut_down(std::optional<int>);
void serve(const gos::context&);
