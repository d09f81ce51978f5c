// What the example at the top of <gossamer/local.hpp> takes for given: tools/examples.py.
using request_id = int;
request_id id;
