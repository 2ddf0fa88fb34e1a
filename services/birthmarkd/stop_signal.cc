#include "services/birthmarkd/stop_signal.h"

#include <ctime>

namespace birthmark::birthmarkd {

StopSignal::StopSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  // A peer that went away is an error of its connection, not of the process.
  signal(SIGPIPE, SIG_IGN);
}

bool StopSignal::Wait(absl::Duration timeout) {
  const timespec limit = absl::ToTimespec(timeout);
  if (sigtimedwait(&signals_, nullptr, &limit) < 0) {
    return false;
  }
  // Whoever asks twice means it.
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  return true;
}

}  // namespace birthmark::birthmarkd
