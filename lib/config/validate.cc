#include "lib/config/validate.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/duration.pb.h"
#include "lib/base/file.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "lib/config/textproto.h"

namespace birthmark::config {
namespace {

// sockaddr_un holds 108 octets, the last of which is zero.
constexpr size_t kMaxSocketPath = 107;
constexpr int kMaxWorkerThreads = 1024;
constexpr int kMaxQueuedCalls = 1 << 20;
constexpr int kMaxMessageBytes = 1 << 30;
constexpr int kMaxConnections = 1024;
constexpr int kMaxInFlightItems = 1 << 20;
constexpr int kMaxInFlightTotal = 1000000;
constexpr int64_t kMaxDrainSeconds = 3600;
constexpr int64_t kMaxCrlSeconds = int64_t{366} * 24 * 3600;
constexpr int kMaxCrlShardSize = 1000000;
constexpr size_t kMaxUrl = 1024;
// RFC 5019 2.2.4 and common sense: a response is not good for longer.
constexpr int64_t kMaxOcspSeconds = int64_t{7} * 24 * 3600;
constexpr int64_t kMaxHttpAgeSeconds = int64_t{24} * 3600;
constexpr int64_t kMaxCrlIntervalSeconds = 3600;
constexpr int kMaxCacheMib = 1 << 16;
constexpr int kMaxHttpConnections = 1 << 20;

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

std::string Sub(absl::string_view parent, absl::string_view field) {
  return absl::StrCat(parent, ".", field);
}

std::string At(absl::string_view field, int index) {
  return absl::StrCat(field, "[", index, "]");
}

absl::Status CheckTrustDomain(absl::string_view name) {
  BIRTHMARK_RETURN_IF_ERROR(Require("trust_domain", name));
  for (const char c : name) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == '_';
    if (!fine || name.size() > 255) {
      return Invalid("trust_domain",
                     "must be 1 to 255 characters of a-z 0-9 . - _");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckIdentity(absl::string_view field,
                           const v1::TlsIdentity& identity) {
  BIRTHMARK_RETURN_IF_ERROR(
      Require(Sub(field, "certificate_file"), identity.certificate_file()));
  return Require(Sub(field, "private_key_file"), identity.private_key_file());
}

absl::Status CheckTrust(const v1::Trust& trust) {
  BIRTHMARK_RETURN_IF_ERROR(Require("trust.roots_file", trust.roots_file()));
  BIRTHMARK_RETURN_IF_ERROR(
      Require("trust.internal_issuer_file", trust.internal_issuer_file()));
  BIRTHMARK_RETURN_IF_ERROR(
      Require("trust.idevid_issuer_file", trust.idevid_issuer_file()));
  return Require("trust.ldevid_issuer_file", trust.ldevid_issuer_file());
}

absl::Status CheckDatabase(absl::string_view field,
                           const v1::Database& database) {
  BIRTHMARK_RETURN_IF_ERROR(
      Require(Sub(field, "dsn_file"), database.dsn_file()));
  return RequireRange(Sub(field, "connections"), database.connections(), 0,
                      kMaxConnections);
}

absl::Status CheckEndpoint(absl::string_view field,
                           const v1::Endpoint& endpoint) {
  BIRTHMARK_RETURN_IF_ERROR(Require(Sub(field, "address"), endpoint.address()));
  BIRTHMARK_RETURN_IF_ERROR(
      RequireAddress(Sub(field, "address"), endpoint.address()));
  return Require(Sub(field, "server_name"), endpoint.server_name());
}

absl::Status CheckDuration(absl::string_view field,
                           const google::protobuf::Duration& duration,
                           int64_t max_seconds) {
  BIRTHMARK_RETURN_IF_ERROR(
      RequireRange(Sub(field, "seconds"), duration.seconds(), 0, max_seconds));
  return RequireRange(Sub(field, "nanos"), duration.nanos(), 0, 999'999'999);
}

absl::Status RequireTcpAddress(absl::string_view field,
                               absl::string_view value) {
  BIRTHMARK_RETURN_IF_ERROR(Require(field, value));
  BIRTHMARK_RETURN_IF_ERROR(RequireAddress(field, value));
  return absl::StartsWith(value, "unix:") ? Invalid(field, "must be host:port")
                                          : absl::OkStatus();
}

absl::Status CheckLimits(const v1::Limits& limits) {
  BIRTHMARK_RETURN_IF_ERROR(RequireRange(
      "limits.worker_threads", limits.worker_threads(), 0, kMaxWorkerThreads));
  BIRTHMARK_RETURN_IF_ERROR(RequireRange(
      "limits.queued_calls", limits.queued_calls(), 0, kMaxQueuedCalls));
  BIRTHMARK_RETURN_IF_ERROR(RequireRange(
      "limits.message_bytes", limits.message_bytes(), 0, kMaxMessageBytes));
  return CheckDuration("limits.drain_timeout", limits.drain_timeout(),
                       kMaxDrainSeconds);
}

// Who asks about a certificate cannot be asked to verify another one first, so
// it is http (RFC 5280 4.2.1.13).
absl::Status CheckUrl(absl::string_view field, absl::string_view url) {
  constexpr absl::string_view kScheme = "http://";
  if (url.empty()) {
    return absl::OkStatus();
  }
  if (!absl::StartsWith(url, kScheme) || url.size() == kScheme.size() ||
      absl::EndsWith(url, "/") || url.size() > kMaxUrl) {
    return Invalid(
        field,
        absl::StrCat("must start with http://, not end with a slash, and have "
                     "at most ",
                     kMaxUrl, " characters"));
  }
  for (const char c : url) {
    if (c <= ' ' || c > '~') {
      return Invalid(field, "must be printable ASCII without spaces");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCa(const v1::CaConfig& ca) {
  BIRTHMARK_RETURN_IF_ERROR(CheckDatabase("ca.database", ca.database()));
  BIRTHMARK_RETURN_IF_ERROR(Require("ca.kek_file", ca.kek_file()));
  if (ca.issuers().empty()) {
    return Invalid("ca.issuers", "at least one is required");
  }
  for (int i = 0; i < ca.issuers_size(); ++i) {
    const v1::IssuerConfig& issuer = ca.issuers(i);
    const std::string field = At("ca.issuers", i);
    if (!IsResourceId(issuer.id())) {
      return Invalid(Sub(field, "id"), "must match [a-z0-9-]{1,63}");
    }
    for (int j = 0; j < i; ++j) {
      if (ca.issuers(j).id() == issuer.id()) {
        return Invalid(Sub(field, "id"),
                       absl::StrCat("\"", issuer.id(), "\" is there twice"));
      }
    }
    BIRTHMARK_RETURN_IF_ERROR(
        Require(Sub(field, "sealed_key_file"), issuer.sealed_key_file()));
    BIRTHMARK_RETURN_IF_ERROR(
        Require(Sub(field, "certificate_file"), issuer.certificate_file()));
  }
  if (ca.profile_files().empty()) {
    return Invalid("ca.profile_files", "at least one is required");
  }
  BIRTHMARK_RETURN_IF_ERROR(CheckUrl("ca.crl_base_url", ca.crl_base_url()));
  BIRTHMARK_RETURN_IF_ERROR(CheckUrl("ca.ocsp_url", ca.ocsp_url()));
  BIRTHMARK_RETURN_IF_ERROR(
      CheckUrl("ca.ca_issuers_base_url", ca.ca_issuers_base_url()));
  BIRTHMARK_RETURN_IF_ERROR(RequireRange(
      "ca.crl_shard_size", ca.crl_shard_size(), 0, kMaxCrlShardSize));
  return CheckDuration("ca.crl_lifetime", ca.crl_lifetime(), kMaxCrlSeconds);
}

absl::Status CheckRegistration(const v1::ServerConfig& config) {
  const v1::RegistrationConfig& registration = config.registration();
  BIRTHMARK_RETURN_IF_ERROR(
      CheckDatabase("registration.database", registration.database()));
  if (registration.has_ca()) {
    BIRTHMARK_RETURN_IF_ERROR(
        CheckEndpoint("registration.ca", registration.ca()));
  } else if (!config.has_ca()) {
    return Invalid("registration.ca",
                   "required unless the role `ca` is in the same process");
  }
  if (registration.profile_files().empty()) {
    return Invalid("registration.profile_files", "at least one is required");
  }
  if (!v1::Arithmetic_IsValid(registration.arithmetic())) {
    return Invalid("registration.arithmetic", "no such value");
  }
  BIRTHMARK_RETURN_IF_ERROR(RequireRange("registration.max_in_flight_items",
                                         registration.max_in_flight_items(), 0,
                                         kMaxInFlightItems));
  BIRTHMARK_RETURN_IF_ERROR(RequireRange("registration.max_in_flight_total",
                                         registration.max_in_flight_total(), 0,
                                         kMaxInFlightTotal));
  return RequireRange("registration.revocation_approval_threshold",
                      registration.revocation_approval_threshold(), 0,
                      std::numeric_limits<int32_t>::max());
}

absl::Status CheckInventory(const v1::ServerConfig& config) {
  const v1::InventoryConfig& inventory = config.inventory();
  BIRTHMARK_RETURN_IF_ERROR(
      CheckDatabase("inventory.database", inventory.database()));
  if (inventory.has_ca()) {
    BIRTHMARK_RETURN_IF_ERROR(CheckEndpoint("inventory.ca", inventory.ca()));
  } else if (!config.has_ca()) {
    return Invalid("inventory.ca",
                   "required unless the role `ca` is in the same process");
  }
  return RequireRange("inventory.device_approval_threshold",
                      inventory.device_approval_threshold(), 0,
                      std::numeric_limits<int32_t>::max());
}

absl::Status CheckIssuerCertificates(const v1::StatusConfig& status) {
  if (status.issuers().empty()) {
    return Invalid("status.issuers", "at least one is required");
  }
  for (int i = 0; i < status.issuers_size(); ++i) {
    const std::string field = At("status.issuers", i);
    const std::string& id = status.issuers(i).id();
    if (!IsResourceId(id)) {
      return Invalid(Sub(field, "id"), "must match [a-z0-9-]{1,63}");
    }
    for (int j = 0; j < i; ++j) {
      if (status.issuers(j).id() == id) {
        return Invalid(Sub(field, "id"),
                       absl::StrCat("\"", id, "\" is there twice"));
      }
    }
    BIRTHMARK_RETURN_IF_ERROR(Require(Sub(field, "certificate_file"),
                                      status.issuers(i).certificate_file()));
  }
  return absl::OkStatus();
}

absl::Status CheckStatus(const v1::ServerConfig& config) {
  const v1::StatusConfig& status = config.status();
  BIRTHMARK_RETURN_IF_ERROR(
      CheckDatabase("status.database", status.database()));
  if (status.has_ca()) {
    BIRTHMARK_RETURN_IF_ERROR(CheckEndpoint("status.ca", status.ca()));
  } else if (!config.has_ca()) {
    return Invalid("status.ca",
                   "required unless the role `ca` is in the same process");
  }
  BIRTHMARK_RETURN_IF_ERROR(
      RequireTcpAddress("status.http_address", status.http_address()));
  BIRTHMARK_RETURN_IF_ERROR(CheckIssuerCertificates(status));
  BIRTHMARK_RETURN_IF_ERROR(CheckDuration(
      "status.ocsp_lifetime", status.ocsp_lifetime(), kMaxOcspSeconds));
  BIRTHMARK_RETURN_IF_ERROR(CheckDuration(
      "status.http_max_age", status.http_max_age(), kMaxHttpAgeSeconds));
  BIRTHMARK_RETURN_IF_ERROR(CheckDuration(
      "status.crl_interval", status.crl_interval(), kMaxCrlIntervalSeconds));
  BIRTHMARK_RETURN_IF_ERROR(RequireRange(
      "status.ocsp_cache_mib", status.ocsp_cache_mib(), 0, kMaxCacheMib));
  BIRTHMARK_RETURN_IF_ERROR(RequireRange(
      "status.crl_cache_mib", status.crl_cache_mib(), 0, kMaxCacheMib));
  BIRTHMARK_RETURN_IF_ERROR(
      RequireRange("status.threads", status.threads(), 0, kMaxWorkerThreads));
  return RequireRange("status.connections", status.connections(), 0,
                      kMaxHttpConnections);
}

template <typename T>
absl::StatusOr<T> LoadChecked(const std::string& path) {
  BIRTHMARK_ASSIGN_OR_RETURN(T config, Load<T>(path));
  ResolveFilePaths(path, config);
  const absl::Status status = Validate(config);
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat(path, ": ", status.message()));
  }
  return config;
}

}  // namespace

absl::Status Require(absl::string_view field, absl::string_view value) {
  return value.empty() ? Invalid(field, "required") : absl::OkStatus();
}

absl::Status RequireRange(absl::string_view field, int64_t value, int64_t low,
                          int64_t high) {
  if (value < low || value > high) {
    return Invalid(field,
                   absl::StrCat("must be ", low, " to ", high, ", is ", value));
  }
  return absl::OkStatus();
}

absl::Status RequireAddress(absl::string_view field, absl::string_view value) {
  absl::string_view path = value;
  if (absl::ConsumePrefix(&path, "unix:")) {
    if (path.empty() || path.size() > kMaxSocketPath) {
      return Invalid(field,
                     absl::StrCat("the path of a Unix socket has 1 to ",
                                  kMaxSocketPath, " characters: ", value));
    }
    return absl::OkStatus();
  }
  const size_t colon = value.rfind(':');
  uint16_t port = 0;
  if (colon != absl::string_view::npos && colon > 0) {
    const char* end = value.data() + value.size();
    const auto parsed = std::from_chars(value.data() + colon + 1, end, port);
    if (parsed.ec == std::errc() && parsed.ptr == end) {
      return absl::OkStatus();
    }
  }
  return Invalid(field, absl::StrCat("expected host:port or unix:/path, is \"",
                                     value, "\""));
}

absl::Status Validate(const v1::ServerConfig& config) {
  BIRTHMARK_RETURN_IF_ERROR(CheckTrustDomain(config.trust_domain()));
  BIRTHMARK_RETURN_IF_ERROR(Require("listen_address", config.listen_address()));
  BIRTHMARK_RETURN_IF_ERROR(
      RequireAddress("listen_address", config.listen_address()));
  BIRTHMARK_RETURN_IF_ERROR(CheckIdentity("identity", config.identity()));
  BIRTHMARK_RETURN_IF_ERROR(CheckTrust(config.trust()));
  if (!config.telemetry_address().empty()) {
    BIRTHMARK_RETURN_IF_ERROR(
        RequireTcpAddress("telemetry_address", config.telemetry_address()));
  }
  BIRTHMARK_RETURN_IF_ERROR(CheckLimits(config.limits()));
  if (!config.has_ca() && !config.has_registration() &&
      !config.has_inventory() && !config.has_status()) {
    return absl::InvalidArgumentError(
        "no role: one of ca, registration, inventory, status is required");
  }
  if (config.has_ca()) {
    BIRTHMARK_RETURN_IF_ERROR(CheckCa(config.ca()));
  }
  if (config.has_registration()) {
    BIRTHMARK_RETURN_IF_ERROR(CheckRegistration(config));
  }
  if (config.has_inventory()) {
    BIRTHMARK_RETURN_IF_ERROR(CheckInventory(config));
  }
  if (config.has_status()) {
    BIRTHMARK_RETURN_IF_ERROR(CheckStatus(config));
  }
  return absl::OkStatus();
}

absl::Status Validate(const v1::MigrateConfig& config) {
  BIRTHMARK_RETURN_IF_ERROR(CheckDatabase("database", config.database()));
  for (int i = 0; i < config.certificates_size(); ++i) {
    const v1::RecordedCertificate& certificate = config.certificates(i);
    const std::string field = At("certificates", i);
    BIRTHMARK_RETURN_IF_ERROR(Require(Sub(field, "certificate_file"),
                                      certificate.certificate_file()));
    BIRTHMARK_RETURN_IF_ERROR(
        Require(Sub(field, "issuer"), certificate.issuer()));
    BIRTHMARK_RETURN_IF_ERROR(
        Require(Sub(field, "profile"), certificate.profile()));
  }
  return absl::OkStatus();
}

absl::Status Validate(const v1::ClientConfig& config) {
  BIRTHMARK_RETURN_IF_ERROR(Require("roots_file", config.roots_file()));
  if (config.has_identity()) {
    BIRTHMARK_RETURN_IF_ERROR(CheckIdentity("identity", config.identity()));
  }
  if (config.has_registration()) {
    BIRTHMARK_RETURN_IF_ERROR(
        CheckEndpoint("registration", config.registration()));
  }
  if (config.has_inventory()) {
    BIRTHMARK_RETURN_IF_ERROR(CheckEndpoint("inventory", config.inventory()));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ServerConfig> LoadServerConfig(const std::string& path) {
  return LoadChecked<v1::ServerConfig>(path);
}

absl::StatusOr<v1::MigrateConfig> LoadMigrateConfig(const std::string& path) {
  return LoadChecked<v1::MigrateConfig>(path);
}

absl::StatusOr<v1::ClientConfig> LoadClientConfig(const std::string& path) {
  return LoadChecked<v1::ClientConfig>(path);
}

absl::StatusOr<std::string> ReadSecretLine(const std::string& path) {
  BIRTHMARK_ASSIGN_OR_RETURN(std::string line, ReadPrivateFile(path));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
    line.pop_back();
  }
  if (line.empty() || line.find_first_of("\r\n") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": must hold exactly one line"));
  }
  return line;
}

}  // namespace birthmark::config
