// digest: what the handshake of a WebSocket needs: SHA-1, which there guards nothing, and base64.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace gos::http {

std::array<std::uint8_t, 20> sha1(std::string_view text);
std::string base64(std::string_view bytes);
// What a server answers to a client's key.
std::string accept_of(std::string_view key);

}  // namespace gos::http
