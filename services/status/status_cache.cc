#include "services/status/status_cache.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"

namespace birthmark::status {
namespace {

// What an entry costs besides itself: malloc's own, its place in the index,
// which is seven sixteenths full at least, and in two lists, half full at
// least.
constexpr size_t kOverhead =
    16 + (x509::kSerialSize + 4 + 1) * 16 / 7 + 2 * (8 + 4);

bool ToKey(absl::string_view serial, std::array<char, x509::kSerialSize>& key) {
  if (serial.size() != key.size()) {
    return false;
  }
  std::copy(serial.begin(), serial.end(), key.begin());
  return true;
}

size_t PlaceOf(x509::OcspHash hash) {
  return hash == x509::OcspHash::kSha1 ? 0 : 1;
}

}  // namespace

StatusCache::StatusCache(size_t bytes) : part_bytes_(bytes / kParts) {}

StatusCache::Part& StatusCache::PartOf(const Key& key) {
  // The upper bits: the index of the part uses the lower ones.
  return parts_[(absl::Hash<Key>()(key) >> 20) % kParts];
}

size_t StatusCache::BytesOf(const Entry& entry) {
  size_t bytes = sizeof(Entry) + kOverhead;
  for (const Prepared& prepared : entry.prepared) {
    bytes += prepared.document == nullptr ? 0 : prepared.document->bytes();
  }
  return bytes;
}

void StatusCache::SetPrepared(Part& part, Entry& entry, size_t hash,
                              Prepared prepared) {
  part.bytes -= BytesOf(entry);
  entry.prepared[hash] = std::move(prepared);
  part.bytes += BytesOf(entry);
}

void StatusCache::Drop(Part& part, uint32_t slot) {
  std::unique_ptr<Entry>& entry = part.slots[slot];
  part.bytes -= BytesOf(*entry);
  part.index.erase(entry->key);
  entry.reset();
  part.free.push_back(slot);
}

// The hand goes round and takes what nobody asked for since its last visit.
void StatusCache::Shrink(Part& part, const Entry* keep) {
  while (part.bytes > part_bytes_ && part.index.size() > 1) {
    part.hand = (part.hand + 1) % part.slots.size();
    Entry* entry = part.slots[part.hand].get();
    if (entry == nullptr || entry == keep) {
      continue;
    }
    if (entry->recent) {
      entry->recent = false;
      continue;
    }
    Drop(part, static_cast<uint32_t>(part.hand));
    ++part.evictions;
  }
}

std::optional<StatusCache::Found> StatusCache::Find(absl::string_view serial,
                                                    x509::OcspHash hash) {
  Key key;
  if (!ToKey(serial, key)) {
    return std::nullopt;
  }
  Part& part = PartOf(key);
  const std::lock_guard<std::mutex> lock(part.mutex);
  const auto found = part.index.find(key);
  if (found == part.index.end()) {
    return std::nullopt;
  }
  Entry& entry = *part.slots[found->second];
  entry.recent = true;
  return Found{entry.fact, entry.prepared[PlaceOf(hash)]};
}

bool StatusCache::Insert(absl::string_view serial, const Fact& fact,
                         uint64_t epoch) {
  Key key;
  if (epoch == 0 || !ToKey(serial, key)) {
    return false;
  }
  Part& part = PartOf(key);
  const std::lock_guard<std::mutex> lock(part.mutex);
  // Restart changes the epoch before it takes this lock.
  if (epoch != this->epoch() || fact.revision < part.applied) {
    return false;
  }
  const auto found = part.index.find(key);
  if (found != part.index.end()) {
    Entry& entry = *part.slots[found->second];
    if (fact.revision >= entry.fact.revision) {
      entry.fact = fact;
      for (size_t hash = 0; hash < kHashes; ++hash) {
        SetPrepared(part, entry, hash, Prepared());
      }
    }
    return true;
  }
  uint32_t slot = 0;
  if (part.free.empty()) {
    slot = static_cast<uint32_t>(part.slots.size());
    part.slots.emplace_back();
  } else {
    slot = part.free.back();
    part.free.pop_back();
  }
  part.slots[slot] = std::make_unique<Entry>();
  Entry& entry = *part.slots[slot];
  entry.key = key;
  entry.fact = fact;
  part.index.emplace(key, slot);
  part.bytes += BytesOf(entry);
  Shrink(part, &entry);
  return true;
}

void StatusCache::Attach(absl::string_view serial, x509::OcspHash hash,
                         const Fact& fact, Prepared prepared) {
  Key key;
  if (!ToKey(serial, key)) {
    return;
  }
  Part& part = PartOf(key);
  const std::lock_guard<std::mutex> lock(part.mutex);
  const auto found = part.index.find(key);
  if (found == part.index.end()) {
    return;
  }
  Entry& entry = *part.slots[found->second];
  if (entry.fact.revision != fact.revision ||
      entry.fact.revoked != fact.revoked) {
    return;
  }
  SetPrepared(part, entry, PlaceOf(hash), std::move(prepared));
  Shrink(part, &entry);
}

void StatusCache::Apply(absl::string_view serial, const Fact& fact) {
  Key key;
  if (!ToKey(serial, key)) {
    return;
  }
  Part& part = PartOf(key);
  const std::lock_guard<std::mutex> lock(part.mutex);
  part.applied = std::max(part.applied, fact.revision);
  const auto found = part.index.find(key);
  if (found == part.index.end()) {
    return;
  }
  Entry& entry = *part.slots[found->second];
  if (fact.revision <= entry.fact.revision) {
    return;
  }
  entry.fact = fact;
  for (size_t hash = 0; hash < kHashes; ++hash) {
    SetPrepared(part, entry, hash, Prepared());
  }
}

void StatusCache::Restart(int64_t revision) {
  epoch_.fetch_add(1, std::memory_order_acq_rel);
  for (Part& part : parts_) {
    const std::lock_guard<std::mutex> lock(part.mutex);
    part.applied = revision;
    part.index.clear();
    part.slots.clear();
    part.free.clear();
    part.hand = 0;
    part.bytes = 0;
  }
}

StatusCache::Size StatusCache::size() const {
  Size size;
  for (const Part& part : parts_) {
    const std::lock_guard<std::mutex> lock(part.mutex);
    size.entries += part.index.size();
    size.bytes += part.bytes;
    size.evictions += part.evictions;
  }
  return size;
}

}  // namespace birthmark::status
