#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_HARDENING_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_HARDENING_H_

#include "absl/status/status.h"

namespace birthmark::birthmarkd {

// HardenProcess sees to it that the keys in this process's memory do not get
// out by core dumps or debuggers of other processes, that files are made for
// their owner alone, and that it may have as many connections as the hard limit
// of open files allows. Called first thing. kInternal if the kernel refuses.
absl::Status HardenProcess();

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_HARDENING_H_
