#include "services/registration/revocation_watch.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reasons.h"
#include "lib/base/spread_delay.h"
#include "lib/base/status_macros.h"
#include "lib/rpc/timestamp.h"
#include "lib/telemetry/log.h"

namespace birthmark::registration {
namespace {

namespace pb = revocation::v1;
using storage::RevocationChange;

constexpr char kMethod[] =
    "birthmark.revocation.v1.RevocationService.WatchRevocations";
constexpr absl::Duration kRetry = absl::Seconds(1);
// How soon a stream is looked at again that has more to get.
constexpr std::chrono::milliseconds kSoon(20);
constexpr std::chrono::seconds kTick(1);
// The share of a core that telling may take: after a round it rests for so many
// times as long as the round took. What comes meanwhile goes out together.
constexpr int kRest = 3;
constexpr int kReaders = 2;
constexpr size_t kReaderQueue = 8192;

pb::RevocationState StateOf(storage::RevocationState state) {
  switch (state) {
    case storage::RevocationState::kHeld:
      return pb::REVOCATION_STATE_HELD;
    case storage::RevocationState::kRevoked:
      return pb::REVOCATION_STATE_REVOKED;
    case storage::RevocationState::kReleased:
      return pb::REVOCATION_STATE_RELEASED;
  }
  return pb::REVOCATION_STATE_UNSPECIFIED;
}

std::string IssuerName(const RevocationChange& change) {
  return absl::StrCat("issuers/", change.issuer_id);
}

void AddChange(const RevocationChange& change,
               pb::WatchRevocationsResponse& response) {
  pb::Revocation& revocation = *response.add_changes();
  revocation.set_certificate(absl::StrCat(IssuerName(change), "/certificates/",
                                          HexEncode(change.serial)));
  revocation.set_reason(
      static_cast<certificate::v1::RevocationReason>(change.reason));
  revocation.set_crl_shard(change.crl_shard);
  revocation.set_state(StateOf(change.state));
  *revocation.mutable_revoke_time() = rpc::ToTimestamp(change.revoke_time);
  if (change.invalidity_time.has_value()) {
    *revocation.mutable_invalidity_time() =
        rpc::ToTimestamp(*change.invalidity_time);
  }
}

absl::Status NotHeard() {
  return WithRetryAfter(
      MakeError(absl::StatusCode::kUnavailable, reasons::kDatabaseOffline,
                "the database is not heard: what is revoked now is not known"),
      SpreadDelay(kRetry));
}

}  // namespace

RevocationWatch::RevocationWatch(storage::RevocationLog& log,
                                 RevocationFollower& follower,
                                 const rpc::PageTokenCodec& tokens,
                                 Clock& clock, Metrics& metrics)
    : log_(log),
      follower_(follower),
      tokens_(tokens),
      clock_(clock),
      metrics_(metrics),
      readers_(kReaders, kReaderQueue),
      worker_([this] { Work(); }) {
  follower_.Observe([this] { Wake(); });
}

RevocationWatch::~RevocationWatch() {
  follower_.Observe(nullptr);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  worker_.join();
  readers_.Drain();
}

void RevocationWatch::Register(rpc::Router& router) {
  router.Bidi<Request, Response>(
      kMethod,
      [this](const rpc::CallContext& context, rpc::BidiStream<Response> stream)
          -> absl::StatusOr<std::shared_ptr<rpc::BidiHandler<Request>>> {
        return Accept(context, std::move(stream));
      });
}

absl::StatusOr<RevocationWatch::StreamPtr> RevocationWatch::Accept(
    const rpc::CallContext& context, rpc::BidiStream<Response> stream) {
  auto accepted = std::make_shared<WatchStream>(
      std::move(stream), context.caller(),
      [this](const Request& request) { return Begin(request); },
      [this] { Wake(); }, clock_, metrics_);
  std::lock_guard<std::mutex> lock(mutex_);
  const auto same = std::count_if(
      streams_.begin(), streams_.end(), [&](const StreamPtr& other) {
        return other->phase() != WatchStream::Phase::kEnded &&
               other->actor() == accepted->actor();
      });
  if (same >= kStreamsOfOne) {
    return WithRetryAfter(MakeError(absl::StatusCode::kResourceExhausted,
                                    reasons::kTooManyInFlight,
                                    "this caller watches often enough already",
                                    {{"limit", absl::StrCat(kStreamsOfOne)}}),
                          SpreadDelay(kRetry));
  }
  streams_.push_back(accepted);
  return accepted;
}

absl::StatusOr<WatchPosition> RevocationWatch::Begin(const Request& request) {
  const RevocationFollower::View view = follower_.view();
  if (!view.alive) {
    return NotHeard();
  }
  if (request.resume_token().empty()) {
    return WatchPosition{view.revision, view.mark};
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const WatchPosition position,
                             OpenToken(tokens_, request));
  if (position.revision == 0) {
    return position;
  }
  BIRTHMARK_ASSIGN_OR_RETURN(const std::optional<RevocationChange> change,
                             log_.Get(position.revision));
  if (!change.has_value() ||
      RevocationFollower::MarkOf(*change) != position.mark) {
    return TokenUnknown();
  }
  return position;
}

void RevocationWatch::Wake() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

void RevocationWatch::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  bool soon = false;
  while (!stopped_) {
    wake_.wait_for(lock,
                   soon ? std::chrono::milliseconds(kSoon)
                        : std::chrono::milliseconds(kTick),
                   [this] { return stopped_ || woken_; });
    if (stopped_) {
      return;
    }
    woken_ = false;
    lock.unlock();
    const absl::Duration begin = clock_.MonotonicNow();
    soon = Round();
    const absl::Duration took = clock_.MonotonicNow() - begin;
    lock.lock();
    wake_.wait_for(lock, absl::ToChronoNanoseconds(kRest * took),
                   [this] { return stopped_; });
  }
}

bool RevocationWatch::Round() {
  std::vector<StreamPtr> streams;
  const absl::Duration now = clock_.MonotonicNow();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    streams_.erase(std::remove_if(streams_.begin(), streams_.end(),
                                  [now](const StreamPtr& stream) {
                                    return stream->Reap(now);
                                  }),
                   streams_.end());
    streams = streams_;
  }
  const RevocationFollower::View view = follower_.view();
  std::map<NewsKey, std::optional<News>> known;
  bool soon = false;
  for (const StreamPtr& stream : streams) {
    if (stream->phase() == WatchStream::Phase::kOpen && !stream->reading) {
      soon = Drive(stream, view, known) || soon;
    }
  }
  return soon;
}

bool RevocationWatch::Drive(const StreamPtr& stream,
                            const RevocationFollower::View& view,
                            std::map<NewsKey, std::optional<News>>& known) {
  if (stream->history == 0) {
    stream->history = view.history;
  }
  if (stream->history != view.history) {
    stream->End(TokenUnknown());
    return false;
  }
  if (!view.alive) {
    stream->End(NotHeard());
    return false;
  }
  if (clock_.Now() > stream->certificate_end()) {
    stream->End(MakeError(absl::StatusCode::kUnauthenticated,
                          reasons::kCertificateExpired,
                          "the certificate of this stream has expired"));
    return false;
  }
  const int64_t from = stream->position().revision;
  if (!stream->Hungry()) {
    return from < view.revision;
  }
  const NewsKey key(from, stream->issuer());
  auto found = known.find(key);
  if (found == known.end()) {
    std::optional<News> news;
    const auto changes = follower_.Since(from, kMessage);
    if (changes.has_value()) {
      // Another process, whose token this stream began with, may be ahead.
      news =
          NewsOf(*changes, stream->issuer(),
                 from < view.revision ? WatchPosition{view.revision, view.mark}
                                      : stream->position());
    }
    found = known.emplace(key, std::move(news)).first;
  }
  if (found->second.has_value()) {
    Tell(*stream, *found->second);
    return found->second->full;
  }
  stream->reading = true;
  const bool scheduled = readers_.TrySchedule(
      [this, stream, reached = WatchPosition{view.revision, view.mark}] {
        ReadFor(stream, reached);
      });
  if (!scheduled) {
    stream->reading = false;
  }
  return !scheduled;
}

// `reached` is what had been read by the follower before `changes` were.
RevocationWatch::News RevocationWatch::NewsOf(
    const std::vector<RevocationChange>& changes, const std::string& issuer,
    WatchPosition reached) {
  News news;
  news.full = changes.size() >= kMessage;
  news.position = std::move(reached);
  if (!changes.empty() &&
      (news.full || changes.back().revision >= news.position.revision)) {
    news.position = {changes.back().revision,
                     RevocationFollower::MarkOf(changes.back())};
  }
  for (const RevocationChange& change : changes) {
    if (change.state == storage::RevocationState::kReleased) {
      news.not_good.erase(change.serial);
    } else {
      news.not_good.insert(change.serial);
    }
    if (issuer.empty() || issuer == IssuerName(change)) {
      AddChange(change, news.response);
    }
  }
  news.response.set_revision(news.position.revision);
  news.response.set_resume_token(SealToken(tokens_, issuer, news.position));
  return news;
}

void RevocationWatch::Tell(WatchStream& stream, const News& news) {
  if (news.not_good.contains(stream.caller_serial())) {
    stream.End(MakeError(absl::StatusCode::kUnauthenticated,
                         reasons::kCertificateRevoked,
                         "the certificate of this stream is revoked"));
    return;
  }
  if (news.response.changes_size() > 0 ||
      stream.HeartbeatDue(clock_.MonotonicNow())) {
    stream.Write(news.response, news.position);
  } else {
    stream.MoveTo(news.position);
  }
}

void RevocationWatch::ReadFor(StreamPtr stream, WatchPosition reached) {
  const absl::StatusOr<std::vector<RevocationChange>> changes =
      log_.Read(stream->position().revision, "", static_cast<int>(kMessage));
  if (changes.ok()) {
    Tell(*stream, NewsOf(*changes, stream->issuer(), std::move(reached)));
  } else {
    telemetry::Log(telemetry::Level::kWarning, "watch_not_caught_up",
                   {{"error", changes.status().message()}});
    stream->End(NotHeard());
  }
  stream->reading = false;
  Wake();
}

}  // namespace birthmark::registration
