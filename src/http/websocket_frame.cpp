// See websocket_frame.hpp.
#include "http/websocket_frame.hpp"

#include <cstring>

namespace gos::http {

namespace {

unsigned byte(std::string_view text, std::size_t i) noexcept { return static_cast<unsigned char>(text[i]); }

std::uint64_t big_endian(std::string_view bytes) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) value = value << 8 | byte(bytes, i);
  return value;
}

std::size_t length_size(unsigned second) noexcept {
  return (second & 127) == 127 ? 8 : (second & 127) == 126 ? 2 : 0;
}

// How long the sequence that begins with this byte is, and the smallest number that needs it.
struct lead {
  std::size_t size;
  std::uint32_t bits, smallest;
};
lead lead_of(unsigned first) noexcept {
  if (first >= 0xc2 && first <= 0xdf) return {2, first & 0x1f, 0x80};
  if (first >= 0xe0 && first <= 0xef) return {3, first & 0x0f, 0x800};
  if (first >= 0xf0 && first <= 0xf4) return {4, first & 0x07, 0x10000};
  return {0, 0, 0};
}

}  // namespace

std::size_t frame_head_size(std::string_view first_two) noexcept {
  const unsigned second = byte(first_two, 1);
  return 2 + length_size(second) + ((second & 128) != 0 ? 4 : 0);
}

const char* parse_frame_head(std::string_view bytes, frame_head& to) noexcept {
  const unsigned first = byte(bytes, 0), second = byte(bytes, 1);
  if ((first & 0x70) != 0) return "reserved bits are set";
  const unsigned code = first & 15;
  if (code > 10 || (code > 2 && code < 8)) return "unknown opcode";
  to.opcode = static_cast<opcode>(code);
  to.last = (first & 128) != 0;
  to.masked = (second & 128) != 0;
  const std::size_t wide = length_size(second);
  to.size = wide == 0 ? second & 127 : big_endian(bytes.substr(2, wide));
  if (wide == 2 && to.size < 126) return "length is not minimal";
  if (wide == 8 && (to.size < 65536 || to.size >> 63 != 0)) return "length is not minimal";
  if (is_control(to.opcode) && (!to.last || to.size > 125)) return "control frame is fragmented or too long";
  if (to.masked) std::memcpy(to.mask.data(), bytes.data() + 2 + wide, 4);
  return nullptr;
}

std::size_t write_frame_head(const frame_head& head, char* to) noexcept {
  const std::size_t wide = head.size < 126 ? 0 : head.size < 65536 ? 2 : 8;
  to[0] = static_cast<char>((head.last ? 128 : 0) | static_cast<unsigned>(head.opcode));
  to[1] = static_cast<char>((head.masked ? 128 : 0) | (wide == 0   ? static_cast<unsigned>(head.size)
                                                       : wide == 2 ? 126
                                                                   : 127));
  for (std::size_t i = 0; i < wide; ++i) to[2 + i] = static_cast<char>(head.size >> (8 * (wide - 1 - i)));
  if (!head.masked) return 2 + wide;
  std::memcpy(to + 2 + wide, head.mask.data(), 4);
  return 6 + wide;
}

void apply_mask(std::span<char> data, const std::array<std::uint8_t, 4>& mask,
                std::uint64_t offset) noexcept {
  std::array<std::uint8_t, 8> turned;
  for (std::size_t i = 0; i < 8; ++i) turned[i] = mask[(offset + i) & 3];
  std::uint64_t word;
  std::memcpy(&word, turned.data(), 8);
  std::size_t at = 0;
  for (; at + 8 <= data.size(); at += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, data.data() + at, 8);
    eight ^= word;
    std::memcpy(data.data() + at, &eight, 8);
  }
  for (; at < data.size(); ++at) data[at] = static_cast<char>(data[at] ^ turned[at & 7]);
}

bool is_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    if (byte(text, at) < 0x80) {
      ++at;
      continue;
    }
    const lead l = lead_of(byte(text, at));
    if (l.size == 0 || at + l.size > text.size()) return false;
    std::uint32_t point = l.bits;
    for (std::size_t i = 1; i < l.size; ++i) {
      if ((byte(text, at + i) & 0xc0) != 0x80) return false;
      point = point << 6 | (byte(text, at + i) & 0x3f);
    }
    if (point < l.smallest || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    at += l.size;
  }
  return true;
}

bool is_close_code(int code) noexcept {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace gos::http
