// What the example at the top of <gossamer/oneshot.hpp> takes for given: tools/examples.py.
struct question_text {};
const question_text question;
struct request {
  question_text text;
  gos::oneshot_sender<int> reply;
};
gos::chan<request> requests;
void use(int);
void nobody_answers();
void give_up();
