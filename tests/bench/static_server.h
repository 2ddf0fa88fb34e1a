// StaticServer is nginx that serves files, for one measurement: what serving a
// few bytes over HTTP costs with a server that many know.
#ifndef BIRTHMARK_TESTS_BENCH_STATIC_SERVER_H_
#define BIRTHMARK_TESTS_BENCH_STATIC_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace birthmark::bench {

// StaticServer is not thread-safe. Whatever goes wrong ends the program.
class StaticServer {
 public:
  // Starts an nginx of its own on free ports of 127.0.0.1: a worker for each
  // processor, no access log, connections that stay open, and header lines like
  // those of an OCSP response.
  StaticServer();
  // Stops it and removes its files, as EndOnSignal does.
  ~StaticServer();
  StaticServer(const StaticServer&) = delete;
  StaticServer& operator=(const StaticServer&) = delete;

  // Put has `body` served at the path `/NAME`.
  void Put(const std::string& name, const std::string& body);

  // address opens the file for each request, as nginx does unless told else;
  // cached_address keeps it open (open_file_cache).
  const std::string& address() const { return address_; }
  const std::string& cached_address() const { return cached_address_; }

  // pid is the master's; the workers are its children.
  pid_t pid() const { return process_->pid(); }

 private:
  std::string folder_;
  std::string address_;
  std::string cached_address_;
  std::unique_ptr<tests::Process> process_;
};

}  // namespace birthmark::bench

#endif  // BIRTHMARK_TESTS_BENCH_STATIC_SERVER_H_
