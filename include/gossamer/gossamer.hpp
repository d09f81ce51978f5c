// gossamer: goroutines for C++. The core in one include; components come by name (net.hpp, ...).
#pragma once

#include <gossamer/arms.hpp>
#include <gossamer/broadcast.hpp>
#include <gossamer/chan.hpp>
#include <gossamer/concurrent_map.hpp>
#include <gossamer/condition_variable.hpp>
#include <gossamer/context.hpp>
#include <gossamer/defer.hpp>
#include <gossamer/error_group.hpp>
#include <gossamer/go.hpp>
#include <gossamer/local.hpp>
#include <gossamer/mutex.hpp>
#include <gossamer/once.hpp>
#include <gossamer/oneshot.hpp>
#include <gossamer/panic.hpp>
#include <gossamer/pool.hpp>
#include <gossamer/runtime.hpp>
#include <gossamer/select.hpp>
#include <gossamer/semaphore.hpp>
#include <gossamer/shared_mutex.hpp>
#include <gossamer/signal.hpp>
#include <gossamer/single_flight.hpp>
#include <gossamer/task_group.hpp>
#include <gossamer/time.hpp>
#include <gossamer/wait_group.hpp>
#include <gossamer/watch.hpp>
