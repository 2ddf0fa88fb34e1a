#include "tests/integration/race_contest.h"

#include "absl/strings/str_cat.h"
#include "lib/crypto/hash.h"
#include "lib/keys/local_key.h"
#include "tests/support/csr_folder.h"

namespace birthmark::tests {
namespace {

// Key is a fresh key and a request that it signed.
struct Key {
  Key() {
    const auto key = keys::LocalKey::Generate(crypto::KeyAlgorithm::kP256);
    csr_der = MakeCsr(**key);
    spki_sha256 = crypto::Sha256((*key)->public_key().spki_der());
  }
  std::string csr_der;
  std::string spki_sha256;
};

void Add(size_t lane, const std::string& id, const Key& key,
         const std::string& serial_number, Round& round, Contest& contest) {
  contest.entries.push_back({lane, round.items[lane].size()});
  round.items[lane].push_back(
      {id, key.csr_der, key.spki_sha256, serial_number});
}

// Every lane has a board of its own with the same key in it.
void OneKey(const std::string& name, Round& round) {
  Contest contest{.reason = "KEY_ALREADY_ENROLLED"};
  const Key key;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const std::string id = absl::StrCat(name, "-", lane);
    Add(lane, id, key, id, round, contest);
  }
  round.contests.push_back(contest);
}

// The same item on both streams of the batch: both get its certificate, unless
// a foreign line had the key before.
void OneItem(const std::string& name, Round& round) {
  Contest contest{.reason = "KEY_ALREADY_ENROLLED"};
  const Key key;
  Add(0, name, key, name, round, contest);
  Add(1, name, key, name, round, contest);
  for (const size_t lane : {2, 3}) {
    const std::string id = absl::StrCat(name, "-", lane);
    Add(lane, id, key, id, round, contest);
  }
  round.contests.push_back(contest);
}

// One item id for two boards.
void OneItemTwoBoards(const std::string& name, Round& round) {
  Contest contest{.reason = "REQUEST_ID_REUSED"};
  Add(0, name, Key(), name + "-0", round, contest);
  Add(1, name, Key(), name + "-1", round, contest);
  round.contests.push_back(contest);
}

// One model and serial number for boards with different keys. What another
// fleet makes of the same name is its own affair.
void OneBoard(const std::string& name, Round& round) {
  Contest contest{.reason = "DEVICE_EXISTS"};
  for (const size_t lane : {0, 1, 2}) {
    Add(lane, absl::StrCat(name, "-", lane), Key(), name, round, contest);
  }
  Contest alone{.reason = "nobody loses"};
  Add(3, name, Key(), name, round, alone);
  round.contests.push_back(contest);
  round.contests.push_back(alone);
}

}  // namespace

// Few keys, ids and serial numbers in random combinations.
void RoundMaker::Tangle(const std::string& name, Round& round) {
  const std::array<Key, 3> keys;
  Contest contest;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    for (int id = 0; id < 3; ++id) {
      Add(lane, absl::StrCat(name, "-", id), keys[random_() % 3],
          absl::StrCat(name, "-", random_() % 3), round, contest);
    }
  }
  round.contests.push_back(contest);
}

Round RoundMaker::Make(int contests) {
  Round round;
  for (int n = 0; n < contests; ++n) {
    const std::string name = absl::StrCat("c", made_++);
    switch (n % 5) {
      case 0:
        OneKey(name, round);
        break;
      case 1:
        OneItem(name, round);
        break;
      case 2:
        OneItemTwoBoards(name, round);
        break;
      case 3:
        OneBoard(name, round);
        break;
      case 4:
        Tangle(name, round);
        break;
    }
  }
  return round;
}

Round RoundMaker::MakeFree(int items_per_lane) {
  Round round;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    Contest contest;
    for (int n = 0; n < items_per_lane; ++n) {
      const std::string name = absl::StrCat("free-", made_++);
      Add(lane, name, Key(), name, round, contest);
    }
    round.contests.push_back(contest);
  }
  return round;
}

}  // namespace birthmark::tests
