// What the examples at the top of <gossamer/websocket.hpp> take for given: tools/examples.py.
inline gos::http::router router;
