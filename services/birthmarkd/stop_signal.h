#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_STOP_SIGNAL_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_STOP_SIGNAL_H_

#include <csignal>

namespace birthmark::birthmarkd {

// StopSignal waits for SIGTERM or SIGINT. Made by main before any other thread,
// so that all threads inherit the mask and only Wait takes the signals.
class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Wait returns when a signal has come; the next one ends the process at once.
  // For the thread that made this object.
  void Wait();

 private:
  sigset_t signals_;
};

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_STOP_SIGNAL_H_
