// What the example at the top of <gossamer/shared_mutex.hpp> takes for given: tools/examples.py.
gos::shared_mutex table_lock;
