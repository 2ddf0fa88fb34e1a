#include "tests/chaos/cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace birthmark::chaos {
namespace {

// Repeater sends back what it gets, one connection after the other.
class Repeater {
 public:
  Repeater() {
    char name[] = "/tmp/bm-proxy.XXXXXX";
    folder_ = mkdtemp(name);
    listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(
        bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
        0);
    EXPECT_EQ(listen(listener_, 8), 0);
    thread_ = std::thread([this] { Run(); });
  }
  ~Repeater() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    unlink(path().c_str());
    rmdir(folder_.c_str());
  }

  std::string path() const { return folder_ + "/s"; }

 private:
  void Run() {
    int connection = -1;
    while ((connection = accept(listener_, nullptr, nullptr)) >= 0) {
      char bytes[4096];
      ssize_t count = 0;
      while ((count = read(connection, bytes, sizeof(bytes))) > 0) {
        send(connection, bytes, static_cast<size_t>(count), MSG_NOSIGNAL);
      }
      close(connection);
    }
  }

  std::string folder_;
  int listener_ = -1;
  std::thread thread_;
};

// Client is a connection to a TCP port.
class Client {
 public:
  explicit Client(const std::string& address)
      : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    int port = 0;
    EXPECT_TRUE(
        absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
    sockaddr_in there = {.sin_family = AF_INET,
                         .sin_port = htons(static_cast<uint16_t>(port))};
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(
        connect(socket_, reinterpret_cast<sockaddr*>(&there), sizeof(there)),
        0);
  }
  ~Client() { close(socket_); }

  void Send(const std::string& text) {
    send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  // Receive waits for `size` bytes; fewer if the connection ends.
  std::string Receive(size_t size) {
    std::string text;
    char bytes[4096];
    ssize_t count = 0;
    while (text.size() < size &&
           (count = read(socket_, bytes, sizeof(bytes))) > 0) {
      text.append(bytes, static_cast<size_t>(count));
    }
    error_ = count < 0 ? errno : 0;
    return text;
  }
  bool HasSomething(int milliseconds) {
    pollfd polled = {.fd = socket_, .events = POLLIN};
    return poll(&polled, 1, milliseconds) > 0;
  }
  int error() const { return error_; }

 private:
  const int socket_;
  int error_ = 0;
};

TEST(CuttingProxyTest, ForwardsBothWaysMoreThanItCanHold) {
  Repeater repeater;
  CuttingProxy proxy("127.0.0.1:0", "unix:" + repeater.path());
  Client client(proxy.address());
  const std::string text(1 << 20, 'x');
  std::thread sender([&] { client.Send(text); });
  EXPECT_EQ(client.Receive(text.size()), text);
  sender.join();
}

TEST(CuttingProxyTest, ACutResetsTheConnectionAndTheNextOneWorks) {
  Repeater repeater;
  CuttingProxy proxy("127.0.0.1:0", "unix:" + repeater.path());
  {
    Client client(proxy.address());
    client.Send("a");
    EXPECT_EQ(client.Receive(1), "a");
    proxy.Cut();
    EXPECT_EQ(client.Receive(1), "");
    EXPECT_EQ(client.error(), ECONNRESET);
  }
  EXPECT_EQ(proxy.cuts(), 1);
  Client client(proxy.address());
  client.Send("b");
  EXPECT_EQ(client.Receive(1), "b");
}

TEST(CuttingProxyTest, AStallIsSilentAndLosesNothing) {
  Repeater repeater;
  CuttingProxy proxy("127.0.0.1:0", "unix:" + repeater.path());
  Client client(proxy.address());
  client.Send("a");
  EXPECT_EQ(client.Receive(1), "a");
  proxy.Stall();
  client.Send("b");
  EXPECT_FALSE(client.HasSomething(/*milliseconds=*/100));
  proxy.Resume();
  EXPECT_EQ(client.Receive(1), "b");
}

TEST(CuttingProxyTest, WithoutAnUpstreamWhoeverConnectsIsDisconnected) {
  CuttingProxy proxy("127.0.0.1:0", "unix:/tmp/bm-there-is-no-such-socket");
  Client client(proxy.address());
  EXPECT_EQ(client.Receive(1), "");
}

}  // namespace
}  // namespace birthmark::chaos
