#include "services/status/crl_pages.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "lib/base/status_macros.h"
#include "lib/http/response.h"
#include "lib/telemetry/log.h"

namespace birthmark::status {
namespace {

constexpr absl::string_view kCrlType = "application/pkix-crl";

// Digits as CrlShardUri writes them: a shard has one address.
std::optional<int> ParseShard(absl::string_view text) {
  int shard = 0;
  if (text.empty() || (text.size() > 1 && text[0] == '0') ||
      text.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(text, &shard)) {
    return std::nullopt;
  }
  return shard;
}

size_t BytesOf(const std::shared_ptr<const Document>& document) {
  return document == nullptr ? 0 : document->bytes();
}

}  // namespace

CrlPages::CrlPages(storage::StatusStore& statuses, const Issuers& issuers,
                   Clock& clock, Metrics& metrics, Options options)
    : statuses_(statuses),
      issuers_(issuers),
      clock_(clock),
      metrics_(metrics),
      options_(options),
      pool_(options.threads, options.queued) {}

std::optional<CrlPages::Name> CrlPages::ParsePath(
    absl::string_view path) const {
  const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  if (parts.size() != 4 || !parts[0].empty() || parts[1] != "crl") {
    return std::nullopt;
  }
  Name name;
  absl::string_view file = parts[3];
  if (!absl::ConsumeSuffix(&file, ".crl")) {
    return std::nullopt;
  }
  name.delta = absl::ConsumeSuffix(&file, "-delta");
  const auto issuer = issuers_.Find(parts[2]);
  const auto shard = ParseShard(file);
  if (!issuer.has_value() || !shard.has_value()) {
    return std::nullopt;
  }
  name.key = {*issuer, *shard};
  return name;
}

http::Response CrlPages::Later() const {
  metrics_.pages_unavailable.Increment();
  return http::TextResponse(503, "the CRL cannot be read now",
                            "Retry-After: 5\r\n");
}

void CrlPages::Handle(const http::Request& request, http::Responder responder) {
  const auto name = ParsePath(request.path);
  if (!name.has_value()) {
    metrics_.pages_not_found.Increment();
    responder.Send(http::NotFound());
    return;
  }
  if (request.method != http::Method::kGet &&
      request.method != http::Method::kHead) {
    responder.Send(http::MethodNotAllowed("GET, HEAD"));
    return;
  }
  if (auto response = FromCache(*name, request, false); response.has_value()) {
    responder.Send(*std::move(response));
    return;
  }
  // Shared, since std::function wants copies; there is one.
  struct Waiting {
    std::string if_none_match;
    std::string if_modified_since;
    http::Method method;
    http::Responder responder;
  };
  auto waiting =
      std::make_shared<Waiting>(Waiting{std::string(request.if_none_match),
                                        std::string(request.if_modified_since),
                                        request.method, std::move(responder)});
  const bool queued =
      pool_.TrySchedule([this, name = *name, waiting = waiting] {
        http::Request again;
        again.method = waiting->method;
        again.if_none_match = waiting->if_none_match;
        again.if_modified_since = waiting->if_modified_since;
        // Somebody may have read it meanwhile.
        auto response = FromCache(name, again, false);
        if (!response.has_value()) {
          if (absl::IsNotFound(Read(name.key))) {
            metrics_.pages_not_found.Increment();
            response = http::NotFound();
          } else {
            response = FromCache(name, again, true);
          }
        }
        waiting->responder.Send(response.has_value() ? *std::move(response)
                                                     : Later());
      });
  if (!queued) {
    waiting->responder.Send(Later());
  }
}

bool CrlPages::Current(const Entry& entry) const {
  const absl::Duration now = clock_.MonotonicNow();
  if (now < no_read_before_) {
    return true;  // A read has just failed: this is the best there is.
  }
  return entry.generation == entry.read_generation &&
         (hearing_ || now - entry.read_time < options_.unheard);
}

std::optional<http::Response> CrlPages::FromCache(const Name& name,
                                                  const http::Request& request,
                                                  bool whatever_age) {
  std::shared_ptr<const Document> document;
  const absl::Time now = clock_.Now();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = entries_.find(name.key);
    if (found == entries_.end()) {
      return std::nullopt;
    }
    Entry& entry = found->second;
    if (entry.complete == nullptr || entry.complete->expires <= now) {
      return std::nullopt;
    }
    if (!whatever_age && !Current(entry)) {
      return std::nullopt;
    }
    entry.last_used = ++uses_;
    document = name.delta ? entry.delta : entry.complete;
  }
  if (document == nullptr) {
    metrics_.pages_not_found.Increment();
    return http::NotFound();
  }
  metrics_.pages_served.Increment();
  return Serve(request, std::move(document), now, options_.max_age);
}

absl::Status CrlPages::Read(const Key& key) {
  uint64_t generation = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (clock_.MonotonicNow() < no_read_before_) {
      return absl::UnavailableError("the last read failed");
    }
    // There while it is read, so that news of it meanwhile are counted.
    const auto [entry, is_new] = entries_.try_emplace(key);
    if (is_new) {
      entry->second.generation = ++generations_;
    }
    generation = entry->second.generation;
  }
  const absl::Status status = ReadInto(key, generation);
  if (status.ok()) {
    return status;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto entry = entries_.find(key);
  if (entry != entries_.end() &&
      (absl::IsNotFound(status) || entry->second.complete == nullptr)) {
    bytes_ -= BytesOf(entry->second.complete) + BytesOf(entry->second.delta);
    entries_.erase(entry);
  }
  if (!absl::IsNotFound(status)) {
    no_read_before_ = clock_.MonotonicNow() + options_.read_pause;
    telemetry::Log(
        telemetry::Level::kWarning, "crl_read_failed",
        {{"issuer", issuers_[key.first].id},
         {"shard", key.second},
         {"error",
          status.ToString(absl::StatusToStringMode::kWithNoExtraData)}});
  }
  return status;
}

absl::Status CrlPages::ReadInto(const Key& key, uint64_t generation) {
  BIRTHMARK_ASSIGN_OR_RETURN(
      storage::CrlRow row,
      statuses_.ReadCrl(issuers_[key.first].id, key.second));
  auto complete =
      MakeDocument(std::move(row.crl_der), kCrlType, row.this_update,
                   row.next_update, options_.max_age);
  std::shared_ptr<const Document> delta;
  if (row.delta.has_value()) {
    delta = MakeDocument(std::move(row.delta->crl_der), kCrlType,
                         row.this_update, row.next_update, options_.max_age);
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  Entry& entry = entries_[key];
  const bool goes_back = entry.complete != nullptr &&
                         row.number < entry.number &&
                         clock_.Now() < entry.complete->expires;
  if (!goes_back) {
    bytes_ -= BytesOf(entry.complete) + BytesOf(entry.delta);
    entry.complete = std::move(complete);
    entry.delta = std::move(delta);
    entry.number = row.number;
    bytes_ += BytesOf(entry.complete) + BytesOf(entry.delta);
  }
  entry.read_generation = generation;
  entry.read_time = clock_.MonotonicNow();
  entry.last_used = ++uses_;
  Shrink(key);
  metrics_.crl_cache_bytes.Set(static_cast<double>(bytes_));
  return absl::OkStatus();
}

// The one that was just read stays, however large it is: it is to be sent.
void CrlPages::Shrink(const Key& keep) {
  while (bytes_ > options_.cache_bytes) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->first != keep && it->second.complete != nullptr &&
          (oldest == entries_.end() ||
           it->second.last_used < oldest->second.last_used)) {
        oldest = it;
      }
    }
    if (oldest == entries_.end()) {
      return;
    }
    bytes_ -= BytesOf(oldest->second.complete) + BytesOf(oldest->second.delta);
    entries_.erase(oldest);
  }
}

void CrlPages::Invalidate(absl::string_view payload) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(payload, absl::MaxSplits('/', 1));
  const auto issuer = issuers_.Find(parts.first);
  const auto shard = ParseShard(parts.second);
  if (!issuer.has_value() || !shard.has_value()) {
    return;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto entry = entries_.find({*issuer, *shard});
  if (entry != entries_.end()) {
    entry->second.generation = ++generations_;
  }
}

void CrlPages::SetHearing(bool hearing) {
  const std::lock_guard<std::mutex> lock(mutex_);
  hearing_ = hearing;
  for (auto& [key, entry] : entries_) {
    entry.generation = ++generations_;
  }
}

}  // namespace birthmark::status
