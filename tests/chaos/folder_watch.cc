#include "tests/chaos/folder_watch.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/deployment.h"

namespace birthmark::chaos {

FolderWatch::FolderWatch(std::string folder) : folder_(std::move(folder)) {
  watch_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify_add_watch(watch_, folder_.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) <
      0) {
    std::cerr << "cannot watch " << folder_ << std::endl;
    std::exit(1);
  }
  thread_ = std::thread([this] { Run(); });
}

FolderWatch::~FolderWatch() {
  stop_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
  close(watch_);
}

void FolderWatch::Run() {
  while (!stop_) {
    pollfd polled = {.fd = watch_, .events = POLLIN};
    if (poll(&polled, 1, /*timeout=*/10) > 0) {
      Drain();
    }
  }
}

void FolderWatch::Drain() {
  alignas(inotify_event) char buffer[64 << 10];
  ssize_t size = 0;
  while ((size = read(watch_, buffer, sizeof(buffer))) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        overflowed_ = true;
      }
      if (event->len > 0) {
        Look(event->name);
      }
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
}

void FolderWatch::Look(const std::string& name) {
  if (absl::StartsWith(name, ".")) {
    return;
  }
  std::string content = tests::ReadAll(absl::StrCat(folder_, "/", name));
  if (content.empty()) {
    return;
  }
  std::set<std::string>& known = contents_[name];
  if (known.empty() && absl::EndsWith(name, ".pem")) {
    ++finished_;
  }
  known.insert(std::move(content));
}

std::map<std::string, std::set<std::string>> FolderWatch::Stop() {
  stop_ = true;
  thread_.join();
  Drain();
  if (overflowed_) {
    std::cerr << "the watch of " << folder_ << " missed something" << std::endl;
    std::exit(1);
  }
  for (const std::string& name : tests::Files(folder_, "")) {
    Look(name);
  }
  return std::move(contents_);
}

}  // namespace birthmark::chaos
