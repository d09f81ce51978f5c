// fork_join: what becomes of a failure where the call was taken to. See include/gossamer/fork_join.hpp.
#include <gossamer/fork_join.hpp>

#include <utility>

#include "panic/panic_state.hpp"

namespace gos::detail {

void fork_rethrow(fork_job& job) {
  if (job.failure != nullptr) std::rethrow_exception(std::exchange(job.failure, nullptr));
}

void fork_forget(fork_job& job) noexcept {
  if (job.failure == nullptr) return;
  rt::settle(job.failure);
  job.failure = nullptr;
}

}  // namespace gos::detail
