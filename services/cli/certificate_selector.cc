#include "services/cli/certificate_selector.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "lib/base/ids.h"
#include "lib/base/status_macros.h"
#include "services/cli/error_report.h"
#include "services/cli/names.h"

namespace birthmark::cli {
namespace {

using revocation::v1::CertificateSelector;
using revocation::v1::FirmwareRelease;

absl::StatusOr<std::string> KeyId(const std::string& text) {
  const std::string id =
      absl::StrReplaceAll(absl::AsciiStrToLower(text), {{":", ""}});
  if (!IsKeyId(id)) {
    return UsageError(absl::StrCat(
        "--key wants a key id, 64 hex digits as `birthmark certificate get` "
        "shows it, not '",
        text, "'"));
  }
  return id;
}

absl::StatusOr<FirmwareRelease> Firmware(const std::string& text) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (parts.first.empty() || parts.second.empty()) {
    return UsageError(
        absl::StrCat("--firmware wants COMPONENT=VERSION, not '", text, "'"));
  }
  FirmwareRelease release;
  release.set_component(parts.first);
  release.set_version(parts.second);
  return release;
}

// "fleets/acme/lines/line-1" as people type it: "acme/line-1".
std::string Short(absl::string_view name) {
  return absl::StrReplaceAll(name, {{"fleets/", ""},
                                    {"/lines/", "/"},
                                    {"/batches/", "/"},
                                    {"issuers/", ""}});
}

}  // namespace

std::vector<Param> SelectorParams() {
  return {{.name = "--issuer",
           .value = "ISSUER",
           .help = "those of this issuer, e.g. ldevid"},
          {.name = "--key",
           .value = "KEY_ID",
           .help = "that of this key: SHA-256 of its SPKI in hex"},
          {.name = "--fleet",
           .value = "FLEET",
           .help = "those of this fleet's devices; alone, of its lines too"},
          {.name = "--model",
           .value = "MODEL",
           .help = "those of devices of this model"},
          {.name = "--line",
           .value = "FLEET/LINE",
           .help = "those of devices that this line made"},
          {.name = "--batch",
           .value = "FLEET/LINE/BATCH",
           .help = "those of devices of this batch"},
          {.name = "--firmware",
           .value = "COMPONENT=VERSION",
           .help = "those of devices that last reported this firmware"}};
}

absl::StatusOr<CertificateSelector> SelectorFrom(const Arguments& args) {
  CertificateSelector selector;
  if (args.Has("--issuer")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*selector.mutable_issuer(),
                               IssuerName(args.Text("--issuer")));
  }
  if (args.Has("--key")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*selector.mutable_key_id(),
                               KeyId(args.Text("--key")));
  }
  if (args.Has("--fleet")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*selector.mutable_fleet(),
                               FleetName(args.Text("--fleet")));
  }
  selector.set_model(args.Text("--model"));
  if (args.Has("--line")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*selector.mutable_line(),
                               LineName(args.Text("--line")));
  }
  if (args.Has("--batch")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*selector.mutable_batch(),
                               BatchName(args.Text("--batch")));
  }
  if (args.Has("--firmware")) {
    BIRTHMARK_ASSIGN_OR_RETURN(*selector.mutable_firmware(),
                               Firmware(args.Text("--firmware")));
  }
  if (selector.ByteSizeLong() == 0) {
    return UsageError(
        "say which certificates: at least one of --issuer, --key, --fleet, "
        "--model, --line, --batch, --firmware");
  }
  return selector;
}

std::string SelectorText(const CertificateSelector& selector) {
  std::vector<std::string> terms;
  const auto add = [&terms](absl::string_view what, absl::string_view value) {
    if (!value.empty()) {
      terms.push_back(absl::StrCat(what, " ", value));
    }
  };
  add("issuer", Short(selector.issuer()));
  add("key", selector.key_id());
  add("fleet", Short(selector.fleet()));
  add("model", selector.model());
  add("line", Short(selector.line()));
  add("batch", Short(selector.batch()));
  if (selector.has_firmware()) {
    add("firmware", absl::StrCat(selector.firmware().component(), "=",
                                 selector.firmware().version()));
  }
  return absl::StrJoin(terms, ", ");
}

}  // namespace birthmark::cli
