// assert: GOS_CHECK always, GOS_ASSERT in debug builds (NDEBUG not defined).
//
// A failed check is a bug of the runtime: fatal, with the place and the condition.
#pragma once

#include "base/align.hpp"
#include "base/fatal.hpp"

#define GOS_CHECK(condition)                                                                                    \
  (GOS_LIKELY(condition)                                                                                        \
       ? static_cast<void>(0)                                                                                   \
       : ::gos::rt::fatal("gossamer: bug in the runtime: %s:%d: (%s) does not hold", __FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define GOS_ASSERT(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#else
#define GOS_ASSERT(condition) GOS_CHECK(condition)
#endif
