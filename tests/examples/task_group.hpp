// What the example at the top of <gossamer/task_group.hpp> takes for given: tools/examples.py.
struct index_type {};
index_type index;
void load(index_type*);
void serve(const gos::context&);
