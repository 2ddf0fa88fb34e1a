#include "tests/bench/inventory_queries.h"

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/empty.pb.h"
#include "lib/base/clock.h"

namespace birthmark::bench {
namespace {

using device::v1::CountDevicesRequest;
using device::v1::CountDevicesResponse;
using device::v1::Device;
using device::v1::GetDeviceRequest;
using device::v1::ListDevicesResponse;
using google::protobuf::Empty;

constexpr char kHealth[] = "grpc.health.v1.Health.Check";
constexpr char kGet[] = "birthmark.device.v1.DeviceService.GetDevice";
constexpr char kList[] = "birthmark.device.v1.DeviceService.ListDevices";
constexpr char kCount[] = "birthmark.device.v1.DeviceService.CountDevices";
constexpr int kWarmUp = 20;

std::string TimeText(int64_t seconds) {
  return absl::FormatTime("\"%Y-%m-%dT%H:%M:%SZ\"",
                          absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
}

std::function<std::string()> Always(std::string filter) {
  return [filter = std::move(filter)] { return filter; };
}

}  // namespace

InventoryQueries::InventoryQueries(tests::Deployment& deployment,
                                   const InventoryPast& past)
    : past_(past), channel_([&] {
        auto channel = rpc::GrpcChannel::New(
            {.address = deployment.Address("inventory"),
             .server_name = tests::Deployment::ServerName("inventory"),
             .roots_file = deployment.home() + "/trust/root.pem",
             .identity = {deployment.home() + "/operator/operator.pem",
                          deployment.home() + "/operator/operator.key"}});
        if (!channel.ok()) {
          std::cerr << "the operator's identity: " << channel.status()
                    << std::endl;
          exit(1);
        }
        return *std::move(channel);
      }()) {}

PastDevice InventoryQueries::Random() {
  while (true) {
    const PastDevice device = past_.At(static_cast<int64_t>(
        chance_() % static_cast<uint64_t>(past_.devices())));
    if (device.state == 2 && strcmp(device.line->fleet, "home") == 0) {
      return device;
    }
  }
}

std::string InventoryQueries::RandomTime() {
  return TimeText(past_.CreateTime(static_cast<int64_t>(
      chance_() % static_cast<uint64_t>(past_.devices()))));
}

QueryTimes InventoryQueries::Time(
    const std::string& name, int calls,
    const std::function<absl::Status(QueryTimes&)>& call) {
  QueryTimes times;
  times.name = name;
  QueryTimes warm_up;
  for (int i = 0; i < kWarmUp; ++i) {
    (void)call(warm_up);
  }
  for (int i = 0; i < calls; ++i) {
    const absl::Duration start = Clock::Real().MonotonicNow();
    const absl::Status status = call(times);
    times.times.push_back(Clock::Real().MonotonicNow() - start);
    if (!status.ok()) {
      ++times.failed;
      times.failure = status.ToString();
    }
  }
  return times;
}

QueryTimes InventoryQueries::Ping(int calls) {
  return Time("ping", calls, [&](QueryTimes&) {
    return channel_->Unary<Empty>(kHealth, Empty()).status();
  });
}

std::vector<QueryTimes> InventoryQueries::LookUp(int calls) {
  std::vector<QueryTimes> all;
  all.push_back(Time("get_by_uid", calls, [&](QueryTimes& times) {
    GetDeviceRequest request;
    request.set_name(
        absl::StrCat("fleets/home/devices/", UuidText(Random().uid)));
    const auto device = channel_->Unary<Device>(kGet, request);
    times.devices += device.ok() ? 1 : 0;
    return device.status();
  }));
  const auto by = [&](const char* name,
                      const std::function<std::string()>& filter) {
    all.push_back(Time(name, calls, [&](QueryTimes& times) {
      ListRequest request;
      request.set_parent("fleets/-");
      request.set_filter(filter());
      const auto page = channel_->Unary<ListDevicesResponse>(kList, request);
      if (!page.ok()) {
        return page.status();
      }
      times.devices += page->devices_size();
      return page->devices_size() == 1 ? absl::OkStatus()
                                       : absl::NotFoundError(request.filter());
    }));
  };
  by("get_by_key", [&] {
    return absl::StrCat("key = ",
                        absl::BytesToHexString(InventoryPast::SpkiHash(
                            Random().number, chance_() % 2 == 0 ? 0 : 1)));
  });
  by("get_by_certificate", [&] {
    const PastDevice device = Random();
    return absl::StrCat(
        "certificate = ",
        absl::BytesToHexString(chance_() % 2 == 0 ? device.birth_serial
                                                  : device.serial));
  });
  return all;
}

std::vector<InventoryQueries::Kind> InventoryQueries::Kinds() {
  const auto batch = [this] {
    const PastDevice device = Random();
    return absl::StrCat("line = ", device.line->line,
                        " AND batch = ", device.batch);
  };
  const auto after = [this](const char* more) {
    return [this, more] {
      return absl::StrCat(more, "create_time >= ", RandomTime());
    };
  };
  const auto prefix = [this](int digits) {
    return [this, digits] {
      return absl::StrCat(
          "serial_number = \"",
          Random().serial_number.substr(0, static_cast<size_t>(3 + digits)),
          "*\"");
    };
  };
  const auto silent_for = [this](int days) {
    return absl::StrCat("last_contact_time < ",
                        TimeText(past_.now() - days * 86400));
  };
  return {
      {"all", Always("")},
      {"all.newest_first", Always(""), "create_time desc"},
      {"all.by_serial_number", Always(""), "serial_number"},
      {"all.by_last_contact", Always(""), "last_contact_time"},
      {"all.every_fleet", Always(""), "", "fleets/-"},
      {"state.common", Always("state = ACTIVE")},
      {"state.rare", Always("state = QUARANTINED")},
      {"state.rare.newest_first", Always("state = DECOMMISSIONED"),
       "create_time desc"},
      {"state.rare.every_fleet", Always("state = QUARANTINED"), "", "fleets/-"},
      {"model.common", Always("model = \"gw-7\"")},
      {"model.rare", Always("model = \"gw-7-dev\"")},
      {"model.every_fleet", Always("model = \"cam-9\""), "", "fleets/-"},
      {"hardware_revision.common", Always("hardware_revision = \"a\"")},
      {"hardware_revision.rare", Always("hardware_revision = \"x\"")},
      {"line", Always("line = l-6")},
      {"batch", batch},
      {"batch.whole_name",
       [this] {
         const PastDevice device = Random();
         return absl::StrCat("batch = fleets/home/lines/", device.line->line,
                             "/batches/", device.batch);
       }},
      {"batch.any_line",
       [this] { return absl::StrCat("batch = ", Random().batch); }},
      {"serial_number",
       [this] {
         return absl::StrCat("serial_number = \"", Random().serial_number,
                             "\"");
       }},
      {"serial_number.short_prefix", prefix(4)},
      {"serial_number.long_prefix", prefix(8)},
      {"firmware.common", Always("firmware.application = \"2.4.1\"")},
      {"firmware.rare", Always("firmware.application = \"2.5.0-rc.1\"")},
      {"label.common", Always("labels.site = \"berlin\"")},
      {"label.rare", Always("labels.site = \"reykjavik\"")},
      {"label.number", Always("labels.ring = 3")},
      {"label.any_value", Always("labels.site:*")},
      {"create_time.after", after("")},
      {"create_time.range",
       [this] {
         const int64_t begin = Random().create_time;
         return absl::StrCat("create_time >= ", TimeText(begin),
                             " AND create_time < ", TimeText(begin + 600));
       }},
      {"last_contact_time.long_ago", Always(silent_for(30))},
      {"last_contact_time.lately",
       Always(absl::StrCat("last_contact_time >= ",
                           TimeText(past_.now() - 3600)))},
      {"last_contact_time.by_last_contact", Always(silent_for(20)),
       "last_contact_time"},
      {"state_and_model", Always("state = ACTIVE AND model = \"gw-7\"")},
      {"rare_state_and_model", Always("state = QUARANTINED AND "
                                      "model = \"gw-7\"")},
      {"state_and_rare_model",
       Always("state = ACTIVE AND model = \"gw-7-dev\"")},
      {"model_and_revision",
       Always("model = \"gw-7\" AND hardware_revision = \"b\"")},
      {"model_and_rare_revision",
       Always("model = \"gw-7\" AND hardware_revision = \"x\"")},
      {"label_and_state", Always("labels.site = \"berlin\" AND "
                                 "state = ACTIVE")},
      {"label_and_rare_state", Always("labels.site = \"berlin\" AND "
                                      "state = QUARANTINED")},
      {"label_and_firmware", Always("labels.site = \"berlin\" AND "
                                    "firmware.application = \"2.4.1\"")},
      {"rare_label_and_firmware", Always("labels.site = \"reykjavik\" AND "
                                         "firmware.application = \"2.4.1\"")},
      {"two_labels", Always("labels.site = \"berlin\" AND labels.ring = 3")},
      {"firmware_model_and_state",
       Always("firmware.application = \"2.3.7\" AND model = \"cam-9\" AND "
              "state = ACTIVE")},
      {"two_firmwares", Always("firmware.application = \"2.4.1\" AND "
                               "firmware.bootloader = \"1.2\"")},
      {"batch_and_state", [batch] { return batch() + " AND state = ACTIVE"; }},
      {"batch_and_firmware",
       [batch] { return batch() + " AND firmware.application = \"2.4.0\""; }},
      {"line_and_create_time", after("line = l-4 AND ")},
      {"firmware_and_create_time",
       after("firmware.application = \"2.4.0\" AND ")},
      {"label_and_create_time", after("labels.site = \"paris\" AND ")},
      {"state_and_last_contact",
       Always(absl::StrCat("state = ACTIVE AND ", silent_for(30)))},
      {"model_by_serial_number", Always("model = \"gw-7\""), "serial_number"},
  };
}

std::string InventoryQueries::Page(ListRequest& request, QueryTimes& times) {
  const absl::Duration start = Clock::Real().MonotonicNow();
  const auto page = channel_->Unary<ListDevicesResponse>(kList, request);
  times.times.push_back(Clock::Real().MonotonicNow() - start);
  if (!page.ok()) {
    ++times.failed;
    times.failure = page.status().ToString();
    return "";
  }
  times.devices += page->devices_size();
  if (page->devices_size() < kPageSize && !page->next_page_token().empty()) {
    ++times.short_pages;
  }
  return page->next_page_token();
}

QueryTimes InventoryQueries::ListOf(const Kind& kind, int calls) {
  QueryTimes times, warm_up;
  const auto walk = [&](QueryTimes& measured) {
    ListRequest request;
    request.set_parent(kind.parent);
    request.set_page_size(kPageSize);
    request.set_order_by(kind.order);
    request.set_filter(kind.filter());
    measured.text = absl::StrCat(request.parent(), " ", request.filter(),
                                 *kind.order == '\0' ? "" : " by ", kind.order);
    for (int page = 0; page < kPages; ++page) {
      const std::string next = Page(request, measured);
      if (next.empty()) {
        break;
      }
      request.set_page_token(next);
    }
  };
  while (warm_up.times.size() < kWarmUp) {
    walk(warm_up);
  }
  while (times.times.size() < static_cast<size_t>(calls)) {
    walk(times);
  }
  times.name = kind.name;
  return times;
}

std::vector<QueryTimes> InventoryQueries::List(int calls) {
  std::vector<QueryTimes> all;
  for (const Kind& kind : Kinds()) {
    all.push_back(ListOf(kind, calls));
  }
  return all;
}

std::vector<QueryTimes> InventoryQueries::Count(int calls) {
  struct CountKind {
    const char* name;
    std::vector<device::v1::CountDimension> group_by;
    const char* filter = "";
    const char* parent = "fleets/-";
  };
  const std::vector<CountKind> kinds = {
      {"count.all", {}},
      {"count.of_fleet", {}, "", "fleets/home"},
      {"count.by_fleet", {device::v1::COUNT_DIMENSION_FLEET}},
      {"count.by_model", {device::v1::COUNT_DIMENSION_MODEL}},
      {"count.by_hardware_revision",
       {device::v1::COUNT_DIMENSION_HARDWARE_REVISION}},
      {"count.by_state", {device::v1::COUNT_DIMENSION_STATE}},
      {"count.by_firmware_version",
       {device::v1::COUNT_DIMENSION_FIRMWARE_VERSION}},
      {"count.by_all",
       {device::v1::COUNT_DIMENSION_FLEET, device::v1::COUNT_DIMENSION_MODEL,
        device::v1::COUNT_DIMENSION_HARDWARE_REVISION,
        device::v1::COUNT_DIMENSION_STATE,
        device::v1::COUNT_DIMENSION_FIRMWARE_VERSION}},
      {"count.of_model_by_state",
       {device::v1::COUNT_DIMENSION_STATE},
       "model = \"gw-7\""},
      {"count.of_firmware_by_model",
       {device::v1::COUNT_DIMENSION_MODEL},
       "firmware.application = \"2.4.1\""}};
  std::vector<QueryTimes> all;
  for (const CountKind& kind : kinds) {
    CountDevicesRequest request;
    request.set_parent(kind.parent);
    request.set_filter(kind.filter);
    for (const device::v1::CountDimension dimension : kind.group_by) {
      request.add_group_by(dimension);
      if (dimension == device::v1::COUNT_DIMENSION_FIRMWARE_VERSION) {
        request.set_component("application");
      }
    }
    all.push_back(Time(kind.name, calls, [&](QueryTimes& times) {
      const auto counts =
          channel_->Unary<CountDevicesResponse>(kCount, request);
      times.devices += counts.ok() ? counts->total() : 0;
      return counts.status();
    }));
  }
  return all;
}

std::vector<WalkTimes> InventoryQueries::WalkEmpty(int most) {
  const std::vector<Kind> kinds = {
      {"empty.line_and_model", Always("line = l-6 AND model = \"gw-7\"")},
      {"empty.label_and_model",
       Always("labels.site = \"berlin\" AND model = \"cam-9\"")},
      {"empty.two_firmwares", Always("firmware.application = \"2.4.1\" AND "
                                     "firmware.bootloader = \"1.0\"")},
      {"empty.label_and_line", Always("labels.site = \"oslo\" AND line = l-1")},
      {"empty.firmware_and_state",
       Always("firmware.application = \"2.4.1\" AND state = REGISTERED")}};
  std::vector<WalkTimes> all;
  for (const Kind& kind : kinds) {
    WalkTimes walk;
    walk.calls.name = kind.name;
    ListRequest request;
    request.set_parent(kind.parent);
    request.set_page_size(kPageSize);
    request.set_filter(kind.filter());
    walk.calls.text = request.filter();
    while (!walk.ended && walk.calls.times.size() < static_cast<size_t>(most)) {
      request.set_page_token(Page(request, walk.calls));
      walk.ended = request.page_token().empty();
    }
    all.push_back(std::move(walk));
  }
  return all;
}

}  // namespace birthmark::bench
