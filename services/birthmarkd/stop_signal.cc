#include "services/birthmarkd/stop_signal.h"

#include <semaphore.h>

#include <cerrno>
#include <csignal>

namespace birthmark::birthmarkd {
namespace {

sem_t signal_came;

// Only what a signal handler may do. Whoever asks twice means it.
void TakeSignal(int) {
  const int saved = errno;
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  sem_post(&signal_came);
  errno = saved;
}

}  // namespace

StopSignal::StopSignal() {
  sem_init(&signal_came, 0, 0);
  struct sigaction action = {};
  action.sa_handler = TakeSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

void StopSignal::Wait() {
  while (sem_wait(&signal_came) != 0 && errno == EINTR) {
  }
}

}  // namespace birthmark::birthmarkd
