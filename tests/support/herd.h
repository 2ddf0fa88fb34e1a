// A herd is many devices that are just there, for tests of what is done to many
// at once: rows that are as services would have written them, but for what only
// devices themselves could prove.

#ifndef BIRTHMARK_TESTS_SUPPORT_HERD_H_
#define BIRTHMARK_TESTS_SUPPORT_HERD_H_

#include <string>

namespace birthmark::tests {

// Herd says which devices. All have two keys with a certificate each, of the
// issuers idevid (shard 0) and ldevid (shard 1).
struct Herd {
  // Fleet, line and batch are made if they are not there.
  std::string fleet = "acme";
  std::string model = "m1";
  std::string batch = "b1";
  std::string name = "herd";  // no two herds have the same
  int devices = 1;
  int state = 2;  // as stored; active
  // Of the fleet, if it is made.
  int wipe_timeout_seconds = 0;
};

// HerdSql returns the SQL that adds the herd, for the superuser.
std::string HerdSql(const Herd& herd);

// HerdUid returns the uid of device `i` of the herd, from 1.
std::string HerdUid(const Herd& herd, int i);

}  // namespace birthmark::tests

#endif  // BIRTHMARK_TESTS_SUPPORT_HERD_H_
