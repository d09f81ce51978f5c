// group_call: the body of a goroutine that belongs to a group.
//
// Group has, for its friend group_call: run(call, ended), which calls call() and sets `ended` before it throws or returns
// if the end of the function is the group's business; and function_ended(), which counts down and after which the group
// may be gone.
#pragma once

#include <type_traits>
#include <utility>

#include <gossamer/detail/spawn.hpp>

namespace gos::detail {

// Members are destroyed in reverse: the callable is gone when `end` tells the group.
template <class Group, class F, class... A> struct group_call {
  struct end_of_call {
    Group* group;
    bool due = false;
    explicit end_of_call(Group* g) noexcept : group(g) {}
    end_of_call(const end_of_call&) = delete;
    end_of_call& operator=(const end_of_call&) = delete;
    ~end_of_call() {
      if (due) group->function_ended();
    }
  };

  template <class F2, class... A2>
  explicit group_call(Group* group, F2&& f,
                      A2&&... a) noexcept(std::is_nothrow_constructible_v<bound_call<F, A...>, F2, A2...>)
      : end(group), call(std::forward<F2>(f), std::forward<A2>(a)...) {}

  void operator()() { end.group->run(call, end.due); }

  end_of_call end;
  [[no_unique_address]] bound_call<F, A...> call;
};

}  // namespace gos::detail
