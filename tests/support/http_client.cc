#include "tests/support/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace birthmark::tests {

std::string HttpAnswer::Field(absl::string_view name) const {
  for (const absl::string_view line : absl::StrSplit(head, "\r\n")) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (absl::EqualsIgnoreCase(field.first, name)) {
      return std::string(absl::StripAsciiWhitespace(field.second));
    }
  }
  return "";
}

HttpClient::HttpClient(const std::string& address, absl::Duration timeout) {
  const size_t colon = address.rfind(':');
  int port = 0;
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1) {
    return;
  }
  to.sin_port = htons(static_cast<uint16_t>(port));
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit = absl::ToTimeval(timeout);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  const int yes = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    close(fd_);
    fd_ = -1;
  }
}

HttpClient::~HttpClient() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

bool HttpClient::Send(absl::string_view octets) {
  while (!octets.empty()) {
    const ssize_t sent = send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    octets.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void HttpClient::End() { shutdown(fd_, SHUT_WR); }

HttpAnswer HttpClient::Read() {
  char piece[16384];
  HttpAnswer answer;
  size_t wanted = std::string::npos;
  while (true) {
    const size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos && wanted == std::string::npos) {
      answer.head = buffer_.substr(0, end);
      size_t length = 0;
      if (!absl::SimpleAtoi(answer.Field("Content-Length"), &length)) {
        length = 0;
      }
      wanted = end + 4 + length;
    }
    if (buffer_.size() >= wanted && wanted != std::string::npos) {
      answer.body = buffer_.substr(answer.head.size() + 4,
                                   wanted - answer.head.size() - 4);
      buffer_.erase(0, wanted);
      const std::string code =
          answer.head.size() > 12 ? answer.head.substr(9, 3) : "";
      if (!absl::SimpleAtoi(code, &answer.code)) {
        answer.code = 0;
      }
      return answer;
    }
    const ssize_t got = recv(fd_, piece, sizeof(piece), 0);
    if (got <= 0) {
      return {};
    }
    buffer_.append(piece, static_cast<size_t>(got));
  }
}

bool HttpClient::Closed() {
  char octet;
  const ssize_t got = recv(fd_, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

HttpAnswer HttpClient::Get(absl::string_view path,
                           absl::string_view more_fields) {
  if (!Send(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: status\r\n",
                         more_fields, "\r\n"))) {
    return {};
  }
  return Read();
}

HttpAnswer HttpClient::Post(absl::string_view path,
                            absl::string_view content_type,
                            absl::string_view body) {
  if (!Send(PostRequest(path, content_type, body))) {
    return {};
  }
  return Read();
}

std::string PostRequest(absl::string_view path, absl::string_view content_type,
                        absl::string_view body) {
  return absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: status\r\n",
                      "Content-Type: ", content_type,
                      "\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

}  // namespace birthmark::tests
