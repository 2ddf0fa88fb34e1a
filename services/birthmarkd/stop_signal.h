#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_STOP_SIGNAL_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_STOP_SIGNAL_H_

namespace birthmark::birthmarkd {

// StopSignal takes SIGTERM and SIGINT from its making on; before, and once one
// has come, they end the process at once. One a process.
class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Wait returns when one has come.
  void Wait();
};

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_STOP_SIGNAL_H_
