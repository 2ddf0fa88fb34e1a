// Services are those of the role `inventory`: README.md lists them.

#ifndef BIRTHMARK_SERVICES_INVENTORY_SERVICES_H_
#define BIRTHMARK_SERVICES_INVENTORY_SERVICES_H_

#include <memory>

#include "lib/rpc/router.h"
#include "services/inventory/dependencies.h"

namespace birthmark::inventory {

// Services serve from Register until they are destroyed, which the host does
// after its server has shut down. Thread-safe.
class Services {
 public:
  explicit Services(const Dependencies& dependencies);
  ~Services();

  // Register makes the methods known to `router`. The services must live as
  // long as calls may come.
  void Register(rpc::Router& router);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::inventory

#endif  // BIRTHMARK_SERVICES_INVENTORY_SERVICES_H_
