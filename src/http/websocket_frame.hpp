// websocket_frame: the head of a frame, in both directions, masks and what a text may be. RFC 6455 section 5.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace gos::http {

enum class opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };
inline bool is_control(opcode o) noexcept { return static_cast<std::uint8_t>(o) >= 8; }

struct frame_head {
  http::opcode opcode = http::opcode::continuation;
  bool last = true;
  bool masked = false;
  std::uint64_t size = 0;
  std::array<std::uint8_t, 4> mask{};
};

inline constexpr std::size_t frame_head_max = 14;
// How many bytes the head has, from its first two.
std::size_t frame_head_size(std::string_view first_two) noexcept;
// From a whole head; why it is none, or null.
const char* parse_frame_head(std::string_view bytes, frame_head& to) noexcept;
// Returns how many bytes it has written.
std::size_t write_frame_head(const frame_head& head, char* to) noexcept;

// Both ways. offset: of data in the frame.
void apply_mask(std::span<char> data, const std::array<std::uint8_t, 4>& mask, std::uint64_t offset) noexcept;
bool is_utf8(std::string_view text) noexcept;
// Whether a peer may give it in its farewell.
bool is_close_code(int code) noexcept;

}  // namespace gos::http
