// See symbols.hpp.
//
// INV1 A table is published once, complete, and never changed or freed: who reads needs no lock.
// INV2 Two threads that build the same table at once both build it; the second throws its own away.
//      Rejected: a lock around building: the caller may be a thread that crashes beside another one.
#include "panic/symbols.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <memory>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <string_view>
#include <vector>

#include "base/race.hpp"
#include "panic/lines.hpp"

namespace gos::rt {

namespace {

struct function_symbol {
  std::uintptr_t begin = 0;
  std::uintptr_t size = 0;
  std::uint32_t name = 0;  // offset in names
};

struct symbol_table {
  std::uintptr_t load_address = 0;
  std::vector<function_symbol> functions;  // by begin
  std::string names;
  symbol_table* next = nullptr;
};

std::atomic<symbol_table*> tables{nullptr};

// A file in memory for as long as it is read.
class mapped_file {
 public:
  explicit mapped_file(const char* path) noexcept {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    struct stat info;
    if (::fstat(fd, &info) == 0 && info.st_size > 0) {
      void* at = ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
      if (at != MAP_FAILED) {
        data_ = static_cast<const char*>(at);
        size_ = static_cast<std::size_t>(info.st_size);
      }
    }
    ::close(fd);
  }
  ~mapped_file() {
    if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  // `count` objects at `offset`, or null when the file ends before.
  template <class T>
  const T* at(std::uint64_t offset, std::uint64_t count = 1) const noexcept {
    if (offset > size_ || count > (size_ - offset) / sizeof(T)) return nullptr;
    return reinterpret_cast<const T*>(data_ + offset);
  }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

void read_functions(const mapped_file& file, const ElfW(Shdr) * sections, std::size_t count, std::uint32_t type,
                    symbol_table& into) {
  for (std::size_t i = 0; i < count; ++i) {
    const ElfW(Shdr)& section = sections[i];
    if (section.sh_type != type || section.sh_link >= count) continue;
    const ElfW(Shdr)& strings = sections[section.sh_link];
    const auto* text = file.at<char>(strings.sh_offset, strings.sh_size);
    const std::size_t symbols = section.sh_size / sizeof(ElfW(Sym));
    const auto* symbol = file.at<ElfW(Sym)>(section.sh_offset, symbols);
    if (text == nullptr || symbol == nullptr) continue;
    for (std::size_t k = 0; k < symbols; ++k) {
      if (ELF64_ST_TYPE(symbol[k].st_info) != STT_FUNC || symbol[k].st_value == 0) continue;
      if (symbol[k].st_name >= strings.sh_size) continue;
      const char* name = text + symbol[k].st_name;
      const std::size_t length = ::strnlen(name, strings.sh_size - symbol[k].st_name);
      into.functions.push_back({symbol[k].st_value, symbol[k].st_size, static_cast<std::uint32_t>(into.names.size())});
      into.names.append(name, length);
      into.names.push_back('\0');
    }
  }
}

std::unique_ptr<symbol_table> read_table(const char* path, std::uintptr_t load_address) {
  auto table = std::make_unique<symbol_table>();
  table->load_address = load_address;
  const mapped_file file(path);
  const auto* header = file.at<ElfW(Ehdr)>(0);
  if (header == nullptr || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return table;
  const auto* sections = file.at<ElfW(Shdr)>(header->e_shoff, header->e_shnum);
  if (sections == nullptr) return table;
  read_functions(file, sections, header->e_shnum, SHT_SYMTAB, *table);
  if (table->functions.empty()) read_functions(file, sections, header->e_shnum, SHT_DYNSYM, *table);
  std::sort(table->functions.begin(), table->functions.end(),
            [](const function_symbol& a, const function_symbol& b) { return a.begin < b.begin; });
  return table;
}

const symbol_table& table_of(const char* path, std::uintptr_t load_address) {
  // acquire: pairs with the exchange below; the table is complete.
  symbol_table* first = tables.load(std::memory_order_acquire);
  race_acquire(&tables);
  for (const symbol_table* t = first; t != nullptr; t = t->next) {
    if (t->load_address == load_address) return *t;
  }
  std::unique_ptr<symbol_table> made = read_table(path, load_address);
  for (;;) {
    made->next = first;
    race_release(&tables);
    // release: pairs with the loads here; acquire on failure: somebody else's table may be the one.
    if (tables.compare_exchange_strong(first, made.get(), std::memory_order_release, std::memory_order_acquire)) {
      return *made.release();
    }
    race_acquire(&tables);
    for (const symbol_table* t = first; t != nullptr; t = t->next) {
      if (t->load_address == load_address) return *t;
    }
  }
}

const char* base_name(const char* path) noexcept {
  const char* slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

bool take(std::string_view& text, std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// By the outermost scope of a mangled name: _ZN3gos..., also of what is local to a function there (_ZZN3gos...).
symbol_owner owner_of_name(std::string_view name) noexcept {
  // What lies between our functions and the program's: signal frames, the C++ runtime's way to throw.
  for (const std::string_view between : {"__restore_rt", "__kernel_rt_sigreturn", "__gxx_personality_v0", "__cxa_throw",
                                         "__cxa_rethrow", "_Unwind_RaiseException", "_Unwind_Resume_or_Rethrow"}) {
    if (name == between) return symbol_owner::runtime;
  }
  if (!take(name, "_Z")) return symbol_owner::user;
  while (take(name, "Z")) {}
  if (take(name, "St")) return symbol_owner::standard;
  if (!take(name, "N")) return symbol_owner::user;
  while (take(name, "K") || take(name, "V") || take(name, "R") || take(name, "O")) {}
  if (take(name, "St")) return symbol_owner::standard;
  return name.starts_with("3gos") ? symbol_owner::runtime : symbol_owner::user;
}

// Where our sources lay when they were compiled, `/.../src/`; empty if that is not known.
constexpr std::string_view our_sources() noexcept {
  constexpr std::string_view here = __FILE__, name = "panic/symbols.cpp";
  return here.starts_with('/') && here.ends_with(name) ? here.substr(0, here.size() - name.size()) : std::string_view();
}

// By the file, for inlined calls, whose names have no scope. Headers lie where they were installed to.
symbol_owner owner_of_file(std::string_view file) noexcept {
  if (!our_sources().empty() && file.starts_with(our_sources())) return symbol_owner::runtime;
  if (file.find("/include/gossamer/") != std::string_view::npos) return symbol_owner::runtime;
  if (file.find("/include/c++/") != std::string_view::npos) return symbol_owner::standard;
  return symbol_owner::user;
}

symbol_frame frame_of(const char* function, const char* file, int line) {
  symbol_frame frame;
  if (function != nullptr) frame.function = demangle(function);
  if (file != nullptr) frame.file = file;
  frame.line = line;
  if (function != nullptr) frame.owner = owner_of_name(function);
  if (file != nullptr && frame.owner == symbol_owner::user) frame.owner = owner_of_file(file);
  return frame;
}

void add_line(const char* function, const char* file, int line, void* argument) {
  static_cast<std::vector<symbol_frame>*>(argument)->push_back(frame_of(function, file, line));
}

// The mangled name of the function at an offset in a module, and how far into it.
const char* find_function(const symbol_table& table, std::uintptr_t at, std::uintptr_t* offset) noexcept {
  auto after = std::upper_bound(table.functions.begin(), table.functions.end(), at,
                                [](std::uintptr_t pc, const function_symbol& f) { return pc < f.begin; });
  if (after == table.functions.begin()) return nullptr;
  const function_symbol& f = *std::prev(after);
  if (at - f.begin >= std::max<std::uintptr_t>(f.size, 1)) return nullptr;
  *offset = at - f.begin;
  return table.names.c_str() + f.name;
}

}  // namespace

std::string demangle(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> readable(abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                        std::free);
  return status == 0 && readable != nullptr ? std::string(readable.get()) : std::string(mangled);
}

symbol_place find_symbol(void* pc) {
  symbol_place place;
  place.module_offset = reinterpret_cast<std::uintptr_t>(pc);
  Dl_info info{};
  link_map* module = nullptr;
  if (::dladdr1(pc, &info, reinterpret_cast<void**>(&module), RTLD_DL_LINKMAP) == 0 || module == nullptr) return place;
  const auto address = reinterpret_cast<std::uintptr_t>(pc);
  // The executable's own entry has no name; l_addr is what its addresses were moved by.
  const bool program = module->l_name == nullptr || *module->l_name == '\0';
  place.module = base_name(info.dli_fname != nullptr ? info.dli_fname : "");
  place.module_offset = address - module->l_addr;
  const symbol_table& table = table_of(program ? "/proc/self/exe" : info.dli_fname, module->l_addr);
  const char* name = find_function(table, place.module_offset, &place.offset);
  if (name == nullptr && info.dli_sname != nullptr) {
    name = info.dli_sname;
    place.offset = address - reinterpret_cast<std::uintptr_t>(info.dli_saddr);
  }
  find_lines(pc, add_line, &place.inlined);
  if (!place.inlined.empty()) {
    place.own = std::move(place.inlined.back());
    place.inlined.pop_back();
  }
  // The C++ runtime's own: how an exception is thrown, how std::terminate is called.
  const std::string_view home = place.module;
  const bool of_language = home.starts_with("libstdc++.so") || home.starts_with("libgcc_s.so");
  // The symbol's name has its scopes, which the debug information leaves to be put together.
  if (name != nullptr) {
    symbol_frame named = frame_of(name, place.own.file.empty() ? nullptr : place.own.file.c_str(), place.own.line);
    place.own = std::move(named);
  }
  if (of_language) place.own.owner = symbol_owner::runtime;
  return place;
}

}  // namespace gos::rt
