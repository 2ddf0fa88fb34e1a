// grpc_setup has what our servers and channels have in common. Private to
// lib/rpc. Thread-safe.

#ifndef BIRTHMARK_LIB_RPC_GRPC_SETUP_H_
#define BIRTHMARK_LIB_RPC_GRPC_SETUP_H_

namespace birthmark::rpc {

// kKeepaliveTimeMs and kKeepaliveTimeoutMs: a peer that has vanished is noticed
// after the sum of both.
inline constexpr int kKeepaliveTimeMs = 10'000;
inline constexpr int kKeepaliveTimeoutMs = 8'000;
// The least that a server allows between two pings of a client.
inline constexpr int kMinPingIntervalMs = 5'000;

// kReloadSeconds is how often certificate files are looked at.
inline constexpr int kReloadSeconds = 1;

// RouteGrpcLogs makes gRPC write its own errors as our log does. Idempotent.
void RouteGrpcLogs();

}  // namespace birthmark::rpc

#endif  // BIRTHMARK_LIB_RPC_GRPC_SETUP_H_
