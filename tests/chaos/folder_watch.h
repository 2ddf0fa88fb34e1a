// FolderWatch keeps what was ever in the files of a folder, also of those that
// are gone or were replaced.
#ifndef BIRTHMARK_TESTS_CHAOS_FOLDER_WATCH_H_
#define BIRTHMARK_TESTS_CHAOS_FOLDER_WATCH_H_

#include <atomic>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <thread>

namespace birthmark::chaos {

// FolderWatch sees a file's content when its writer has closed it or has moved
// it into place, and what is still there at the end. Files whose names begin
// with a dot are not looked at.
class FolderWatch {
 public:
  // Watches `folder`, which must exist.
  explicit FolderWatch(std::string folder);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // finished is how many names ending in `.pem` have had content.
  size_t finished() const { return finished_; }

  // Stop looks at what is there, ends the watch, and returns the contents by
  // file name. Call it once, when nobody writes any more.
  std::map<std::string, std::set<std::string>> Stop();

 private:
  void Run();
  void Drain();
  void Look(const std::string& name);

  const std::string folder_;
  int watch_ = -1;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> overflowed_ = false;
  std::atomic<size_t> finished_ = 0;
  std::map<std::string, std::set<std::string>> contents_;  // the thread's own
  std::thread thread_;
};

}  // namespace birthmark::chaos

#endif  // BIRTHMARK_TESTS_CHAOS_FOLDER_WATCH_H_
