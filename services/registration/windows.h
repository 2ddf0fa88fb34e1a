// Windows shares out how many items all streams of this process together may
// have unanswered, so that its memory has a bound and whoever is let in is
// never sent away for the load.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_WINDOWS_H_
#define BIRTHMARK_SERVICES_REGISTRATION_WINDOWS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "services/registration/metrics.h"

namespace birthmark::registration {

// Windows is thread-safe. It must outlive the windows that it grants.
class Windows {
 public:
  // What is not worth a stream.
  static constexpr size_t kSmallest = 64;
  // How long a refusal counts: longer than the refused stay away.
  static constexpr absl::Duration kContention = absl::Seconds(15);

  // How long a holder gets nothing that others had to be rid of.
  static constexpr absl::Duration kPenalty = absl::Seconds(30);

  // Window is a share. It goes back when it is destroyed.
  class Window {
   public:
    ~Window();
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;
    size_t size() const { return size_; }

   private:
    friend class Windows;
    Window(Windows& windows, std::string holder, size_t size);

    Windows& windows_;
    const std::string holder_;
    const size_t size_;
  };

  // No window has more than `largest`, all together never more than `total`,
  // both at least kSmallest. `clock` and `metrics` must outlive the windows.
  Windows(size_t total, size_t largest, Clock& clock, Metrics& metrics);

  // Take grants a quarter of what is left, within the bounds. `holder` is who
  // asks: nobody holds more than half of all. kResourceExhausted /
  // SERVER_OVERLOADED with a delay if less than kSmallest is left.
  absl::StatusOr<std::unique_ptr<Window>> Take(const std::string& holder);

  // Penalise has `holder` refused for a while: it kept others waiting without
  // using what it held.
  void Penalise(const std::string& holder);

  // Contended tells whether somebody has been sent away lately because others
  // hold everything.
  bool Contended() const;

  size_t granted() const;

 private:
  void GiveBack(const Window& window);

  const size_t total_;
  const size_t largest_;
  Clock& clock_;
  Metrics& metrics_;
  mutable std::mutex mutex_;  // for all that follows
  size_t granted_ = 0;
  std::map<std::string, size_t> held_;
  // Until when who is refused. Looked through when somebody is added.
  std::map<std::string, absl::Duration> penalised_;
  std::optional<absl::Duration> refused_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_WINDOWS_H_
