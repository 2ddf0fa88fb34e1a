#include "services/birthmarkd/stop_signal.h"

namespace birthmark::birthmarkd {

StopSignal::StopSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  // A peer that went away is an error of its connection, not of the process.
  signal(SIGPIPE, SIG_IGN);
}

void StopSignal::Wait() {
  int taken = 0;
  sigwait(&signals_, &taken);
  // Whoever asks twice means it.
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
}

}  // namespace birthmark::birthmarkd
