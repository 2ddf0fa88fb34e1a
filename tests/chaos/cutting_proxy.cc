#include "tests/chaos/cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace birthmark::chaos {
namespace {

constexpr size_t kBuffer = size_t{64} << 10;

// Address is a socket address of either family.
struct Address {
  explicit Address(const std::string& text) {
    if (absl::StartsWith(text, "unix:")) {
      auto* name = reinterpret_cast<sockaddr_un*>(&storage);
      name->sun_family = AF_UNIX;
      strncpy(name->sun_path, text.c_str() + strlen("unix:"),
              sizeof(name->sun_path) - 1);
      size = sizeof(sockaddr_un);
      return;
    }
    auto* name = reinterpret_cast<sockaddr_in*>(&storage);
    name->sin_family = AF_INET;
    name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int port = 0;
    (void)absl::SimpleAtoi(text.substr(text.rfind(':') + 1), &port);
    name->sin_port = htons(static_cast<uint16_t>(port));
    size = sizeof(sockaddr_in);
  }
  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }

  sockaddr_storage storage = {};
  socklen_t size = 0;
};

int Socket(const Address& address) {
  return socket(address.storage.ss_family,
                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// Reset closes a socket so that the other end finds it broken, not ended.
void Reset(int socket) {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(socket);
}

}  // namespace

// Pipe is a connection: two sockets, and what is on its way to each.
struct CuttingProxy::Pipe {
  ~Pipe() {
    close(sockets[0]);
    close(sockets[1]);
  }

  // Events are those to wait for on one side.
  short Events(int side) const {
    short events = 0;
    if (!ended && buffers[1 - side].size() < kBuffer) {
      events |= POLLIN;
    }
    if (!buffers[side].empty()) {
      events |= POLLOUT;
    }
    return events;
  }

  // Move reads and writes what it can on one side. False if the connection is
  // over.
  bool Move(int side, short events) {
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && !ended) {
      char bytes[kBuffer];
      const ssize_t count = read(sockets[side], bytes, sizeof(bytes));
      if (count > 0) {
        buffers[1 - side].append(bytes, static_cast<size_t>(count));
      } else if (count == 0 || errno != EAGAIN) {
        ended = true;
      }
    }
    for (const int to : {0, 1}) {
      if (!buffers[to].empty() && !Write(to)) {
        return false;
      }
    }
    return !ended || !buffers[0].empty() || !buffers[1].empty();
  }

  bool Write(int side) {
    const ssize_t count = send(sockets[side], buffers[side].data(),
                               buffers[side].size(), MSG_NOSIGNAL);
    if (count < 0) {
      return errno == EAGAIN;
    }
    buffers[side].erase(0, static_cast<size_t>(count));
    return true;
  }

  int sockets[2] = {-1, -1};
  std::string buffers[2];  // to be written to the socket of the same number
  bool ended = false;      // one side has closed: pass on the rest
};

CuttingProxy::CuttingProxy(const std::string& listen_address,
                           std::string upstream)
    : upstream_(std::move(upstream)), address_(listen_address) {
  Address own(listen_address);
  listener_ = Socket(own);
  wakeup_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (bind(listener_, own.get(), own.size) != 0 ||
      listen(listener_, SOMAXCONN) != 0) {
    std::cerr << "cannot listen on " << listen_address << ": "
              << strerror(errno) << std::endl;
    std::exit(1);
  }
  if (own.storage.ss_family == AF_INET) {
    getsockname(listener_, reinterpret_cast<sockaddr*>(&own.storage),
                &own.size);
    address_ = absl::StrCat(
        "127.0.0.1:",
        ntohs(reinterpret_cast<const sockaddr_in*>(&own.storage)->sin_port));
  }
  thread_ = std::thread([this] { Run(); });
}

CuttingProxy::~CuttingProxy() {
  stop_ = true;
  Wake();
  thread_.join();
  pipes_.clear();
  close(listener_);
  close(wakeup_);
}

void CuttingProxy::Cut() {
  cut_ = true;
  Wake();
}

void CuttingProxy::Stall() {
  stalled_ = true;
  Wake();
}

void CuttingProxy::Resume() {
  stalled_ = false;
  Wake();
}

void CuttingProxy::Wake() {
  const uint64_t one = 1;
  (void)!write(wakeup_, &one, sizeof(one));
}

// The wake-up first, then the listener, then two sockets of each pipe. While
// stalled only the first.
std::vector<pollfd> CuttingProxy::Polled() const {
  std::vector<pollfd> polled = {{.fd = wakeup_, .events = POLLIN}};
  if (stalled_) {
    return polled;
  }
  polled.push_back({.fd = listener_, .events = POLLIN});
  for (const auto& pipe : pipes_) {
    for (const int side : {0, 1}) {
      polled.push_back(
          {.fd = pipe->sockets[side], .events = pipe->Events(side)});
    }
  }
  return polled;
}

void CuttingProxy::Run() {
  while (!stop_) {
    std::vector<pollfd> polled = Polled();
    poll(polled.data(), polled.size(), -1);
    uint64_t ignored = 0;
    (void)!read(wakeup_, &ignored, sizeof(ignored));
    if (cut_.exchange(false)) {
      CutAll();
      continue;
    }
    if (polled.size() == 1) {
      continue;
    }
    for (size_t i = 2; i < polled.size(); ++i) {
      auto& pipe = pipes_[(i - 2) / 2];
      if (pipe != nullptr && polled[i].revents != 0 &&
          !pipe->Move(static_cast<int>(i % 2), polled[i].revents)) {
        pipe.reset();
      }
    }
    std::erase(pipes_, nullptr);
    if (polled[1].revents != 0) {
      Accept();
    }
  }
}

void CuttingProxy::Accept() {
  const int client =
      accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0) {
    return;
  }
  const Address there(upstream_);
  const int server = Socket(there);
  if (connect(server, there.get(), there.size) != 0 && errno != EINPROGRESS) {
    close(server);
    Reset(client);
    return;
  }
  auto pipe = std::make_unique<Pipe>();
  pipe->sockets[0] = client;
  pipe->sockets[1] = server;
  pipes_.push_back(std::move(pipe));
}

void CuttingProxy::CutAll() {
  cuts_ += static_cast<int>(pipes_.size());
  for (const auto& pipe : pipes_) {
    for (int& socket : pipe->sockets) {
      Reset(socket);
      socket = -1;
    }
  }
  pipes_.clear();
}

}  // namespace birthmark::chaos
