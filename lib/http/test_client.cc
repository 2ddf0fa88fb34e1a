#include "lib/http/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "lib/base/clock.h"

namespace birthmark::http {
namespace {

constexpr int kPatienceMs = 20000;
constexpr absl::string_view kLengthField = "Content-Length: ";

size_t BodySize(absl::string_view head) {
  const size_t at = head.find(kLengthField);
  return at == absl::string_view::npos
             ? 0
             : std::strtoul(head.data() + at + kLengthField.size(), nullptr,
                            10);
}

}  // namespace

TestClient::TestClient(const std::string& address, int receive_buffer) {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(
      static_cast<uint16_t>(std::atoi(address.substr(colon + 1).c_str())));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer > 0) {
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
                 sizeof(receive_buffer));
  }
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to),
                sizeof(to)) != 0) {
    ::close(std::exchange(descriptor_, -1));
  }
}

TestClient::TestClient(TestClient&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      received_(std::move(other.received_)) {}

TestClient::~TestClient() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

bool TestClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void TestClient::EndSending() { ::shutdown(descriptor_, SHUT_WR); }

bool TestClient::ReadSome(int timeout_ms) {
  pollfd readable{descriptor_, POLLIN, 0};
  if (::poll(&readable, 1, timeout_ms) <= 0) {
    return false;
  }
  char bytes[65536];
  const ssize_t size = ::recv(descriptor_, bytes, sizeof(bytes), 0);
  if (size <= 0) {
    return false;
  }
  received_.append(bytes, static_cast<size_t>(size));
  return true;
}

std::string TestClient::ReadAnswer(bool head_only) {
  size_t end;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadSome(kPatienceMs)) {
      return std::exchange(received_, "");
    }
  }
  size_t size = end + 4;
  if (!head_only) {
    size += BodySize(absl::string_view(received_).substr(0, size));
  }
  while (received_.size() < size && ReadSome(kPatienceMs)) {
  }
  size = std::min(size, received_.size());
  const std::string answer = received_.substr(0, size);
  received_.erase(0, size);
  return answer;
}

std::string TestClient::ReadAll() {
  while (ReadSome(kPatienceMs)) {
  }
  return std::exchange(received_, "");
}

bool TestClient::ClosedWithin(absl::Duration time) {
  const absl::Duration end = Clock::Real().MonotonicNow() + time;
  while (true) {
    const absl::Duration left = end - Clock::Real().MonotonicNow();
    pollfd readable{descriptor_, POLLIN, 0};
    if (left <= absl::ZeroDuration() ||
        ::poll(&readable, 1,
               static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) <= 0) {
      return false;
    }
    if (!ReadSome(0)) {
      return true;
    }
  }
}

std::string Fetch(const std::string& address, absl::string_view request) {
  TestClient client(address);
  client.Send(request);
  return client.ReadAll();
}

}  // namespace birthmark::http
