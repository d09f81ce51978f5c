// What the example at the top of <gossamer/semaphore.hpp> takes for given: tools/examples.py.
struct job_type {
  std::int64_t megabytes;
} job;
void process(job_type&);
gos::context ctx;
