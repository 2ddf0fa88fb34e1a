// CrlDelivery brings CRLs to whoever enforces them: a file, and word that it
// has changed.

#ifndef BIRTHMARK_SERVICES_CLI_CRL_DELIVERY_H_
#define BIRTHMARK_SERVICES_CLI_CRL_DELIVERY_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"

namespace birthmark::cli {

// CrlDelivery is not thread-safe.
class CrlDelivery {
 public:
  struct Options {
    std::string path;
    mode_t mode = 0644;
    // Who gets `signal` after a change: the process whose id is in this file.
    // Empty: nobody.
    std::string pid_file;
    int signal = 0;
    // What is run after a change: a program and its arguments, without a shell.
    // Empty: nothing. It is killed if it takes longer.
    std::vector<std::string> command;
    absl::Duration command_timeout = absl::Seconds(10);
  };

  // `clock` must outlive the delivery.
  CrlDelivery(Options options, Clock& clock);

  // Write replaces the file: a reader sees the old content or the new one.
  // FILE_UNUSABLE, DISK_FULL.
  absl::Status Write(absl::string_view pem);

  // Notify sends the signal and runs the command. kUnavailable / NOT_NOTIFIED
  // if either does not work; the text says which and why. Waits for the
  // command.
  absl::Status Notify();

 private:
  absl::Status Signal();
  absl::Status Run();

  const Options options_;
  Clock& clock_;
};

// ParseSignal takes "HUP" or "SIGHUP", USR1, USR2. INVALID_ARGUMENT / USAGE.
absl::StatusOr<int> ParseSignal(absl::string_view text);

}  // namespace birthmark::cli

#endif  // BIRTHMARK_SERVICES_CLI_CRL_DELIVERY_H_
