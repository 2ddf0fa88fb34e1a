#include "tests/bench/static_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "lib/base/clock.h"
#include "lib/http/test_client.h"
#include "tests/bench/end_on_signal.h"
#include "tests/support/deployment.h"

namespace birthmark::bench {
namespace {

// sendfile is nginx's own default, off; Debian's packaged configuration, which
// is not used, would turn it on. For a kilobyte it is no gain.
constexpr char kConfiguration[] = R"(
daemon off;
worker_processes auto;
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  root $folder/files;
  default_type application/ocsp-response;
  expires 60s;
  add_header Cache-Control "public, no-transform, must-revalidate";
  server_tokens off;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  server { listen $plain; }
  server {
    listen $cached;
    open_file_cache max=100000 inactive=1h;
    open_file_cache_valid 1h;
  }
}
)";

[[noreturn]] void Die(const std::string& what) {
  std::cerr << what << std::endl;
  exit(1);
}

// Two ports that are free now. Whoever else takes one makes nginx fail, which
// is noticed.
std::vector<int> FreePorts() {
  std::vector<int> sockets, ports;
  for (int i = 0; i < 2; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      Die("no free port");
    }
    sockets.push_back(fd);
    ports.push_back(ntohs(address.sin_port));
  }
  for (const int fd : sockets) {
    close(fd);
  }
  return ports;
}

}  // namespace

StaticServer::StaticServer() {
  folder_ = "/tmp/bm-nginx.XXXXXX";
  // Workers of root's run as somebody else, and must get in.
  if (mkdtemp(folder_.data()) == nullptr || chmod(folder_.c_str(), 0755) != 0 ||
      mkdir((folder_ + "/files").c_str(), 0755) != 0) {
    Die("cannot make a folder in /tmp");
  }
  RemoveOnSignal(folder_);
  const std::vector<int> ports = FreePorts();
  address_ = absl::StrCat("127.0.0.1:", ports[0]);
  cached_address_ = absl::StrCat("127.0.0.1:", ports[1]);
  tests::WriteFile(
      folder_ + "/nginx.conf",
      absl::StrReplaceAll(kConfiguration, {{"$folder", folder_},
                                           {"$plain", address_},
                                           {"$cached", cached_address_}}));
  process_ = std::make_unique<tests::Process>(
      std::vector<std::string>{"nginx", "-p", folder_, "-c",
                               folder_ + "/nginx.conf"},
      folder_ + "/process",
      tests::Environment{{"PATH", "/usr/local/sbin:/usr/sbin:/usr/bin"}});
  Put("ready", "yes");
  const absl::Duration give_up =
      Clock::Real().MonotonicNow() + absl::Seconds(10);
  for (const std::string& address : {address_, cached_address_}) {
    const std::string request = absl::StrCat(
        "GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    while (!http::TestClient(address).connected() ||
           !absl::EndsWith(http::Fetch(address, request), "\r\n\r\nyes")) {
      if (!process_->Running() || Clock::Real().MonotonicNow() > give_up) {
        Die(absl::StrCat("nginx does not serve:\n", process_->Err(),
                         tests::ReadAll(folder_ + "/error.log")));
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
  }
}

StaticServer::~StaticServer() {
  // Not killed: a master that vanishes leaves its workers behind.
  process_->Stop(absl::Seconds(10));
  tests::RunProgram({"rm", "-rf", folder_});
}

void StaticServer::Put(const std::string& name, const std::string& body) {
  tests::WriteFile(absl::StrCat(folder_, "/files/", name), body);
}

}  // namespace birthmark::bench
