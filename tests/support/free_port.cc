#include "tests/support/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace birthmark::tests {
namespace {

constexpr int kFirst = 5000;
constexpr int kPorts = 5000;

bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address),
                         sizeof(address)) == 0;
  close(fd);
  return free;
}

}  // namespace

int FreePort() {
  static int asked = 0;
  for (int attempt = 0; attempt < kPorts; ++attempt) {
    const int port = kFirst + (getpid() * 7 + asked++) % kPorts;
    if (IsFree(port)) {
      return port;
    }
  }
  std::abort();
}

}  // namespace birthmark::tests
