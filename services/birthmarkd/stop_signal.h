#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_STOP_SIGNAL_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_STOP_SIGNAL_H_

#include <csignal>

#include "absl/time/time.h"

namespace birthmark::birthmarkd {

// StopSignal waits for SIGTERM or SIGINT. Made by main before any other thread,
// so that all threads inherit the mask and only Wait takes the signals.
class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Wait returns true once a signal came; the next one then ends the process at
  // once. False after `timeout`. For the thread that made this object.
  bool Wait(absl::Duration timeout);

 private:
  sigset_t signals_;
};

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_STOP_SIGNAL_H_
