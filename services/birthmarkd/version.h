#ifndef BIRTHMARK_SERVICES_BIRTHMARKD_VERSION_H_
#define BIRTHMARK_SERVICES_BIRTHMARKD_VERSION_H_

namespace birthmark::birthmarkd {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace birthmark::birthmarkd

#endif  // BIRTHMARK_SERVICES_BIRTHMARKD_VERSION_H_
