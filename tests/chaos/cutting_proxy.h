// CuttingProxy stands between two processes and breaks their connections.
#ifndef BIRTHMARK_TESTS_CHAOS_CUTTING_PROXY_H_
#define BIRTHMARK_TESTS_CHAOS_CUTTING_PROXY_H_

#include <poll.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace birthmark::chaos {

// CuttingProxy forwards bytes between whoever connects to its own address and
// another one. Addresses are `unix:/path` or `127.0.0.1:port`. Thread-safe.
class CuttingProxy {
 public:
  // Listens at once; `upstream` need not exist yet: until it does, whoever
  // connects is disconnected. Ends the program if it cannot listen.
  CuttingProxy(const std::string& listen, std::string upstream);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  // address is where it listens, with the port that it got for port 0.
  const std::string& address() const { return address_; }

  // Cut drops every connection and what was on its way, so that both ends find
  // theirs reset.
  void Cut();
  // Stall stops forwarding until Resume. Nobody is told: connections stay, new
  // ones seem to come about, and nothing arrives.
  void Stall();
  void Resume();

  // cuts is how many connections Cut has dropped.
  int cuts() const { return cuts_; }

 private:
  struct Pipe;

  void Run();
  void Wake();
  std::vector<pollfd> Polled() const;
  void Accept();
  void CutAll();

  const std::string upstream_;
  std::string address_;
  int listener_ = -1;
  int wakeup_ = -1;
  std::atomic<bool> stalled_ = false;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<int> cuts_ = 0;
  std::vector<std::unique_ptr<Pipe>> pipes_;  // the thread's own
  std::thread thread_;
};

}  // namespace birthmark::chaos

#endif  // BIRTHMARK_TESTS_CHAOS_CUTTING_PROXY_H_
