// SessionCallbacks: what nghttp2 calls while a Session receives or fills, turned into operations on streams.
#pragma once

#include <nghttp2/nghttp2.h>

#include "rpc/session.h"

namespace cove::rpc {

struct SessionCallbacks {
  static void install(nghttp2_session_callbacks* callbacks);
  // The data source of a stream's outgoing messages.
  static nghttp2_data_provider provider(Stream& stream);

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t flags, void* user);
  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_data_chunk(nghttp2_session*, std::uint8_t flags, std::int32_t id, const std::uint8_t* data,
                           std::size_t size, void* user);
  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user);
  static int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int error, void* user);
  static ssize_t frame_size(nghttp2_session*, std::uint8_t type, std::int32_t id, std::int32_t session_window,
                            std::int32_t stream_window, std::uint32_t max_frame, void* user);
  static ssize_t read_data(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                           std::uint32_t* flags, nghttp2_data_source* source, void* user);
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header, std::size_t size,
                       nghttp2_data_source* source, void* user);
};

// A header for nghttp2, which copies it.
nghttp2_nv header_field(std::string_view name, std::string_view value);

}  // namespace cove::rpc
