#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "birthmark/device/v1/device_service.pb.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/status_macros.h"
#include "services/cli/client.h"
#include "services/cli/commands.h"
#include "services/cli/decommission_certificate.h"
#include "services/cli/device_record.h"
#include "services/cli/device_text.h"
#include "services/cli/error_report.h"
#include "services/cli/event_text.h"
#include "services/cli/names.h"
#include "services/cli/output.h"
#include "services/cli/reasons.h"

namespace birthmark::cli {
namespace {

using device::v1::Decommission;
using device::v1::Device;

constexpr mode_t kPublic = 0644;
constexpr absl::Duration kLookEvery = absl::Milliseconds(250);

absl::StatusOr<int> Status(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device device,
                             FetchDevice(*channel, args.Text("DEVICE")));
  BIRTHMARK_ASSIGN_OR_RETURN(const Decommission end,
                             FetchDecommission(*channel, device.name()));
  if (context.json) {
    PrintJson(context.out, end);
    return kExitOk;
  }
  PrintFields(
      context.out,
      {{"Device", end.device()},
       {"State", DeviceStateText(device.state())},
       {"Ordered", absl::StrCat(TimeText(end.create_time()), " by ",
                                ActorText(end.actor()))},
       {"Because", end.reason()},
       {"Part of the job", ShortName(end.job())},
       {"Revoked", CountText(end.revoked_certificates(), "certificate")},
       {"Retired", CountText(end.retired_keys(), "key")},
       {"Wipe", WipeText(end, context.clock.Now())},
       {"Over", end.has_end_time()
                    ? TimeText(end.end_time())
                    : "not yet: when the wipe is confirmed or its time is up"},
       {"Signed certificate",
        end.certificate_jws().empty()
            ? "none yet"
            : absl::StrCat("birthmark device decommission-certificate ",
                           device.uid())}});
  return kExitOk;
}

// The decommission once it is certified, or as it is when `patience` is over.
absl::StatusOr<Decommission> WaitForCertificate(rpc::Channel& channel,
                                                const std::string& name,
                                                absl::Duration patience,
                                                Context& context) {
  const absl::Duration begin = context.clock.MonotonicNow();
  while (true) {
    absl::StatusOr<Decommission> end = FetchDecommission(channel, name);
    if (!end.ok() || !end->certificate_jws().empty() ||
        context.clock.MonotonicNow() - begin >= patience) {
      return end;
    }
    absl::SleepFor(kLookEvery);
  }
}

absl::StatusOr<int> Certificate(const Arguments& args, Context& context) {
  BIRTHMARK_ASSIGN_OR_RETURN(const auto channel,
                             ConnectOperator(args, Role::kInventory, context));
  BIRTHMARK_ASSIGN_OR_RETURN(const Device device,
                             FetchDevice(*channel, args.Text("DEVICE")));
  BIRTHMARK_ASSIGN_OR_RETURN(
      const Decommission end,
      WaitForCertificate(*channel, device.name(), args.Duration("--wait"),
                         context));
  if (end.certificate_jws().empty()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, reasons::kNotCertified,
        absl::StrCat(
            device.name(), " has no certificate of decommission yet; ",
            end.has_end_time()
                ? "it is signed a moment after its end"
                : absl::StrCat("wipe: ", WipeText(end, context.clock.Now()))),
        {{"resource", device.name()}});
  }
  if (args.Has("--output")) {
    const std::string path = args.Text("--output");
    BIRTHMARK_RETURN_IF_ERROR(
        FileError(WriteFileAtomically(
                      path, absl::StrCat(end.certificate_jws(), "\n"), kPublic),
                  path));
  }
  if (context.json) {
    PrintJson(context.out, end);
  } else if (args.Has("--output")) {
    PrintFields(context.out,
                {{"Certificate of decommission", args.Text("--output")},
                 {"Of", end.device()},
                 {"To check it", absl::StrCat("birthmark device "
                                              "verify-decommission ",
                                              args.Text("--output"),
                                              " --bundle bundle.pem")}});
  } else {
    context.out << end.certificate_jws() << '\n';
  }
  return kExitOk;
}

absl::StatusOr<std::string> Read(const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) {
    return FileError(bytes.status(), path);
  }
  return bytes;
}

// A member of the payload as text; "" if there is none.
std::string Fact(const nlohmann::json& facts, const char* name) {
  const auto found = facts.find(name);
  if (found == facts.end() || found->is_null()) {
    return "";
  }
  return found->is_string()
             ? found->get<std::string>()
             : found->dump(-1, ' ', false,
                           nlohmann::json::error_handler_t::replace);
}

std::string Fact(const nlohmann::json& facts, const char* outer,
                 const char* name) {
  const auto found = facts.find(outer);
  return found == facts.end() || !found->is_object() ? "" : Fact(*found, name);
}

std::string BirthText(const nlohmann::json& facts) {
  const std::string serial = Fact(facts, "birth_certificate", "serial");
  return serial.empty()
             ? ""
             : absl::StrCat(Fact(facts, "birth_certificate", "issuer"), " ",
                            serial);
}

std::string WipeFact(const nlohmann::json& facts) {
  const std::string time = Fact(facts, "wipe", "time");
  const std::string key = Fact(facts, "wipe", "key");
  return absl::StrCat(
      Fact(facts, "wipe", "outcome"),
      time.empty() ? "" : absl::StrCat(", ", time),
      key.empty() ? "" : absl::StrCat(", receipt signed by key ", key));
}

void PrintVerified(const VerifiedDecommission& verified, absl::Time now,
                   std::ostream& out) {
  const nlohmann::json& facts = verified.facts;
  const auto keys = facts.find("retired_keys");
  PrintFields(out,
              {{"Device", Fact(facts, "device")},
               {"Fleet", Fact(facts, "fleet")},
               {"Model", Fact(facts, "model")},
               {"Serial number", Fact(facts, "serial_number")},
               {"Birth certificate", BirthText(facts)},
               {"Reason", Fact(facts, "reason")},
               {"Ordered", absl::StrCat(Fact(facts, "ordered_time"), " by ",
                                        Fact(facts, "ordered_by"))},
               {"Revoked certificates", Fact(facts, "revoked_certificates")},
               {"Retired keys", keys != facts.end() && keys->is_array()
                                    ? absl::StrCat(keys->size())
                                    : ""},
               {"Wipe", WipeFact(facts)},
               {"Decommissioned", Fact(facts, "decommissioned_time")}});
  const x509::VerifiedChain& chain = verified.chain;
  out << "\nVerified: nothing of it was changed since\n";
  PrintFields(
      out,
      {{"Signed", TimeText(verified.issue_time)},
       {"By", chain.leaf->subject.ToText()},
       {"Issued by", chain.issuer->subject.ToText()},
       {"Under the root", chain.root->subject.ToText()},
       {"Signer's certificate",
        absl::StrCat(chain.leaf->serial_hex, ", good from ",
                     TimeText(chain.leaf->not_before), " until ",
                     TimeText(chain.leaf->not_after),
                     now > chain.leaf->not_after
                         ? " (over by now: it counts that it was good then)"
                         : "")}},
      "  ");
}

absl::StatusOr<int> Verify(const Arguments& args, Context& context) {
  const std::string path = args.Text("FILE");
  const std::string bundle_path = args.Text("--bundle");
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string jws, Read(path));
  BIRTHMARK_ASSIGN_OR_RETURN(const std::string bundle, Read(bundle_path));
  const absl::Time now = context.clock.Now();
  BIRTHMARK_ASSIGN_OR_RETURN(
      const VerifiedDecommission verified,
      VerifyDecommission(jws, path, bundle, bundle_path, now));
  if (!context.json) {
    PrintVerified(verified, now, context.out);
    return kExitOk;
  }
  const x509::VerifiedChain& chain = verified.chain;
  const nlohmann::json json = {{"verified", true},
                               {"certificate", verified.facts},
                               {"signer",
                                {{"subject", chain.leaf->subject.ToText()},
                                 {"serial", chain.leaf->serial_hex},
                                 {"issuer", chain.issuer->subject.ToText()},
                                 {"root", chain.root->subject.ToText()}}}};
  context.out << json.dump(2, ' ', false,
                           nlohmann::json::error_handler_t::replace)
              << '\n';
  return kExitOk;
}

}  // namespace

std::vector<Command> DeviceEndCommands() {
  return {
      {.path = "device decommission-status",
       .summary = "Shows how far the end of a device is.",
       .details = "Who ordered it, whether the device has confirmed its wipe, "
                  "whether the\ncertificate is signed.",
       .examples = "birthmark device decommission-status GW7-000001",
       .params = {DeviceParam(), IdentityParam()},
       .run = Status},
      {.path = "device decommission-certificate",
       .summary = "Gets the signed certificate that a device is retired.",
       .details = "A JWS (RFC 7515) for the next owner, the auditor, the "
                  "recycler.\ndocs/formats/decommission_certificate.md says "
                  "what is in it.",
       .examples = "birthmark device decommission-certificate GW7-000001 "
                   "--output GW7-000001.jws",
       .params = {DeviceParam(),
                  {.name = "--output",
                   .value = "FILE",
                   .help = "write it there [default: print it]"},
                  {.name = "--wait",
                   .value = "TIME",
                   .help = "for one that is not signed yet",
                   .kind = ParamKind::kDuration,
                   .default_value = "0s"},
                  IdentityParam()},
       .run = Certificate},
      {.path = "device verify-decommission",
       .summary = "Checks a certificate of decommission, offline.",
       .details =
           "Checks the signature, that its chain leads to a root of the bundle "
           "at the time of\nsigning, and that the signer is one of records. "
           "Prints what it says and who says so.\nAsks nobody: it does not "
           "look whether the signer was revoked meanwhile. Exit code 0:\nit "
           "is good; 1: it is not.",
       .examples = "birthmark device verify-decommission GW7-000001.jws "
                   "--bundle bundle.pem",
       .params = {{.name = "FILE",
                   .help = "the certificate (JWS, compact form)",
                   .required = true},
                  {.name = "--bundle",
                   .value = "FILE",
                   .help = "the roots that are trusted (PEM); other "
                           "certificates in it do not matter",
                   .required = true}},
       .run = Verify},
  };
}

}  // namespace birthmark::cli
