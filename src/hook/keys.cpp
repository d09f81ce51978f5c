// keys: pthread_getspecific for libraries that keep there what belongs to a thread of execution: OpenSSL.
//
// OpenSSL has its error queue, its random generators and the state of its initialisation under keys of pthread. A goroutine
// that waits inside SSL_read goes on on another thread, where another goroutine's errors may lie, and SSL_get_error() takes
// them for its own. So on a goroutine the values of keys that libcrypto has made are the goroutine's, and the destructors of
// what is left run when it ends.
//
// Rejected: all keys. An allocator (jemalloc, mimalloc, tcmalloc) has a key so that its cache is given back when the thread ends:
// that is about the thread, and would be done at the end of the first goroutine that allocated there.
#include <gossamer/local.hpp>

#include <dlfcn.h>

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "hook/here.hpp"
#include "hook/libc.hpp"

namespace gos::rt {

namespace {

constexpr std::size_t keys_max = PTHREAD_KEYS_MAX;

struct key_state {
  std::atomic<std::uint32_t> made{0};  // odd: the values are the goroutines'; counts creations and deletions
  std::atomic<void (*)(void*)> destructor{nullptr};
};
constinit key_state keys[keys_max];

bool is_goroutines(pthread_key_t key) noexcept {
  // acquire: pairs with pthread_key_create().
  return key < keys_max && (keys[key].made.load(std::memory_order_acquire) & 1) != 0;
}

struct key_value {
  std::uint32_t made = 0;  // of key_state: a value of a key that is deleted is nobody's
  void* value = nullptr;
};
using key_values = std::vector<key_value>;

void destroy(key_values& values) {
  bool again = true;
  for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS && again; ++round) {
    again = false;
    for (std::size_t key = 0; key < values.size(); ++key) {
      void* const value = std::exchange(values[key].value, nullptr);
      // acquire: as above. relaxed: behind it.
      if (value == nullptr || values[key].made != keys[key].made.load(std::memory_order_acquire)) continue;
      auto* const destructor = keys[key].destructor.load(std::memory_order_relaxed);
      if (destructor == nullptr) continue;
      destructor(value);
      again = true;
    }
  }
}

// Destructors look at other values, so those stay to be found while they run.
struct own_values {
  key_values* all = nullptr;
  own_values() = default;
  own_values(const own_values&) = delete;
  own_values& operator=(const own_values&) = delete;
  ~own_values();
};

// Never destroyed: goroutines may outlive static objects.
goroutine_local<own_values>& current() {
  static auto* const lasting = new goroutine_local<own_values>;
  return *lasting;
}

own_values::~own_values() {
  if (all == nullptr) return;
  current()->all = all;
  destroy(*all);
  current()->all = nullptr;
  delete all;
}

bool is_made_by_openssl(const void* caller) noexcept {
  Dl_info info{};
  if (::dladdr(caller, &info) == 0 || info.dli_fname == nullptr) return false;
  const char* const slash = std::strrchr(info.dli_fname, '/');
  return std::strncmp(slash != nullptr ? slash + 1 : info.dli_fname, "libcrypto.so", 12) == 0;
}

key_value* find(pthread_key_t key) {
  key_values* const all = current()->all;
  return all != nullptr && key < all->size() ? &(*all)[key] : nullptr;
}

}  // namespace

}  // namespace gos::rt

using namespace gos::rt;

extern "C" {

int pthread_key_create(pthread_key_t* key, void (*destructor)(void*)) noexcept {
  const int result = libc::pthread_key_create(key, destructor);
  if (result == 0 && *key < keys_max && is_made_by_openssl(__builtin_return_address(0))) {
    keys[*key].destructor.store(destructor, std::memory_order_relaxed);  // relaxed: published by the next
    keys[*key].made.fetch_add(1, std::memory_order_release);             // release: pairs with is_goroutines()
  }
  return result;
}

int pthread_key_delete(pthread_key_t key) noexcept {
  if (is_goroutines(key)) keys[key].made.fetch_add(1, std::memory_order_release);  // release: pairs with is_goroutines()
  return libc::pthread_key_delete(key);
}

void* pthread_getspecific(pthread_key_t key) noexcept {
  if (!is_goroutines(key) || !may_park()) return libc::pthread_getspecific(key);
  const key_value* const found = find(key);
  // acquire: as in is_goroutines().
  return found != nullptr && found->made == keys[key].made.load(std::memory_order_acquire) ? found->value : nullptr;
}

int pthread_setspecific(pthread_key_t key, const void* value) noexcept {
  if (!is_goroutines(key) || !may_park()) return libc::pthread_setspecific(key, value);
  try {
    key_values*& all = current()->all;
    if (all == nullptr) all = new key_values;
    if (key >= all->size()) all->resize(key + 1);
    (*all)[key] = {keys[key].made.load(std::memory_order_acquire), const_cast<void*>(value)};  // acquire: as above
    return 0;
  } catch (const std::bad_alloc&) { return ENOMEM; }
}

}  // extern "C"
