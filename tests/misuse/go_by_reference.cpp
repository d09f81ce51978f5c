// misuse: go with an argument that the function takes by reference
// expect: a reference is passed by std::ref
#include <gossamer/go.hpp>

void add(int& sum);
int sum;
#ifdef MISUSE
void wrong() { gos::go(add, sum); }
#endif
