// StreamWatch looks at the open streams once a second and ends those whose
// time has come.

#ifndef BIRTHMARK_SERVICES_REGISTRATION_STREAM_WATCH_H_
#define BIRTHMARK_SERVICES_REGISTRATION_STREAM_WATCH_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "lib/base/clock.h"
#include "services/registration/issue_stream.h"
#include "services/registration/windows.h"

namespace birthmark::registration {

// StreamWatch is thread-safe. What the streams use, `windows` and `clock` must
// outlive it.
class StreamWatch {
 public:
  StreamWatch(const Windows& windows, Clock& clock);
  ~StreamWatch();

  void Add(std::weak_ptr<IssueStream> stream);

  // Look is what happens once a second: IssueStream::Tick for each stream, and
  // the one that was opened first gives way if others wait for a window.
  void Look();

 private:
  void Work();

  const Windows& windows_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::weak_ptr<IssueStream>> streams_;  // under mutex_
  bool stopped_ = false;                             // under mutex_
  std::thread worker_;
};

}  // namespace birthmark::registration

#endif  // BIRTHMARK_SERVICES_REGISTRATION_STREAM_WATCH_H_
